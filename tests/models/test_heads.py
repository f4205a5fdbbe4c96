"""Bridged gaps against numpy, and what each head reads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.models.heads import (
    Perceptron,
    ReconstructionHead,
    TransferHead,
    interpolate_gaps,
)

POINTS = 40
AXIS = np.sort(np.random.default_rng(0).uniform(500, 4000, POINTS)).astype(np.float32)


def test_bridge_is_linear_interpolation_between_visible_points():
    """Uneven axis, gaps at both ends, one visible point, all visible."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(6, POINTS)).astype(np.float32)
    visible = rng.uniform(size=values.shape) < 0.5
    visible[1, :10] = visible[2, -10:] = False
    visible[3] = np.arange(POINTS) == 17
    visible[4] = True
    seen = np.where(visible, values, np.nan).astype(np.float32)
    bridged = jax.jit(interpolate_gaps)
    for axis in (AXIS, np.tile(AXIS, (6, 1))):
        out = bridged(seen, visible, axis)
        for row in range(6):
            mark = visible[row]
            wanted = np.interp(AXIS, AXIS[mark], values[row][mark])
            np.testing.assert_allclose(out[row], wanted, atol=1e-5)
            np.testing.assert_array_equal(out[row][mark], values[row][mark])


def test_bridge_holds_the_last_value_over_padding():
    """Padding tokens repeat the last wavenumber."""
    axis = AXIS.copy()
    axis[30:] = axis[29]
    values = np.random.default_rng(2).normal(size=(1, POINTS)).astype(np.float32)
    visible = (np.arange(POINTS) < 30)[None]
    out = np.asarray(jax.jit(interpolate_gaps)(values, visible, axis))
    np.testing.assert_array_equal(out[0, :30], values[0, :30])
    np.testing.assert_array_equal(out[0, 30:], values[0, 29])


def test_bridge_over_everything_shows_nothing_of_what_is_hidden():
    values = np.random.default_rng(3).normal(size=(3, POINTS)).astype(np.float32)
    visible = np.zeros_like(values, bool)
    visible[1, 5] = True
    values[2] = np.nan
    out = np.asarray(jax.jit(interpolate_gaps)(values, visible, AXIS))
    np.testing.assert_array_equal(out[[0, 2]], 0.0)
    np.testing.assert_array_equal(out[1], values[1, 5])


def reconstruction(random_parameters, stride, tokens, width=16):
    """A head with random weights as a function, and what it reads."""
    rng = np.random.default_rng(3)
    shapes = (3, tokens, width), (3, 7), (3, tokens * stride)
    read = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    read.insert(1, np.ones((3, tokens, 1), bool))
    module = ReconstructionHead(stride=stride)
    params = random_parameters(module, *read)
    run = jax.jit(module.apply)
    return params, read, lambda params, *read: np.asarray(run(params, *read))


def test_reconstruction_adds_to_the_bridge(random_parameters):
    params, (tokens, valid, z, bridged), run = reconstruction(random_parameters, 8, 5)
    out = run(params, tokens, valid, z, bridged)
    assert out.shape == (3, POINTS, 2) and out.dtype == np.float32
    # Blind to the bridge, it adds the same to any.
    near = params["params"]["near"]
    near["kernel"] = jnp.asarray(near["kernel"]).at[:, 16:].set(0.0)
    blind, zero = (run(params, tokens, valid, z, x) for x in (bridged, 0 * bridged))
    np.testing.assert_allclose(blind - zero, bridged[..., None] * [1, 1], atol=1e-5)
    assert np.abs(blind - out).max() > 0.01
    # Both channels are there.
    assert np.abs(zero[..., 0] - zero[..., 1]).max() > 0.01
    moved = np.abs(run(params, tokens, valid, z[::-1], bridged) - blind) > 0
    assert moved.any(-1).mean() > 0.6  # the latents write everywhere: all but one row


@pytest.mark.parametrize("stride", [8, 4, 1])
def test_reconstruction_looks_as_far_whatever_the_stride(random_parameters, stride):
    """4 + 2 steps of 8 points to each side: across a gap of 100 cm-1, 58 points."""
    count = 160 // stride
    params, read, run = reconstruction(random_parameters, stride, count)
    out = run(params, *read)
    reach = 6 * 8 // stride
    for which, per in ((0, 1), (3, stride)):  # a token, and what the bridge has there
        changed = [x.copy() for x in read]
        middle = count // 2 * per
        changed[which][:, middle : middle + per] *= -1.0
        moved = np.abs(run(params, *changed) - out).max((0, 2)) > 1e-6
        tokens = np.flatnonzero(moved.reshape(count, stride).any(axis=1))
        assert tokens.min() == count // 2 - reach
        assert tokens.max() == count // 2 + reach


def test_transfer_needs_only_latents_and_works_on_any_axis(random_parameters):
    rng = np.random.default_rng(4)
    chem, inst = rng.normal(size=(2, 3, 6)).astype(np.float32)
    module = TransferHead(rank=8)
    params = random_parameters(module, chem, inst, AXIS)
    run = jax.jit(module.apply)
    out = np.asarray(run(params, chem, inst, AXIS))
    assert out.shape == (3, POINTS) and out.dtype == np.float32
    np.testing.assert_allclose(
        run(params, chem, inst, np.tile(AXIS, (3, 1))), out, atol=1e-5
    )
    # A spectrum's value depends on its wavenumber alone, not on the grid.
    np.testing.assert_allclose(
        run(params, chem, inst, AXIS[::2].copy()), out[:, ::2], atol=1e-5
    )
    for other in (
        run(params, chem[::-1].copy(), inst, AXIS),
        run(params, chem, inst[::-1].copy(), AXIS),
    ):
        assert np.abs(np.asarray(other) - out).max() > 0.01
        np.testing.assert_allclose(other[1], out[1], atol=1e-5)


def test_perceptron_by_hand(random_parameters):
    x = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)
    module = Perceptron(hidden=6, features=2)
    params = random_parameters(module, x)
    p = params["params"]
    h = x @ p["hidden"]["kernel"] + p["hidden"]["bias"]
    h = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
    wanted = h @ p["out"]["kernel"] + p["out"]["bias"]
    np.testing.assert_allclose(jax.jit(module.apply)(params, x), wanted, atol=1e-5)
    low = jax.eval_shape(module.apply, params, x.astype(jnp.bfloat16))
    assert low.dtype == jnp.float32
