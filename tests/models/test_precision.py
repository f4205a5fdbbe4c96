"""float32 against the float64 published loop, where plain float32 fails.

Radius 1 - 1e-6, angles near 0 and pi, no damping, both edges of the band.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published_loop import (
    published,
    published_gradient,
    relative,
    scan_and_gradient,
    time_first,
)

from spektron_jax.models.oscillators import from_poles
from spektron_jax.models.powers import power_table


def extreme_parameters():
    """float32 (sigma, delta, g) of poles at the limits of radius and angle."""
    radius, angle = np.meshgrid([1 - 1e-6, 0.999, 0.9], [1e-4, 0.3, 1.6, np.pi - 1e-4])
    with jax.enable_x64(True):
        sigma, delta, g = map(
            np.asarray, from_poles(jnp.asarray(-np.log(radius)), jnp.asarray(angle))
        )
    # Undamped (G -> 0), mid-band and on both edges of the band (delta = 0).
    extra = np.array([[0.0, 1.7, 1], [1e-7, 0.0, 1], [1e-7, 0.0, -1], [0.0, 1e-3, -1]])
    rows = np.stack([sigma.ravel(), delta.ravel(), g.ravel()], -1)
    return np.concatenate([rows, extra]).astype(np.float32).T


def tangents(a, g, force):
    """Derivatives of `published` positions, dt = 1, by A and by G."""
    x, z = published(a, g, 1.0, force)
    a, s = a[..., None], 1 + g[..., None]
    dz = dx = np.zeros((2, *force.shape[1:]))
    out = []
    for k in range(len(force)):
        before = x[k - 1] if k else 0 * x[0]
        dz = (dz - a * dx - np.stack([before, z[k]])) / s
        dx = dx + dz
        out.append(dx)
    return np.moveaxis(np.array(out), 1, 0)


@pytest.mark.parametrize(
    ("algorithm", "length", "bound"),
    [
        ("sequential", 2048, 1e-5),
        ("chunked", 2048, 2e-6),
        ("associative", 2048, 2e-6),
        pytest.param("sequential", 16384, 5e-5, marks=pytest.mark.slow),
        pytest.param("chunked", 16384, 2e-6, marks=pytest.mark.slow),
        pytest.param("associative", 16384, 2e-6, marks=pytest.mark.slow),
    ],
)
def test_outputs_and_gradients_are_precise_at_every_extreme(algorithm, length, bound):
    sigma, delta, g = extreme_parameters()
    upper = g < 0
    # The float32 parameters, taken as exact, in the published form with dt = 1.
    damping = sigma.astype(np.float64)
    stiffness = np.where(upper, (4 + 2 * damping) - delta, delta)
    force = np.random.default_rng(0).normal(size=(length, 1, sigma.size, 2))
    force = np.tile(force.astype(np.float32), (1, 3, 1, 1))
    expected, _ = published(stiffness, damping, 1.0, force)
    # One cotangent a row: noise for the force; for delta and sigma their own
    # derivative, else the sum over the points cancels to nearly nothing and its
    # relative error says nothing.
    by_a, by_g = tangents(stiffness, damping, force[:, 0].astype(np.float64))
    cotangent = np.stack(
        [
            np.random.default_rng(1).normal(size=by_a.shape),
            np.where(upper[:, None], -by_a, by_a),
            np.where(upper[:, None], by_g + 2 * by_a, by_g),
        ],
        axis=1,
    ).astype(np.float32)
    a_bar, g_bar, f_bar = published_gradient(
        stiffness, damping, 1.0, force, cotangent.astype(np.float64)
    )
    x, (d_sigma, d_delta, d_force) = scan_and_gradient(
        algorithm,
        False,
        *(jnp.broadcast_to(value, (3, sigma.size)) for value in (sigma, delta, g)),
        np.moveaxis(force, 0, 1),
        np.moveaxis(cotangent, 0, 1),
    )
    points = (0, 1, 3)
    assert relative(time_first(x), expected, points).max() < bound
    assert relative(time_first(d_force)[:, :1], f_bar[:, :1], points).max() < bound
    wanted = np.where(upper, -a_bar, a_bar)
    assert np.abs(d_delta / wanted - 1)[1].max() < bound
    wanted = np.where(upper, g_bar + 2 * a_bar, g_bar)
    assert np.abs(d_sigma / wanted - 1)[2].max() < bound


@pytest.mark.parametrize("algorithm", ["sequential", "chunked", "associative"])
def test_oscillators_that_die_within_a_point(algorithm):
    """On a coarse axis sigma reaches 1e8: t - (sigma / S) t would be rounding alone."""
    decay, angle = np.meshgrid([0.3, 0.4, 1.0, 3.0, 9.0], [0.1, 1.6, 3.1])
    with jax.enable_x64(True):
        wide = from_poles(jnp.asarray(decay.ravel()), jnp.asarray(angle.ravel()))
        sigma, delta, g = (np.asarray(value).astype(np.float32) for value in wide)
    damping = sigma.astype(np.float64)
    stiffness = np.where(g < 0, (4 + 2 * damping) - delta, delta)
    rng = np.random.default_rng(0)
    force, cotangent = rng.normal(size=(2, 64, sigma.size, 2)).astype(np.float32)
    scale = (1 + sigma[:, None]).astype(np.float32)  # so that positions are about 1
    expected, _ = published(stiffness, damping, 1.0, (force * scale).astype(np.float64))
    x, (_, _, d_force) = scan_and_gradient(
        algorithm, False, sigma, delta, g, force * scale, cotangent
    )
    assert np.abs(x - expected).max() < 1e-5
    _, _, f_bar = published_gradient(
        stiffness, damping, 1.0, force * scale, cotangent.astype(np.float64)
    )
    assert np.abs((d_force - f_bar) * scale).max() < 1e-5


@pytest.mark.parametrize(("count", "every"), [(70, 1), (1025, 16)])
def test_powers_are_exact_to_float32(count, every):
    sigma, delta, _ = extreme_parameters()
    tables = jax.jit(power_table, static_argnums=(2, 3))(sigma, delta, count, every)
    found = np.array(tables, np.float64)
    s, d = 1 + sigma.astype(np.float64), delta.astype(np.float64)
    step = np.array([[1 / s, -d / s], [1 / s, 1 - d / s]]).transpose(2, 0, 1)
    for row in (1, 2, count // 2 + 1, count - 1):
        power = np.linalg.matrix_power(step, every * row) - np.eye(2)
        wanted = power.reshape(-1, 4).T
        error = np.linalg.norm(found[:, row] - wanted, axis=0)
        assert (error / np.linalg.norm(wanted, axis=0)).max() < 6e-7
