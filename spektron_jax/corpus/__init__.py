"""Molecular line lists and published tables: what pretraining learns from."""
