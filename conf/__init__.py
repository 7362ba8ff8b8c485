"""Hydra configuration: one file a flow, and a folder a group."""
