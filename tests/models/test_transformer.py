"""The transformer block."""

import functools

import jax
import numpy as np
import pytest

from spektron_jax.models.transformer import TransformerBlock

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
