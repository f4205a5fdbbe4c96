"""Pre-norm transformer block (no dropout inside attention).

On GPU and TPU attention is the fused kernel of `jax.nn.dot_product_attention`. XLA has
none for CPU, where the scores of a batch would go through main memory several times:
there a loop over spectra and blocks of queries keeps them in cache, and the backward
pass recomputes them (2 x faster at T = 514, and memory no longer grows with T squared).

Dimension legend: B batch, T tokens, D width, H heads.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

SCORES = 2**20  # entries of the score matrix held at a time on CPU


def attention(q, k, v, mask):
    """Softmax attention: q, k, v (B, T, H, D / H), mask (B, T) bool of usable keys."""
    if jax.default_backend() != "cpu":
        return jax.nn.dot_product_attention(q, k, v, mask=mask[:, None, None, :])
    length, heads, width = q.shape[1:]
    blocks = -(-length * length * heads // SCORES)
    rows = -(-length // blocks)
    padding = ((0, 0), (0, blocks * rows - length), (0, 0), (0, 0))
    queries = jnp.pad(q, padding).reshape(-1, blocks, rows, heads, width)

    def one_spectrum(spectrum):
        queries, k, v, mask = spectrum

        @jax.checkpoint
        def one_block(q):
            return jax.nn.dot_product_attention(q, k, v, mask=mask[None, None])

        return jax.lax.map(one_block, queries)

    out = jax.lax.map(one_spectrum, (queries, k, v, mask))
    return out.reshape(-1, blocks * rows, heads, width)[:, :length]


class TransformerBlock(nn.Module):
    """x + Attention(LN(x)), then x + MLP(LN(x))."""

    heads: int
    ff_width: int
    dropout: float = 0.0
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x, valid, train):
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
