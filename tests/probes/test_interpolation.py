"""Interpolation baselines against exact cases and against what they must not see."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from spektron_jax.probes.interpolation import cubic_spline, linear

METHODS = [linear, cubic_spline]


def _masked(rng, spectra, share=0.2):
    hidden = rng.random(spectra.shape) < share
    hidden[:, :2] = hidden[:, -2:] = False
    return hidden


@pytest.mark.parametrize("method", METHODS)
def test_visible_points_are_returned_unchanged(method):
    rng = np.random.default_rng(0)
    spectra = rng.normal(size=(5, 80)).astype(np.float32)
    hidden = _masked(rng, spectra)
    filled = method(spectra, hidden, np.arange(80.0))
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[~hidden], spectra[~hidden])
    assert np.all(np.isfinite(filled))


@pytest.mark.parametrize("method", METHODS)
def test_hidden_values_are_never_read(method):
    rng = np.random.default_rng(1)
    spectra = rng.normal(size=(4, 60))
    hidden = _masked(rng, spectra)
    before = method(spectra, hidden, np.arange(60.0))
    spoiled = np.where(hidden, np.nan, spectra)
    np.testing.assert_array_equal(method(spoiled, hidden, np.arange(60.0)), before)


@pytest.mark.parametrize("method", METHODS)
def test_a_straight_line_is_restored_on_an_uneven_axis(method):
    rng = np.random.default_rng(2)
    axis = np.cumsum(rng.uniform(0.5, 3.0, size=100))
    spectra = np.stack([2 * axis + 1, -axis])
    hidden = _masked(rng, spectra, share=0.5)
    np.testing.assert_allclose(method(spectra, hidden, axis), spectra, atol=1e-9)


def test_spline_restores_a_cubic_and_the_line_does_not():
    axis = np.linspace(-1, 1, 50)
    spectra = (axis**3 - axis**2)[None]
    hidden = np.zeros((1, 50), bool)
    hidden[0, 20:24] = hidden[0, 30:35] = True
    np.testing.assert_allclose(cubic_spline(spectra, hidden, axis), spectra, atol=1e-12)
    assert np.abs(linear(spectra, hidden, axis) - spectra).max() > 1e-3


def test_spline_is_scipys_not_a_knot_spline():
    rng = np.random.default_rng(3)
    axis, spectra = np.arange(40.0), rng.normal(size=(1, 40))
    hidden = _masked(rng, spectra)
    seen = ~hidden[0]
    expected = CubicSpline(axis[seen], spectra[0, seen], bc_type="not-a-knot")(axis)
    filled = cubic_spline(spectra, hidden, axis)
    np.testing.assert_allclose(filled[0], expected, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_gaps_at_the_ends_hold_the_nearest_visible_value(method):
    spectra = np.arange(20.0)[None] ** 2
    hidden = np.zeros((1, 20), bool)
    hidden[0, :4] = hidden[0, -5:] = True
    filled = method(spectra, hidden, np.arange(20.0))
    np.testing.assert_array_equal(filled[0, :4], 16.0)
    np.testing.assert_array_equal(filled[0, -5:], 14.0**2)


@pytest.mark.parametrize("method", METHODS)
def test_a_falling_axis_gives_the_same_values(method):
    rng = np.random.default_rng(4)
    axis = np.cumsum(rng.uniform(0.5, 2.0, size=50))
    spectra = rng.normal(size=(3, 50))
    hidden = _masked(rng, spectra)
    rising = method(spectra, hidden, axis)
    falling = method(spectra[:, ::-1], hidden[:, ::-1], axis[::-1])
    np.testing.assert_array_equal(falling[:, ::-1], rising)


@pytest.mark.parametrize("visible", [1, 2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_very_few_visible_points_still_give_finite_values(method, visible):
    hidden = np.ones((1, 12), bool)
    hidden[0, 3 : 3 + visible] = False
    filled = method(np.arange(12.0)[None], hidden, np.arange(12.0))
    assert np.all((filled >= 3) & (filled <= 2 + visible))


@pytest.mark.parametrize("method", METHODS)
def test_at_shipping_size_rows_are_filled_each_by_itself(method):
    rng = np.random.default_rng(5)
    spectra = rng.normal(size=(400, 2048)).astype(np.float32)
    hidden = rng.random(spectra.shape) < 0.2
    axis = np.linspace(500.0, 4000.0, 2048)
    filled = method(spectra, hidden, axis)
    np.testing.assert_array_equal(filled[~hidden], spectra[~hidden])
    for row in (0, 399):
        alone = method(spectra[row : row + 1], hidden[row : row + 1], axis)
        np.testing.assert_allclose(filled[row], alone[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_wrong_input_is_named(method):
    spectra, hidden, axis = np.ones((2, 8)), np.zeros((2, 8), bool), np.arange(8.0)
    with pytest.raises(ValueError, match="row 1 has no visible point"):
        method(spectra, np.array([[False] * 8, [True] * 8]), axis)
    with pytest.raises(ValueError, match="axis must be strictly"):
        method(spectra, hidden, np.array([0, 1, 1, 2, 3, 4, 5, 6.0]))
    with pytest.raises(ValueError, match="axis must be"):
        method(spectra, hidden, axis[:-1])
    with pytest.raises(ValueError, match="must both be"):
        method(spectra, hidden[:1], axis)
    with pytest.raises(ValueError, match="hidden must be bool"):
        method(spectra, hidden.astype(int), axis)
    with pytest.raises(ValueError, match="finite at visible points"):
        method(np.full((2, 8), np.nan), hidden, axis)
