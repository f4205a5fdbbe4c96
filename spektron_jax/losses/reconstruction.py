"""Masked reconstruction (He et al. 2021) and denoising (Vincent et al. 2008).

Dimension legend: B batch, L points.
"""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float


def masked_mean(
    values: Float[ArrayLike, "B L"], mask: Bool[ArrayLike, "B L"]
) -> Float[Array, " B"]:
    """Mean over the points where mask holds, per example: (B, L) to (B,)."""
    mask = mask.astype(values.dtype)
    return jnp.sum(values * mask, -1) / jnp.maximum(jnp.sum(mask, -1), 1)


def reconstruction(
    predicted: Float[ArrayLike, "B L"],
    measured: Float[ArrayLike, "B L"],
    hidden: Bool[ArrayLike, "B L"],
):
    """Squared error on hidden points only; (B, L) each, hidden bool. Returns (B,)."""
    return masked_mean((predicted - measured) ** 2, hidden), {}


def denoising(
    predicted: Float[ArrayLike, "B L"],
    clean: Float[ArrayLike, "B L"],
    visible: Bool[ArrayLike, "B L"],
):
    """Squared error of the clean spectrum where the augmented one was visible."""
    return masked_mean((predicted - clean) ** 2, visible), {}
