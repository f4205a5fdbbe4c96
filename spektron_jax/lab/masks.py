"""Which points to hide: contiguous blocks, an exact share, never overlapping.

The axis is cut, from a random phase, into slots of one block and a visible margin of
half a block (at least one point); a random choice of slots is hidden. So no two gaps
merge and their widths are what they are said to be.

Dimension legend: L points.
"""

import jax
import jax.numpy as jnp


def block_mask(key, valid, share, block):
    """Hide blocks of `block` points.

    Args:
      key: JAX key of this spectrum.
      valid: (L,) bool; blocks lie among the first sum(valid) points.
      share: share of the valid points to hide, at most 0.5.
      block: points in a block, may be traced.

    Returns:
      (L,) bool; round(share * points / block) blocks are hidden, as far as they fit.
    """
    length = valid.shape[-1]
    phase_key, choice_key = jax.random.split(key)
    points = jnp.sum(valid)
    block = jnp.asarray(block, jnp.int32)
    pitch = block + jnp.maximum(1, block // 2)
    slots = points // pitch
    phase = jax.random.randint(
        phase_key, (), 0, points - slots * pitch + pitch // 2 + 1
    )
    place = jnp.arange(length) - phase
    slot, within = place // pitch, place % pitch
    fits = (slot >= 0) & (slot * pitch + phase + block <= points)
    # More slots than points never exist; unused ones sort last.
    order = jnp.arange(length)
    usable = order * pitch + phase + block <= points
    rank = jnp.where(usable, jax.random.uniform(choice_key, (length,)), 2.0 + order)
    rank = jnp.argsort(jnp.argsort(rank))
    wanted = jnp.round(share * points / block)
    return fits & (within < block) & (rank[slot.clip(0)] < wanted) & valid


def draw_mask(key, valid, spacing_cm1, share, block, long_fraction, long_cm1):
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
