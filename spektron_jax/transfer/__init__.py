"""Calibration transfer: from two instruments' spectra to predictions and a verdict."""
