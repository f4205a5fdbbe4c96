"""Adapters from outside: which projections, of what rank, and that they learn."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs.pretrain import get_config
from spektron_jax.models import lora
from spektron_jax.training.state import build_model, init_shapes

RANK = 3


@pytest.fixture(scope="module")
def params():
    rng = np.random.default_rng(0)
    shapes = init_shapes(build_model(get_config("tiny")))
    return jax.tree.map(lambda leaf: jnp.array(rng.normal(size=leaf.shape)), shapes)


def test_adapters_stand_on_attention_and_backbone(params):
    adapters = lora.init(jax.random.key(0), params, RANK)
    assert set(adapters) == {
        *("backbone/layers/glu/kernel", "backbone/layers/ssm/into"),
        *("backbone/layers/ssm/out", "transformer_0/qkv/kernel"),
        "transformer_0/out/kernel",
    }
    assert lora.init(jax.random.key(0), params, 0) == {}
    jax.tree.map(np.testing.assert_array_equal, lora.merged(params, adapters), params)


def test_a_change_has_the_rank_asked_for(params):
    adapters = lora.init(jax.random.key(0), params, RANK)
    rng = np.random.default_rng(1)
    adapters = jax.tree.map(lambda x: jnp.array(rng.normal(size=x.shape)), adapters)
    after = lora.merged(params, adapters)
    name = "transformer_0", "qkv", "kernel"
    change = after[name[0]][name[1]][name[2]] - params[name[0]][name[1]][name[2]]
    assert np.linalg.matrix_rank(change.reshape(change.shape[0], -1), 1e-3) == RANK
    pair = adapters["transformer_0/qkv/kernel"]
    np.testing.assert_allclose(
        change.reshape(change.shape[0], -1), pair["a"] @ pair["b"], atol=1e-4
    )
    into = after["backbone"]["layers"]["ssm"]["into"]
    change = into - params["backbone"]["layers"]["ssm"]["into"]
    for layer in change.reshape(-1, *change.shape[2:]):
        assert np.linalg.matrix_rank(layer.reshape(len(layer), -1), 1e-3) == RANK


def test_adapters_alone_can_learn(params):
    params = {"transformer_0": {"qkv": {"kernel": jnp.zeros((6, 3, 2, 2))}}}
    rng = np.random.default_rng(0)
    x = jnp.array(rng.normal(size=(40, 6)))
    y = x @ jnp.array(rng.normal(size=(6, 1))) @ jnp.array(rng.normal(size=(1, 12)))
    tx = optax.adam(0.05)

    def loss(adapters):
        kernel = lora.merged(params, adapters)["transformer_0"]["qkv"]["kernel"]
        return jnp.mean((x @ kernel.reshape(6, 12) - y) ** 2)

    @jax.jit
    def step(adapters, state):
        updates, state = tx.update(jax.grad(loss)(adapters), state)
        return optax.apply_updates(adapters, updates), state

    adapters = lora.init(jax.random.key(1), params, 1)
    start, state = float(loss(adapters)), tx.init(adapters)
    for _ in range(300):
        adapters, state = step(adapters, state)
    assert float(loss(adapters)) < 1e-3 * start
