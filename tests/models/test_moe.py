"""Gating, splines, dense dispatch against one expert at a time, load statistics."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BSpline

from spektron_jax.models.moe import (
    SPLINE_BASES,
    MixtureOfExperts,
    spline_bases,
    top_k_weights,
)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k_weights(k):
    logits = np.random.default_rng(0).normal(size=(5, 7, 4)).astype(np.float32)
    weights = np.asarray(jax.jit(top_k_weights, static_argnums=1)(logits, k))
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-6)
    assert ((weights > 0).sum(-1) == k).all()
    # Softmax of the k largest, by hand.
    order = np.argsort(-logits, -1)[..., :k]
    share = np.exp(np.take_along_axis(logits, order, -1))
    expected = share / share.sum(-1, keepdims=True)
    np.testing.assert_allclose(
        np.take_along_axis(weights, order, -1), expected, atol=1e-6
    )


def test_given_routing_is_kept_whatever_the_logits_say():
    logits = np.array([[3.0, 2.0, 1.0, 0.0]], np.float32)
    routing = np.array([[False, True, False, True]])
    weights = np.asarray(top_k_weights(logits, 2, routing))
    expected = np.exp([2.0, 0.0]) / np.exp([2.0, 0.0]).sum()
    np.testing.assert_allclose(weights[0, [1, 3]], expected, rtol=1e-6)
    assert (weights[0, [0, 2]] == 0).all()


def test_top_k_weights_of_ties_are_exactly_k_and_have_a_finite_gradient():
    @jax.jit
    def both(logits):
        weights, pull = jax.vjp(lambda logits: top_k_weights(logits, 2), logits)
        return weights, *pull(jnp.eye(1, 4) * jnp.ones((3, 1)))

    weights, gradient = map(np.asarray, both(np.zeros((3, 4), np.float32)))
    assert ((weights > 0).sum(-1) == 2).all()
    assert np.isfinite(gradient).all() and (gradient != 0).any()


def test_splines_are_the_cubic_b_splines():
    x = np.linspace(-1.0, 1.0 - 1e-6, 301)
    knots = -1 + 0.4 * np.arange(-3, 9)
    expected = BSpline.design_matrix(x, knots, 3).toarray()
    bases = np.asarray(jax.jit(spline_bases)(x.astype(np.float32)))
    assert bases.shape == (301, SPLINE_BASES)
    np.testing.assert_allclose(bases, expected, atol=1e-5)


def test_splines_sum_to_one_and_are_local():
    x = np.linspace(-1.0, 1.0, 401).astype(np.float32)  # both ends included
    bases = np.asarray(jax.jit(spline_bases)(x))
    np.testing.assert_allclose(bases.sum(-1), 1.0, atol=1e-5)
    assert (bases > -1e-6).all()
    assert ((bases > 1e-6).sum(-1) <= 4).all()
    for j in range(SPLINE_BASES):  # base j lives on knots j .. j + 4
        reach = x[bases[:, j] > 1e-6]
        low, high = -1 + 0.4 * (j - 3), -1 + 0.4 * (j + 1)
        assert low - 1e-5 <= reach.min() and reach.max() <= high + 1e-5


@pytest.fixture(scope="module")
def make(random_parameters):
    """make(kan): function, parameters, tokens (2, 10, 8), validity (two are padding).

    function(params, x, valid, keys): the module's output.
    """

    @functools.cache
    def made(kan=False):
        module = MixtureOfExperts(experts=4, top_k=2, expert_width=6, kan=kan)
        x = np.random.default_rng(0).normal(size=(2, 10, 8)).astype(np.float32)
        valid = np.ones((2, 10, 1), np.float32)
        valid[1, 8:] = 0.0
        params = random_parameters(module, x, valid, None)["params"]

        @jax.jit
        def run(params, x, valid, keys):
            return module.apply({"params": params}, x, valid, keys)

        return run, params, x, valid

    return made


def normed(x, params):
    x = np.asarray(x, np.float64)
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    return x * params["norm"]["scale"] + params["norm"]["bias"]


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x / (1 + np.exp(-x))


@pytest.mark.parametrize("kan", [False, True])
def test_dense_dispatch_equals_running_the_chosen_experts_alone(make, kan):
    run, params, x, valid = make(kan)
    y, _ = run(params, x, valid, None)
    y = np.asarray(y)
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    knots = -1 + 0.4 * np.arange(-3, 9)
    h_all = normed(x, params)
    for b, t in np.ndindex(2, 10):
        h = h_all[b, t]
        logits = h @ p["gate"]["kernel"]
        chosen = np.argsort(-logits)[:2]
        gate = np.exp(logits[chosen]) / np.exp(logits[chosen]).sum()
        wanted = x[b, t].astype(np.float64)
        for e, weight in zip(chosen, gate, strict=True):
            own = slice(6 * e, 6 * e + 6)
            hidden = h @ p["into"][:, own] + p["bias"][own]
            if kan:
                out = silu(hidden) @ p["out"][own]
                bases = BSpline.design_matrix(np.tanh(hidden), knots, 3).toarray()
                out += np.einsum("fk,fkd->d", bases, p["curve"][own])
            else:
                out = gelu(hidden) @ p["out"][own]
            wanted += weight * out
        np.testing.assert_allclose(y[b, t], wanted, rtol=1e-5, atol=1e-5)


def test_load_and_importance_are_shares_of_valid_tokens(make):
    run, params, x, valid = make()
    _, gate = run(params, x, valid, None)
    for name in ("load", "importance"):
        assert gate[name].shape == (2, 4)
        np.testing.assert_allclose(np.sum(gate[name], -1), 1.0, atol=1e-5)
    # What stands in padding tokens does not count.
    other = x.copy()
    other[1, 8:] = -5.0 * np.roll(x[1, 8:], 1, -1)
    _, same = run(params, other, valid, None)
    np.testing.assert_array_equal(gate["load"], same["load"])
    np.testing.assert_allclose(gate["importance"], same["importance"], atol=1e-6)
    # By hand: two calls for each valid token; softmax over all four.
    logits = normed(x, params) @ params["gate"]["kernel"]
    order = np.argsort(-logits, -1)[..., :2]
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for b, tokens in ((0, 10), (1, 8)):
        count = np.bincount(order[b, :tokens].ravel(), minlength=4)
        np.testing.assert_allclose(gate["load"][b], count / (2 * tokens), atol=1e-6)
        mean = share[b, :tokens].mean(0)
        np.testing.assert_allclose(gate["importance"][b], mean, atol=1e-5)


def test_gate_noise_acts_only_with_keys_and_leaves_importance_alone(make):
    run, params, x, valid = make()
    calm, statistics = run(params, x, valid, None)
    keys = jax.random.split(jax.random.key(5), 2)
    noisy, noisy_statistics = run(params, x, valid, keys)
    np.testing.assert_allclose(
        noisy_statistics["importance"], statistics["importance"], atol=1e-6
    )
    assert np.abs(np.asarray(noisy) - calm).max() > 1e-3
    # An example's noise comes from its own key.
    swapped, _ = run(params, x[::-1], valid[::-1], keys[::-1])
    np.testing.assert_allclose(swapped[::-1], noisy, atol=1e-5)


@pytest.mark.parametrize("kan", [False, True])
def test_every_parameter_has_a_gradient(make, kan):
    run, params, x, valid = make(kan)
    weight = np.random.default_rng(7).normal(size=x.shape)

    @jax.jit
    @jax.grad
    def gradient(params):
        y, gate = run(params, x, valid, None)
        return jnp.sum(weight * y) + jnp.sum(gate["importance"][:, 0])

    result = gradient(params)
    assert ("curve" in result) == kan
    for path, leaf in jax.tree_util.tree_leaves_with_path(result):
        assert np.isfinite(leaf).all(), path
        # Splines are local: a token reaches 4 of a curve's 8 bases.
        share = np.mean(np.asarray(leaf) != 0)
        assert share > (0.5 if path[-1].key == "curve" else 0.99), path


def test_balance_pulls_on_the_gate_through_importance_alone(make):
    run, params, x, valid = make()

    @functools.partial(jax.jit, static_argnums=1)
    def pull(params, name):
        return jax.grad(
            lambda params: jnp.sum(run(params, x, valid, None)[1][name][:, 0])
        )(params)

    assert (np.asarray(pull(params, "importance")["gate"]["kernel"]) != 0).all()
    assert (np.asarray(pull(params, "load")["gate"]["kernel"]) == 0).all()


def test_one_trace_serves_every_routing(make):
    run, params, x, valid = make()
    _, even = run(params, x, valid, None)
    traces = run._cache_size()
    # One token everywhere, so that all go to the same two experts.
    _, other = run(params, np.broadcast_to(x[:1, :1], x.shape).copy(), valid, None)
    assert run._cache_size() == traces
    assert sorted(np.asarray(other["load"][0]).tolist()) == [0, 0, 0.5, 0.5]
    assert (np.asarray(even["load"]) > 0).all()


def test_bfloat16_splines_still_sum_to_about_one():
    x = np.linspace(-1.0, 1.0, 101, dtype=np.float32)
    total = jax.jit(spline_bases)(x.astype(jnp.bfloat16)).astype(np.float32).sum(-1)
    np.testing.assert_allclose(total, 1.0, atol=0.05)  # bfloat16 has 8 bits
