"""Modules that read and encode text."""
