"""What any absorbance spectrum obeys, asked of the decoded clean spectrum.

- Beer-Lambert: the spectrum decoded from a mixture is the mixture of the spectra
  decoded from its parts.
- Non-negativity: absorbance is at least 0.
- Smoothness: lines have a width, so the second difference is small.
- Peak symmetry: an isolated band is symmetric about its maximum.

Dimension legend: B batch, L points.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from spektron_jax.losses.reconstruction import masked_mean
from spektron_jax.shapes import ArrayLike, Mask, PerExample, Spectra

SMOOTHNESS, SYMMETRY = 0.1, 0.1  # weights beside linearity and non-negativity (1)
REACH = 3  # points on each side of a maximum that are compared
FLOOR = 0.5  # model units; lower maxima are noise


def linearity(
    part_a: Spectra, part_b: Spectra, share: PerExample, mixture: Spectra, visible: Mask
) -> PerExample:
    """Squared departure from Beer-Lambert: (B, L) spectra, share (B,) of part a."""
    expected = share[:, None] * part_a + (1 - share[:, None]) * part_b
    return masked_mean((mixture - expected) ** 2, visible)


def smoothness(spectra: Spectra, valid: Mask) -> PerExample:
    """Mean squared second difference, (B,)."""
    bend = spectra[:, 2:] - 2 * spectra[:, 1:-1] + spectra[:, :-2]
    return masked_mean(bend**2, valid[:, 2:] & valid[:, 1:-1] & valid[:, :-2])


def non_negativity(spectra: Spectra, valid: Mask) -> PerExample:
    """Mean squared negative part, (B,)."""
    return masked_mean(jnp.minimum(spectra, 0.0) ** 2, valid)


def peak_symmetry(spectra: Spectra, valid: Mask) -> PerExample:
    """Mean squared left-right difference within REACH points of each maximum, (B,)."""
    top = spectra[:, REACH:-REACH]
    length = spectra.shape[-1]
    peak = (top > FLOOR) & valid[:, REACH:-REACH]
    total = jnp.zeros_like(top)
    for k in range(1, REACH + 1):
        before = slice(REACH - k, length - REACH - k)
        after = slice(REACH + k, length - REACH + k)
        left, right = spectra[:, before], spectra[:, after]
        peak = peak & (top > left) & (top > right) & valid[:, before] & valid[:, after]
        total = total + (left - right) ** 2
    return masked_mean(total / REACH, jax.lax.stop_gradient(peak))


def physics(
    clean: Spectra,
    valid: Mask,
    mixture: Float[ArrayLike, "half L"],
    share: Float[ArrayLike, " half"],
    mixture_visible: Bool[ArrayLike, "half L"],
):
    """All four.

    Args:
      clean: (B, L) decoded clean spectra, B even; pairs (2i, 2i + 1) were mixed.
      valid: (B, L) bool.
      mixture: (B / 2, L) decoded from the mixtures; share: (B / 2,) of spectrum 2i.
      mixture_visible: (B / 2, L) bool, points seen in both parts.

    Returns:
      (B,) values and the mean of each part.
    """
    linear = linearity(clean[0::2], clean[1::2], share, mixture, mixture_visible)
    linear = jnp.repeat(linear, 2)
    positive = non_negativity(clean, valid)
    smooth = smoothness(clean, valid)
    symmetric = peak_symmetry(clean, valid)
    values = linear + positive + SMOOTHNESS * smooth + SYMMETRY * symmetric
    return values, {
        "linearity": jnp.mean(linear),
        "non_negativity": jnp.mean(positive),
        "smoothness": jnp.mean(smooth),
        "peak_symmetry": jnp.mean(symmetric),
    }
