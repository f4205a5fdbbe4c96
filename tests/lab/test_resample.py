"""Cubic interpolation and Gaussian broadening on uniform grids."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from spektron_jax.lab.resample import broaden, cubic, fft_size

X = np.arange(200.0)
# Above 0, since XLA flushes numbers below 1e-38.
SMOOTH = np.stack([1 + np.exp(-(((X - 80) / 12) ** 2)), np.sin(X / 9)])
SMOOTH = SMOOTH.astype(np.float32)


def test_cubic_is_exact_at_the_points_and_third_order_between():
    np.testing.assert_array_equal(cubic(SMOOTH, jnp.arange(200)), SMOOTH)
    errors = []
    for step in (2, 4):
        place = np.linspace(40, 150, 777)
        found = np.asarray(cubic(SMOOTH[:, ::step], place / step))[0]
        errors.append(np.abs(found - 1 - np.exp(-(((place - 80) / 12) ** 2))).max())
    assert errors[0] < 1e-3 and errors[1] / errors[0] > 6


def test_cubic_holds_the_ends_and_passes_gradients():
    np.testing.assert_allclose(
        cubic(SMOOTH, jnp.array([-5.0, 300.0])), SMOOTH[:, [0, -1]]
    )
    slope = jax.grad(lambda d: cubic(SMOOTH, jnp.arange(200) - d)[0, 70])(0.25)
    z = (70 - 0.25 - 80) / 12
    assert float(slope) == pytest.approx(2 * z / 12 * np.exp(-(z**2)), rel=0.02)


@pytest.mark.parametrize("sigma", [1.5, 6.0])
def test_broaden_is_a_gaussian_filter_that_holds_the_ends(sigma):
    found = broaden(SMOOTH, sigma, 40)
    wanted = gaussian_filter1d(SMOOTH.astype(float), sigma, mode="nearest", truncate=6)
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_broaden_by_nothing_is_exact_and_several_widths_at_once():
    np.testing.assert_array_equal(broaden(SMOOTH, 0.0, 10), SMOOTH)
    both = broaden(SMOOTH, jnp.array([0.0, 3.0]), 20)
    np.testing.assert_array_equal(both[0], SMOOTH)
    np.testing.assert_allclose(both[1], broaden(SMOOTH, 3.0, 20), atol=1e-6)


def test_fft_sizes():
    assert [fft_size(n) for n in (7, 97, 2048, 4099)] == [8, 100, 2048, 4320]
