"""One score out of several similarities.

Without the network: each similarity about its mean over the library, over its spread
there, and the plain average of them all; nothing is fitted. With the network: the same
average plus the encoder's similarities, each with a weight of 0 or more: a similarity
can be ignored, but not turned round. `weights.json` holds the weights that
`python -m benchmarks.identify_learn` found on virtual libraries.

n = queries, m = library spectra.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

WEIGHTS = Path(__file__).with_name("weights.json")
AVERAGE = "average"
# Similarities of an encoder and the features they are of; see `encoded`.
DEPTHS = {"encoder z_chem": "chem", "encoder CLS": "cls", "encoder tokens": "tokens"}
MEAN = " mean"  # after a depth's name, in what is prepared


def standardised(similarity: np.ndarray) -> np.ndarray:
    """Each query's similarities about their mean, over their spread, (n, m)."""
    about = similarity - similarity.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(about**2, axis=1, keepdims=True))
    about /= np.where(spread > 0, spread, 1.0)
    return about


def average(similarities: Mapping[str, np.ndarray]) -> np.ndarray:
    """The plain average of standardised similarities, (n, m)."""
    return mean(map(standardised, similarities.values()))


def mean(each: Iterable[np.ndarray]) -> np.ndarray:
    """The mean of arrays of one shape, summed up in one place."""
    each = iter(each)
    total, count = next(each).copy(), 1
    for values in each:
        total += values
        count += 1
    total /= count
    return total


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


def shipped(modality: str, checksum: str | None) -> dict[str, float]:
    """Weights of the average and of an encoder's similarities.

    Args:
      modality: "IR" and "NIR" share one set, "Raman" and "unknown" the other.
      checksum: of the encoder's manifest; None: an encoder that was not saved.

    Returns:
      {name: weight}; the average alone for an encoder whose weights were not learnt.
    """
    known = json.loads(WEIGHTS.read_text(encoding="utf-8"))["encoders"]
    start = (checksum or "")[:16]
    if start not in known:
        return {AVERAGE: 1.0}
    return known[start]["IR" if modality in ("IR", "NIR") else "Raman"]
