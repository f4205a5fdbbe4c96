"""Task heads: reconstruction, regression, transfer, instrument classifier, projector.

Dimension legend: B batch, L points, T tokens, D width, Z latent width.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from spektron_jax.models.dtypes import STATE
from spektron_jax.models.embedding import wavenumber_features
from spektron_jax.shapes import ArrayLike, Axes, Latents, Mask, Spectra, Tokens

SPREAD = 8  # points from one token that a convolution of spectra reads to the next
HIDDEN = 32  # its channels


class Perceptron(nn.Module):
    """Dense, GELU, Dense in float32: classifiers, projector, predictor, regression."""

    hidden: int
    features: int

    @nn.compact
    def __call__(self, x: Float[ArrayLike, "*rows D"]) -> Float[Array, "*rows F"]:
        """x: (B, D) to (B, features)."""
        h = nn.gelu(nn.Dense(self.hidden, dtype=STATE, name="hidden")(x))
        return nn.Dense(self.features, dtype=STATE, name="out")(h)


def interpolate_gaps(values: Spectra, visible: Mask, wavenumber_cm1: Axes) -> Spectra:
    """Straight lines across the hidden points, from visible neighbours: (B, L).

    Before the first and after the last visible point the nearest value is held; a
    spectrum with no visible point is 0.
    """
    length = values.shape[-1]
    index = jnp.arange(length)
    before = jax.lax.cummax(jnp.where(visible, index, -1), axis=1)
    after = jax.lax.cummin(jnp.where(visible, index, length), axis=1, reverse=True)
    first = jnp.where(before < 0, after, before).clip(0, length - 1)
    last = jnp.where(after >= length, before, after).clip(0, length - 1)
    axis = jnp.broadcast_to(wavenumber_cm1, values.shape)

    def at(array, place):
        return jnp.take_along_axis(array, place, axis=1)

    start, end = at(axis, first), at(axis, last)
    span = jnp.where(end > start, end - start, 1.0)
    share = jnp.where(end > start, (axis - start) / span, 0.0)
    line = (1 - share) * at(values, first) + share * at(values, last)
    return jnp.where(jnp.any(visible, -1, keepdims=True), line, 0.0)


class ReconstructionHead(nn.Module):
    """Measured and clean spectrum from tokens, [z_chem; z_inst] and the points around.

    What the network says is added to straight lines across the gaps
    (`interpolate_gaps`), so it need not learn to copy, only what neighbours do not
    tell. It sees those lines too: tokens have lost the last digits of an absorbance.
    Two convolutions look six steps of SPREAD points to each side, across a gap.
    """

    stride: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        tokens: Tokens,
        valid: Bool[ArrayLike, "B T 1"],
        z: Latents,
        interpolated: Spectra,
    ) -> Float[Array, "B L 2"]:
        """Spectra, (B, L, 2): channel 0 as the instrument would measure it, 1 clean.

        Args:
          tokens: (B, L / stride, D)
          valid: (B, L / stride, 1) bool, False in padding, which is not read
          z: (B, Z)
          interpolated: (B, L)
        """

        def around(reach: int, name: str, x):
            step = max(SPREAD // self.stride, 1)
            layer = nn.Conv(
                HIDDEN, (reach,), kernel_dilation=step, dtype=self.dtype, name=name
            )
            return layer(x * valid)

        lines = interpolated.reshape(*tokens.shape[:2], self.stride)
        seen = nn.LayerNorm(dtype=self.dtype, name="norm")(tokens)
        h = around(9, "near", jnp.concatenate([seen, lines.astype(seen.dtype)], -1))
        h = h + nn.Dense(HIDDEN, dtype=self.dtype, name="latent")(z)[:, None]
        h = nn.gelu(around(5, "far", nn.gelu(h)))
        out = nn.Dense(
            2 * self.stride,
            dtype=STATE,
            kernel_init=nn.initializers.normal(0.1 * tokens.shape[-1] ** -0.5),
            name="out",
        )(jnp.concatenate([tokens, h], axis=-1))
        return out.reshape(out.shape[0], -1, 2) + interpolated[..., None]


class TransferHead(nn.Module):
    """Spectrum on any axis from z_chem of a sample and z_inst of an instrument.

    spectrum(v) = sum_r c_r(z) phi_r(v): coefficients from the latents, basis functions
    from the wavenumber, so that nothing but the latents carries the sample.
    """

    rank: int

    @nn.compact
    def __call__(
        self, z_chem: Latents, z_inst: Float[ArrayLike, "B Y"], wavenumber_cm1: Axes
    ) -> Spectra:
        """z_chem, z_inst: (B, Z); wavenumber_cm1: (L,) or (B, L). Returns (B, L)."""
        z = jnp.concatenate([z_chem, z_inst], axis=-1)
        c = Perceptron(2 * self.rank, self.rank, name="coefficients")(z)
        features = wavenumber_features(wavenumber_cm1, self.rank)
        phi = Perceptron(2 * self.rank, self.rank, name="basis")(features)
        return jnp.einsum("br,...lr->bl" if phi.ndim == 2 else "br,blr->bl", c, phi)
