"""Variational information bottleneck: summary to z_chem and z_inst; gradient reversal.

Alemi et al. 2017 (VIB); Ganin et al. 2016 (reversal).

Dimension legend: B batch, F length of the summary, R directions, Z latent width.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from spektron_jax.models.dtypes import STATE
from spektron_jax.shapes import ArrayLike, Codes, Keys
from spektron_jax.spectra.grid import MODALITIES

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
    """Mean and log-variance of one latent; a sample if given keys, else the mean.

    Each modality is read along directions of its own: what tells molecules apart in the
    NIR is not what does in the IR, and one set of directions for all of them would show
    the instrument of one or lose the chemistry of another.
    """

    size: int
    directions: int

    @nn.compact
    def __call__(
        self,
        h: Float[ArrayLike, "B F"],
        known: Bool[ArrayLike, "B F"],
        modality: Codes,
        keys: Keys | None,
    ) -> tuple[Float[Array, "B Z"], Float[Array, "B Z"], Float[Array, "B Z"]]:
        """z, mean and log-variance, (B, Z) float32.

        Args:
          h: (B, F) summaries.
          known: (B, F), False where nothing was measured: counts as the average.
          modality: (B,) int, index into grid.MODALITIES.
          keys: (B,) or None.
        """
        shape = len(MODALITIES), h.shape[-1]
        zeros = nn.initializers.zeros
        centre = self.param("centre", zeros, shape)
        kernel = self.param(
            "kernel",
            nn.initializers.lecun_normal(in_axis=1, out_axis=2, batch_axis=0),
            (*shape, self.directions),
        )
        offset = self.param("offset", zeros, (shape[0], self.directions))
        own = jax.nn.one_hot(modality, shape[0], dtype=STATE)
        centred = jnp.where(known, h - own @ centre, 0.0)
        h = jnp.einsum("bm,bf,mfr->br", own, centred, kernel) + own @ offset
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
