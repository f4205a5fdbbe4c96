"""Which target spectra the transferred calibration knows: T2 and Q on the target.

The PCA model is the source's, moved by the mean difference of the instruments. Other
differences remain, so the limits are those of the source or, where the target samples
at hand go further, theirs: each sample judged by the shift that the others give.

n = target spectra at hand, L = points.
"""

from dataclasses import replace

from spektron_jax.transfer.applicability import Applicability, fit_applicability
from spektron_jax.transfer.data import UNPAIRED, TransferData

MIN_SPECTRA = 5  # of the source, for limits


def fit_domain(data: TransferData) -> Applicability | None:
    """Model for unprocessed target spectra (m, L); None: too few source spectra."""
    if len(data.X_source) < MIN_SPECTRA:
        return None
    model = fit_applicability(data.X_source)
    pairs = data.paired != UNPAIRED
    n = int(pairs.sum())
    if n:
        B = data.X_target[pairs]
        shifts = data.X_source[data.paired[pairs]] - B
    else:
        B = data.X_target
        shifts = data.X_source.mean(axis=0) - B
        n = len(B)
    if not n:
        return model
    shift = shifts.mean(axis=0)
    if n > 1:
        without = (shifts.sum(axis=0) - shifts) / (n - 1)
        t2, q = model.distances(B + without)
        model = replace(
            model,
            t2_limit=max(model.t2_limit, float(t2.max())),
            q_limit=max(model.q_limit, float(q.max())),
        )
    return replace(model, mean=model.mean - shift)
