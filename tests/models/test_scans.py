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
from published_loop import (
    published,
    published_gradient,
    relative,
    scan_and_gradient,
    time_first,
)

from spektron_jax.models import scans
from spektron_jax.models.oscillators import from_physical, from_poles
from spektron_jax.models.scans import ALGORITHMS, scan


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    """Chunks of 4 points, so that 13 points are three chunks and a rest."""
    monkeypatch.setattr(scans, "CHUNK", 4)


@functools.partial(jax.jit, static_argnums=(0,), static_argnames="reverse")
def jit_scan(algorithm, sigma, delta, g, forcing, reverse=False):
    return scan(sigma, delta, g, forcing, algorithm=algorithm, reverse=reverse)[0]


def random_physical(rng, shape):
    """A, G, dt of oscillators over the whole band, underdamped and overdamped."""
    dt = rng.uniform(0.3, 1.0, shape)
    g = rng.uniform(0.01, 1.0, shape) / dt
    return rng.uniform(0.0, 4.0, shape) / dt**2, g, dt


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
            x, _ = scan(
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
    np.testing.assert_allclose(x, x_tiled, atol=1e-6)
    np.testing.assert_allclose(d_force, df_tiled, atol=1e-6)
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
        scan(*some_oscillators(0), jnp.zeros((4, 5, 2)), algorithm="tree")


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_halves_with_carried_state_are_one_run(algorithm, reverse):
    """Positions and every gradient, those through the carried state included."""
    rng = np.random.default_rng(9)
    sigma, delta, g = some_oscillators(9)
    f, cotangent = rng.normal(size=(2, 2, 13, 5, 2)).astype(np.float32)
    start = tuple(rng.normal(size=(2, 2, 5, 2)).astype(np.float32))
    end_weight = rng.normal(size=(2, 2, 5, 2)).astype(np.float32)

    def loss(sigma, delta, f, start, halves):
        parts = [f[:, :6], f[:, 6:]] if halves else [f]
        state, out = start, []
        for part in parts[::-1] if reverse else parts:
            x, state = scan(
                sigma, delta, g, part, algorithm=algorithm, reverse=reverse, state=state
            )
            out.append(x)
        x = jnp.concatenate(out[::-1] if reverse else out, 1)
        ends = sum(jnp.sum(w * v) for w, v in zip(end_weight, state, strict=True))
        return jnp.sum(cotangent * x) + ends, (x, state)

    run = jax.jit(
        jax.value_and_grad(loss, (0, 1, 2, 3), has_aux=True), static_argnums=4
    )
    whole, halves = (
        run(sigma, delta, f, start, False),
        run(sigma, delta, f, start, True),
    )
    for one, two in zip(jax.tree.leaves(whole), jax.tree.leaves(halves), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_gradients_of_the_state_agree_with_finite_differences(algorithm):
    rng = np.random.default_rng(10)
    with jax.enable_x64(True):
        sigma, delta = jnp.asarray(rng.uniform(0.05, 1.0, (2, 4)))
        g = jnp.asarray([1.0, -1.0, 1.0, -1.0])
        forcing = jnp.asarray(rng.normal(size=(11, 4, 2)))
        weight = jnp.asarray(rng.normal(size=(13, 4, 2)))

        @jax.jit
        def loss(sigma, delta, w, x):
            out, last = scan(
                sigma, delta, g, forcing, algorithm=algorithm, state=(w, x)
            )
            return jnp.sum(weight * jnp.concatenate([out, jnp.stack(last)]))

        arguments = [sigma, delta, *jnp.asarray(rng.normal(size=(2, 4, 2)))]
        gradients = jax.grad(loss, argnums=(0, 1, 2, 3))(*arguments)
        for index, gradient in enumerate(gradients):
            direction = jnp.asarray(rng.normal(size=gradient.shape))
            up, down = list(arguments), list(arguments)
            up[index] = up[index] + 1e-5 * direction
            down[index] = down[index] - 1e-5 * direction
            slope = (loss(*up) - loss(*down)) / 2e-5
            np.testing.assert_allclose(
                jnp.sum(gradient * direction), slope, rtol=1e-7, atol=1e-7
            )
