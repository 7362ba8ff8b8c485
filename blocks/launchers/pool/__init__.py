"""Steps performed by flow runs in a Prefect work pool."""
