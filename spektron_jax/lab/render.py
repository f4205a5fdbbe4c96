"""Line lists to spectra on any axis.

A line of strength s at v0 contributes s * V(v - v0), V being a unit-area pseudo-Voigt
profile: the Lorentzian of the molecule convolved with the Gaussian of the instrument
(Thompson, Cox & Hastings, J. Appl. Cryst. 20, 79 (1987), eqs. 4 and 5).

Dimension legend: B batch, K lines (zero padded), L points.
"""

import jax
import jax.numpy as jnp
import numpy as np

GAUSSIAN_FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian with sigma = 1


def voigt_shape(lorentzian_fwhm, gaussian_fwhm):
    """Total FWHM and Lorentzian share of the pseudo-Voigt profile."""
    f, g = lorentzian_fwhm, gaussian_fwhm
    total = (
        g**5
        + 2.69269 * g**4 * f
        + 2.42843 * g**3 * f**2
        + 4.47163 * g**2 * f**3
        + 0.07842 * g * f**4
        + f**5
    ) ** 0.2
    ratio = f / total
    return total, 1.36603 * ratio - 0.47719 * ratio**2 + 0.11116 * ratio**3


def render_lines(position_cm1, strength, axis_cm1, fwhm_cm1, sigma_cm1=0.0):
    """Spectra of line lists.

    Args:
      position_cm1, strength: (B, K); a strength of 0 is padding.
      axis_cm1: (L,).
      fwhm_cm1: Lorentzian full width at half maximum, () or (B,).
      sigma_cm1: standard deviation of the instrument's Gaussian, () or (B,).

    Returns:
      (B, L), strength per cm-1: the area of a line equals its strength.
    """
    fwhm = jnp.broadcast_to(fwhm_cm1, strength.shape[:1])
    total, share = voigt_shape(fwhm, GAUSSIAN_FWHM * jnp.asarray(sigma_cm1, fwhm.dtype))
    half = 0.5 * total
    # Amplitudes per line, so that the inner loop has one division and one exponential.
    lorentz = strength * (share * half / np.pi)[:, None]
    gauss = strength * ((1 - share) * np.sqrt(np.log(2) / np.pi) / half)[:, None]
    square, narrow = half**2, np.log(2) / half**2

    def one(position, lorentz, gauss, square, narrow):
        distance2 = (axis_cm1[:, None] - position) ** 2
        profile = lorentz / (distance2 + square)
        return jnp.sum(profile + gauss * jnp.exp(-narrow * distance2), axis=-1)

    return jax.vmap(one)(position_cm1, lorentz, gauss, square, narrow)


def convolve_grid(spectra, spacing_cm1, sigma_cm1, shift_cm1, reach_cm1=44.0):
    """Gridded spectra, broadened and shifted by one Gaussian kernel.

    For sources that hold spectra instead of lines. The kernel is the Gaussian of the
    instrument centred on its shift, sampled on the grid; beyond the ends the last
    value is held. Needs sigma of at least the point spacing.

    Args:
      spectra: (B, L); spacing_cm1: (), static; sigma_cm1, shift_cm1: ().
      reach_cm1: half-width of the kernel, static.
    """
    reach = int(np.ceil(reach_cm1 / spacing_cm1))
    offset = spacing_cm1 * jnp.arange(-reach, reach + 1)
    # conv_general_dilated correlates, hence +shift.
    kernel = jnp.exp(-0.5 * ((offset + shift_cm1) / sigma_cm1) ** 2)
    kernel = kernel / jnp.sum(kernel)
    held = jnp.pad(spectra, ((0, 0), (reach, reach)), mode="edge")
    return jax.lax.conv_general_dilated(
        held[:, None], kernel[None, None], (1,), "VALID"
    )[:, 0]
