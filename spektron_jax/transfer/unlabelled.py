"""What predictions must look like where no target label can speak.

The target's samples are taken to be like the source's. Then the predictions of T target
spectra spread no further than labels do, and have the labels' mean, as far as T samples
of them can tell. A member whose predictions go beyond has taken something of the
instrument for the property:

    spread    s > u, with u the 95 % point of the SD of T labels: what lies beyond is
              error, so that the best linear estimate is u^2 / s^2 of a prediction's
              distance from the mean, and the member's weight falls by u / s. But error
              would differ between members: of what they predict about their means, at
              least 1 - 5 r^2 is left, r the RMS disagreement over the SD, where s is
              not more than 1.65 u
    mean      beyond 2 standard errors of T labels: taken back by the positive-part rule
              of James & Stein (Proc. 4th Berkeley Symposium 1 (1961) 361)

Point and power were chosen on simulated instruments for measured spectra of 47 sets,
beside corn (`benchmarks/transfer_sets.py`), the 5 on those of 23 sets.

Members that agree can be wrong together, but those that disagree cannot all be right,
and predictions that hardly differ say little. The probability that R2 on the target
stays below 0.5 is

    logistic(0.90 + 1.61 ln r - 2.27 ln s)

    r = RMS disagreement / SD of the predictions,  s = that SD / SD of the labels

and at least 0.64 where a spread was more than 1.65 times what it can be (7 of 11
trials); fitted on 460 trials of simulated instruments for measured spectra of 23 sets.
On 144 trials of 24 others the area under the ROC curve was 0.93, on the 64 of sugarcane
on handheld instruments 0.63.

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
AGREEMENT = 5.0  # squared disagreements that what is left falls by
LOGISTIC = (0.90, 1.61, -2.27)  # constant, of ln r, of ln s
EXCESS, POOR_WITH_EXCESS = 1.65, 0.64


def plausible(
    members: Sequence[Member], data: TransferData, weights: np.ndarray
) -> tuple[list[Member], np.ndarray]:
    """Members that predict nothing labels could not be, and what weight each keeps.

    Args:
      members, data: M of them; both instruments
      weights: of the members, sum 1                                           (M,)

    Returns:
      The members, and factors of their weights, 1 where nothing was wrong     (M,)
    """
    T = len(data.X_target)
    if T < MIN_SPECTRA:
        return list(members), np.ones(len(members))
    limit = np.sqrt(stats.chi2.ppf(POINT, T - 1) / (T - 1)) * data.y_source.std(ddof=1)
    each = np.stack([member.predicted() for member in members])
    agreed = agreement(each, weights)
    results, kept = [], []
    for member, predicted in zip(members, each, strict=True):
        part = min(1.0, limit / max(float(predicted.std(ddof=1)), 1e-12 * limit))
        left = max(part**2, agreed) if part * EXCESS >= 1 else part**2
        centre = predicted.mean()
        shift = centre - data.y_source.mean()
        allowed = STANDARD_ERRORS**2 * data.y_source.var() / T
        taken = shift * max(0.0, 1 - allowed / max(shift**2, 1e-300))
        results.append(
            replace(
                member,
                vectors=member.vectors * left,
                intercepts=(member.intercepts - centre) * left + centre - taken,
            )
        )
        kept.append(part)
    return results, np.array(kept)


def agreement(each: np.ndarray, weights: np.ndarray) -> float:
    """The least that is left of a spread on which members agree.

    Args:
      each: predictions of every member                                      (M, T)
      weights: sum 1                                                           (M,)
    """
    about = each - each.mean(axis=1, keepdims=True)
    together = weights @ about
    apart = np.mean(weights @ (about - together) ** 2)
    others = 1 - np.sum(weights**2)  # one alone agrees with nobody
    scale = max(others * np.mean(together**2), 1e-300)
    return max(0.0, 1 - AGREEMENT * apart / scale) if others > 1e-9 else 0.0


def poor_probability(
    members: Sequence[Member], weights: np.ndarray, kept: np.ndarray, data: TransferData
) -> float | None:
    """Probability that R2 on the target stays below 0.5; None: too few spectra.

    Args:
      members, kept: as from `plausible`                                    M, (M,)
      weights: of the members, sum 1                                           (M,)
      data: both instruments
    """
    each = np.stack([member.predicted() for member in members])
    if each.shape[1] < MIN_SPECTRA:
        return None
    together = weights @ each
    disagreement = np.sqrt(np.mean(weights @ (each - together) ** 2))
    spread = max(float(together.std(ddof=1)), 1e-12 * data.y_source.std())
    logs = np.log([max(disagreement / spread, 1e-12), spread / data.y_source.std()])
    poor = float(special.expit(LOGISTIC[0] + np.dot(LOGISTIC[1:], logs)))
    excess = np.exp(-weights @ np.log(kept))
    return max(poor, POOR_WITH_EXCESS) if excess > EXCESS else poor
