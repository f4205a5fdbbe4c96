"""The token rule on small cases worked by hand, and its properties."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from spektron_jax.errors import SpektronError
from spektron_jax.spectra import grid

RNG = np.random.default_rng(0)


def test_pretraining_axis():
    axis = grid.pretraining_axis()
    assert axis.shape == (2048,) and axis[0] == 500.0 and axis[-1] == 4000.0
    assert (np.diff(axis) > 0).all()


def test_modality_codes():
    assert [grid.modality_code(name) for name in grid.MODALITIES] == [0, 1, 2, 3]
    with pytest.raises(SpektronError, match="'ir': unknown; use one of NIR, IR"):
        grid.modality_code("ir")


def test_units():
    np.testing.assert_allclose(grid.to_cm1([1000.0, 2500.0], "nm"), [10000.0, 4000.0])
    np.testing.assert_allclose(grid.to_cm1([2.5], "um"), [4000.0])
    np.testing.assert_array_equal(grid.to_cm1([500.0], "cm-1"), [500.0])


def test_full_length_spectrum_is_unchanged():
    axis = grid.pretraining_axis()
    spectra = RNG.normal(size=(2, 2048)).astype(np.float32)
    tokens = grid.to_tokens(spectra, axis, "cm-1")
    np.testing.assert_array_equal(tokens.values, spectra)
    np.testing.assert_array_equal(tokens.wavenumber_cm1, axis)
    assert tokens.valid.all() and tokens.values.dtype == np.float32
    assert tokens.spacing_cm1 == pytest.approx(3500 / 2047)


def test_short_spectrum_is_padded_at_the_end():
    axis = np.arange(1000.0, 1020.0)
    tokens = grid.to_tokens(np.arange(20.0), axis, "cm-1", points=32)
    np.testing.assert_array_equal(tokens.values[0, :20], np.arange(20))
    np.testing.assert_array_equal(tokens.values[0, 20:], 0)
    np.testing.assert_array_equal(tokens.valid[0], np.arange(32) < 20)
    np.testing.assert_array_equal(tokens.wavenumber_cm1[20:], 1019.0)
    assert tokens.spacing_cm1 == 1.0


def test_long_spectrum_is_averaged_in_groups():
    axis = np.arange(1.0, 51.0)  # 50 points on 20: groups of 3, the last of 2
    tokens = grid.to_tokens(axis**2, axis, "cm-1", points=20)
    assert tokens.valid.sum() == 17
    assert tokens.values[0, 0] == pytest.approx((1 + 4 + 9) / 3)
    assert tokens.values[0, 16] == pytest.approx((49**2 + 50**2) / 2)
    np.testing.assert_allclose(tokens.wavenumber_cm1[:16], np.arange(2, 50, 3))
    assert tokens.wavenumber_cm1[16] == 49.5
    assert tokens.spacing_cm1 == 3.0


def test_nan_is_not_measured():
    spectra = np.ones((2, 64))
    spectra[0, 1] = np.nan  # shares a group with a measured point
    spectra[1, 2:4] = np.nan  # a whole group
    axis = np.arange(500.0, 564.0)
    tokens = grid.to_tokens(spectra, axis, "cm-1", points=32)
    assert tokens.valid[0].all() and tokens.values[0, 0] == 1.0
    assert not tokens.valid[1, 1] and tokens.values[1, 1] == 0.0
    assert tokens.valid[1].sum() == 31
    assert np.isfinite(tokens.values).all()


def test_spacing_counts_only_points_that_are_measured():
    spectra = np.ones(64)
    spectra[::2] = np.nan
    assert grid.to_tokens(spectra, np.arange(1.0, 65.0), "cm-1", 64).spacing_cm1 == 2.0


@given(points=st.integers(16, 64), size=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_grouping_conserves_the_sum(points, size, seed):
    rng = np.random.default_rng(seed)
    spectra = rng.normal(size=(2, points * size))
    axis = np.cumsum(rng.uniform(0.5, 2.0, points * size))
    tokens = grid.to_tokens(spectra, axis, "cm-1", points)
    assert tokens.valid.all()
    np.testing.assert_allclose(
        tokens.values.sum(axis=1) * size, spectra.sum(axis=1), atol=1e-3
    )
    assert tokens.wavenumber_cm1.mean() == pytest.approx(axis.mean())
    assert (np.diff(tokens.wavenumber_cm1) > 0).all()


@given(count=st.integers(16, 90), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_every_unit_and_order_gives_the_same_tokens(count, seed):
    rng = np.random.default_rng(seed)
    nm = np.cumsum(rng.uniform(1.0, 9.0, count)) + 900.0
    spectra = rng.normal(size=(3, count))
    reference = grid.to_tokens(spectra, nm, "nm", points=64)
    assert (np.diff(reference.wavenumber_cm1) >= 0).all()
    others = [
        grid.to_tokens(spectra[:, ::-1], nm[::-1], "nm", points=64),
        grid.to_tokens(spectra, nm / 1e3, "um", points=64),
        grid.to_tokens(spectra[:, ::-1], (1e7 / nm)[::-1], "cm-1", points=64),
    ]
    if count <= 64:  # the point of the largest wavelength comes first
        np.testing.assert_allclose(
            reference.values[:, :count], spectra[:, ::-1], atol=1e-6
        )
    for other in others:
        np.testing.assert_allclose(other.values, reference.values, atol=1e-6)
        np.testing.assert_allclose(other.wavenumber_cm1, reference.wavenumber_cm1)
        np.testing.assert_array_equal(other.valid, reference.valid)
        assert other.spacing_cm1 == pytest.approx(reference.spacing_cm1)


GOOD = np.ones((3, 20))
AXIS = np.arange(1.0, 21.0)
TWICE = np.where(AXIS == 2, 1.0, AXIS)
UP_AND_DOWN = np.r_[AXIS[1:], AXIS[:1]]
INFINITE = np.where(np.arange(60).reshape(3, 20) == 25, np.inf, GOOD)
EMPTY_ROW = np.where(np.arange(3)[:, None] == 2, np.nan, GOOD)


@pytest.mark.parametrize(
    ("spectra", "axis", "unit", "message"),
    [
        (GOOD, AXIS[:-1], "cm-1", "20 points in 3 rows and the axis has 19"),
        (GOOD, AXIS, "Hz", "unit 'Hz': unknown; use one of cm-1, nm, um"),
        (GOOD, UP_AND_DOWN, "cm-1", "up and down"),
        (GOOD, TWICE, "cm-1", "positions repeat"),
        (GOOD, AXIS - 1, "nm", "greater than 0"),
        (GOOD, np.where(AXIS == 3, np.nan, AXIS), "cm-1", "finite"),
        (INFINITE, AXIS, "cm-1", "infinite values in row 1; mark"),
        (EMPTY_ROW, AXIS, "cm-1", r"row 2 with fewer than 16 valid points \(fewest: 0"),
        (GOOD[:, :9], AXIS[:9], "nm", "row 0, 1, 2 with fewer than 16"),
        (GOOD[None], AXIS, "cm-1", r"not \(1, 3, 20\)"),
        (GOOD[:0], AXIS, "cm-1", "0 rows"),
        (np.array(["a"] * 20), AXIS, "cm-1", "must be numbers"),
        (1e39 * GOOD, AXIS, "cm-1", "infinite values in row 0, 1, 2"),
    ],
)
def test_bad_input_is_named(spectra, axis, unit, message):
    with pytest.raises(SpektronError, match=message) as failure:
        grid.to_tokens(spectra, axis, unit)
    assert "\n" not in str(failure.value)
