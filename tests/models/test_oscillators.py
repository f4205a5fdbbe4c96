"""Poles, stability, the guard, and the recurrence in the paper's parameters."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_loop import published

from spektron_jax.models.oscillators import (
    from_physical,
    from_poles,
    impulse_response,
    oscillator_scan,
    poles,
    project,
    stable,
    to_physical,
)


def random_physical(seed, count=40):
    """A, G, dt over the whole band and all its damping, float32."""
    rng = np.random.default_rng(seed)
    dt = rng.uniform(0.2, 1.0, count)
    damping = rng.uniform(0.0, 2.0, count) / dt
    stiffness = rng.uniform(0.0, 1.0, count) * (4 + 2 * dt * damping) / dt**2
    return [jnp.asarray(value, jnp.float32) for value in (stiffness, damping, dt)]


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
        found = poles(
            *(jnp.asarray(v, jnp.float32) for v in (sigma, delta, g + 0 * sigma))
        )
        radius, angle = found.radius, found.angle
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


def test_poles_near_the_edges_keep_their_digits_and_their_units():
    angle = jnp.asarray([1e-4, 1e-3, 1.0, jnp.pi - 1e-3], jnp.float32)
    decay = jnp.asarray([1e-6, 1e-4, 0.1, 1e-5], jnp.float32)
    found = poles(*from_poles(decay, angle), spacing_cm1=1.71)
    np.testing.assert_allclose(found.angle[:3], angle[:3], rtol=1e-5)
    np.testing.assert_allclose(jnp.pi - found.angle[3], 1e-3, rtol=1e-3)
    np.testing.assert_allclose(found.decay_points, 1 / decay, rtol=1e-4)
    np.testing.assert_allclose(found.decay_cm1, 1.71 / decay, rtol=1e-4)
    np.testing.assert_allclose(found.period_cm1[2], 2 * np.pi * 1.71, rtol=1e-5)
    bare = poles(*from_poles(decay, angle))
    assert bare.decay_cm1 is None and bare.period_cm1 is None


def test_physical_parameters_come_back():
    stiffness, damping, dt = random_physical(0)
    again = to_physical(*from_physical(stiffness, damping, dt), dt)
    np.testing.assert_allclose(again[0], stiffness, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(again[1], damping, rtol=1e-6)


def test_guard_leaves_stable_oscillators_alone_and_mends_the_others():
    stiffness, damping, dt = random_physical(1)
    valid = from_physical(stiffness, damping, dt)
    assert stable(*valid).all()
    for value, kept in zip(valid, project(*valid), strict=True):
        np.testing.assert_array_equal(value, kept)
    for broken in (
        from_physical(-stiffness - 0.1, damping, dt),
        from_physical((4.1 + 2 * dt * damping) / dt**2, damping, dt),
        from_physical(stiffness, -damping - 0.1, dt),
    ):
        assert not stable(*broken).all()
        assert stable(*project(*broken)).all()
        assert (poles(*project(*broken)).radius <= 1).all()


def test_clamp_of_the_design_documents_bounds_only_the_top_of_the_band():
    stiffness, damping, dt = random_physical(2)
    before = from_physical(stiffness, damping, dt)
    after, _ = to_physical(*project(*before, clamp=1.99), dt)
    ratio = dt * np.sqrt(stiffness)
    assert (ratio > 1.99).any() and (ratio < 1.99).any()
    np.testing.assert_allclose(
        dt * np.sqrt(after), np.minimum(ratio, 1.99), rtol=1e-5, atol=1e-6
    )


def test_scan_in_the_papers_parameters():
    stiffness, damping, dt = random_physical(3, count=6)
    force = np.random.default_rng(3).normal(size=(20, 6, 2)).astype(np.float32)
    expected, _ = published(stiffness, damping, dt, force)
    x = oscillator_scan(stiffness, damping, dt, force)
    np.testing.assert_allclose(x, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    first, state = oscillator_scan(stiffness, damping, dt, force[:7], return_state=True)
    second = oscillator_scan(stiffness, damping, dt, force[7:], state=state)
    np.testing.assert_allclose(np.concatenate([first, second]), x, atol=1e-5)


def test_scan_brings_unstable_values_back_and_does_not_explode():
    force = jnp.ones((300, 2, 2))
    x = oscillator_scan(jnp.asarray([-0.5, 9.0]), jnp.asarray([0.1, 0.1]), 1.0, force)
    assert np.isfinite(x).all() and np.abs(x).max() < 1e5


def test_impulse_response_is_the_damped_sine():
    decay, angle = jnp.asarray([0.05, 0.2]), jnp.asarray([0.3, 2.5])
    points = np.arange(30)[:, None]
    shape = np.exp(-decay * points) * np.sin(angle * (points + 1)) / np.sin(angle)
    found = impulse_response(*from_poles(decay, angle), 30)
    np.testing.assert_allclose(found, shape * found[0], atol=1e-6)


def test_force_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"3 oscillators need \(\.\.\., L, 3, 2\)"):
        oscillator_scan(jnp.ones(3), jnp.ones(3), 1.0, jnp.ones((5, 4, 2)))
