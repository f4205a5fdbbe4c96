"""Wavelet coefficients of a spectrum, and those at the place of each token.

Orthonormal wavelets of Daubechies with two vanishing moments: no straight line shows in
the details (Communications on Pure and Applied Mathematics 41 (1988) 909).

Dimension legend: B batch, L points, C channels, T = L / stride tokens.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spektron_jax.shapes import ArrayLike

LOW_PASS = np.array([1 + 3**0.5, 3 + 3**0.5, 3 - 3**0.5, 1 - 3**0.5]) / 32**0.5
HIGH_PASS = LOW_PASS[::-1] * np.array([1, -1, 1, -1])


def coefficients(
    x: Float[ArrayLike, "B L C"], levels: int
) -> list[Float[Array, "B each C"]]:
    """Details of x by level, the finest first, and the smooth rest.

    Level k has L / 2^k of them, rounded up; the ends are continued by their own values.
    """
    found = []
    for _ in range(levels):
        half = (x.shape[1] + 1) // 2
        beyond = ((0, 0), (1, 2 * half + 1 - x.shape[1]), (0, 0))
        padded = jnp.pad(x, beyond, mode="edge")
        parts = [padded[:, k : k + 2 * half : 2] for k in range(len(LOW_PASS))]
        x, detail = (
            sum(float(c) * part for c, part in zip(taps, parts, strict=True))
            for taps in (LOW_PASS, HIGH_PASS)
        )
        found.append(detail)
    return [*found, x]


def at_tokens(
    x: Float[ArrayLike, "B L C"], levels: int, stride: int
) -> Float[Array, "B T each"]:
    """Coefficients of all levels that each token of `stride` points lies under."""
    first = stride * np.arange(x.shape[1] // stride)[:, None]
    rows = []
    for number, level in enumerate(coefficients(x, levels), 1):
        spacing = 2 ** min(number, levels)  # points from one to the next
        place = first // spacing + np.arange(-(-stride // spacing))
        its = level[:, np.minimum(place, level.shape[1] - 1)]
        rows.append(its.reshape(*its.shape[:2], -1))
    return jnp.concatenate(rows, axis=-1)
