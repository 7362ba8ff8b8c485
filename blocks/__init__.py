"""Prefect blocks: the store and the launchers."""
