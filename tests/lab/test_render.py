"""Rendered lines: area, width and shape against scipy; gridded spectra against them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import voigt_profile

from spektron_jax.lab.render import (
    GAUSSIAN_FWHM,
    convolve_grid,
    render_lines,
    voigt_shape,
)

render = jax.jit(render_lines)


def lines(*pairs):
    """(position, strength) pairs of one molecule as (1, K) arrays."""
    position, strength = np.array(pairs, np.float32).T
    return position[None], strength[None]


@pytest.mark.parametrize("points", [1024, 2048, 4096])
@pytest.mark.parametrize(("fwhm", "sigma"), [(15.0, 0.0), (10.0, 2.0), (10.0, 8.0)])
def test_area_of_a_line_is_its_strength_on_any_grid(points, fwhm, sigma):
    axis = np.linspace(500.0, 4000.0, points, dtype=np.float32)
    y = np.asarray(render(*lines((2200.0, 7.0)), axis, fwhm, sigma))[0]
    # The wings that reach beyond the axis are the Lorentzian's: 2 / (pi distance).
    _, share = voigt_shape(fwhm, GAUSSIAN_FWHM * sigma)
    total, _ = voigt_shape(fwhm, GAUSSIAN_FWHM * sigma)
    outside = share * total / (2 * np.pi) * (1 / 1700 + 1 / 1800)
    area = np.trapezoid(y.astype(np.float64), axis)
    np.testing.assert_allclose(area, 7.0 * (1 - outside), rtol=1e-4)


def test_areas_add_up_and_padding_adds_nothing():
    axis = np.linspace(500.0, 4000.0, 2048, dtype=np.float32)
    one = np.asarray(render(*lines((1000.0, 3.0), (0.0, 0.0)), axis, 10.0, 3.0))
    other = np.asarray(render(*lines((2500.0, 5.0), (0.0, 0.0)), axis, 10.0, 3.0))
    both = np.asarray(render(*lines((1000.0, 3.0), (2500.0, 5.0)), axis, 10.0, 3.0))
    np.testing.assert_allclose(both, one + other, atol=1e-6)


def width_at_half(axis, y):
    """Full width at half maximum by linear interpolation of both flanks."""
    top = np.argmax(y)
    half = y[top] / 2
    left = np.interp(half, y[: top + 1], axis[: top + 1])
    right = np.interp(-half, -y[top:], axis[top:])
    return right - left


def test_width_of_a_lorentzian_line():
    axis = np.linspace(1900.0, 2100.0, 4001)
    y = np.asarray(render(*lines((2000.0, 1.0)), axis.astype(np.float32), 15.0), float)
    np.testing.assert_allclose(width_at_half(axis, y[0]), 15.0, rtol=1e-3)
    wanted = 7.5 / np.pi / ((axis - 2000.0) ** 2 + 7.5**2)
    np.testing.assert_allclose(y[0], wanted, rtol=1e-3)


@pytest.mark.parametrize(
    ("fwhm", "sigma"), [(15.0, 2.0), (10.0, 8.0), (0.5, 8.0), (4.0, 4.0)]
)
def test_instrument_lines_are_voigt_profiles(fwhm, sigma):
    """Within 1.5 % of the peak, the accuracy of the pseudo-Voigt approximation."""
    axis = np.linspace(1900.0, 2100.0, 4001)
    y = render(*lines((2000.0, 1.0)), axis.astype(np.float32), fwhm, sigma)
    y = np.asarray(y, float)[0]
    wanted = voigt_profile(axis - 2000.0, sigma, fwhm / 2)
    assert np.abs(y - wanted).max() < 0.015 * wanted.max()
    np.testing.assert_allclose(
        width_at_half(axis, y), width_at_half(axis, wanted), rtol=0.01
    )


def test_each_spectrum_may_have_a_width_of_its_own():
    axis = np.linspace(1900.0, 2100.0, 400, dtype=np.float32)
    position, strength = lines((2000.0, 1.0))
    two = np.repeat(position, 2, 0), np.repeat(strength, 2, 0)
    widths, sigmas = np.array([15.0, 10.0], np.float32), np.array([2, 6], np.float32)
    both = render(*two, axis, widths, sigmas)
    for row in range(2):
        one = render(position, strength, axis, widths[row], sigmas[row])
        np.testing.assert_allclose(both[row], one[0], rtol=1e-5)


def test_gradient_by_position_is_finite_on_the_line_itself():
    axis = np.linspace(1990.0, 2010.0, 21, dtype=np.float32)

    @jax.jit
    @jax.grad
    def gradient(position):
        y = render_lines(position, jnp.ones((1, 1)), axis, 10.0, 2.0)
        return jnp.sum(y * axis)

    # Moving the line moves its centroid; wings beyond the axis damp that.
    slope = float(gradient(jnp.full((1, 1), 2000.0))[0, 0])
    assert np.isfinite(slope) and 0 < slope < 1


@pytest.mark.parametrize(("sigma", "shift"), [(2.0, 0.0), (5.0, 2.7), (8.0, -3.0)])
def test_convolving_a_grid_agrees_with_rendering_the_instrument(sigma, shift):
    """The two ways to put an instrument on a spectrum, on a fine grid."""
    spacing = 0.5
    axis = np.arange(800.0, 1600.0, spacing, dtype=np.float32)
    position, strength = lines((1000.0, 20.0), (1100.0, 8.0), (1400.0, 15.0))
    sharp = render(position, strength, axis, 15.0)
    convolve = jax.jit(convolve_grid, static_argnums=(1, 4))
    seen = np.asarray(convolve(sharp, spacing, sigma, shift))
    wanted = np.asarray(render(position + shift, strength, axis, 15.0, sigma))
    assert seen.shape == wanted.shape
    inner = slice(100, -100)  # the ends hold the last value
    # 1.5 % of the peak, as above; 0.1 % against the exact profile.
    assert np.abs(seen - wanted)[:, inner].max() < 0.015 * wanted.max()
    exact = sum(
        s * voigt_profile(axis - p - shift, sigma, 7.5)
        for p, s in zip(position[0], strength[0], strict=True)
    )
    assert np.abs(seen[0] - exact)[inner].max() < 1e-3 * exact.max()
