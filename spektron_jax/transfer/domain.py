"""Which target spectra the transferred calibration knows: T2 and Q on the target.

The PCA model is the source's, moved by the mean difference of the instruments. Other
differences remain, so the limits are those of the source or, where the target samples
at hand go further, theirs: each sample judged by the shift that the others give.

n = target spectra at hand, L = points.
"""

from dataclasses import replace

import numpy as np
from scipy import stats

from spektron_jax.transfer.applicability import Applicability, fit_applicability
from spektron_jax.transfer.data import TransferData

MIN_SPECTRA = 5  # of the source, for limits
ROBUST_SDS = 4.0
NONE = np.empty(0, dtype=int)


def fit_domain(
    data: TransferData,
    bad_source: np.ndarray = NONE,
    bad_target: np.ndarray = NONE,
) -> Applicability | None:
    """Model for unprocessed target spectra (m, L); None: too few source spectra.

    Args:
      data: source and target samples
      bad_source, bad_target: rows with spectra that count for nothing
    """
    good = np.setdiff1d(np.arange(len(data.X_source)), bad_source)
    if len(good) < MIN_SPECTRA:
        return None
    model = fit_applicability(data.X_source[good])
    kept = np.setdiff1d(np.arange(len(data.X_target)), bad_target)
    pairs = kept[np.isin(data.paired[kept], good)]
    if pairs.size:
        B = data.X_target[pairs]
        shifts = data.X_source[data.paired[pairs]] - B
    elif kept.size:
        B = data.X_target[kept]
        shifts = data.X_source[good].mean(axis=0) - B
    else:
        return model
    shift, n = shifts.mean(axis=0), len(B)
    if n > 1:
        without = (shifts.sum(axis=0) - shifts) / (n - 1)
        t2, q = model.distances(B + without)
        model = replace(
            model,
            t2_limit=max(model.t2_limit, _highest(t2)),
            q_limit=max(model.q_limit, _highest(q)),
        )
    return replace(model, mean=model.mean - shift)


def _highest(distances: np.ndarray) -> float:
    """The largest of distances (n,), but none far beyond the others.

    On a logarithmic scale at most 4 robust SDs above the median.
    """
    log = np.log(np.maximum(distances, np.finfo(float).tiny))
    spread = stats.median_abs_deviation(log, scale="normal")
    return float(np.exp(min(log.max(), np.median(log) + ROBUST_SDS * spread)))
