"""How often was the right one found? Shares with honest intervals.

Several queries may be of one compound and succeed or fail together, so the interval
resamples compounds, not queries (cluster bootstrap: Davison & Hinkley, Bootstrap
Methods and their Application, 1997, 3.8). Methods are compared on the same resamples.

n = queries, m = library spectra, G = groups (compounds).
"""

import numpy as np

from spektron_jax.metrics import group_mean


def hits(scores, names, truth, k) -> np.ndarray:
    """Whether the right name is among the k best entries, (n,) bool.

    Ties go to the entry that stands first.

    Args:
      scores: (n, m), higher is better.
      names: of the library, (m,).
      truth: right name of each query, (n,).
      k: how many entries count.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return (np.asarray(names)[order] == np.asarray(truth)[:, None]).any(axis=1)


def share(hit, group, seed: int = 0) -> dict[str, float]:
    """Share of hits, with low and high (95 %) and n.

    Args:
      hit: (n,) bool, or the share of repeats that hit.
      group: which queries belong together, (n,).
      seed: of the resampling.
    """
    found = group_mean(hit, group, seed)
    return {"share": found.pop("mean"), **found}


def share_difference(hit_a, hit_b, group, seed: int = 0) -> dict[str, float]:
    """Share of hits of a minus that of b on the same queries: difference, low, high."""
    change = np.asarray(hit_a, float) - np.asarray(hit_b, float)
    found = share(change, group, seed)
    return {"difference": found["share"], "low": found["low"], "high": found["high"]}


def rejection_curve(confidence, hit) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy of those kept against the share rejected, least confident first.

    Args:
      confidence: (n,); hit: (n,) bool.

    Returns:
      Share rejected and accuracy of the rest, (n,) each, rising in the first.
    """
    order = np.argsort(-np.asarray(confidence), kind="stable")
    kept = np.arange(1, order.size + 1)
    accuracy = np.cumsum(np.asarray(hit, float)[order]) / kept
    return 1 - kept[::-1] / order.size, accuracy[::-1]
