"""Softmax attention that never keeps the scores.

On GPU and TPU this is the fused kernel behind `jax.nn.dot_product_attention`. XLA has
none for CPU, where the scores of a batch would go through main memory several times.
There a loop over heads, or groups of short ones, and blocks of queries keeps them in
cache, and the backward pass recomputes them from each query's log-sum-exp (Dao et al.
2022, "FlashAttention", algorithm 4). At T = 2,050 all heads of a block at once took
1.6 x as long as one head at a time, whose products are of plain matrices; at T = 258
one at a time took 1.3 x as long (`python -m benchmarks.attention`).

Dimension legend: B batch, T tokens, H heads, W width of a head, G heads of a group,
N = B H / G, R queries in a block.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from spektron_jax.shapes import ArrayLike, Heads

SCORES = 2**19  # entries of score matrices held at a time on CPU
MASKED = -1e30  # score of a key that is not attended to


def attention(
    q: Heads, k: Heads, v: Heads, mask: Bool[ArrayLike, "B T"]
) -> Float[Array, "B T H W"]:
    """q, k, v: (B, T, H, W); mask: (B, T) bool, keys to attend to, one at least."""
    if jax.default_backend() != "cpu":
        return jax.nn.dot_product_attention(q, k, v, mask=mask[:, None, None, :])
    length, heads = q.shape[1:3]
    fits = [g for g in range(1, heads + 1) if heads % g == 0 and g * length**2 < SCORES]
    group = max(fits, default=1)
    single = (_grouped(x.astype(jnp.float32), group) for x in (q, k, v))
    bias = jnp.where(mask, 0.0, MASKED)[:, None, :]
    out = _blockwise(*single, jnp.repeat(bias, heads // group, axis=0))
    out = out.reshape(len(q), heads, length, -1)
    return jnp.moveaxis(out, 2, 1).astype(q.dtype)


def _grouped(x, group):
    """(B, T, H, W) to (N, G, T, W)."""
    x = jnp.moveaxis(x, 2, 1)
    return x.reshape(-1, group, *x.shape[2:])


def _blocks(x):
    """(N, G, T, ...) to (N, blocks, G, R, ...), zeros behind the last query."""
    count, group, length = x.shape[:3]
    blocks = -(-group * length**2 // SCORES)
    rows = -(-length // blocks)
    over = [(0, blocks * rows - length if axis == 2 else 0) for axis in range(x.ndim)]
    x = jnp.pad(x, over).reshape(count, group, blocks, rows, *x.shape[3:])
    return jnp.moveaxis(x, 2, 1)


def _joined(x, length):
    x = jnp.moveaxis(x, 1, 2)
    return x.reshape(*x.shape[:2], -1, *x.shape[4:])[:, :, :length]


def _scores(q, k, bias):
    return q @ k.mT * q.shape[-1] ** -0.5 + bias


@jax.custom_vjp
def _blockwise(q, k, v, bias):
    """(N, G, T, W) of q, k, v (N, G, T, W) and bias (N, 1, T) of the keys."""
    return _blockwise_fwd(q, k, v, bias)[0]


def _blockwise_fwd(q, k, v, bias):
    def one_group(group):
        blocks, k, v, bias = group

        def one_block(q):
            scores = _scores(q, k, bias)
            highest = jnp.max(scores, -1, keepdims=True)
            weights = jnp.exp(scores - highest)
            total = jnp.sum(weights, -1, keepdims=True)
            return weights @ v / total, (highest + jnp.log(total))[..., 0]

        return jax.lax.map(one_block, blocks)

    out, log_sum = jax.lax.map(one_group, (_blocks(q), k, v, bias))
    out = _joined(out, q.shape[2])
    return out, (q, k, v, bias, out, log_sum)


def _blockwise_bwd(residuals, d_out):
    q, k, v, bias, out, log_sum = residuals

    def one_group(group):
        *blocks, k, v, bias = group

        def one_block(sums, block):
            q, d_out, inner, log_sum = block
            weights = jnp.exp(_scores(q, k, bias) - log_sum[..., None])
            d_scores = weights * (d_out @ v.mT - inner[..., None]) * q.shape[-1] ** -0.5
            sums = sums[0] + d_scores.mT @ q, sums[1] + weights.mT @ d_out
            return sums, d_scores @ k

        start = (jnp.zeros_like(k), jnp.zeros_like(v))
        (d_k, d_v), d_q = jax.lax.scan(one_block, start, tuple(blocks))
        return d_q, d_k, d_v

    inner = jnp.sum(out * d_out, -1)
    blocks = (_blocks(q), _blocks(d_out), _blocks(inner), log_sum)
    d_q, d_k, d_v = jax.lax.map(one_group, (*blocks, k, v, bias))
    return _joined(d_q, q.shape[2]), d_k, d_v, None


_blockwise.defvjp(_blockwise_fwd, _blockwise_bwd)
