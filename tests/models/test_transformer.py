"""Block-wise attention on CPU against the plain one; the transformer block."""

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
    q, k, v, weight = jax.random.normal(jax.random.key(length), (4, 3, length, 2, 4))
    used = jnp.asarray([length, max(1, length // 2), 1])
    mask = jnp.arange(length) < used[:, None]

    def plain(q, k, v):
        return jax.nn.dot_product_attention(q, k, v, mask=mask[:, None, None])

    def loss(function):
        return lambda *inputs: jnp.sum(weight * function(*inputs))

    def blocked(q, k, v):
        return attention(q, k, v, mask)

    out, wanted = jax.jit(blocked)(q, k, v), jax.jit(plain)(q, k, v)
    np.testing.assert_allclose(out, wanted, atol=1e-5)
    gradient = jax.jit(jax.grad(loss(blocked), argnums=(0, 1, 2)))(q, k, v)
    expected = jax.jit(jax.grad(loss(plain), argnums=(0, 1, 2)))(q, k, v)
    for value, wanted in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-5)


def test_plain_attention_by_hand():
    """softmax(q k / sqrt(width)) v over the usable keys, in float64."""
    q, k, v = np.random.default_rng(0).normal(size=(3, 1, 5, 1, 4))
    mask = np.array([[True, True, False, True, False]])
    scores = q[0, :, 0] @ k[0, :, 0].T / 2.0
    share = np.where(mask[0], np.exp(scores), 0.0)
    expected = share / share.sum(-1, keepdims=True) @ v[0, :, 0]
    out = attention(*(jnp.asarray(x, jnp.float32) for x in (q, k, v)), mask)
    np.testing.assert_allclose(out[0, :, 0], expected, atol=1e-5)


@pytest.fixture(scope="module")
def block():
    """A block's apply function, its parameters and tokens (2, 12, 8)."""
    module = TransformerBlock(heads=2, ff_width=16)
    x = jax.random.normal(jax.random.key(0), (2, 12, 8))
    params = jax.jit(module.init, static_argnums=3)(
        jax.random.key(1), x, jnp.ones((2, 12, 1)), False
    )
    return jax.jit(module.apply, static_argnums=3), params, x


def test_padding_is_not_attended_to(block):
    apply, params, x = block
    alive = jnp.broadcast_to((jnp.arange(12) < 9)[None, :, None], (2, 12, 1))
    alive = alive.astype(jnp.float32)
    out = apply(params, x, alive, False)
    other = apply(params, x.at[:, 9:].multiply(-3.0), alive, False)
    np.testing.assert_allclose(other[:, :9], out[:, :9], atol=1e-6)
    short = apply(params, x[:, :9], jnp.ones((2, 9, 1)), False)
    np.testing.assert_allclose(out[:, :9], short, atol=1e-5)


def test_block_is_residual_and_has_no_order_of_its_own(block):
    apply, params, x = block
    alive = jnp.ones((2, 12, 1))
    out = apply(params, x, alive, False)
    order = np.random.default_rng(0).permutation(12)
    mixed = apply(params, x[:, order], alive, False)
    np.testing.assert_allclose(mixed, out[:, order], atol=1e-5)
    silent = jax.tree.map(jnp.zeros_like, params)
    np.testing.assert_array_equal(apply(silent, x, alive, False), x)


def test_dropout_acts_only_in_training(block):
    _, params, x = block
    module = TransformerBlock(heads=2, ff_width=16, dropout=0.5)
    alive = jnp.ones((2, 12, 1))
    # No rng is asked for: nothing random is left.
    still = jax.jit(module.apply, static_argnums=3)(params, x, alive, False)

    @jax.jit
    def train(key):
        return module.apply(params, x, alive, True, rngs={"dropout": key})

    first, second = map(train, jax.random.split(jax.random.key(0)))
    assert np.abs(first - second).max() > 0.01
    assert np.abs(first - still).max() > 0.01
