"""Tokens: no leak from hidden points, none from invalid ones, linear in intensity."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.models.embedding import Embedding, wavenumber_features

POINTS, WIDTH = 64, 16
AXIS = np.linspace(500.0, 4000.0, POINTS).astype(np.float32)
MODALITY = np.array([1, 2], np.int32)
NOTHING = np.zeros((2, POINTS), bool)
EVERYTHING = np.ones((2, POINTS), bool)


@pytest.fixture(scope="module")
def make(random_parameters):
    """make(stride): function of Embedding's inputs, and the parameters."""

    @functools.cache
    def made(stride):
        module = Embedding(WIDTH, kernel=15, stride=stride)
        inputs = (spectra(), AXIS, EVERYTHING, MODALITY, NOTHING)
        params = random_parameters(module, *inputs)
        return jax.jit(functools.partial(module.apply, params)), params["params"]

    return made


def spectra(seed=0):
    return np.random.default_rng(seed).normal(size=(2, POINTS)).astype(np.float32)


def some_points(seed, share=0.4):
    return np.random.default_rng(seed).uniform(size=(2, POINTS)) < share


@pytest.mark.parametrize("stride", [1, 8])
def test_hidden_values_change_no_token(make, stride):
    embed, _ = make(stride)
    hidden = some_points(1)
    values = spectra()
    other = np.where(hidden, 100 * spectra(2), values)
    tokens, _ = embed(values, AXIS, EVERYTHING, MODALITY, hidden)
    same, _ = embed(other, AXIS, EVERYTHING, MODALITY, hidden)
    np.testing.assert_array_equal(tokens, same)
    # The test can fail: without hiding, the same change shows everywhere.
    seen, _ = embed(other, AXIS, EVERYTHING, MODALITY, NOTHING)
    assert (np.abs(np.asarray(seen) - tokens).max(-1)[:, 2:] > 0.01).all()


@pytest.mark.parametrize("stride", [1, 8])
def test_invalid_values_change_nothing_not_even_nan(make, stride):
    embed, _ = make(stride)
    valid = ~some_points(3)
    values = spectra()
    hidden = some_points(4, 0.2)
    tokens, alive = embed(values, AXIS, valid, MODALITY, hidden)
    for filler in (0.0, 1e6, np.nan):
        other = np.where(valid, values, filler).astype(np.float32)
        same, _ = embed(other, AXIS, valid, MODALITY, hidden)
        np.testing.assert_array_equal(tokens, same)
    # Nor does it matter whether an invalid point is called hidden.
    same, _ = embed(values, AXIS, valid, MODALITY, hidden & valid)
    np.testing.assert_array_equal(tokens, same)
    wanted = valid.reshape(2, -1, stride).any(-1)
    np.testing.assert_array_equal(alive[:, 2:, 0], wanted)
    np.testing.assert_array_equal(alive[:, :2], 1.0)
    assert (np.asarray(tokens)[:, 2:][~wanted] == 0).all()


def test_a_hidden_token_is_the_mask_token_at_its_wavenumber(make):
    embed, params = make(1)
    hidden = some_points(5)
    tokens, _ = embed(spectra(), AXIS, EVERYTHING, MODALITY, hidden)
    position = (
        np.asarray(wavenumber_features(AXIS, WIDTH)) @ params["position"]["kernel"]
    )
    wanted = params["mask_token"] + position + params["position"]["bias"]
    for row in range(2):
        np.testing.assert_allclose(
            tokens[row, 2:][hidden[row]], wanted[hidden[row]], atol=1e-5
        )


def test_a_value_reaches_the_tokens_under_the_kernel(make):
    for stride in (1, 8):
        embed, _ = make(stride)
        values = spectra()
        changed = values.copy()
        changed[:, 32] += 1.0
        before, _ = embed(values, AXIS, EVERYTHING, MODALITY, NOTHING)
        after, _ = embed(changed, AXIS, EVERYTHING, MODALITY, NOTHING)
        moved = np.abs(np.asarray(after) - before).max((0, 2))[2:] > 0
        first = np.arange(POINTS // stride) * stride - (15 - stride) // 2
        np.testing.assert_array_equal(moved, (first <= 32) & (32 < first + 15))


def test_tokens_are_affine_in_intensity(make):
    """No normalisation: peaks twice as high move the token twice as far."""
    for stride in (1, 8):
        embed, _ = make(stride)
        empty, once, twice = (
            np.asarray(embed(k * spectra(), AXIS, EVERYTHING, MODALITY, NOTHING)[0])
            for k in (0.0, 1.0, 2.0)
        )
        np.testing.assert_allclose(twice - once, once - empty, atol=1e-5)
        assert np.abs(once - empty)[:, 2:].max() > 0.1


def test_position_is_the_wavenumber_not_the_index(make):
    """The same place on another grid has the same features; places differ."""
    fine = np.linspace(500.0, 4000.0, 2 * POINTS - 1).astype(np.float32)
    a, b = (np.asarray(wavenumber_features(x, WIDTH)) for x in (AXIS, fine[::2]))
    # Phases up to 4000 / 16 turns in float32.
    np.testing.assert_allclose(a, b, atol=1e-3)
    near = np.abs(a[:, None] - a[None]).max(-1)
    assert (near[~np.eye(POINTS, dtype=bool)] > 0.05).all()
    embed, _ = make(1)
    shifted, _ = embed(spectra(), AXIS + 40.0, EVERYTHING, MODALITY, NOTHING)
    tokens, _ = embed(spectra(), AXIS, EVERYTHING, MODALITY, NOTHING)
    assert (np.abs(np.asarray(shifted) - tokens).max(-1)[:, 2:] > 0.01).all()
    np.testing.assert_array_equal(shifted[:, :2], tokens[:, :2])


def test_shared_axis_equals_one_axis_for_each_spectrum(make):
    for stride in (1, 8):
        embed, _ = make(stride)
        shared, _ = embed(spectra(), AXIS, EVERYTHING, MODALITY, NOTHING)
        own, _ = embed(spectra(), np.tile(AXIS, (2, 1)), EVERYTHING, MODALITY, NOTHING)
        np.testing.assert_allclose(shared, own, atol=1e-6)


def test_cls_and_domain_stand_first(make):
    embed, params = make(8)
    tokens, _ = embed(spectra(), AXIS, EVERYTHING, MODALITY, NOTHING)
    assert tokens.shape == (2, POINTS // 8 + 2, WIDTH)
    np.testing.assert_array_equal(tokens[:, 0], np.tile(params["cls"], (2, 1)))
    np.testing.assert_array_equal(tokens[:, 1], params["domain"]["embedding"][MODALITY])
    other, _ = embed(spectra(), AXIS, EVERYTHING, MODALITY[::-1].copy(), NOTHING)
    np.testing.assert_array_equal(other[:, 2:], tokens[:, 2:])


def test_compute_type_is_the_one_asked_for(random_parameters):
    module = Embedding(WIDTH, stride=8, dtype=jnp.bfloat16)
    inputs = (spectra(), AXIS, EVERYTHING, MODALITY, NOTHING)
    params = random_parameters(module, *inputs)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype("float32")}
    tokens, alive = jax.eval_shape(lambda *x: module.apply(params, *x), *inputs)
    assert tokens.dtype == jnp.bfloat16 and alive.dtype == jnp.float32
