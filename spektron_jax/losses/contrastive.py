"""BYOL (Grill et al. 2020): the same sample on two instruments looks the same.

The targets of each instrument are standardised over the samples of the global batch.
That does what BYOL's batch normalisation does, keep the projections from agreeing on a
constant, and takes the instrument's own mark off the target.

Dimension legend: B batch, D projection width.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from spektron_jax.shapes import ArrayLike, Projections


def normalise(x: Float[ArrayLike, "... D"]) -> Float[ArrayLike, "... D"]:
    """Unit length; the small constant keeps the gradient at 0 finite."""
    return x / jnp.sqrt(jnp.sum(x**2, -1, keepdims=True) + 1e-8)


def standardise(target: Projections, cloud: Float[ArrayLike, "all D"]) -> Projections:
    """Target (B, D) less the mean of the instrument's cloud (all B, D), over its sd."""
    return (target - cloud.mean(0)) / jnp.sqrt(cloud.var(0) + 1e-6)


def contrastive(
    prediction_a: Projections,
    prediction_b: Projections,
    target_a: Projections,
    target_b: Projections,
):
    """2 - 2 cos(online prediction, other view's target), both ways; (B, D) each.

    Targets come standardised from the moving-average network; no gradient enters them.
    """
    target_a, target_b = map(jax.lax.stop_gradient, (target_a, target_b))

    def distance(prediction, target):
        return 2 - 2 * jnp.sum(normalise(prediction) * normalise(target), -1)

    return 0.5 * (
        distance(prediction_a, target_b) + distance(prediction_b, target_a)
    ), {}
