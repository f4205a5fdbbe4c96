"""Spectra: axes, units, sets, files and their readers."""
