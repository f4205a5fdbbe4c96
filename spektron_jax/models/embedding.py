"""Raw spectral points to tokens: Conv1d (k = 15), wavenumber positions, CLS, DOMAIN.

Hidden points are set to zero before the convolution and replaced by a learned
`mask_token` after it: the convolution alone would carry hidden values into visible
neighbours. No normalisation follows the convolution, so intensity survives.

Dimension legend: B batch, L points, T = L / stride + 2 tokens, D width.
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from spektron_jax.shapes import (
    ArrayLike,
    Axes,
    Codes,
    Mask,
    Spectra,
    Tokens,
    ValidTokens,
)
from spektron_jax.spectra.grid import MODALITIES

WAVELENGTHS_CM1 = (16.0, 20000.0)  # of the positional waves: line width to whole range


def wavenumber_features(
    wavenumber_cm1: Float[ArrayLike, "*rows"], width: int
) -> Float[Array, "*rows D"]:
    """Sines and cosines of the wavenumber itself, (..., width), for any grid."""
    low, high = WAVELENGTHS_CM1
    waves = 2 * np.pi / np.geomspace(low, high, width // 2)
    phase = wavenumber_cm1[..., None] * jnp.asarray(waves, jnp.float32)
    return jnp.concatenate([jnp.sin(phase), jnp.cos(phase)], axis=-1)


def group(points, stride, reduce):
    """(..., L) to (..., L / stride), reducing each token's own points."""
    return reduce(points.reshape(*points.shape[:-1], -1, stride), -1)


class Embedding(nn.Module):
    """Tokens [CLS], [DOMAIN], then one per `stride` points."""

    width: int
    kernel: int = 15
    stride: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        values: Spectra,
        wavenumber_cm1: Axes,
        valid: Mask,
        modality: Codes,
        hidden: Mask,
    ) -> tuple[Tokens, ValidTokens]:
        """Embed spectra.

        Args:
          values: (B, L) absorbance in model units.
          wavenumber_cm1: (L,) or (B, L), cm-1.
          valid: (B, L) bool, False where nothing was measured.
          modality: (B,) int, index into grid.MODALITIES.
          hidden: (B, L) bool, points to hide from the encoder.

        Returns:
          tokens (B, T, D) and their validity (B, T, 1) as float32.
        """
        batch, stride = values.shape[0], self.stride
        visible = valid & ~hidden
        channels = jnp.stack([jnp.where(visible, values, 0.0), visible], -1)
        tokens = self.local(channels.astype(self.dtype))
        mask_token = self.param(
            "mask_token", nn.initializers.normal(0.02), (self.width,)
        )
        share = group((hidden & valid).astype(tokens.dtype), stride, jnp.mean)
        share = share[..., None]
        tokens = tokens * (1 - share) + mask_token.astype(tokens.dtype) * share
        position = wavenumber_features(
            group(wavenumber_cm1, stride, jnp.mean), self.width
        )
        tokens = tokens + nn.Dense(self.width, dtype=self.dtype, name="position")(
            position.astype(self.dtype)
        )
        valid_tokens = group(valid, stride, jnp.any)[..., None].astype(tokens.dtype)
        cls = self.param("cls", nn.initializers.normal(0.02), (self.width,))
        domain = nn.Embed(len(MODALITIES), self.width, name="domain")(modality)
        front = jnp.stack([jnp.broadcast_to(cls, domain.shape), domain], axis=1)
        tokens = jnp.concatenate(
            [front.astype(tokens.dtype), tokens * valid_tokens], axis=1
        )
        ones = jnp.ones((batch, 2, 1), jnp.float32)
        return tokens, jnp.concatenate([ones, valid_tokens.astype(jnp.float32)], axis=1)

    def local(self, channels: Float[Array, "B L 2"]) -> Float[Array, "B tokens D"]:
        """What each token reads of the points around it: visible value, visible."""
        left = (self.kernel - self.stride) // 2
        return nn.Conv(
            self.width,
            (self.kernel,),
            strides=self.stride,
            padding=((left, self.kernel - self.stride - left),),
            dtype=self.dtype,
            name="conv",
        )(channels)
