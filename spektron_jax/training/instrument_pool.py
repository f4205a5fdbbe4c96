"""Pools of instruments: which two a step draws, and how classifiers tell them apart.

Dimension legend: N instruments.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from spektron_jax.lab import instruments as lab

INSTRUMENT_EMBEDDING = 2 * lab.DESCRIPTION + 1  # numbers of a row of the table


class Pool(NamedTuple):
    """The same instruments' ranges of the IR and Raman, and of the NIR."""

    infrared: lab.Instruments
    near: lab.Instruments

    def at(self, index):
        """The instrument with this index (may be traced)."""
        return Pool(self.infrared.at(index), self.near.at(index))


def instrument_table(ranges):
    """What the classifiers tell instruments by, (N, INSTRUMENT_EMBEDDING).

    An instrument's logit is the product of its row with the classifier's output, so
    what is learned of one instrument holds for all that resemble it: with hundreds of
    them, and two in a step, a row of weights for each would never be learned. The last
    number, the squared length, lets the output ask for the nearest description.

    ranges: Instruments of the IR and Raman, and of the NIR.
    """
    table = jnp.concatenate([lab.describe(one) for one in ranges], axis=1)
    table = table / jnp.sqrt(table.shape[1])
    return jnp.concatenate([table, jnp.sum(table**2, 1, keepdims=True)], axis=1)


def draw_two(seed, step, count):
    """Indices of two different instruments of `count`, (2,)."""
    key = jax.random.fold_in(jax.random.wrap_key_data(seed), step)
    return jax.random.permutation(jax.random.fold_in(key, 2**31 - 1), count)[:2]
