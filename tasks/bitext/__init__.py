"""Modules that find translations between two collections of embedded sentences."""
