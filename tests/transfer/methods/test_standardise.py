"""DS, PDS, SST, EPO and GLSW against chemotools, scikit-learn and plain algebra."""

import numpy as np
import pytest
from chemotools.adaptation import (
    DirectStandardization,
    PiecewiseDirectStandardization,
    SpectralSpaceTransform,
)
from chemotools.projection import ExternalParameterOrthogonalization
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge

from spektron_jax.transfer.methods.projection import epo_filter, glsw_filter
from spektron_jax.transfer.methods.standardise import (
    direct_map,
    piecewise_map,
    residual_map,
    subspace_map,
)


@pytest.fixture
def pairs(two_instruments):
    """A', B' of ten samples, and twenty more target spectra."""
    A, B, _ = two_instruments(np.random.default_rng(0), samples=30, noise=0.02)
    return A[:10], B[:10], B[10:]


def test_ds_is_chemotools_on_centred_spectra(pairs):
    A, B, new = pairs
    theirs = DirectStandardization().fit(B - B.mean(0), X_source=A - A.mean(0))
    expected = theirs.transform(new - B.mean(0)) + A.mean(0)
    # They keep every direction; a tiny rcond does the same here.
    np.testing.assert_allclose(direct_map(A, B, rcond=1e-10)(new), expected, rtol=1e-7)


def test_ds_leaves_out_weak_directions(pairs):
    A, B, new = pairs
    s = np.linalg.svd(B - B.mean(0), compute_uv=False)
    kept = int(np.sum(s > 0.5 * s[0]))
    moved = direct_map(A, B, rcond=0.5)(new) - A.mean(0)
    assert np.linalg.matrix_rank(moved) == kept < 9


def test_pds_with_all_components_is_chemotools(pairs):
    # 3 points, 3 components: regression on components and PLS are least squares.
    A, B, new = pairs
    theirs = PiecewiseDirectStandardization(
        window_length=1, n_components=2, scale=False
    )
    expected = theirs.fit(B, X_source=A).transform(new)
    full = piecewise_map(A, B, half=1, components=3)(new)
    # At the ends the window has 2 points, where 2 components are all.
    np.testing.assert_allclose(full[:, [0, -1]], expected[:, [0, -1]], rtol=1e-7)


@pytest.mark.parametrize(("half", "components"), [(1, 1), (2, 1), (2, 3), (4, 2)])
def test_pds_is_principal_component_regression(pairs, half, components):
    A, B, new = pairs
    moved = piecewise_map(A, B, half, components)(new)
    for j in (0, 1, 30, 59):
        window = slice(max(j - half, 0), j + half + 1)
        pca = PCA(components).fit(B[:, window])
        line = LinearRegression().fit(pca.transform(B[:, window]), A[:, j])
        expected = line.predict(pca.transform(new[:, window]))
        np.testing.assert_allclose(moved[:, j], expected, rtol=1e-8)


def test_pds_with_few_pairs_stays_finite(pairs):
    A, B, new = pairs
    moved = piecewise_map(A[:2], B[:2], half=3, components=5)(new)
    np.testing.assert_allclose(piecewise_map(A[:2], B[:2], 3, 1)(new), moved)


def test_sst_is_chemotools(pairs):
    A, B, new = pairs
    theirs = SpectralSpaceTransform(n_components=4, with_mean=True, with_std=False)
    expected = theirs.fit(B, X_source=A).transform(new)
    np.testing.assert_allclose(subspace_map(A, B, 4)(new), expected, rtol=1e-7)


def test_ds_res_is_ridge_on_the_difference(pairs):
    A, B, new = pairs
    Bc = B - B.mean(0)
    strength = 0.01 * np.trace(Bc @ Bc.T) / len(B)
    ridge = Ridge(strength).fit(B, A - B)
    expected = new + ridge.predict(new)
    np.testing.assert_allclose(residual_map(A, B)(new), expected, rtol=1e-8)


def test_epo_is_chemotools(pairs):
    A, B, new = pairs
    both, ids = np.vstack([A, B]), np.tile(np.arange(10), 2)
    theirs = ExternalParameterOrthogonalization(n_components=2)
    theirs.fit(A, X_external=both, sample_ids=ids)
    filtered = epo_filter(A, B, 2)
    np.testing.assert_allclose(
        filtered(new) - filtered(new[:1]),
        theirs.transform(new) - theirs.transform(new[:1]),
        atol=1e-10,
    )


def test_glsw_is_the_inverse_root_of_the_difference_covariance(pairs):
    A, B, new = pairs
    alpha, D = 0.01, A - B
    covariance = D.T @ D / (9 * alpha) + np.eye(60)
    values, vectors = np.linalg.eigh(covariance)
    expected = new @ (vectors / np.sqrt(values)) @ vectors.T
    np.testing.assert_allclose(glsw_filter(A, B, alpha)(new), expected, atol=1e-10)


def test_exact_pairs_are_mapped_back(pairs):
    # With as many directions as pairs, DS returns A' for B'.
    A, B, _ = pairs
    np.testing.assert_allclose(direct_map(A, B, rcond=1e-12)(B), A, rtol=1e-6)
