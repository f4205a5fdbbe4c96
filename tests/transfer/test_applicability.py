"""T2 and Q: distances by hand, rates on like spectra, flags on unlike ones."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.applicability import (
    EXTRAPOLATING,
    IN_DOMAIN,
    UNLIKE,
    fit_applicability,
    outliers,
)


def spectra(rng, n, noise=0.02):
    axis = np.linspace(0, 1, 80)
    bands = np.stack([np.sin((k + 1) * np.pi * axis) for k in range(3)])
    return rng.normal(size=(n, 3)) @ bands + noise * rng.normal(size=(n, 80)), bands


def test_distances_are_those_of_a_pca():
    rng = np.random.default_rng(0)
    X, _ = spectra(rng, 40)
    new, _ = spectra(rng, 5)
    t2, q = fit_applicability(X, components=3).distances(new)
    pca = PCA(3).fit(X)
    scores = pca.transform(new)
    np.testing.assert_allclose(t2, np.sum(scores**2 / pca.explained_variance_, axis=1))
    rest = new - pca.inverse_transform(scores)
    np.testing.assert_allclose(q, np.sum(rest**2, axis=1))


def test_about_one_per_cent_of_like_spectra_exceed_each_limit():
    beyond = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, _ = spectra(rng, 40)
        new, _ = spectra(rng, 300)
        model = fit_applicability(X, components=3)
        t2, q = model.distances(new)
        beyond.append([np.mean(t2 > model.t2_limit), np.mean(q > model.q_limit)])
    t2, q = np.mean(beyond, axis=0)
    assert 0.003 < t2 < 0.03
    assert 0.003 < q < 0.04


def test_flags():
    rng = np.random.default_rng(1)
    X, bands = spectra(rng, 60)
    axis = np.linspace(0, 1, 80)
    model = fit_applicability(X)
    new = np.stack(
        [X.mean(axis=0), 8 * bands[0], X[0] + 3 * np.exp(-(((axis - 0.3) / 0.02) ** 2))]
    )
    assert model.flags(new).tolist() == [IN_DOMAIN, EXTRAPOLATING, UNLIKE]
    assert np.mean(model.flags(X) == IN_DOMAIN) > 0.9


def test_bad_input():
    with pytest.raises(SpektronError, match="at least 5"):
        fit_applicability(np.ones((3, 10)))
    with pytest.raises(SpektronError, match="all spectra are equal"):
        fit_applicability(np.ones((8, 10)))
    model = fit_applicability(np.random.default_rng(2).normal(size=(9, 10)))
    with pytest.raises(SpektronError, match="10"):
        model.flags(np.ones((2, 11)))


def test_outliers_are_judged_by_models_without_them():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 40))
    X += 0.01 * rng.normal(size=X.shape)
    assert outliers(X).size == 0
    X[4, 20:23] += 2.0
    X[17, 31] -= 1.0
    np.testing.assert_array_equal(outliers(X), [4, 17])
    assert outliers(X[:9]).size == 0
