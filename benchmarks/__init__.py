"""Measurements, not tests: each module is a one-line command that prints a table."""
