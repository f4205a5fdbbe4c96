"""The recurrence against the published equations, its precision and its properties.

The reference is a float64 numpy loop of the published step in (A, G, dt) and the
reverse pass of that loop, both written without the package's reformulation.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spektron_jax.models.oscillators import (
    ALGORITHMS,
    from_physical,
    from_poles,
    oscillator_scan,
    poles,
)


def published(a, g, dt, force):
    """z_k = (z - dt A x + dt f_k) / S, x_k = x + dt z_k; force (L, ..., P, 2).

    Returns x and z, both like `force`, in float64.
    """
    a, g, dt = (np.asarray(value, np.float64)[..., None] for value in (a, g, dt))
    z = x = np.zeros(force.shape[1:])
    positions, velocities = [], []
    for f in np.asarray(force, np.float64):
        z = (z - dt * a * x + dt * f) / (1 + dt * g)
        x = x + dt * z
        positions.append(x)
        velocities.append(z)
    return np.array(positions), np.array(velocities)


def published_gradient(a, g, dt, force, cotangent):
    """Reverse pass of `published`: derivatives by A (..., P), G (..., P) and force."""
    x, z = published(a, g, dt, force)
    a, g, dt = (np.asarray(value, np.float64)[..., None] for value in (a, g, dt))
    s = 1 + dt * g
    x_bar = z_bar = a_bar = g_bar = np.zeros(force.shape[1:])
    f_bar = np.zeros(force.shape)
    for k in reversed(range(len(force))):
        before = x[k - 1] if k else np.zeros_like(x[0])
        x_bar = x_bar + cotangent[k]
        z_bar = z_bar + dt * x_bar
        f_bar[k] = dt * z_bar / s
        a_bar = a_bar - dt * before * z_bar / s
        g_bar = g_bar - dt * z[k] * z_bar / s
        x_bar = x_bar - dt * a * z_bar / s
        z_bar = z_bar / s
    return a_bar.sum(-1), g_bar.sum(-1), f_bar


@functools.partial(jax.jit, static_argnums=(0,), static_argnames="reverse")
def jit_scan(algorithm, sigma, delta, g, forcing, reverse=False):
    return oscillator_scan(
        sigma, delta, g, forcing, algorithm=algorithm, reverse=reverse
    )


def time_first(array):
    return np.moveaxis(np.asarray(array, np.float64), -3, 0)


def relative(value, reference, axis):
    """Relative L2 error over `axis`."""
    return np.sqrt(
        np.sum((value - reference) ** 2, axis) / np.sum(np.square(reference), axis)
    )


def random_physical(rng, shape):
    """A, G, dt of oscillators over the whole band, underdamped and overdamped."""
    dt = rng.uniform(0.3, 1.0, shape)
    g = rng.uniform(0.01, 1.0, shape) / dt
    return rng.uniform(0.0, 4.0, shape) / dt**2, g, dt


@functools.partial(jax.jit, static_argnums=(0, 1))
def scan_and_gradient(algorithm, reverse, sigma, delta, g, forcing, cotangent):
    x, pull = jax.vjp(
        lambda sigma, delta, forcing: oscillator_scan(
            sigma, delta, g, forcing, algorithm=algorithm, reverse=reverse
        ),
        sigma,
        delta,
        forcing,
    )
    return x, pull(cotangent)


@pytest.mark.parametrize("length", [1, 2, 13])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_agrees_with_the_published_loop_and_its_reverse_pass(
    algorithm, reverse, length
):
    rng = np.random.default_rng(length)
    a, g, dt = random_physical(rng, 6)
    force = rng.normal(size=(2, length, 6, 2))
    cotangent = rng.normal(size=force.shape)
    turn = (lambda array: array[::-1]) if reverse else (lambda array: array)
    expected = turn(published(a, g, dt, turn(time_first(force)))[0])
    a_bar, g_bar, f_bar = published_gradient(
        a, g, dt, turn(time_first(force)), turn(time_first(cotangent))
    )
    single = [jnp.asarray(value, jnp.float32) for value in (a, g, dt)]
    x, (d_sigma, d_delta, d_force) = scan_and_gradient(
        algorithm,
        reverse,
        *from_physical(*single),
        jnp.asarray(force * dt[:, None] ** 2, jnp.float32),
        jnp.asarray(cotangent, jnp.float32),
    )
    assert x.shape == force.shape and x.dtype == jnp.float32
    np.testing.assert_allclose(
        time_first(x), expected, rtol=0, atol=1e-5 * np.abs(expected).max()
    )
    f_bar = turn(f_bar) / dt[:, None] ** 2
    np.testing.assert_allclose(
        time_first(d_force), f_bar, rtol=0, atol=1e-5 * np.abs(f_bar).max()
    )
    # sigma = dt G and delta = dt^2 A, or (4 + 2 sigma) - dt^2 A on the upper side.
    a_bar, g_bar = a_bar.sum(0) / dt**2, g_bar.sum(0) / dt
    upper = dt**2 * a > 2 + dt * g
    assert upper.any() and not upper.all()
    for value, wanted in (
        (d_delta, np.where(upper, -a_bar, a_bar)),
        (d_sigma, np.where(upper, g_bar + 2 * a_bar, g_bar)),
    ):
        np.testing.assert_allclose(
            value, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max() + 1e-7
        )


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


def test_associative_is_precise_at_every_extreme_over_2048_points():
    sigma, delta, g = extreme_parameters()
    upper = g < 0
    # The float32 parameters, taken as exact, in the published form with dt = 1.
    damping = sigma.astype(np.float64)
    stiffness = np.where(upper, (4 + 2 * damping) - delta, delta)
    force = np.random.default_rng(0).normal(size=(2048, 1, sigma.size, 2))
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
        "associative",
        False,
        *(jnp.broadcast_to(value, (3, sigma.size)) for value in (sigma, delta, g)),
        np.moveaxis(force, 0, 1),
        np.moveaxis(cotangent, 0, 1),
    )
    points = (0, 1, 3)
    assert relative(time_first(x), expected, points).max() < 5e-5
    assert relative(time_first(d_force)[:, :1], f_bar[:, :1], points).max() < 5e-5
    wanted = np.where(upper, -a_bar, a_bar)
    assert np.abs(d_delta / wanted - 1)[1].max() < 5e-5
    wanted = np.where(upper, g_bar + 2 * a_bar, g_bar)
    assert np.abs(d_sigma / wanted - 1)[2].max() < 5e-5


def test_float64_sequential_is_an_oracle():
    rng = np.random.default_rng(1)
    a, g, dt = random_physical(rng, 8)
    force = rng.normal(size=(300, 8, 2))
    with jax.enable_x64(True):
        parameters = from_physical(*map(jnp.asarray, (a, g, dt)))
        scaled = jnp.asarray(force * dt[:, None] ** 2)  # f~ = dt^2 f
        x = jit_scan("sequential", *parameters, scaled)
        assert x.dtype == jnp.float64
    expected, _ = published(a, g, dt, force)
    assert relative(np.asarray(x), expected, (0, 2)).max() < 1e-12


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_agree_with_finite_differences(reverse):
    rng = np.random.default_rng(2)
    with jax.enable_x64(True):
        sigma = jnp.asarray(rng.uniform(0.05, 0.5, 4))
        delta = jnp.asarray(rng.uniform(0.1, 1.9, 4))
        g = jnp.asarray([1.0, -1.0, 1.0, -1.0])
        forcing, weight = jnp.asarray(rng.normal(size=(2, 24, 4, 2)))

        @jax.jit
        def loss(sigma, delta, forcing):
            x = oscillator_scan(
                sigma, delta, g, forcing, algorithm="sequential", reverse=reverse
            )
            return jnp.sum(weight * x)

        arguments = [sigma, delta, forcing]
        gradients = jax.grad(loss, argnums=(0, 1, 2))(*arguments)
        for index, gradient in enumerate(gradients):
            direction = jnp.asarray(rng.normal(size=gradient.shape))
            step = 1e-5

            def moved(by, index=index, direction=direction):
                changed = list(arguments)
                changed[index] = changed[index] + by * direction
                return loss(*changed)

            slope = (moved(step) - moved(-step)) / (2 * step)
            np.testing.assert_allclose(
                jnp.sum(gradient * direction), slope, rtol=1e-7, atol=1e-7
            )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_adjoint_identity(algorithm):
    """<scan f, h> = <f, reversed scan h>."""
    rng = np.random.default_rng(3)
    sigma, delta, g = from_poles(
        jnp.asarray(rng.uniform(0.01, 0.3, 5), jnp.float32),
        jnp.asarray(rng.uniform(0.05, 3.1, 5), jnp.float32),
    )
    f, h = rng.normal(size=(2, 13, 5, 2)).astype(np.float32)
    there = jit_scan(algorithm, sigma, delta, g, f)
    back = jit_scan(algorithm, sigma, delta, g, h, reverse=True)
    left = np.sum(np.asarray(there, np.float64) * h, (0, 2))
    right = np.sum(np.asarray(back, np.float64) * f, (0, 2))
    size = np.linalg.norm(there, axis=(0, 2)) * np.linalg.norm(h, axis=(0, 2))
    assert (np.abs(left - right) / size).max() < 1e-6


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_mirror_identity(algorithm):
    """f_k -> (-1)^k f_k and a -> 4 + 2 sigma - a give x_k -> (-1)^k x_k."""
    rng = np.random.default_rng(4)
    sigma = jnp.asarray(rng.uniform(0.01, 0.5, 5), jnp.float32)
    delta = jnp.asarray(rng.uniform(0.0, 2.0, 5), jnp.float32)
    f = rng.normal(size=(13, 5, 2)).astype(np.float32)
    sign = np.where(np.arange(13) % 2, -1.0, 1.0)[:, None, None].astype(np.float32)
    low = jit_scan(algorithm, sigma, delta, jnp.ones(5), f)
    high = jit_scan(algorithm, sigma, delta, -jnp.ones(5), sign * f)
    np.testing.assert_array_equal(high, sign * low)


def some_oscillators(seed, count=5):
    rng = np.random.default_rng(seed)
    return from_poles(
        jnp.asarray(rng.uniform(0.01, 0.3, count), jnp.float32),
        jnp.asarray(rng.uniform(0.05, 3.1, count), jnp.float32),
    )


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_causal(algorithm, reverse):
    f = np.random.default_rng(5).normal(size=(13, 5, 2)).astype(np.float32)
    changed = f.copy()
    changed[7] += 1.0
    before, after = (
        np.asarray(jit_scan(algorithm, *some_oscillators(5), force, reverse=reverse))
        for force in (f, changed)
    )
    moved = np.abs(before - after).max((1, 2)) > 0
    reached = np.arange(13) <= 7 if reverse else np.arange(13) > 6
    np.testing.assert_array_equal(moved, reached)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_shift_invariant(algorithm):
    f = np.random.default_rng(6).normal(size=(13, 5, 2)).astype(np.float32)
    late = np.concatenate([np.zeros_like(f[:6]), f[:-6]])
    x, x_late = (
        jit_scan(algorithm, *some_oscillators(6), force) for force in (f, late)
    )
    np.testing.assert_allclose(x_late[6:], x[:-6], atol=1e-5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_linear_in_the_forcing_and_channels_never_mix(algorithm):
    f, h = np.random.default_rng(7).normal(size=(2, 13, 5, 2)).astype(np.float32)
    scan = functools.partial(jit_scan, algorithm, *some_oscillators(7))
    np.testing.assert_allclose(
        scan(2 * f - 3 * h), 2 * scan(f) - 3 * scan(h), atol=1e-4
    )
    quiet = f * np.array([1.0, 0.0], np.float32)
    np.testing.assert_array_equal(scan(quiet)[..., 1], 0.0)
    np.testing.assert_array_equal(scan(quiet)[..., 0], scan(f)[..., 0])


@given(
    sigma=st.floats(1e-6, 10.0),
    share=st.floats(1e-3, 1.0),
    side=st.sampled_from([1.0, -1.0]),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_energy_never_grows_without_forcing(sigma, share, side, seed):
    """E = w^2 + (sigma - delta) w x + delta x^2 falls by S each step.

    Here w_k = x_k - g x_{k-1}. The step's matrix M has M^T Q M = det(M) Q = Q / S, and
    Q is positive for every oscillator with complex poles.
    """
    edge = (np.sqrt(1 + sigma) - 1) ** 2
    delta = edge + share * (2 + sigma - edge)
    force = np.zeros((64, 1, 2))
    force[:3, 0] = np.random.default_rng(seed).normal(size=(3, 2))
    with jax.enable_x64(True):
        parameters = (jnp.full(1, value) for value in (sigma, delta, side))
        x = np.asarray(jit_scan("sequential", *parameters, jnp.asarray(force)))[:, 0]
    x, before = x[3:], x[2:-1]
    x, w = x, x - side * before
    size = w**2 + delta * x**2
    energy = w**2 + side * (sigma - delta) * w * x * side + delta * x**2
    assert (energy >= -1e-12 * size).all()
    np.testing.assert_allclose(
        energy[1:] * (1 + sigma), energy[:-1], rtol=0, atol=1e-9 * size[:-1].max()
    )


@given(log_decay=st.floats(-13.8, 3.0), angle=st.floats(0.0, np.pi))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_poles_come_back_and_are_stable(log_decay, angle):
    """The eigenvalues of the published matrix are exp(-decay +- i angle)."""
    decay, angle = np.float32(np.exp(log_decay)), np.float32(angle)
    sigma, delta, g = (float(v) for v in from_poles(jnp.float32(decay), angle))
    a = delta if g > 0 else 4 + 2 * sigma - delta
    s = 1 + sigma
    eigenvalues = np.linalg.eigvals([[1 / s, -a / s], [1 / s, 1 - a / s]])
    assert np.abs(eigenvalues).max() < 1
    # Trace and determinant, not the eigenvalues: at a band edge, a double root, a
    # rounding error e of the parameters moves those by sqrt(e).
    radius = np.exp(-np.float64(decay))
    np.testing.assert_allclose(1 / s, radius**2, rtol=1e-5)
    np.testing.assert_allclose(
        1 + 1 / s - a / s, 2 * radius * np.cos(np.float64(angle)), atol=1e-6
    )


def test_jury_criterion_equals_spectral_radius_of_poles():
    """poles() gives the radius, on a grid over and beyond under- and overdamping."""
    sigma, delta = np.meshgrid(np.linspace(0.01, 6, 25), np.linspace(0.0, 1.0, 25))
    sigma, delta = sigma.ravel(), (delta * (2 + sigma)).ravel()
    for g in (1.0, -1.0):
        radius, angle = poles(
            *(jnp.asarray(v, jnp.float32) for v in (sigma, delta, g + 0 * sigma))
        )
        a = delta if g > 0 else 4 + 2 * sigma - delta
        s = 1 + sigma
        matrix = np.stack(
            [np.stack([1 / s, -a / s], -1), np.stack([1 / s, 1 - a / s], -1)], -2
        )
        eigenvalues = np.linalg.eigvals(matrix)
        expected = np.abs(eigenvalues).max(-1)
        assert (expected <= 1 + 1e-9).all()
        np.testing.assert_allclose(radius, expected, atol=1e-4)
        under = (1 - np.sqrt(s)) ** 2 < 0.999 * a
        under &= 1.001 * a < (1 + np.sqrt(s)) ** 2
        turn = np.abs(np.angle(eigenvalues)).max(-1)
        np.testing.assert_allclose(angle[under], turn[under], atol=1e-3)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_parameters_broadcast_over_the_batch(algorithm):
    """(P,) equals (B, P) of equal rows; rows of their own equal single runs."""
    rng = np.random.default_rng(8)
    f, cotangent = rng.normal(size=(2, 3, 7, 5, 2)).astype(np.float32)
    shared = some_oscillators(8)
    tiled = [jnp.tile(value, (3, 1)) for value in shared]
    x, (d_sigma, d_delta, d_force) = scan_and_gradient(
        algorithm, False, *shared, f, cotangent
    )
    x_tiled, (ds_tiled, dd_tiled, df_tiled) = scan_and_gradient(
        algorithm, False, *tiled, f, cotangent
    )
    np.testing.assert_array_equal(x, x_tiled)
    np.testing.assert_array_equal(d_force, df_tiled)
    assert d_sigma.shape == (5,) and ds_tiled.shape == (3, 5)
    np.testing.assert_allclose(d_sigma, ds_tiled.sum(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(d_delta, dd_tiled.sum(0), rtol=1e-4, atol=1e-4)

    own = [
        jnp.stack(rows) for rows in zip(*map(some_oscillators, range(3)), strict=True)
    ]
    together = jit_scan(algorithm, *own, f)
    for b in range(3):
        alone = jit_scan(algorithm, *some_oscillators(b), f[b])
        np.testing.assert_allclose(together[b], alone, atol=1e-5)

    # A leading axis of one is shared too, and its gradient keeps that axis.
    _, (d_sigma_one, _, _) = scan_and_gradient(
        algorithm, False, *(value[None] for value in shared), f, cotangent
    )
    np.testing.assert_allclose(d_sigma_one, d_sigma[None], rtol=1e-5)


def test_unknown_algorithm_is_refused():
    with pytest.raises(ValueError, match="'tree' is not one of"):
        oscillator_scan(*some_oscillators(0), jnp.zeros((4, 5, 2)), algorithm="tree")
