"""All methods on trials of one regime, and RMSEP against the number of samples."""

from collections.abc import Iterable
from functools import partial

import numpy as np
from tqdm import tqdm

from spektron_jax.transfer.comparison import (
    COMBINATION,
    WITHOUT,
    Comparison,
    collected,
    methods_for,
    tried,
)
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.splits import Regime, TransferSplits, Trial
from spektron_jax.transfer.trial_log import TrialLog

CURVE = (WITHOUT, COMBINATION, "GLSW", "mean-centring", "target only")

Curve = dict[str, list[list[float]]]  # method -> rows of n, rmsep, low, high


def compare_and_vary(
    splits: TransferSplits,
    regime: Regime,
    numbers: Iterable[int],
    repeats: int,
    seed: int,
    recommended: Ensemble,
    log: TrialLog,
    progress: bool = True,
) -> tuple[Comparison | None, Curve]:
    """Try all methods on the regime's trials, and those of CURVE with other n.

    Args:
      splits: the samples
      regime: of the comparison; with n it is a point of the curve
      numbers: the other n; those that leave too few samples are left out
      repeats, seed: of the trials
      recommended: the combination
      log: of finished trials
      progress: show one bar over everything

    Returns:
      The comparison, None with fewer than 5 labelled target samples, and the curve.
    """
    first = splits.trials(regime, repeats, seed)
    if not first:
        return None, {}
    points = [regime, *_others(splits, regime, numbers, first)]
    found: dict[Regime, Comparison] = {}
    total = repeats * len(points)
    with tqdm(total=total, desc="trials", disable=not progress) as bar:
        for point in points:
            trials = splits.trials(point, repeats, seed) if found else first
            methods = methods_for(trials[0].data, recommended)
            if found:
                methods = {name: methods[name] for name in CURVE}
            outcomes = []
            for number, trial in enumerate(trials):
                compute = partial(tried, trial, methods)
                outcomes.append(log.once(f"{point}, {number}", compute))
                bar.update()
            found[point] = collected(trials, outcomes)
    curve: Curve = {}
    for n, each in sorted((p.n, each) for p, each in found.items() if p.n):
        for row in each.table():
            if row["method"] in CURVE:
                values = [n, row["rmsep"], row["low"], row["high"]]
                curve.setdefault(row["method"], []).append(values)
    return found[regime], curve


def _others(
    splits: TransferSplits, regime: Regime, numbers: Iterable[int], trials: list[Trial]
) -> list[Regime]:
    """The regime with the other numbers of samples that every trial has."""
    if regime.kind == "none":
        return []
    usable = splits.samples.measured()[1]
    if regime.kind != "unlabelled":
        usable &= np.isfinite(splits.samples.y)
    most = usable.sum() - max(trial.rows.size for trial in trials)
    others = {int(n) for n in numbers if n <= most} - {regime.n}
    return [Regime(regime.kind, n) for n in sorted(others)]
