"""Line lists to spectra on any axis.

A line of strength s at v0 contributes s * V(v - v0), V being a profile of unit area:
the Lorentzian of the molecule convolved with the Gaussian of the instrument.

`render_lines` evaluates every line at every point, with the pseudo-Voigt profile of
Thompson, Cox & Hastings, J. Appl. Cryst. 20, 79 (1987), eqs. 4 and 5. `render_grid`
puts the lines of one width class on a comb and multiplies its Fourier transform by
that of the profile, exp(-fwhm |k| / 2 - sigma^2 k^2 / 2): an exact Voigt, many times
faster (`benchmarks/render.py`), and each line may have a width of its own. The comb's
teeth are cubic B-splines; dividing by their transform, sinc^4, takes them out again.

Dimension legend: B batch, K lines (zero padded), L points, C width classes.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.lab.resample import GAUSSIAN_FWHM, cubic, fft_size
from spektron_jax.shapes import Axis, Lines, Spectra

# Width classes of `render_grid`; lines between two classes are shared out to both.
NIR_WIDTHS_CM1 = tuple(np.geomspace(35.0, 1100.0, 13).tolist())
WIDTHS_CM1 = (10.0, 15.0, *NIR_WIDTHS_CM1)  # Raman, IR, and all of the NIR
MARGIN = 0.5  # of the axis, on either side: lines there still lend it their wings


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


def render_lines(
    position_cm1: Lines, strength: Lines, axis_cm1: Axis, fwhm_cm1, sigma_cm1=0.0
) -> Spectra:
    """Spectra of line lists.

    Args:
      position_cm1, strength: (B, K); a strength of 0 is padding.
      axis_cm1: (L,).
      fwhm_cm1: Lorentzian full width at half maximum, () or (B,).
      sigma_cm1: standard deviation of the instrument's Gaussian, () or (B,).

    Returns:
      (B, L), strength per cm-1: the area of a line equals its strength.
    """
    chex.assert_equal_shape([position_cm1, strength])
    chex.assert_rank(axis_cm1, 1)
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


def render_grid(
    lines, low_cm1, high_cm1, points: int, sigma_cm1=0.0, widths_cm1=WIDTHS_CM1
) -> Spectra:
    """Spectra of line tables on a uniform axis.

    Lines further than half of the axis beyond its ends are left out, and wings that
    reach as far come back at the other end (1e-5 of the peak). A width between
    two classes is a mixture of both with the right peak height, within 1 % of the peak
    for neighbours in the ratio of NIR_WIDTHS_CM1 and exact on a class; point spacing
    should be at most a quarter of the smallest width present.

    Args:
      lines: position_cm1, strength, fwhm_cm1, each (B, K) (`nir.Lines`).
      low_cm1, high_cm1: ends of the axis; points: L, static.
      sigma_cm1: standard deviation of the instrument's Gaussian, () or (B,).
      widths_cm1: (C,) increasing, static; other widths are clipped to these.

    Returns:
      (B, L), strength per cm-1: the area of a line equals its strength.
    """
    position, strength, fwhm = lines
    chex.assert_equal_shape([position, strength, fwhm])
    batch, widths = len(position), np.asarray(widths_cm1, np.float32)
    size = fft_size(int(np.ceil((1 + 2 * MARGIN) * points)))
    front = (size - points) // 2
    spacing = (high_cm1 - low_cm1) / (points - 1)

    lower, upper, share = _classes(widths, fwhm)
    place = (position - low_cm1) / spacing + front
    left = jnp.floor(place)
    t = place - left
    spline = jnp.stack(
        [(1 - t) ** 3, (3 * t - 6) * t**2 + 4, 3 * t * (1 + t - t**2) + 1, t**3], -1
    )
    left = left.astype(jnp.int32)
    inside = (left >= 1) & (left < size - 2) & (strength != 0)
    amount = jnp.where(inside, strength, 0.0)[..., None] * spline / (6 * spacing)
    column = jnp.where(inside, left, 1)[..., None] + jnp.arange(-1, 3)
    row = jnp.arange(batch)[:, None, None]
    comb = jnp.zeros((batch, len(widths), size), amount.dtype)
    comb = comb.at[row, lower[..., None], column].add(amount * share[..., None])
    if len(widths) > 1:
        comb = comb.at[row, upper[..., None], column].add(
            amount * (1 - share)[..., None]
        )

    turns = np.fft.rfftfreq(size)
    angle, undo = (
        jnp.asarray(x, jnp.float32) for x in (2 * np.pi * turns, np.sinc(turns) ** -4)
    )
    k = angle / spacing  # radians per cm-1
    profile = undo * jnp.exp(-0.5 * widths[:, None] * k)
    gauss = jnp.exp(-0.5 * (jnp.reshape(jnp.asarray(sigma_cm1), (-1, 1)) * k) ** 2)
    total = jnp.sum(jnp.fft.rfft(comb) * profile, axis=1) * gauss
    return jnp.fft.irfft(total, size)[:, front : front + points]


def _classes(widths, fwhm):
    """The classes of width about each line, and the share of the narrower one.

    Linear in 1 / width, as the height of the peak is.
    """
    lower = jnp.searchsorted(widths[1:-1], fwhm, side="right")
    upper = jnp.minimum(lower + 1, len(widths) - 1)
    narrow, wide = jnp.asarray(widths)[lower], jnp.asarray(widths)[upper]
    share = (1 / jnp.clip(fwhm, widths[0], widths[-1]) - 1 / wide) / jnp.where(
        wide > narrow, 1 / narrow - 1 / wide, 1.0
    )
    return lower, upper, jnp.where(wide > narrow, share, 1.0)


def render_table(
    lines, axis_cm1: Axis, sigma_cm1=0.0, points: int = 4096, widths_cm1=WIDTHS_CM1
) -> Spectra:
    """Spectra of line tables on any axis, such as 1e7 / nm: (B, L).

    Renders on a uniform grid of `points` over the same range, then interpolates.
    """
    axis = jnp.asarray(axis_cm1)
    low, high = jnp.min(axis), jnp.max(axis)
    spectra = render_grid(lines, low, high, points, sigma_cm1, widths_cm1)
    return cubic(spectra, (axis - low) / (high - low) * (points - 1))


def convolve_grid(
    spectra: Spectra, spacing_cm1: float, sigma_cm1, shift_cm1, reach_cm1: float = 44.0
) -> Spectra:
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
