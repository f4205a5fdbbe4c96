"""Which points to hide: contiguous blocks, an exact share, never overlapping.

Between two blocks at least half a block (and one point) stays visible, so that no two
gaps merge and their widths are what they are said to be. Every arrangement that meets
this is equally likely.

Dimension legend: L points.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from spektron_jax.shapes import ArrayLike, OneKey


def block_mask(
    key: OneKey, valid: Bool[ArrayLike, " L"], share, block
) -> Bool[Array, " L"]:
    """Hide blocks of `block` points.

    Args:
      key: JAX key of this spectrum.
      valid: (L,) bool; blocks lie among the first sum(valid) points.
      share: share of the valid points to hide.
      block: points in a block, may be traced.

    Returns:
      (L,) bool; round(share * points / block) blocks are hidden, as far as they fit.
    """
    length = valid.shape[-1]
    points = jnp.sum(valid)
    block = jnp.asarray(block, jnp.int32)
    pitch = block + jnp.maximum(1, block // 2)
    fitting = (points + pitch - block) // pitch
    count = jnp.minimum(jnp.round(share * points / block).astype(jnp.int32), fitting)
    # Arrangements correspond to the choices of `count` out of `places` numbers: take
    # a margin and all but one point of its block out before every block but the first.
    places = points - block + 1 - (count - 1) * (pitch - 1)
    index = jnp.arange(length)
    draw = jnp.where(index < places, jax.random.uniform(key, (length,)), 2.0)
    chosen = jnp.argsort(jnp.argsort(draw)) < count
    start = index + (jnp.cumsum(chosen) - 1) * (pitch - 1)
    edges = jnp.zeros(2 * length + 1, jnp.int32)
    edges = edges.at[jnp.where(chosen, start, 2 * length)].add(1, mode="drop")
    edges = edges.at[jnp.where(chosen, start + block, 2 * length)].add(-1, mode="drop")
    return (jnp.cumsum(edges)[:length] > 0) & valid


def draw_mask(
    key: OneKey,
    valid: Bool[ArrayLike, " L"],
    spacing_cm1,
    share,
    block,
    long_fraction,
    long_cm1,
) -> Bool[Array, " L"]:
    """One spectrum's mask: short blocks or, in `long_fraction` of draws, long spans.

    Args:
      spacing_cm1: point spacing; long_cm1: (low, high) span widths in cm-1.
    """
    which, width_key, mask_key = jax.random.split(key, 3)
    low, high = long_cm1
    span = jax.random.uniform(width_key, minval=low, maxval=high) / spacing_cm1
    long = jax.random.uniform(which) < long_fraction
    points = jnp.where(long, jnp.round(span).astype(jnp.int32), block)
    return block_mask(mask_key, valid, share, points)
