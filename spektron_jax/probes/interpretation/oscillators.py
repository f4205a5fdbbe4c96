"""Oscillators of the D-LinOSS layers on the physical axis: poles, transfer functions.

A layer answers a wave along the wavenumber axis, exp(i w t) at token t, by the gain

    G(w) = sum_p H_p(w) (B_p C_p) + diag(skip),
    H_p(w) = gain_p |p|^2 / ((1 - p e^(-iw)) (1 - p* e^(-iw))),  p = e^(-decay + i angle)

with the wave's period 2 pi spacing / w in cm-1. An oscillator of period 60 cm-1 and
decay length 200 cm-1 rings three times after a band: it tells where bands repeat at
that distance. Decay lengths of a line width smooth, those of a thousand cm-1 remember.

Dimension legend: N layers, 2 directions, P oscillators, D width, W waves.
"""  # noqa: E501 (an equation cannot be wrapped)

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.models.dlinoss import at_step, pole_of
from spektron_jax.models.spektron import REFERENCE_SPACING_CM1

LAYERS = ("backbone", "layers", "ssm")


class Oscillators(NamedTuple):
    """All oscillators of a backbone, (N, 2, P) numpy arrays; direction 0 is upwards."""

    period_cm1: np.ndarray
    decay_cm1: np.ndarray  # length over which a motion falls to 1/e
    strength: np.ndarray  # |B_p| |C_p|, share of the layer's sum


def token_spacing_cm1(stride):
    """Distance of two tokens at reference spacing, cm-1."""
    return stride * REFERENCE_SPACING_CM1


def oscillators(params, stride):
    """`Oscillators` of a parameter tree; stride: points a token (`model.stride`)."""
    ssm = _ssm(params)
    decay, angle = pole_of(ssm["log_decay"], ssm["angle_logit"])
    spacing = token_spacing_cm1(stride)
    size = jnp.linalg.norm(ssm["into"], axis=(2, 4)) * jnp.linalg.norm(
        ssm["out"], axis=(3, 4)
    )
    return Oscillators(
        np.asarray(2 * np.pi * spacing / angle),
        np.asarray(spacing / decay),
        np.asarray(size / jnp.sum(size, -1, keepdims=True)),
    )


def transfer_functions(params, stride, period_cm1):
    """Gain of every layer for waves of these periods along the axis.

    Args:
      params: parameter tree of the model.
      stride: points a token.
      period_cm1: (W,), twice the token spacing or more.

    Returns:
      (N, 2, W): rms of the output over that of a white input across the D channels,
      |G(w)|_F / sqrt(D), without the block's own residual path.
    """
    ssm = _ssm(params)
    wave = 2 * np.pi * token_spacing_cm1(stride) / jnp.asarray(period_cm1)
    return np.asarray(jax.vmap(jax.vmap(lambda one: _gain(one, wave)))(ssm))


def responses(sigma, angle, gain, wave):
    """H_p(w) of oscillators, (W, P) complex; sigma = |p|^-2 - 1, angle of p, (P,)."""
    turn = jnp.exp(-1j * wave)[:, None]
    pole = jnp.exp(-0.5 * jnp.log1p(sigma) + 1j * angle)
    return gain / (1 + sigma) / ((1 - pole * turn) * (1 - pole.conj() * turn))


def _gain(ssm, wave):
    """(W,) of one layer and direction."""
    decay, angle = pole_of(ssm["log_decay"], ssm["angle_logit"])
    sigma, _, _, gain = at_step(decay, angle, jnp.ones(()))
    h = responses(sigma, angle, gain, wave)
    into, out = ssm["into"], ssm["out"]  # (D, P, 2), (P, 2, D)

    def norm(h):
        matrix = jnp.einsum("p,dpc,pce->de", h, into, out) + jnp.diag(ssm["skip"])
        return jnp.linalg.norm(matrix) / jnp.sqrt(len(matrix))

    return jax.lax.map(norm, h)


def _ssm(params):
    for name in LAYERS:
        params = params[name]
    return jax.tree.map(jnp.asarray, dict(params))
