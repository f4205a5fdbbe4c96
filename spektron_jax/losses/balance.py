"""Expert load balance (Fedus et al. 2021, eq. 4; top-k form of GShard).

Dimension legend: E experts.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from spektron_jax.shapes import ArrayLike


def balance(load: Float[ArrayLike, " E"], importance: Float[ArrayLike, " E"]):
    """E * sum_e load_e importance_e, 1 when even; both (E,), means of the global batch.

    load is the share of expert calls (no gradient), importance the mean gate
    probability. Averages must be taken before this product.
    """
    experts = load.shape[-1]
    value = experts * jnp.sum(jax.lax.stop_gradient(load) * importance)
    return value, {f"expert_{e}": load[e] for e in range(experts)}
