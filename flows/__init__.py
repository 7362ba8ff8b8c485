"""Flows: what a person runs."""
