"""Simulated spectra: lines rendered on any axis, instruments, masks. All in JAX."""
