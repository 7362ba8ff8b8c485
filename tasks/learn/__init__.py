"""Modules that train models."""
