"""Virtual libraries with known answers: corpus compounds on two virtual instruments.

A compound is one to three corpus molecules; compounds of a family share one of them,
so that a library holds look-alikes, as real ones do. `fit` learns on them the weights
of the encoder's similarities, w >= 0, that make the right spectrum likeliest
(conditional logit: McFadden, in Frontiers in Econometrics, 1974, 105-142):

    P(j | i) = exp(sum_k w_k z_ijk) / sum_j' exp(sum_k w_k z_ij'k)

n = spectra, L = points, m = compounds.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.identification.combine import AVERAGE, standardised
from spektron_jax.identification.virtual import Severity, remeasured
from spektron_jax.lab.render import render_lines
from spektron_jax.spectra.grid import modality_code

FWHM_CM1 = {"Raman": (8.0, 40.0), "IR": (10.0, 40.0)}  # of bands in condensed phase
MEMBERS = 3  # molecules of a compound, at most
SHARED = (0.0, 0.8)  # share of the family's molecule
EXCITATION_CM1 = (9398.0, 20492.0)  # lasers of 1064 to 488 nm
HC_OVER_K_CM = 1.4388  # second radiation constant
KELVIN = 298.0
WEIGHT_DECAY = 1e-3


class Pair(NamedTuple):
    """m compounds, row by row the same, on two virtual instruments."""

    library: np.ndarray  # (m, L)
    query: np.ndarray  # (m, L)


def pair(
    corpus: LineCorpus,
    rows: np.ndarray,
    axis_cm1: np.ndarray,
    modality: str,
    size: int,
    seed: int,
) -> Pair:
    """Draw a library and its queries.

    Args:
      corpus: lines of the molecules.
      rows: molecules that compounds may be made of.
      axis_cm1: (L,) increasing, even steps.
      modality: "Raman" or "IR".
      size: m.
      seed: int.
    """
    rng = np.random.default_rng([seed, 7])
    severity = Severity.draw(rng)
    members, share = _members(rng, rows, size)
    code = np.full(members.size, modality_code(modality), np.int32)
    lines = corpus.fetch(members.ravel(), code)
    position = lines["position_cm1"].reshape(size, -1)
    strength = lines["strength"].astype(np.float64)
    inside = (lines["position_cm1"] >= axis_cm1[0]) & (
        lines["position_cm1"] <= axis_cm1[-1]
    )
    top = np.where(inside, strength, 0).max(1, keepdims=True)
    strength = strength / np.where(top > 0, top, 1.0) * share.reshape(-1, 1)
    strength = strength.reshape(size, -1)
    low, high = FWHM_CM1[modality]
    width = rng.uniform(low, high, size)
    shown = []
    for _ in range(2):
        seen = strength
        if modality == "Raman":
            seen = strength * raman_intensity(position, rng.uniform(*EXCITATION_CM1))
        clean = _rendered(position, seen, axis_cm1, width)
        shown.append(remeasured(clean, axis_cm1, modality, rng, severity))
    return Pair(*shown)


def raman_intensity(shift_cm1: np.ndarray, excitation_cm1: float) -> np.ndarray:
    """Stokes intensity over activity: (v0 - v)^4 / v / (1 - exp(-h c v / k T))."""
    shift = np.maximum(shift_cm1, 20.0)
    occupied = 1 - np.exp(-HC_OVER_K_CM * shift / KELVIN)
    return ((excitation_cm1 - shift) / excitation_cm1) ** 4 * 1000 / shift / occupied


def _members(
    rng: np.random.Generator, rows: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Molecules and their shares, (m, MEMBERS) each."""
    family = rng.integers(0, max(1, round(size / rng.uniform(2, 8))), size)
    base = rng.choice(rows, family.max() + 1)
    own = rng.choice(rows, (size, MEMBERS - 1))
    shared = rng.uniform(*SHARED, size)
    first = np.where(rng.uniform(size=size) < 0.5, 1.0, rng.uniform(0.3, 1, size))
    parts = np.stack([shared, (1 - shared) * first, (1 - shared) * (1 - first)], 1)
    return np.column_stack([base[family], own]), parts


_render = jax.jit(render_lines)  # one compilation for all pairs of one size


def _rendered(
    position: np.ndarray, strength: np.ndarray, axis_cm1: np.ndarray, width: np.ndarray
) -> np.ndarray:
    """Spectra of lines, (m, L) float64, strongest band 1."""
    spectra = _render(
        jnp.asarray(position),
        jnp.asarray(strength, jnp.float32),
        jnp.asarray(axis_cm1, jnp.float32),
        jnp.asarray(width, jnp.float32),
    )
    spectra = np.asarray(spectra, np.float64)
    return spectra / spectra.max(1, keepdims=True)


def fit(
    libraries: Sequence[Mapping[str, np.ndarray]], names: Sequence[str]
) -> dict[str, float]:
    """Weights under which the right spectrum, in column i of row i, is likeliest.

    Args:
      libraries: scores by name, (m, m) each; all but the average get standardised.
      names: those to use.

    Returns:
      {name: weight}.
    """
    blocks = [
        np.stack([each[n] if n == AVERAGE else standardised(each[n]) for n in names])
        for each in libraries
    ]

    def loss(weight):
        total, slope = WEIGHT_DECAY * weight @ weight, 2 * WEIGHT_DECAY * weight
        for block in blocks:
            score = np.tensordot(weight, block, 1)
            log_share = score - logsumexp(score, axis=1, keepdims=True)
            right = np.einsum("kii->ki", block)
            expected = np.einsum("kij,ij->ki", block, np.exp(log_share))
            total -= np.trace(log_share) / len(score) / len(blocks)
            slope = slope - (right - expected).mean(1) / len(blocks)
        return total, slope

    start = np.ones(len(names))
    found = minimize(loss, start, jac=True, bounds=[(0, None)] * len(names))
    return dict(zip(names, found.x.tolist(), strict=True))
