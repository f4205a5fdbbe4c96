"""Pre-norm transformer block (no dropout inside attention).

Dimension legend: B batch, T tokens, D width, H heads.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from spektron_jax.models.attention import attention
from spektron_jax.shapes import Tokens, ValidTokens


class TransformerBlock(nn.Module):
    """x + Attention(LN(x)), then x + MLP(LN(x))."""

    heads: int
    ff_width: int
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Tokens, valid: ValidTokens, train: bool) -> Tokens:
        """x: (B, T, D); valid: (B, T, 1), keys with 0 are not attended to."""
        width = x.shape[-1]
        drop = nn.Dropout(self.dropout, deterministic=not train)
        h = nn.LayerNorm(dtype=self.dtype, name="norm_attention")(x)
        qkv = nn.DenseGeneral(
            (3, self.heads, width // self.heads), dtype=self.dtype, name="qkv"
        )(h)
        q, k, v = jnp.moveaxis(qkv, 2, 0)
        h = attention(q, k, v, valid[:, :, 0] > 0)
        h = nn.DenseGeneral(width, axis=(-2, -1), dtype=self.dtype, name="out")(h)
        x = x + drop(h)
        h = nn.LayerNorm(dtype=self.dtype, name="norm_mlp")(x)
        h = nn.gelu(nn.Dense(self.ff_width, dtype=self.dtype, name="up")(h))
        return x + drop(nn.Dense(width, dtype=self.dtype, name="down")(drop(h)))
