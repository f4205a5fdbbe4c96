"""One score out of several similarities.

Without the network: each similarity about its mean over the library, over its spread
there, and the plain average of them all; nothing is fitted. With the network: the same
average plus the encoder's similarities with weights w >= 0 that make the right spectrum
likeliest on virtual libraries (conditional logit: McFadden, in Frontiers in
Econometrics, 1974, 105-142):

    P(j | i) = exp(sum_k w_k z_ijk) / sum_j' exp(sum_k w_k z_ij'k)

No weight is negative: a similarity can be ignored, but not turned round.
`weights.json` holds what `python -m benchmarks.identify_learn` found.

n = queries, m = library spectra.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

WEIGHTS = Path(__file__).with_name("weights.json")
AVERAGE = "average"
WEIGHT_DECAY = 1e-3


def standardised(similarity: np.ndarray) -> np.ndarray:
    """Each query's similarities about their mean, over their spread, (n, m)."""
    spread = similarity.std(axis=1, keepdims=True)
    return (similarity - similarity.mean(axis=1, keepdims=True)) / np.where(
        spread > 0, spread, 1.0
    )


def average(similarities: Mapping[str, np.ndarray]) -> np.ndarray:
    """The plain average of standardised similarities, (n, m)."""
    return np.mean([standardised(each) for each in similarities.values()], axis=0)


def weighted(
    scores: Mapping[str, np.ndarray], weights: Mapping[str, float]
) -> np.ndarray:
    """Average and encoder similarities by weight, in units of the average, (n, m)."""
    total = sum(
        weight * standardised(scores[name])
        for name, weight in weights.items()
        if name != AVERAGE
    )
    return scores[AVERAGE] + total / max(weights[AVERAGE], 1e-6)


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


def shipped(modality: str, checksum: str) -> dict[str, float]:
    """Weights of the average and of an encoder's similarities.

    Args:
      modality: "IR" and "NIR" share one set, "Raman" and "unknown" the other.
      checksum: of the encoder's manifest.

    Returns:
      {name: weight}; the average alone for an encoder whose weights were not learnt.
    """
    known = json.loads(WEIGHTS.read_text(encoding="utf-8"))["encoders"]
    if checksum[:16] not in known:
        return {AVERAGE: 1.0}
    return known[checksum[:16]]["IR" if modality in ("IR", "NIR") else "Raman"]
