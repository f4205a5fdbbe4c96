"""BYOL (Grill et al. 2020): the same sample on two instruments looks the same.

Dimension legend: B batch, D projection width.
"""

import jax
import jax.numpy as jnp


def normalise(x):
    """Unit length; the small constant keeps the gradient at 0 finite."""
    return x / jnp.sqrt(jnp.sum(x**2, -1, keepdims=True) + 1e-8)


def contrastive(prediction_a, prediction_b, target_a, target_b):
    """2 - 2 cos(online prediction, other view's target), both ways; (B, D) each.

    Targets come from the moving-average network and receive no gradient.
    """
    target_a, target_b = map(jax.lax.stop_gradient, (target_a, target_b))

    def distance(prediction, target):
        return 2 - 2 * jnp.sum(normalise(prediction) * normalise(target), -1)

    return 0.5 * (
        distance(prediction_a, target_b) + distance(prediction_b, target_a)
    ), {}
