"""Masked reconstruction (He et al. 2021) and denoising (Vincent et al. 2008).

Dimension legend: B batch, L points.
"""

import jax.numpy as jnp

from spektron_jax.shapes import Mask, PerExample, Spectra


def masked_mean(values: Spectra, mask: Mask) -> PerExample:
    """Mean over the points where mask holds, per example: (B, L) to (B,)."""
    mask = mask.astype(values.dtype)
    return jnp.sum(values * mask, -1) / jnp.maximum(jnp.sum(mask, -1), 1)


def reconstruction(predicted: Spectra, measured: Spectra, hidden: Mask):
    """Squared error on hidden points only; (B, L) each, hidden bool. Returns (B,)."""
    return masked_mean((predicted - measured) ** 2, hidden), {}


def denoising(predicted: Spectra, clean: Spectra, visible: Mask):
    """Squared error of the clean spectrum where the augmented one was visible."""
    return masked_mean((predicted - clean) ** 2, visible), {}
