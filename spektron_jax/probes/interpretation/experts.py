"""What the experts do: which modality calls them, and what their KAN curves look like.

A KAN expert sends the input h of a hidden unit to the D outputs by

    phi(h) = silu(h) out + sum_k B_k(tanh h) curve_k,                   a curve in R^D

with learned `out` and `curve` (models/moe.py). The shape of a unit is the first left
singular vector of phi over h: the one curve that comes closest to all its outputs.

Dimension legend: E experts, F units of an expert, K splines, D width, X points of h.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.models.moe import spline_bases

INPUTS = np.linspace(-3.0, 3.0, 121)  # tanh takes 3 to 0.995: the splines' whole range


class ActivationCurves(NamedTuple):
    """Shapes of every unit's activation, numpy."""

    inputs: np.ndarray  # (X,)
    shape: np.ndarray  # (E, F, X), rms over D outputs
    silu: np.ndarray  # (X,) what the shape would be without splines, rms 1
    spline_share: np.ndarray  # (E, F) of phi's variance that is not along silu


def usage(load: Any, modality: Any) -> dict[str, np.ndarray]:
    """Share of expert calls by modality.

    Args:
      load: share of an example's calls that went to each expert, (n, E), from `encode`.
      modality: names, (n,).

    Returns:
      dict of modality -> (E,); each sums to 1.
    """
    load, modality = np.asarray(load), np.asarray(modality)
    return {name: load[modality == name].mean(0) for name in np.unique(modality)}


def preference(use: Mapping[str, Any]) -> float:
    """How far modalities differ in their experts, 0 (not at all) to 1.

    The largest total variation distance between two modalities' rows of `usage`.
    """
    rows = np.stack(list(use.values()))
    return float(0.5 * np.abs(rows[:, None] - rows[None]).sum(-1).max())


def curves(params: Mapping[str, Any], experts: int) -> ActivationCurves | None:
    """The curves of a parameter tree, or None if its experts have no KAN activation."""
    moe = params["moe"]
    if "curve" not in moe:
        return None
    curve, out = jnp.asarray(moe["curve"]), jnp.asarray(moe["out"])  # (E F, K, D), ...
    inputs = jnp.asarray(INPUTS, jnp.float32)
    silu = jax.nn.silu(inputs)
    basis = jnp.column_stack([silu, spline_bases(jnp.tanh(inputs))])  # (X, 1 + K)
    weights = jnp.concatenate([out[:, None], curve], axis=1)  # (E F, 1 + K, D)
    q, r = jnp.linalg.qr(basis)
    left, size, _ = jnp.linalg.svd(r @ weights, full_matrices=False)
    shape = jnp.einsum("xk,uk->ux", q, left[..., 0] * size[:, :1])
    shape = shape * jnp.where(shape @ silu < 0, -1.0, 1.0)[:, None]
    along = silu / jnp.linalg.norm(silu)
    inside = (along @ q) @ (r @ weights)  # (E F, D)
    total = jnp.sum(size**2, axis=-1)
    share = 1 - jnp.sum(inside**2, -1) / jnp.maximum(total, 1e-30)
    width = curve.shape[-1]
    return ActivationCurves(
        INPUTS,
        np.asarray(shape / jnp.sqrt(width)).reshape(experts, -1, INPUTS.size),
        np.asarray(silu / jnp.sqrt(jnp.mean(silu**2))),
        np.asarray(share.clip(0, 1)).reshape(experts, -1),
    )
