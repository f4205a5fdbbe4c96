"""Mixture of experts: top-k gating, dense dispatch, optional KAN activation.

Shazeer et al. 2017 (noisy top-k), Fedus et al. 2021 (load statistics). All experts run
on all tokens and the unwanted ones are weighted by zero: with 4 experts this costs
twice the arithmetic of a sparse dispatch and keeps every shape static.
KAN option: Liu et al. 2024, cubic B-splines of tanh(h) beside a silu path.

Dimension legend: B batch, T tokens, D width, E experts, K chosen, F expert width.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from spektron_jax.shapes import ArrayLike, Keys, Routing, Tokens, ValidTokens

GATE_NOISE = 0.1
SPLINE_ORDER, SPLINE_GRID = 3, 5
SPLINE_BASES = SPLINE_GRID + SPLINE_ORDER


def spline_bases(x: Float[ArrayLike, "*rows"]) -> Float[Array, "*rows 8"]:
    """Cubic B-splines on [-1, 1] with 5 intervals: (...,) to (..., 8), summing to 1."""
    step = 2.0 / SPLINE_GRID
    knots = -1.0 + step * jnp.arange(-SPLINE_ORDER, SPLINE_GRID + SPLINE_ORDER + 1)
    knots = knots.astype(x.dtype)
    x = jnp.clip(x, -1.0, 1.0 - 1e-6)[..., None]
    bases = ((x >= knots[:-1]) & (x < knots[1:])).astype(x.dtype)
    for order in range(1, SPLINE_ORDER + 1):
        rise = (x - knots[: -order - 1]) / (order * step) * bases[..., :-1]
        fall = (knots[order + 1 :] - x) / (order * step) * bases[..., 1:]
        bases = rise + fall
    return bases


def top_k_weights(
    logits: Float[ArrayLike, "*rows E"],
    k: int,
    routing: Bool[ArrayLike, "*rows E"] | None = None,
) -> Float[Array, "*rows E"]:
    """Softmax over the k largest logits, or `routing`, zero elsewhere: (..., E)."""
    if routing is None:
        chosen = jax.nn.one_hot(jax.lax.top_k(logits, k)[1], logits.shape[-1])
        routing = jnp.sum(chosen, axis=-2) > 0
    return jax.nn.softmax(jnp.where(routing, logits, -jnp.inf), axis=-1)


class MixtureOfExperts(nn.Module):
    """x + sum over the chosen experts of weight * expert(LayerNorm(x))."""

    experts: int
    top_k: int
    expert_width: int
    kan: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: Tokens,
        valid: ValidTokens,
        keys: Keys | None,
        routing: Routing | None = None,
    ) -> tuple[Tokens, dict[str, Array]]:
        """x: (B, T, D); keys: (B,) for gate noise, or None.

        routing: (B, T, E) bool, the experts of each token; None: its k largest gates.

        Returns x with the experts' output added, and a dict:

        load: share of an example's expert calls that went to each expert, (B, E).
        importance: mean gate probability of each expert over an example's tokens, same.
        routing: as given or chosen.
        """
        width, e, f = x.shape[-1], self.experts, self.expert_width
        h = nn.LayerNorm(dtype=self.dtype, name="norm")(x)
        logits = nn.Dense(e, use_bias=False, dtype=jnp.float32, name="gate")(h)
        clean = logits
        if keys is not None:
            noise = jax.vmap(lambda key: jax.random.normal(key, logits.shape[1:]))(keys)
            logits = logits + GATE_NOISE * noise
        weights = top_k_weights(logits, self.top_k, routing)

        into = self.param("into", nn.initializers.lecun_normal(), (width, e * f))
        bias = self.param("bias", nn.initializers.zeros, (e * f,))
        out = self.param("out", nn.initializers.lecun_normal(), (e * f, width))
        hidden = h @ into.astype(self.dtype) + bias.astype(self.dtype)
        spread = jnp.repeat(weights, f, axis=-1).astype(self.dtype)
        if self.kan:
            curve = self.param(
                "curve",
                nn.initializers.normal(0.1 * f**-0.5),
                (e * f, SPLINE_BASES, width),
            )
            bases = spline_bases(jnp.tanh(hidden)) * spread[..., None]
            y = (nn.silu(hidden) * spread) @ out.astype(self.dtype)
            y = y + jnp.einsum("btfk,fkd->btd", bases, curve.astype(self.dtype))
        else:
            y = (nn.gelu(hidden) * spread) @ out.astype(self.dtype)

        tokens = jnp.sum(valid, axis=1)
        load = jnp.sum((weights > 0) * valid, axis=1) / (tokens * self.top_k)
        importance = jnp.sum(jax.nn.softmax(clean) * valid, axis=1) / tokens
        gate = {"load": load, "importance": importance, "routing": weights > 0}
        return x + y, gate
