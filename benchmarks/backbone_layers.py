"""Layers that take the place of D-LinOSS in `benchmarks.backbones`.

Each has the parameters of a D-LinOSS layer of the same width, 4 D^2 + 6 D, and is
written from the equations of its paper:

| name | layers | source |
|---|---|---|
| d-linoss | as shipped | `models/dlinoss.py` |
| d-linoss, wavelets | the same, on wavelet coefficients as mamba | |
| mamba | input-dependent step, B and C; on wavelet coefficients | Gu & Dao 2023 |
| s4d | fixed diagonal system for each channel | Gu, Gupta, Goel & Re 2022 |
| cnn | dilated residual convolutions, both sides at once | van den Oord et al. 2016 |
| transformer | `models/transformer.py` | Vaswani et al. 2017, pre-norm |
| none | no layer: what the rest of the network does alone | |

mamba and s4d replace the layer inside `models.dlinoss.Backbone`, and run in both
directions with weights of their own, as D-LinOSS does. cnn and transformer see both
sides, so one stack stands for both directions.

Dimension legend: B batch, T tokens, D width, N states of a channel, R rank of the step.
"""

import types
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from spektron_jax.models import dlinoss, embedding, spektron
from spektron_jax.models.dtypes import STATE
from spektron_jax.models.transformer import TransformerBlock
from spektron_jax.training.instrument_pool import INSTRUMENT_EMBEDDING

STEPS = (1e-3, 1e-1)  # of S4D and Mamba at the start, log-uniform, both papers
TAPS = 4  # of Mamba's causal convolution
LEVELS = 6  # of the wavelet transform: 2^6 points are 109 cm-1
# Daubechies 1988, two vanishing moments.
LOW_PASS = np.array([1 + 3**0.5, 3 + 3**0.5, 3 - 3**0.5, 1 - 3**0.5]) / 32**0.5
HIGH_PASS = LOW_PASS[::-1] * np.array([1, -1, 1, -1])


def init_log_step(key, shape, dtype=STATE):
    """Logarithms of steps, uniform between those of STEPS."""
    return jax.random.uniform(key, shape, dtype, *np.log(STEPS))


class S4D(nn.Module):
    """y = K * u + D u, K_l = 2 Re sum_n C_n B_n exp(l dt A_n), zero-order hold."""

    states: int

    @nn.compact
    def __call__(self, u, step):
        """u: (B, T, D); step: () or (B,), spacing in reference spacings."""
        shape = u.shape[-1], self.states
        log_step = self.param("log_step", init_log_step, shape[:1])
        log_decay = self.param(
            "log_decay", nn.initializers.constant(np.log(0.5)), shape
        )
        lin = np.pi * np.arange(self.states, dtype=np.float32)
        frequency = self.param("frequency", lambda _: jnp.broadcast_to(lin, shape))
        out = self.param("out", nn.initializers.normal(0.5**0.5), (*shape, 2))
        skip = self.param("skip", nn.initializers.normal(1.0), shape[:1])
        eigenvalue = jax.lax.complex(-jnp.exp(log_decay), frequency)
        rate = (jnp.exp(log_step) * step[..., None])[..., None] * eigenvalue
        weight = jax.lax.complex(*jnp.moveaxis(out, -1, 0)) * jnp.expm1(rate)
        weight = weight / eigenvalue
        powers = jnp.exp(rate[..., None] * jnp.arange(u.shape[1]))
        kernel = 2 * jnp.einsum("...dn,...dnt->...td", weight, powers).real
        return convolved(kernel, u) + skip * u


def convolved(kernel, u):
    """Causal convolution along the tokens, (T, D) or (B, T, D) with (B, T, D)."""
    length = u.shape[1]
    product = jnp.fft.rfft(kernel, 2 * length, -2) * jnp.fft.rfft(u, 2 * length, 1)
    return jnp.fft.irfft(product, 2 * length, 1)[:, :length]


class S4DBlock(nn.Module):
    """The block of D-LinOSS with S4D inside; `oscillators` is N."""

    oscillators: int
    scan: str = "auto"
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x, valid, step, train):
        """x: (B, T, D); valid: (B, T, 1); step: () or (B,)."""
        width = x.shape[-1]
        h = nn.LayerNorm(dtype=STATE, name="norm")(x) * valid
        h = nn.gelu(S4D(self.oscillators, name="ssm")(h, step))
        value, gate = jnp.split(nn.Dense(2 * width, dtype=STATE, name="glu")(h), 2, -1)
        return x + value * nn.sigmoid(gate), None


def selective_scan(decay, force):
    """h_t = decay_t h_(t-1) + force_t along axis 1, (B, T, D, N)."""

    def combine(first, second):
        (a, x), (b, y) = first, second
        return a * b, b * x + y

    return jax.lax.associative_scan(combine, (decay, force), axis=1)[1]


class MambaBlock(nn.Module):
    """x + W_out(SSM(SiLU(conv(u))) SiLU(z)), [u, z] = W_in LayerNorm(x).

    The channels are D and not 2 D as in the paper, and N follows from the width, so
    that the parameters are those of a D-LinOSS layer.
    """

    oscillators: int
    scan: str = "auto"
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x, valid, step, train):
        """x: (B, T, D); valid: (B, T, 1); step: () or (B,)."""
        width = x.shape[-1]
        rank = max(width // 16, 1)
        states = max(round((width - 3 - 2 * rank) / 3), 1)
        h = nn.LayerNorm(dtype=STATE, name="norm")(x) * valid
        h = nn.Dense(2 * width, use_bias=False, dtype=STATE, name="in")(h)
        u, z = jnp.split(h, 2, -1)
        taps = self.param("taps", nn.initializers.normal(TAPS**-0.5), (TAPS, width))
        bias = self.param("bias", nn.initializers.zeros, (width,))
        past = jnp.pad(u, ((0, 0), (TAPS - 1, 0), (0, 0)))
        rows = (taps[k] * past[:, k : k + u.shape[1]] for k in range(TAPS))
        u = nn.silu(sum(rows) + bias)
        y = self.selective(u, step, states, rank)
        return x + nn.Dense(width, use_bias=False, dtype=STATE, name="back")(
            y * nn.silu(z)
        ), None

    def selective(self, u, step, states, rank):
        """The state-space layer whose step, B and C are read from u."""
        width = u.shape[-1]
        dense = nn.Dense(rank + 2 * states, use_bias=False, dtype=STATE, name="read")
        low, into, out = jnp.split(dense(u), [rank, rank + states], -1)
        raw = nn.Dense(width, dtype=STATE, name="step", bias_init=init_step_bias)(low)
        dt = nn.softplus(raw) * jnp.reshape(step, (-1, 1, 1))
        log_decay = self.param(
            "log_decay",
            lambda _: jnp.tile(jnp.log(jnp.arange(1.0, states + 1)), (width, 1)),
        )
        skip = self.param("skip", nn.initializers.ones, (width,))
        decay = jnp.exp(-dt[..., None] * jnp.exp(log_decay))
        state = selective_scan(decay, (dt * u)[..., None] * into[:, :, None])
        return jnp.einsum("btdn,btn->btd", state, out) + skip * u


def init_step_bias(key, shape, dtype=STATE):
    """The inverse of softplus at steps log-uniform between those of STEPS."""
    step = jnp.exp(init_log_step(key, shape, dtype))
    return step + jnp.log(-jnp.expm1(-step))


def wavelet(x):
    """Coefficients of x (B, L, C) by level, the finest first and the rest last.

    Level k has L / 2^k of them; the ends are continued by their own values.
    """
    found = []
    for _ in range(LEVELS):
        padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0)), mode="edge")
        half = x.shape[1] // 2
        parts = [padded[:, k : k + 2 * half : 2] for k in range(len(LOW_PASS))]
        x, detail = (
            sum(float(c) * part for c, part in zip(taps, parts, strict=True))
            for taps in (LOW_PASS, HIGH_PASS)
        )
        found.append(detail)
    return [*found, x]


class WaveletEmbedding(embedding.Embedding):
    """Tokens read the wavelet coefficients at their place, of all levels."""

    def local(self, channels):
        """channels (B, L, 2) to (B, L / stride, D)."""
        tokens = channels.shape[1] // self.stride
        rows = []
        for level in wavelet(channels.astype(STATE)):
            count = level.shape[1]
            if count >= tokens:
                rows.append(level.reshape(len(level), tokens, -1))
            else:
                place = np.arange(tokens) * count // tokens
                rows.append(level[:, place])
        joined = jnp.concatenate(rows, axis=-1).astype(self.dtype)
        return nn.Dense(self.width, dtype=self.dtype, name="wavelet")(joined)


class Stack(nn.Module):
    """A backbone that sees both sides: the fields and the call of `Backbone`."""

    layers: int
    oscillators: int
    scan: str = "auto"
    dropout: float = 0.0
    remat: bool = False


class Convolutions(Stack):
    """2 x layers residual blocks x + W GELU(conv(LayerNorm(x))), dilation 4^k."""

    @nn.compact
    def __call__(self, x, valid, step, *, train):
        """As `models.dlinoss.Backbone`."""
        x, width, length = x.astype(STATE), x.shape[-1], x.shape[1]
        for number in range(2 * self.layers):
            far = 4**number
            h = nn.LayerNorm(dtype=STATE, name=f"norm_{number}")(x) * valid
            h = jnp.pad(h, ((0, 0), (far, far), (0, 0)))
            sides = [h[:, k * far : k * far + length] for k in range(3)]
            h = jnp.concatenate(sides, axis=-1)
            h = nn.gelu(nn.Dense(width, dtype=STATE, name=f"conv_{number}")(h))
            x = x + nn.Dense(width, dtype=STATE, name=f"out_{number}")(h)
        return x


class Attention(Stack):
    """`layers` transformer blocks, heads of 16 numbers."""

    @nn.compact
    def __call__(self, x, valid, step, *, train):
        """As `models.dlinoss.Backbone`."""
        x, width = x.astype(STATE), x.shape[-1]
        inner = round((4 * width**2 + 3 * width) / (2 * width + 1))
        for number in range(self.layers):
            block = TransformerBlock(max(width // 16, 1), inner, name=f"block_{number}")
            x = block(x, valid, train)
        return x


class Nothing(Stack):
    """Tokens as they are."""

    @nn.compact
    def __call__(self, x, valid, step, *, train):
        """As `models.dlinoss.Backbone`."""
        return x.astype(STATE)


class OtherBlock(dlinoss.Backbone):
    """The backbone as shipped, in both directions, of another block."""

    def __call__(self, x, valid, step, *, train):
        """As `models.dlinoss.Backbone`."""
        with mock.patch.object(dlinoss, "Block", self.block):
            return super().__call__(x, valid, step, train=train)


class Mamba(OtherBlock):
    """Of `MambaBlock`."""

    block = MambaBlock


class S4DBackbone(OtherBlock):
    """Of `S4DBlock`."""

    block = S4DBlock


class Variant(spektron.Spektron):
    """The network with other parts; `parts`: names in `models.spektron` -> classes."""

    parts = types.MappingProxyType({})

    def setup(self):
        """As `Spektron.setup`."""
        with mock.patch.multiple(spektron, **self.parts):
            super().setup()


def _variant(name, **parts):
    return type(name, (Variant,), {"parts": types.MappingProxyType(parts)})


# Classes of their own: JAX takes models of equal class and fields for the same.
NETWORKS = {
    "d-linoss": spektron.Spektron,
    "d-linoss, wavelets": _variant("WaveletNetwork", Embedding=WaveletEmbedding),
    "mamba": _variant("MambaNetwork", Backbone=Mamba, Embedding=WaveletEmbedding),
    "s4d": _variant("S4DNetwork", Backbone=S4DBackbone),
    "cnn": _variant("ConvolutionNetwork", Backbone=Convolutions),
    "transformer": _variant("AttentionNetwork", Backbone=Attention),
    "none": _variant("BareNetwork", Backbone=Nothing),
}


def build(config, name):
    """The network of a config with one of NETWORKS."""
    sizes = config.model.to_dict()
    return NETWORKS[name](**sizes, instrument_embedding=INSTRUMENT_EMBEDDING)
