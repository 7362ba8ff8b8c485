"""Schedulers of apps: Prefect blocks that the runner finds by name."""
