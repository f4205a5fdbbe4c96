"""Block-wise attention on CPU against the plain one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.models import attention as module
from spektron_jax.models.attention import attention


@pytest.mark.parametrize(
    ("scores", "length"), [(2**20, 37), (64, 37), (500, 37), (500, 24), (64, 1)]
)
def test_blocks_agree_with_plain_attention(monkeypatch, scores, length):
    """64 holds one or two rows of 37, 500 a few, the last block ragged."""
    monkeypatch.setattr(module, "SCORES", scores)
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
