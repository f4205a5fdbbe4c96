"""Blocks of rows change nothing but speed."""

import numpy as np
import pytest

from spektron_jax.errors import InputError
from spektron_jax.transfer.applicability import fit_applicability
from spektron_jax.transfer.inputs import spectra
from spektron_jax.transfer.members import Affine
from spektron_jax.transfer.methods.preprocessing import preprocess, snv
from spektron_jax.transfer.row_blocks import VALUES, row_blocks
from spektron_jax.transfer.spectrum_checks import unsuspicious

POINTS = 900
SPECTRA = 3 * (VALUES // POINTS) + 5  # three whole blocks and a part of one


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(SPECTRA, POINTS)).cumsum(axis=1) / 50


@pytest.mark.parametrize("points", [1, 7, POINTS, 2 * VALUES])
@pytest.mark.parametrize("count", [0, 1, 2, SPECTRA])
def test_every_row_stands_in_one_block(count, points):
    rows = np.broadcast_to(np.arange(count)[:, None], (count, points))
    found = [rows[some, 0] for some in row_blocks(rows)]
    np.testing.assert_array_equal(np.concatenate([*found, []]), np.arange(count))
    assert all(some.size * points <= max(VALUES, points) for some in found)


def test_predictions_are_those_of_all_rows_at_once(X):
    rng = np.random.default_rng(1)
    vectors = {name: rng.normal(size=POINTS) for name in ("raw", "snv")}
    expected = 0.5 + sum(preprocess(X, name) @ v for name, v in vectors.items())
    np.testing.assert_allclose(Affine(vectors, 0.5)(X), expected, rtol=1e-9)


def test_distances_are_those_of_all_rows_at_once(X):
    model = fit_applicability(X[:60])
    t2, q = model.distances(X)
    scores = (X - model.mean) @ model.loadings.T
    rest = X - model.mean - scores @ model.loadings
    np.testing.assert_allclose(t2, np.sum(scores**2 / model.variances, axis=1))
    np.testing.assert_allclose(q, np.sum(rest**2, axis=1), rtol=1e-8)


@pytest.mark.parametrize("row", [0, SPECTRA // 2, SPECTRA - 1])
def test_a_fault_in_any_block_is_seen(X, row):
    assert unsuspicious(X)
    for fault in (slice(0, 5), slice(POINTS - 5, POINTS), slice(None)):
        bad = X.copy()
        bad[row, fault] = bad[row, POINTS // 2]
        assert not unsuspicious(bad)
    for code in (-999.0, 9999.0):
        bad = X.copy()
        bad[row, 3] = code
        assert not unsuspicious(bad)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-7, 12345.678, 0.0])
@pytest.mark.parametrize("points", [2, 3, 700, 2001])
def test_a_flat_spectrum_has_an_snv_of_zero(value, points):
    assert not snv(np.full((2, points), value)).any()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, "row 7 holds NaN or infinity"),
        (np.inf, "row 7 holds NaN or infinity"),
        (-np.inf, "row 7 holds NaN or infinity"),
        (2e12, r"row 7 holds 2e\+12, which no instrument shows"),
        (-2e12, r"row 7 holds 2e\+12, which no instrument shows"),
    ],
)
def test_values_that_cannot_be_measured_are_refused_by_row(X, value, words):
    bad = X[:20].copy()
    bad[7, 3] = value
    with pytest.raises(InputError, match=f"X: {words}"):
        spectra(bad, "X")
    assert spectra(X[:20], "X") is not None
