"""What predictions must look like where no target label can speak.

The target's samples are taken to be like the source's. Then the predictions of T target
spectra spread no further than labels do, and have the labels' mean, as far as T samples
of them can tell. A member whose predictions go beyond has taken something of the
instrument for the property:

    spread    s > u, with u the 95 % point of the SD of T labels: what lies beyond is
              error, so that the best linear estimate is u^2 / s^2 of a prediction's
              distance from the mean, and the member's weight falls by u / s
    mean      beyond 2 standard errors of T labels: taken back by the positive-part rule
              of James & Stein (Proc. 4th Berkeley Symposium 1 (1961) 361)

Point and power were chosen on simulated instruments for measured spectra of 47 sets,
beside corn (`benchmarks/transfer_sets.py`).

Members that agree can be wrong together, but those that disagree cannot all be right.
The probability that R2 on the target stays below 0.5 is

    logistic(2.26 + 2.33 ln r),  r = RMS disagreement / SD of the predictions

fitted on 460 trials of simulated instruments for measured spectra of 23 sets; on 144 of
24 others the area under the ROC curve was 0.92, on the sugarcane data's 64 it was 0.65.

M = members, T = target spectra.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import special, stats

from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.members import Member

MIN_SPECTRA = 5  # fewer say nothing of a spread
POINT = 0.95
STANDARD_ERRORS = 2.0
INTERCEPT, SLOPE = 2.26, 2.33  # of the logistic regression on ln r


def plausible(
    members: Sequence[Member], data: TransferData
) -> tuple[list[Member], np.ndarray]:
    """Members that predict nothing labels could not be, and what weight each keeps.

    Returns:
      The members, and factors of their weights, 1 where nothing was wrong     (M,)
    """
    T = len(data.X_target)
    if T < MIN_SPECTRA:
        return list(members), np.ones(len(members))
    limit = np.sqrt(stats.chi2.ppf(POINT, T - 1) / (T - 1)) * data.y_source.std(ddof=1)
    results, kept = [], []
    for member in members:
        predicted = member.predicted()
        part = min(1.0, limit / max(float(predicted.std(ddof=1)), 1e-12 * limit))
        centre = predicted.mean()
        shift = centre - data.y_source.mean()
        allowed = STANDARD_ERRORS**2 * data.y_source.var() / T
        taken = shift * max(0.0, 1 - allowed / max(shift**2, 1e-300))
        results.append(
            replace(
                member,
                vectors=member.vectors * part**2,
                intercepts=(member.intercepts - centre) * part**2 + centre - taken,
            )
        )
        kept.append(part)
    return results, np.array(kept)


def poor_probability(members: Sequence[Member], weights: np.ndarray) -> float | None:
    """Probability that R2 on the target stays below 0.5; None: too few spectra.

    Args:
      members: as from `plausible`
      weights: of them, sum 1                                                  (M,)
    """
    each = np.stack([member.predicted() for member in members])
    if each.shape[1] < MIN_SPECTRA:
        return None
    together = weights @ each
    disagreement = np.sqrt(np.mean(weights @ (each - together) ** 2))
    spread = together.std(ddof=1)
    if spread <= 0:
        return 1.0
    ratio = max(disagreement / spread, 1e-12)
    return float(special.expit(INTERCEPT + SLOPE * np.log(ratio)))
