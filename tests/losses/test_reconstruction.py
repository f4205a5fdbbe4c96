"""Masked means and the two squared errors, by hand."""

import jax
import numpy as np

from spektron_jax.losses.reconstruction import denoising, masked_mean, reconstruction

PREDICTED = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]], np.float32)
TARGET = np.array([[1.0, 0.0, 0.0, 9.0], [1.0, 2.0, 3.0, 4.0]], np.float32)
MASK = np.array([[False, True, True, False], [True, False, False, False]])


def test_masked_mean_is_over_the_marked_points_of_each_row():
    np.testing.assert_allclose(masked_mean(PREDICTED, MASK), [2.5, 0.0])
    np.testing.assert_allclose(masked_mean(TARGET, MASK), [0.0, 1.0])


def test_masked_mean_of_nothing_is_zero_with_a_zero_gradient():
    nothing = np.zeros_like(MASK)
    np.testing.assert_array_equal(masked_mean(PREDICTED, nothing), 0.0)
    gradient = jax.grad(lambda x: masked_mean(x, nothing).sum())(PREDICTED)
    np.testing.assert_array_equal(gradient, 0.0)


def test_reconstruction_counts_hidden_points_only():
    values, diagnostics = reconstruction(PREDICTED, TARGET, MASK)
    np.testing.assert_allclose(values, [(4 + 9) / 2, 1.0])
    assert diagnostics == {}
    elsewhere = PREDICTED + 7.0 * ~MASK
    np.testing.assert_allclose(reconstruction(elsewhere, TARGET, MASK)[0], values)
    gradient = jax.grad(lambda p: reconstruction(p, TARGET, MASK)[0].sum())(PREDICTED)
    np.testing.assert_array_equal(np.asarray(gradient) != 0, MASK)


def test_denoising_counts_visible_points():
    values, diagnostics = denoising(PREDICTED, TARGET, ~MASK)
    np.testing.assert_allclose(values, [(0 + 25) / 2, (4 + 9 + 16) / 3], rtol=1e-6)
    assert diagnostics == {}
