"""Block-wise attention on CPU against the plain one; the transformer block."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.models import transformer
from spektron_jax.models.transformer import TransformerBlock, attention


@pytest.mark.parametrize(
    ("scores", "length"), [(2**20, 37), (64, 37), (500, 37), (500, 24), (64, 1)]
)
def test_blocks_agree_with_plain_attention(monkeypatch, scores, length):
    """64 holds less than a row of 37 x 2, 500 a few rows, the last block ragged."""
    monkeypatch.setattr(transformer, "SCORES", scores)
    rng = np.random.default_rng(length)
    q, k, v, weight = rng.normal(size=(4, 3, length, 2, 4)).astype(np.float32)
    used = np.array([length, max(1, length // 2), 1])
    mask = np.arange(length) < used[:, None]

    def plain(q, k, v):
        return jax.nn.dot_product_attention(q, k, v, mask=mask[:, None, None])

    def blocked(q, k, v):
        return attention(q, k, v, jnp.asarray(mask))

    def both(function):
        out, pull = jax.vjp(function, q, k, v)
        return out, *pull(weight)

    found, expected = (jax.jit(both, static_argnums=0)(f) for f in (blocked, plain))
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-5)


def test_plain_attention_by_hand():
    """softmax(q k / sqrt(width)) v over the usable keys, in float64."""
    q, k, v = np.random.default_rng(0).normal(size=(3, 1, 5, 1, 4))
    mask = np.array([[True, True, False, True, False]])
    scores = q[0, :, 0] @ k[0, :, 0].T / 2.0
    share = np.where(mask[0], np.exp(scores), 0.0)
    expected = share / share.sum(-1, keepdims=True) @ v[0, :, 0]
    q, k, v = (x.astype(np.float32) for x in (q, k, v))
    out = jax.jit(attention)(q, k, v, mask)
    np.testing.assert_allclose(out[0, :, 0], expected, atol=1e-5)


ALIVE = np.ones((2, 12, 1), np.float32)


@pytest.fixture(scope="module")
def block(random_parameters):
    """A block's apply function, its parameters and tokens (2, 12, 8)."""
    module = TransformerBlock(heads=2, ff_width=16)
    x = np.random.default_rng(0).normal(size=(2, 12, 8)).astype(np.float32)
    params = random_parameters(module, x, ALIVE, train=False)
    return jax.jit(lambda params, x, alive: module.apply(params, x, alive, False)), (
        params,
        x,
    )


def test_padding_is_not_attended_to(block):
    apply, (params, x) = block
    alive = ALIVE.copy()
    alive[:, 9:] = 0.0
    out = apply(params, x, alive)
    other = x.copy()
    other[:, 9:] *= -3.0
    np.testing.assert_allclose(
        apply(params, other, alive)[:, :9], out[:, :9], atol=1e-6
    )
    short = apply(params, x[:, :9], ALIVE[:, :9])
    np.testing.assert_allclose(out[:, :9], short, atol=1e-5)


def test_block_is_residual_and_has_no_order_of_its_own(block):
    apply, (params, x) = block
    out = np.asarray(apply(params, x, ALIVE))
    order = np.random.default_rng(0).permutation(12)
    np.testing.assert_allclose(
        apply(params, x[:, order], ALIVE), out[:, order], atol=1e-5
    )
    silent = jax.tree.map(np.zeros_like, params)
    np.testing.assert_array_equal(apply(silent, x, ALIVE), x)


def test_dropout_acts_only_in_training(block):
    apply, (params, x) = block
    module = TransformerBlock(heads=2, ff_width=16, dropout=0.5)

    @functools.partial(jax.jit, static_argnums=1)
    def run(key, train):
        return module.apply(params, x, ALIVE, train, rngs={"dropout": key})

    first, second = (run(jax.random.key(seed), True) for seed in range(2))
    assert np.abs(np.asarray(first) - second).max() > 0.01
    np.testing.assert_allclose(
        run(jax.random.key(0), False), apply(params, x, ALIVE), atol=1e-5
    )
