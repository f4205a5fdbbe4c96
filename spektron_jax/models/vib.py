"""Variational information bottleneck: CLS to z_chem and z_inst, and gradient reversal.

Alemi et al. 2017 (VIB); Ganin et al. 2016 (reversal).

Dimension legend: B batch, D width, Z latent width.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from spektron_jax.models.dtypes import STATE
from spektron_jax.shapes import Keys, Projections

LOG_VARIANCE = (-8.0, 4.0)  # clamp; exp(-8) is a standard deviation of 0.018


@jax.custom_vjp
def reverse_gradient(x, alpha):
    """Identity forward; backward the gradient is multiplied by -alpha."""
    return x


def _reverse_fwd(x, alpha):
    return x, alpha


def _reverse_bwd(alpha, cotangent):
    return -alpha * cotangent, jnp.zeros_like(alpha)


reverse_gradient.defvjp(_reverse_fwd, _reverse_bwd)


class Latent(nn.Module):
    """Mean and log-variance of one latent; a sample if given keys, else the mean."""

    size: int

    @nn.compact
    def __call__(
        self, h: Projections, keys: Keys | None
    ) -> tuple[Float[Array, "B Z"], Float[Array, "B Z"], Float[Array, "B Z"]]:
        """h: (B, D), keys: (B,) or None; z, mean and log-variance, (B, Z) float32."""
        mean = nn.Dense(self.size, dtype=STATE, name="mean")(h)
        # Starts at a variance of exp(-3): unit noise would drown a fresh mean.
        raw = nn.Dense(
            self.size,
            dtype=STATE,
            bias_init=nn.initializers.constant(-3.0),
            kernel_init=nn.initializers.normal(0.01),
            name="log_variance",
        )(h)
        log_variance = jnp.clip(raw, *LOG_VARIANCE)
        if keys is None:
            return mean, mean, log_variance
        noise = jax.vmap(lambda key: jax.random.normal(key, (self.size,)))(keys)
        return mean + jnp.exp(0.5 * log_variance) * noise, mean, log_variance
