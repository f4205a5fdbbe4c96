"""Uniform grids: cubic interpolation, and convolution with a Gaussian.

Both hold the end values beyond the ends of the grid, and both leave a spectrum
exactly as it was when there is nothing to do (at the nodes, or at width 0).

Dimension legend: B batch, L points of the grid, Q places to read.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from spektron_jax.shapes import ArrayLike, Spectra

GAUSSIAN_FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian with sigma = 1


def cubic(values: Spectra, place: Real[ArrayLike, " Q"]) -> Float[Array, "B Q"]:
    """Values between the points, by cubic convolution.

    R. G. Keys, IEEE Trans. ASSP 29, 1153 (1981), a = -1/2: third order, exact at the
    points.

    Args:
      values: (B, L).
      place: (Q,) in units of the point spacing, 0 for the first point.

    Returns:
      (B, Q).
    """
    values = jnp.asarray(values)
    last = values.shape[-1] - 1
    place = jnp.clip(place, 0, last)
    left = jnp.floor(place)
    t = place - left
    weights = (
        t * (t * (1 - 0.5 * t) - 0.5),
        1 + t * t * (1.5 * t - 2.5),
        t * (0.5 + t * (2 - 1.5 * t)),
        t * t * (0.5 * t - 0.5),
    )
    first = left.astype(jnp.int32) - 1
    return sum(
        (
            weight * values[:, jnp.clip(first + k, 0, last)]
            for k, weight in enumerate(weights)
        ),
        start=jnp.zeros(()),
    )


def broaden(values: Spectra, sigma, reach: int) -> Float[Array, "*S B L"]:
    """Convolution with a Gaussian.

    Args:
      values: (B, L).
      sigma: standard deviation in points, () or (S,) for S widths at once.
      reach: points that the ends are held for, static; 4 sigma or more.

    Returns:
      (B, L), or (S, B, L) with several widths.
    """
    points = values.shape[-1]
    size = fft_size(points + 2 * reach)
    front = (size - points) // 2
    ends = ((0, 0), (front, size - points - front))
    spectrum = jnp.fft.rfft(jnp.pad(values, ends, mode="edge"))
    sigma = jnp.asarray(sigma, values.dtype)[..., None, None]
    angle = jnp.asarray(2 * np.pi * np.fft.rfftfreq(size), values.dtype)
    smooth = jnp.fft.irfft(spectrum * jnp.exp(-0.5 * (sigma * angle) ** 2), size)
    return jnp.where(sigma > 0, smooth[..., front : front + points], values)


def fft_size(points: int) -> int:
    """The next length that only 2, 3 and 5 divide."""
    size = points
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1
