"""Task heads: reconstruction, regression, transfer, instrument classifier, projector.

Dimension legend: B batch, L points, T tokens, D width, Z latent width.
"""

import jax.numpy as jnp
from flax import linen as nn

from spektron_jax.models.dtypes import STATE
from spektron_jax.models.embedding import wavenumber_features


class Perceptron(nn.Module):
    """Dense, GELU, Dense in float32: classifiers, projector, predictor, regression."""

    hidden: int
    features: int

    @nn.compact
    def __call__(self, x):
        """x: (B, D) to (B, features)."""
        h = nn.gelu(nn.Dense(self.hidden, dtype=STATE, name="hidden")(x))
        return nn.Dense(self.features, dtype=STATE, name="out")(h)


class ReconstructionHead(nn.Module):
    """Measured and clean spectrum from the tokens and [z_chem; z_inst]."""

    stride: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, tokens, z):
        """tokens: (B, L / stride, D); z: (B, Z). Returns (B, L, 2) float32.

        Channel 0 is the spectrum as the instrument would measure it, channel 1 the
        clean spectrum. The linear path beside the MLP passes intensity through.
        """
        width = tokens.shape[-1]
        h = nn.Dense(width, dtype=self.dtype, name="tokens")(tokens)
        h = h + nn.Dense(width, dtype=self.dtype, name="latent")(z)[:, None]
        h = jnp.concatenate([tokens, nn.gelu(h)], axis=-1)
        out = nn.Dense(2 * self.stride, dtype=STATE, name="out")(h)
        return out.reshape(out.shape[0], -1, 2)


class TransferHead(nn.Module):
    """Spectrum on any axis from z_chem of a sample and z_inst of an instrument.

    spectrum(v) = sum_r c_r(z) phi_r(v): coefficients from the latents, basis functions
    from the wavenumber, so that nothing but the latents carries the sample.
    """

    rank: int

    @nn.compact
    def __call__(self, z_chem, z_inst, wavenumber_cm1):
        """z_chem, z_inst: (B, Z); wavenumber_cm1: (L,) or (B, L). Returns (B, L)."""
        z = jnp.concatenate([z_chem, z_inst], axis=-1)
        c = Perceptron(2 * self.rank, self.rank, name="coefficients")(z)
        features = wavenumber_features(wavenumber_cm1, self.rank)
        phi = Perceptron(2 * self.rank, self.rank, name="basis")(features)
        return jnp.einsum("br,...lr->bl" if phi.ndim == 2 else "br,blr->bl", c, phi)
