"""Judging: baselines, error measures and probes. Arrays in, plain numbers out.

Nothing here knows a model or jax, so every method has the same judge.
"""
