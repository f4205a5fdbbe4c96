"""BYOL distance by hand, its symmetry, and that targets receive no gradient."""

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.losses.contrastive import contrastive, normalise, standardise

X, Y = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 2.0]], np.float32)


def test_by_hand():
    """0 for parallel, 2 for orthogonal, 4 for opposite, whatever the length."""
    for a, b, wanted in ((X, 5 * X, 0.0), (X, Y, 2.0), (X, -3 * X, 4.0)):
        values, diagnostics = contrastive(a, a, b, b)
        np.testing.assert_allclose(values, [wanted], atol=1e-5)
        assert diagnostics == {}


def test_each_prediction_meets_the_other_views_target():
    values, _ = contrastive(X, Y, Y, X)  # a predicts b's target and b a's
    np.testing.assert_allclose(values, [0.0], atol=1e-5)
    values, _ = contrastive(X, Y, X, Y)  # own targets: wrong
    np.testing.assert_allclose(values, [2.0], atol=1e-5)
    values, _ = contrastive(X, Y, Y, -X)  # one right, one opposite
    np.testing.assert_allclose(values, [2.0], atol=1e-5)


def test_gradient_enters_predictions_and_not_targets():
    arguments = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)
    gradient = jax.jit(
        jax.grad(lambda *x: contrastive(*x)[0].sum(), argnums=(0, 1, 2, 3))
    )
    *predictions, target_a, target_b = gradient(*arguments)
    for value in predictions:
        assert (value != 0).all()
    np.testing.assert_array_equal(target_a, 0.0)
    np.testing.assert_array_equal(target_b, 0.0)


def test_zero_vectors_have_a_finite_gradient():
    zero = jnp.zeros((2, 3))
    gradient = jax.grad(lambda x: contrastive(x, x, X[:, :1] + zero, zero)[0].sum())
    assert np.isfinite(gradient(zero)).all()
    np.testing.assert_allclose(np.linalg.norm(normalise(X + Y)), 1.0, rtol=1e-5)


def test_standardise_takes_mean_and_spread_of_the_whole_cloud():
    """Rows of one device by the statistics of all; the instrument's mark goes."""
    cloud = np.random.default_rng(1).normal(3.0, 2.0, (50, 4)).astype(np.float32)
    out = np.asarray(standardise(cloud, cloud))
    np.testing.assert_allclose(out.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(out.std(0), 1.0, rtol=1e-4)
    np.testing.assert_allclose(standardise(cloud[:7], cloud), out[:7], atol=1e-6)
    # Another instrument: offset and gain of each dimension. Same standard scores.
    other = 1.7 * cloud + np.arange(4, dtype=np.float32)
    np.testing.assert_allclose(standardise(other, other), out, atol=1e-4)
    # A dimension that says nothing stays finite.
    assert np.isfinite(standardise(0 * cloud, 0 * cloud)).all()
