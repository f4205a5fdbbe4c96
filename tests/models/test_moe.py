"""Gating, splines, dense dispatch against one expert at a time, load statistics."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BSpline

from spektron_jax.models.moe import (
    GATE_NOISE,
    SPLINE_BASES,
    MixtureOfExperts,
    spline_bases,
    top_k_weights,
)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k_weights(k):
    logits = np.asarray(jax.random.normal(jax.random.key(0), (5, 7, 4)))
    weights = np.asarray(top_k_weights(logits, k))
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-6)
    assert ((weights > 0).sum(-1) == k).all()
    # Softmax of the k largest, by hand.
    order = np.argsort(-logits, -1)[..., :k]
    share = np.exp(np.take_along_axis(logits, order, -1))
    expected = share / share.sum(-1, keepdims=True)
    np.testing.assert_allclose(
        np.take_along_axis(weights, order, -1), expected, atol=1e-6
    )


def test_top_k_weights_of_ties_are_exactly_k_and_have_a_finite_gradient():
    logits = jnp.zeros((3, 4))
    assert (np.sum(np.asarray(top_k_weights(logits, 2)) > 0, -1) == 2).all()
    gradient = jax.grad(lambda x: jnp.sum(top_k_weights(x, 2)[:, 0] ** 2))(logits)
    assert np.isfinite(gradient).all() and (gradient != 0).any()


def test_splines_are_the_cubic_b_splines():
    x = np.linspace(-1.0, 1.0 - 1e-6, 301)
    knots = -1 + 0.4 * np.arange(-3, 9)
    expected = BSpline.design_matrix(x, knots, 3).toarray()
    bases = np.asarray(spline_bases(jnp.asarray(x, jnp.float32)))
    assert bases.shape == (301, SPLINE_BASES)
    np.testing.assert_allclose(bases, expected, atol=1e-5)


def test_splines_sum_to_one_and_are_local():
    x = np.linspace(-1.0, 1.0, 401).astype(np.float32)  # both ends included
    bases = np.asarray(spline_bases(x))
    np.testing.assert_allclose(bases.sum(-1), 1.0, atol=1e-5)
    assert (bases > -1e-6).all()
    assert ((bases > 1e-6).sum(-1) <= 4).all()
    for j in range(SPLINE_BASES):  # base j lives on knots j .. j + 4
        reach = x[bases[:, j] > 1e-6]
        low, high = -1 + 0.4 * (j - 3), -1 + 0.4 * (j + 1)
        assert low - 1e-5 <= reach.min() and reach.max() <= high + 1e-5


@functools.cache
def make(kan=False):
    """Apply function, parameters, tokens (2, 10, 8), two of them padding."""
    module = MixtureOfExperts(experts=4, top_k=2, expert_width=6, kan=kan)
    x = jax.random.normal(jax.random.key(0), (2, 10, 8))
    valid = jnp.ones((2, 10, 1)).at[1, 8:].set(0.0)
    params = jax.jit(module.init)(jax.random.key(1), x, valid, None)["params"]
    params["bias"] = 0.3 * jax.random.normal(jax.random.key(9), params["bias"].shape)

    @jax.jit
    def apply(params, x, valid, keys):
        return module.apply({"params": params}, x, valid, keys)

    return apply, params, x, valid


def silu(x):
    return x / (1 + np.exp(-x))


@pytest.mark.parametrize("kan", [False, True])
def test_dense_dispatch_equals_running_the_chosen_experts_alone(kan):
    apply, params, x, valid = make(kan)
    y, _ = apply(params, x, valid, None)
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    knots = -1 + 0.4 * np.arange(-3, 9)
    for b, t in ((0, 0), (0, 7), (1, 3)):
        token = np.asarray(x[b, t], np.float64)
        h = (token - token.mean()) / np.sqrt(token.var() + 1e-6)
        logits = h @ p["gate"]["kernel"]
        chosen = np.argsort(-logits)[:2]
        gate = np.exp(logits[chosen]) / np.exp(logits[chosen]).sum()
        wanted = token.copy()
        for e, weight in zip(chosen, gate, strict=True):
            own = slice(6 * e, 6 * e + 6)
            hidden = h @ p["into"][:, own] + p["bias"][own]
            if kan:
                out = silu(hidden) @ p["out"][own]
                bases = BSpline.design_matrix(np.tanh(hidden), knots, 3).toarray()
                out += np.einsum("fk,fkd->d", bases, p["curve"][own])
            else:
                out = np.asarray(jax.nn.gelu(hidden)) @ p["out"][own]
            wanted += weight * out
        np.testing.assert_allclose(y[b, t], wanted, atol=1e-5)


def test_load_and_importance_are_shares_of_valid_tokens():
    apply, params, x, valid = make()
    _, gate = apply(params, x, valid, None)
    for name in ("load", "importance"):
        assert gate[name].shape == (2, 4)
        np.testing.assert_allclose(gate[name].sum(-1), 1.0, atol=1e-5)
    # What stands in padding tokens does not count.
    other = x.at[1, 8:].multiply(-5.0)
    _, same = apply(params, other, valid, None)
    np.testing.assert_array_equal(gate["load"], same["load"])
    np.testing.assert_allclose(gate["importance"], same["importance"], atol=1e-6)
    # Load by counting: 2 calls per valid token.
    h = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-6)
    order = np.argsort(-np.asarray(h @ params["gate"]["kernel"]), -1)[..., :2]
    for b, tokens in ((0, 10), (1, 8)):
        count = np.bincount(order[b, :tokens].ravel(), minlength=4)
        np.testing.assert_allclose(gate["load"][b], count / (2 * tokens), atol=1e-6)


def test_gate_noise_acts_only_with_keys_and_leaves_importance_alone():
    apply, params, x, valid = make()
    # A flat gate, so that noise alone decides.
    params = params | {"gate": {"kernel": 1e-3 * params["gate"]["kernel"]}}

    def run(keys):
        return apply(params, x, valid, keys)

    calm, statistics = run(None)
    np.testing.assert_array_equal(calm, run(None)[0])
    keys = jax.random.split(jax.random.key(5), 2)
    noisy, noisy_statistics = run(keys)
    assert np.abs(noisy - calm).max() > 1e-3
    np.testing.assert_allclose(
        noisy_statistics["importance"], statistics["importance"], atol=1e-6
    )
    assert GATE_NOISE == 0.1
    # An example's noise comes from its own key.
    alone, _ = apply(params, x[1:], valid[1:], keys[1:])
    np.testing.assert_allclose(alone[0], noisy[1], atol=1e-5)


def test_kan_curve_is_used_and_every_parameter_has_a_gradient():
    for kan in (False, True):
        apply, params, x, valid = make(kan)
        weight = jax.random.normal(jax.random.key(7), x.shape)

        def loss(params, apply=apply, x=x, valid=valid, weight=weight):
            y, gate = apply(params, x, valid, None)
            return jnp.sum(weight * y) + jnp.sum(gate["importance"][:, 0])

        gradient = jax.jit(jax.grad(loss))(params)
        assert ("curve" in gradient) == kan
        for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
            assert np.isfinite(leaf).all(), path
            assert (leaf != 0).any(), path
    # Without its splines the KAN expert is another function.
    y, _ = apply(params, x, valid, None)
    flat = params | {"curve": jnp.zeros_like(params["curve"])}
    assert np.abs(y - apply(flat, x, valid, None)[0]).max() > 1e-3


def test_one_trace_serves_every_routing():
    apply, params, x, valid = make()
    traces = []

    @jax.jit
    def run(params, x):
        traces.append(x.shape)
        return apply(params, x, valid, None)

    _, even = run(params, x)
    # All tokens to experts 0 and 1.
    pulled = params | {"gate": {"kernel": jnp.zeros((8, 4)).at[:, :2].set(1.0)}}
    pulled["gate"]["kernel"] *= jnp.sign(x[0, 0])[:, None]
    _, other = run(pulled, jnp.broadcast_to(x[0, 0], x.shape))
    assert len(traces) == 1
    np.testing.assert_allclose(other["load"], [[0.5, 0.5, 0, 0]] * 2, atol=1e-6)
    assert np.abs(even["load"] - other["load"]).max() > 0.1


def test_bfloat16_splines_still_sum_to_about_one():
    x = jnp.linspace(-1.0, 1.0, 101, dtype=jnp.bfloat16)
    total = np.asarray(spline_bases(x).astype(jnp.float32)).sum(-1)
    np.testing.assert_allclose(total, 1.0, atol=0.05)  # bfloat16 has 8 bits
