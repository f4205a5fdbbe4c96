"""One number for many cells, and its paired interval.

C = cells (source, target, property), R = splits.
"""

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.metrics import interval, resampled_counts

FLOOR = -1.0  # of a cell's R2 in a mean over cells, lest one failure decide it


def mean_r2(sse: np.ndarray, sst: np.ndarray) -> float:
    """Mean over cells of the pooled R2, each floored at -1; sse, sst (C, R)."""
    return float(np.mean(np.maximum(1 - sse.sum(-1) / sst.sum(-1), FLOOR)))


def paired_difference(
    sse_a: np.ndarray, sse_b: np.ndarray, sst: np.ndarray, seed: int = 0
) -> dict[str, float]:
    """Mean R2 of a minus that of b, with an interval over resampled splits.

    A split is drawn for all cells and both methods at once: cells share test samples,
    so they are no independent repeats.

    Args:
      sse_a, sse_b: squared errors of both methods                     (C, R)
      sst: squared deviations of the labels                            (C, R)
      seed: of the resampling

    Returns:
      difference, low and high (95 % interval). Above 0: a is better.
    """
    if not sse_a.shape == sse_b.shape == sst.shape or sst.ndim != 2:
        raise SpektronError("sse_a, sse_b and sst must all be (cells, splits)")
    counts = resampled_counts(sst.shape[1], seed)
    total = counts @ sst.T
    scores = [np.maximum(1 - counts @ s.T / total, FLOOR) for s in (sse_a, sse_b)]
    return {
        "difference": mean_r2(sse_a, sst) - mean_r2(sse_b, sst),
        **interval((scores[0] - scores[1]).mean(axis=1)),
    }
