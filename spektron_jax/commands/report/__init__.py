"""Figures and pages made from result files, never from a live model."""
