"""Oscillators of the D-LinOSS layers on the physical axis: poles, transfer functions.

A layer answers a wave along the wavenumber axis, exp(i w t) at token t, by the gain

    G(w) = sum_p H_p(w) (B_p C_p) + diag(skip),
    H_p(w) = gain_p |p|^2 / ((1 - p e^(-iw)) (1 - p* e^(-iw))),  p = e^(-decay + i angle)

with the wave's period 2 pi spacing / w in cm-1. An oscillator of period 60 cm-1 and
decay length 200 cm-1 rings three times after a band: it tells where bands repeat at
that distance. Decay lengths of a line width smooth, those of a thousand cm-1 remember.

Dimension legend: N layers, 2 directions, P oscillators, D width, W waves.
"""  # noqa: E501 (an equation cannot be wrapped)

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.models.dlinoss import at_step, pole_of
from spektron_jax.models.spektron import REFERENCE_SPACING_CM1

LAYERS = ("backbone", "layers", "ssm")
LONGEST_CM1 = 8000.0  # period; longer than any axis is a baseline
WAVES = 120


class Oscillators(NamedTuple):
    """All oscillators of a backbone, (N, 2, P) numpy arrays; direction 0 is upwards."""

    period_cm1: np.ndarray
    decay_cm1: np.ndarray  # length over which a motion falls to 1/e
    strength: np.ndarray  # |B_p| |C_p|, share of the layer's sum

    @classmethod
    def of_poles(
        cls, decay: Any, angle: Any, strength: Any, stride: int
    ) -> "Oscillators":
        """From decay and angle by token, (N, 2, P) each; strength: all positive."""
        spacing = token_spacing_cm1(stride)
        return cls(
            np.asarray(2 * np.pi * spacing / angle),
            np.asarray(spacing / decay),
            np.asarray(strength / strength.sum(-1, keepdims=True)),
        )


class PoleComparison(NamedTuple):
    """What training changed."""

    token_spacing_cm1: float
    before: Oscillators
    after: Oscillators
    wave_period_cm1: np.ndarray  # (W,)
    gain_before: np.ndarray  # (N, 2, W)
    gain_after: np.ndarray  # (N, 2, W)

    def moved(self, name: str) -> float:
        """Median absolute change of the logarithm of a field of `Oscillators`."""
        return _median_move(getattr(self.before, name), getattr(self.after, name))

    def change_of_gain(self) -> float:
        """The same of the layers' gain."""
        return _median_move(self.gain_before, self.gain_after)

    def quartiles(self, name: str) -> list[float]:
        """Of a field of `Oscillators` after training."""
        return np.percentile(getattr(self.after, name), [25, 50, 75]).tolist()


def compare(before: Any, after: Any, stride: int) -> PoleComparison:
    """`PoleComparison` of two parameter trees, for waves from 2 tokens to 8000 cm-1."""
    spacing = token_spacing_cm1(stride)
    period = np.geomspace(2 * spacing, LONGEST_CM1, WAVES)
    return PoleComparison(
        spacing,
        oscillators(before, stride),
        oscillators(after, stride),
        period,
        transfer_functions(before, stride, period),
        transfer_functions(after, stride, period),
    )


def _median_move(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.median(np.abs(np.log(after / before))))


def token_spacing_cm1(stride: int) -> float:
    """Distance of two tokens at reference spacing, cm-1."""
    return stride * REFERENCE_SPACING_CM1


def oscillators(params: Any, stride: int) -> Oscillators:
    """`Oscillators` of a parameter tree; stride: points a token (`model.stride`)."""
    ssm = _ssm(params)
    decay, angle = pole_of(ssm["log_decay"], ssm["angle_logit"])
    size = jnp.linalg.norm(ssm["into"], axis=(2, 4)) * jnp.linalg.norm(
        ssm["out"], axis=(3, 4)
    )
    return Oscillators.of_poles(decay, angle, size, stride)


def transfer_functions(params: Any, stride: int, period_cm1: np.ndarray) -> np.ndarray:
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


def responses(
    sigma: jax.Array, angle: jax.Array, gain: jax.Array, wave: jax.Array
) -> jax.Array:
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
