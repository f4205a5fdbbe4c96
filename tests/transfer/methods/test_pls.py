"""PLS against scikit-learn, every number of components; folds; the choice of k."""

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.methods.pls import (
    cross_validated,
    folds_of,
    pls_path,
    smallest_good,
)


@pytest.fixture
def spectra(two_instruments):
    def make(seed=0, n=40):
        X, new, y = two_instruments(np.random.default_rng(seed), samples=n)
        return X, y + 0.1 * np.random.default_rng(seed).normal(size=n), new

    return make


def test_agrees_with_scikit_learn(spectra):
    X, y, new = spectra()
    predicted = pls_path(X, y, 22)(new)
    for k in range(1, 23):
        theirs = PLSRegression(k, scale=False).fit(X, y).predict(new).ravel()
        np.testing.assert_allclose(predicted[:, k - 1], theirs, rtol=1e-8)


def test_weights_are_repetitions(spectra):
    X, y, new = spectra(1)
    times = np.random.default_rng(2).integers(1, 4, size=y.size)
    weighted = pls_path(X, y, 10, times.astype(float))(new)
    repeated = pls_path(np.repeat(X, times, axis=0), np.repeat(y, times), 10)(new)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)


def test_beyond_the_rank_the_last_model_stands():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(12, 3)) @ rng.normal(size=(3, 20))
    y = rng.normal(size=12)
    predicted = pls_path(X, y, 10)(X)
    np.testing.assert_allclose(predicted[:, 3:], predicted[:, [2]] * np.ones(7))
    least_squares = np.linalg.lstsq(X - X.mean(0), y - y.mean(), rcond=1e-9)[0]
    fitted = (X - X.mean(0)) @ least_squares + y.mean()
    np.testing.assert_allclose(predicted[:, 9], fitted, rtol=1e-8)


def test_constant_spectra_predict_the_mean():
    predicted = pls_path(np.ones((5, 4)), np.arange(5.0), 3)(np.ones((2, 4)))
    np.testing.assert_allclose(predicted, 2.0)


def test_folds_keep_groups_together_and_are_even():
    groups = np.array(["a", "b", "c", "d", "e", "a", "b"])
    X, y = np.ones((7, 2)), np.arange(7.0)
    fold = folds_of(X, y, 3, groups)
    assert fold[0] == fold[5] and fold[1] == fold[6]
    assert sorted(np.bincount(fold[:5])) == [1, 2, 2]
    with pytest.raises(SpektronError, match="at least 2 samples"):
        folds_of(X[:2], y[:2], 2, np.array(["a", "a"]))


def test_every_fold_spans_the_labels_whatever_the_order_of_rows():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(20, 3)), np.repeat(np.arange(10.0), 2)
    fold = folds_of(X, y, 4)
    order = rng.permutation(20)
    np.testing.assert_array_equal(folds_of(X[order], y[order], 4), fold[order])
    np.testing.assert_array_equal(
        fold[np.lexsort((np.abs(X @ X.T).diagonal(), y))], np.arange(20) % 4
    )
    groups = rng.integers(0, 12, 20)
    fold = folds_of(X, y, 4, groups)
    names = rng.permutation(12)  # what groups are called changes nothing either
    again = folds_of(X[order], y[order], 4, names[groups][order])
    np.testing.assert_array_equal(again, fold[order])


def test_cross_validation_does_not_see_the_fold(spectra):
    X, y, _ = spectra(4)
    fold = np.random.default_rng(0).permutation(np.arange(40) % 5)
    before = cross_validated(X, y, fold, 5)
    changed = np.where(fold == 2, y + 100, y)
    after = cross_validated(X, changed, fold, 5)
    np.testing.assert_array_equal(after[fold == 2], before[fold == 2])
    assert np.abs(after - before)[fold != 2].min() > 1


def test_smallest_within_two_per_cent():
    assert smallest_good(np.array([3.0, 1.019, 1.0, 1.5])) == 2
    assert smallest_good(np.array([3.0, 1.021, 1.0, 1.5])) == 3
