"""D-LinOSS layers: trainable damped oscillators running along the wavenumber axis.

Each oscillator is kept as decay and angle of its pole per reference step, so every
parameter value is stable, the whole band (0, pi) is reached and the gradient never
vanishes identically. On an axis with another spacing the pole is raised to the power
`step` = spacing / reference spacing: decay length and period stay the same in cm-1, and
an oscillator that the coarser axis cannot carry (angle >= pi) is silent.

Dimension legend: B batch, T tokens, D width, P oscillators; directions and layers are
leading axes of the parameters, made by `nn.vmap` and `nn.scan`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Float

from spektron_jax.models.dtypes import STATE
from spektron_jax.models.oscillators import from_poles
from spektron_jax.models.stream import Layer, dlinoss
from spektron_jax.shapes import ArrayLike, Tokens, ValidTokens

MIN_DECAY = 1e-6  # per reference step: keeps |pole| < 1 after float32 rounding
MAX_DECAY = 10.0  # per step, approached smoothly: exp(20) still fits in float32
DECAY_LENGTHS = (4.0, 4096.0)  # points; the longest let CLS see a whole spectrum


def init_log_decay(key, shape, dtype=STATE):
    """Decay lengths log-uniform over DECAY_LENGTHS points."""
    low, high = np.log(DECAY_LENGTHS)
    return -jax.random.uniform(key, shape, dtype, low, high)


def init_angle_logit(key, shape, dtype=STATE):
    """Angles pi u^2, u uniform: the whole band, half of it below pi / 4.

    A coarse axis carries only the low angles: at 2 nm in the NIR, four times the
    reference spacing, half of the oscillators and not a quarter.
    """
    share = jax.random.uniform(key, shape, dtype, 0.05, 0.9975) ** 2
    return jnp.log(share) - jnp.log1p(-share)


def pole_of(log_decay, angle_logit):
    """Decay (> 0) and angle in (0, pi) per reference step."""
    decay = MIN_DECAY + jnp.exp(jnp.minimum(log_decay, 5.0))
    return decay, jnp.pi * jax.nn.sigmoid(angle_logit)


def at_step(decay, angle, step):
    """Oscillator parameters and forcing gain on an axis of `step` reference spacings.

    The gain gives a position of about unit variance under white forcing at step 1, and
    the same response per cm-1 at any other step.

    Returns:
      sigma, delta, g, gain: each broadcast of decay (P,) against step () or (B, 1).
    """
    unit_gain = jnp.sqrt(-2 * jnp.expm1(-2 * decay))
    decay = decay * step
    decay = decay / (1 + (decay / MAX_DECAY) ** 4) ** 0.25
    angle = angle * step
    below_nyquist = angle < jnp.pi
    angle = jnp.minimum(angle, jnp.pi)
    sigma, delta, g = from_poles(decay, angle)
    damping = -jnp.expm1(-2 * decay) / 2  # 1 - radius^2, halved
    # Added under the root, not max(): the derivative of hypot(0, 0) is not finite.
    edge = jnp.sqrt(jnp.sin(angle) ** 2 + damping**2)
    gain = step * (1 + sigma) * unit_gain * edge
    return sigma, delta, g, jnp.where(below_nyquist, gain, 0.0)


class DLinOSS(nn.Module):
    """y = Re(C x) + skip * u, with x the positions of P oscillators forced by B u."""

    oscillators: int
    scan: str = "auto"  # algorithm, see stream.dlinoss

    @nn.compact
    def __call__(self, u: Tokens, step: Float[ArrayLike, "*each"]) -> Tokens:
        """u: (B, T, D) float32; step: () or (B,) spacing in reference spacings."""
        width, count = u.shape[-1], self.oscillators
        log_decay = self.param("log_decay", init_log_decay, (count,))
        angle_logit = self.param("angle_logit", init_angle_logit, (count,))
        into = self.param(
            "into", nn.initializers.normal(width**-0.5), (width, count, 2)
        )
        out = self.param(
            "out", nn.initializers.normal((2 * count) ** -0.5), (count, 2, width)
        )
        skip = self.param("skip", nn.initializers.normal(1.0), (width,))
        decay, angle = pole_of(log_decay, angle_logit)
        sigma, delta, g, gain = at_step(decay, angle, step[..., None])
        layer = Layer(sigma, delta, g, gain, into, out, skip)
        return dlinoss(layer, u, algorithm=self.scan)


class Block(nn.Module):
    """x + Drop(GLU(Drop(GELU(DLinOSS(LayerNorm(x)))))), in float32 throughout.

    LayerNorm, not the original's BatchNorm: there are no running statistics that
    adaptation could overwrite, and a spectrum's result never depends on its batch.
    """

    oscillators: int
    scan: str = "auto"
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x, valid, step, train):
        """x: (B, T, D) float32; valid: (B, T, 1); step: () or (B,)."""
        width = x.shape[-1]
        h = nn.LayerNorm(dtype=STATE, name="norm")(x) * valid
        h = DLinOSS(self.oscillators, self.scan, name="ssm")(h, step)
        drop = nn.Dropout(self.dropout, deterministic=not train)
        h = drop(nn.gelu(h))
        value, gate = jnp.split(nn.Dense(2 * width, dtype=STATE, name="glu")(h), 2, -1)
        return x + drop(value * nn.sigmoid(gate)), None


class Backbone(nn.Module):
    """Forward and backward stacks with separate weights; the mean of the two.

    CLS stands first, so the backward stack reaches it last: every spectral token has a
    path to CLS through the oscillators.
    """

    layers: int
    oscillators: int
    scan: str = "auto"
    dropout: float = 0.0
    remat: bool = False

    @nn.compact
    def __call__(
        self,
        x: Tokens,
        valid: ValidTokens,
        step: Float[ArrayLike, "*each"],
        *,
        train: bool,
    ) -> Tokens:
        """x: tokens (B, T, D); valid: (B, T, 1); returns (B, T, D) float32."""
        x = x.astype(STATE)
        both = jnp.stack([x, x[:, ::-1]])
        mask = jnp.stack([valid, valid[:, ::-1]])
        block = nn.remat(Block, static_argnums=(4,)) if self.remat else Block
        directions = nn.vmap(
            block,
            in_axes=(0, 0, None, None),
            variable_axes={"params": 0},
            split_rngs={"params": True, "dropout": True},
        )
        stack = nn.scan(
            directions,
            in_axes=(nn.broadcast, nn.broadcast, nn.broadcast),
            variable_axes={"params": 0},
            split_rngs={"params": True, "dropout": True},
            length=self.layers,
        )
        both, _ = stack(self.oscillators, self.scan, self.dropout, name="layers")(
            both, mask, step, train
        )
        return 0.5 * (both[0] + both[1][:, ::-1])
