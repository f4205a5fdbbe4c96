"""Rendered lines: area, width and shape against scipy; gridded spectra against them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import voigt_profile
from scipy.stats import cauchy

from spektron_jax.lab.nir import Lines
from spektron_jax.lab.render import (
    GAUSSIAN_FWHM,
    convolve_grid,
    render_grid,
    render_lines,
    render_table,
    voigt_shape,
)
from spektron_jax.lab.resample import fft_size

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


def table(*triples):
    """(position, strength, fwhm) of one molecule as Lines (1, K)."""
    return Lines(*(v[None] for v in np.array(triples, np.float32).T))


grid = jax.jit(render_grid, static_argnums=3, static_argnames="widths_cm1")


@pytest.mark.parametrize("points", [512, 1024, 4096])
@pytest.mark.parametrize("fwhm", [15.0, 60.0])
def test_comb_keeps_the_area_of_a_line_on_any_grid(points, fwhm):
    """Off the points, and between two classes of width too."""
    axis = np.linspace(500.0, 4000.0, points)
    found = grid(table((2201.3, 7.0, fwhm)), 500.0, 4000.0, points)
    area = np.trapezoid(np.asarray(found, float)[0], axis)
    # Wings leave the axis on both sides; those that leave the padded axis too come back
    # on the other side. Spacing is 6.8 cm-1 at 512 points: coarse, and still right.
    period = fft_size(2 * points) * (axis[1] - axis[0])
    image = period * np.arange(-50, 51)
    ends = cauchy.cdf([[4000.0], [500.0]], loc=2201.3 + image, scale=fwhm / 2)
    wanted = 7.0 * np.sum(ends[0] - ends[1])
    np.testing.assert_allclose(area, wanted, rtol=2e-4)
    assert abs(wanted / 7.0 - 1) < fwhm * 2e-4


def test_comb_agrees_with_exact_profiles_of_every_width():
    axis = np.linspace(4000.0, 9000.0, 2048)
    lines = [(4500.2, 3.0, 40.0), (5805.7, 5.0, 63.0), (6900.0, 9.0, 430.0)]
    found = np.asarray(grid(table(*lines), 4000.0, 9000.0, 2048))[0]
    wanted = sum(s * voigt_profile(axis - p, 1e-9, f / 2) for p, s, f in lines)
    assert np.abs(found - wanted).max() < 0.01 * wanted.max()
    # On a class there is nothing between: an exact Voigt.
    found = grid(table((5805.7, 5.0, 15.0)), 5000.0, 6500.0, 1024, 4.0)
    axis = np.linspace(5000.0, 6500.0, 1024)
    wanted = 5.0 * voigt_profile(axis - 5805.7, 4.0, 7.5)
    assert np.abs(np.asarray(found)[0] - wanted).max() < 1e-3 * wanted.max()


def test_comb_agrees_with_the_dense_renderer():
    """The same molecule by both, within the pseudo-Voigt's 1.5 % of the peak."""
    position, strength = lines((803.0, 4.0), (1710.5, 9.0), (2950.0, 5.0), (0.0, 0.0))
    axis = np.linspace(500.0, 4000.0, 2048, dtype=np.float32)
    wanted = np.asarray(render(position, strength, axis, 10.0, 3.0))
    same = Lines(position, strength, np.full_like(position, 10.0))
    found = np.asarray(grid(same, 500.0, 4000.0, 2048, 3.0))
    assert np.abs(found - wanted).max() < 0.015 * wanted.max()


def test_fine_then_resampled_is_coarse():
    lines = table((4500.2, 3.0, 60.0), (6900.4, 9.0, 430.0))
    fine = np.asarray(grid(lines, 4000.0, 9000.0, 4001))
    coarse = np.asarray(grid(lines, 4000.0, 9000.0, 501))
    assert np.abs(fine[:, ::8] - coarse).max() < 1e-3 * coarse.max()
    # And on an axis in nm, which is uniform in neither.
    nm = np.linspace(1150.0, 2450.0, 651)
    on_nm = np.asarray(render_table(lines, 1e7 / nm))[0]
    wanted = np.interp(1e7 / nm, np.linspace(4000, 9000, 4001), fine[0])
    assert np.abs(on_nm - wanted).max() < 2e-3 * wanted.max()


def test_comb_is_linear_in_strength_and_ignores_padding_and_distant_lines():
    a, b = table((5000.0, 3.0, 60.0)), table((6000.0, 2.0, 100.0))
    both = Lines(*(np.concatenate([x, y], 1) for x, y in zip(a, b, strict=True)))
    more = table(
        (5000.0, 3.0, 60.0), (6000.0, 2.0, 100.0), (0.0, 0.0, 1.0), (99e3, 5.0, 60.0)
    )
    parts = [np.asarray(grid(x, 4000.0, 9000.0, 1024)) for x in (a, b, both, more)]
    np.testing.assert_allclose(parts[2], parts[0] + parts[1], atol=1e-6)
    np.testing.assert_allclose(parts[3], parts[2], atol=1e-6)


def test_gradient_of_the_comb_by_position_moves_the_centroid():
    axis = np.linspace(4000.0, 9000.0, 1024)

    @jax.jit
    @jax.grad
    def centroid(position):
        one = Lines(position, jnp.ones((1, 1)), jnp.full((1, 1), 40.0))
        y = render_grid(one, 4000.0, 9000.0, 1024)
        return jnp.sum(y * (axis - 6500.0)) * (axis[1] - axis[0])

    slope = float(centroid(jnp.full((1, 1), 6500.0))[0, 0])
    assert 0.95 < slope < 1.05
