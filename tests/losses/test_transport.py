"""Cloud distances: zero for equal clouds, growing with distance, converged."""

import functools

import jax
import numpy as np
import pytest

from spektron_jax.losses.transport import transport

BATCH, WIDTH = 16, 8
CLOUD = np.random.default_rng(0).normal(size=(BATCH, WIDTH)).astype(np.float32)


@functools.partial(jax.jit, static_argnums=2)
def run(a, b, epsilon=1.0):
    (value, diagnostics), gradient = jax.value_and_grad(
        lambda a, b: transport(a, b, epsilon), argnums=(0, 1), has_aux=True
    )(a, b)
    return value, diagnostics, gradient


def moved(by):
    away = np.zeros(WIDTH, np.float32)
    away[0] = by
    return CLOUD + away


def test_equal_clouds_cost_nothing_in_any_order():
    value, diagnostics, gradient = run(CLOUD, CLOUD[::-1].copy())
    np.testing.assert_allclose(value, 0.0, atol=1e-5)
    assert diagnostics["converged"] == 1.0
    np.testing.assert_allclose(gradient[0], 0.0, atol=1e-3)


def test_grows_with_the_distance_of_the_clouds():
    values = [float(run(CLOUD, moved(by))[0]) for by in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert (np.diff(values) > 1e-3).all()


def test_is_symmetric_and_ignores_length():
    value, _, _ = run(CLOUD, moved(2.0))
    back, _, _ = run(moved(2.0), CLOUD)
    np.testing.assert_allclose(back, value, rtol=1e-3)
    longer, _, _ = run(7.0 * CLOUD, moved(2.0))
    np.testing.assert_allclose(longer, value, rtol=1e-3)


def test_single_points_by_hand():
    """Two point clouds: the squared distance of the unit vectors, entropy cancels."""
    a = np.tile(np.eye(1, WIDTH, dtype=np.float32), (BATCH, 1))
    b = np.tile(np.eye(1, WIDTH, 1, dtype=np.float32), (BATCH, 1))
    np.testing.assert_allclose(run(a, b)[0], 2.0, rtol=1e-4)


def test_gradient_is_finite_pulls_together_and_is_right():
    b = moved(2.0)
    value, diagnostics, (d_a, d_b) = run(CLOUD, b)
    assert diagnostics["converged"] == 1.0
    assert np.isfinite(d_a).all() and np.isfinite(d_b).all()
    down, _, _ = run(CLOUD - 0.1 * np.asarray(d_a), b - 0.1 * np.asarray(d_b))
    assert down < value
    # Against a finite difference; float32 and a threshold of convergence of 1e-3.
    direction = np.random.default_rng(1).normal(size=b.shape).astype(np.float32)
    step = 0.05
    ahead, behind = (run(CLOUD, b + s * direction)[0] for s in (step, -step))
    slope = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(np.sum(d_b * direction), slope, rtol=0.05)


def test_collapsed_and_far_clouds_stay_finite():
    zero = np.zeros_like(CLOUD)
    for a, b in ((zero, CLOUD), (1e3 * CLOUD, -1e3 * CLOUD), (zero, zero)):
        value, _, gradient = run(a, b)
        assert np.isfinite(value)
        assert all(np.isfinite(g).all() for g in gradient)


def test_computes_in_float32_whatever_comes_in():
    value, _ = jax.eval_shape(
        lambda a, b: transport(a, b, 1.0),
        *[jax.ShapeDtypeStruct((BATCH, WIDTH), "bfloat16")] * 2,
    )
    assert value.dtype == np.float32


@pytest.mark.parametrize("kind", ["mmd", "coral"])
def test_the_other_distances_are_zero_at_equality_and_grow(kind):
    values = [
        float(transport(CLOUD, moved(by), 1.0, kind)[0]) for by in (0.0, 0.5, 1.0, 2.0)
    ]
    np.testing.assert_allclose(values[0], 0.0, atol=1e-6)
    assert (np.diff(values) > 1e-4).all()
    gradient = jax.grad(lambda a: transport(a, moved(1.0), 1.0, kind)[0])(CLOUD)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-4


def test_the_other_distances_by_hand():
    """Point clouds at e1 and e2: no covariance, means sqrt(2) apart."""
    a, b = (
        np.tile(np.eye(1, WIDTH, k, dtype=np.float32), (BATCH, 1)) for k in range(2)
    )
    np.testing.assert_allclose(transport(a, b, 1.0, "coral")[0], 2.0, rtol=1e-5)
    expected = 2 - 2 * np.mean(np.exp(-1.0 / np.array([0.25, 0.5, 1.0, 2.0, 4.0])))
    np.testing.assert_allclose(transport(a, b, 1.0, "mmd")[0], expected, rtol=1e-5)
