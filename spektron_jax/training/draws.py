"""Keys of an example, and what each purpose folds them with.

Dimension legend: B batch.
"""

import jax

# What a key is folded with, per example (VIEW and VIEW + 1: per view) or per view.
PATH, SHARE, DROPOUT, NOISE, MASK, MODEL, VIEW = range(7)
BONDS, BONDED, MIXED, POWDER, FLUORESCENCE, FLUORESCENCE_SHAPE = range(
    VIEW + 2, VIEW + 8
)


def example_keys(seed, step, index):
    """One key per example, (B,)."""
    key = jax.random.fold_in(jax.random.wrap_key_data(seed), step)
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(index)


def fold(keys, number):
    """Keys for one purpose."""
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)


def two_uniform(keys):
    """Two numbers in [0, 1) for each key, (2, B)."""
    return jax.vmap(lambda key: jax.random.uniform(key, (2,)))(keys).T
