"""From a fitted transfer and a comparison to the numbers of verdict and page.

N = samples, S = source spectra, L = points.
"""

import numpy as np

from spektron_jax.commands.report.transfer_summary import (
    Compared,
    LeftOut,
    MethodErrors,
    Summary,
)
from spektron_jax.commands.result import Result
from spektron_jax.transfer.applicability import IN_DOMAIN
from spektron_jax.transfer.before_after import LeftOutPredictions
from spektron_jax.transfer.comparison import (
    CEILING,
    COMBINATION,
    FLOOR,
    WITHOUT,
    Comparison,
)
from spektron_jax.transfer.curve import Curve
from spektron_jax.transfer.estimator import CalibrationTransfer

NAMED = 5  # samples in a sentence


def slope(measured: np.ndarray, predicted: np.ndarray) -> float | None:
    """Of the line of measured against predicted values; None: not defined."""
    if measured.size < 2 or not np.ptp(measured) or not np.ptp(predicted):
        return None
    return float(np.polyfit(predicted, measured, 1)[0])


def compared(comparison: Comparison | None, curve: Curve, summary: Summary) -> Compared:
    """The numbers of a comparison for verdict and page."""
    if comparison is None:
        return Compared()
    methods, measured = comparison.predicted, np.concatenate(comparison.measured)
    ours = COMBINATION if COMBINATION in methods else WITHOUT
    return Compared(
        [MethodErrors(**row) for row in comparison.table()],
        ours,
        {name: comparison.difference(ours, name) for name in methods if name != ours},
        comparison.impossible,
        comparison.agreement(ours),
        len(comparison.measured),
        curve,
        tested=np.unique(np.concatenate(comparison.rows)).size,
        more_labels=_more_labels(comparison, summary),
        slopes={k: slope(measured, np.concatenate(v)) for k, v in methods.items()},
    )


def _more_labels(comparison: Comparison, summary: Summary) -> int | None:
    """Labels that the ceiling had beyond the transfer's; None: there is no ceiling."""
    predicted = comparison.predicted
    if CEILING not in predicted:
        return None
    held = int(np.median([rows.size for rows in comparison.rows]))
    used = summary.samples.target if "labelled" in summary.regime.split() else 0
    return max(0, summary.labels - held - used)


def held_out(
    comparison: Comparison | None, ours: str | None, y: np.ndarray
) -> dict[str, np.ndarray]:
    """Labels of held-out samples, mean and SD of the ensemble's predictions."""
    if comparison is None or ours is None:
        return {}
    tested = np.concatenate(comparison.rows)
    values = np.concatenate(comparison.predicted[ours])
    rows = np.unique(tested)
    found = {
        "tested_rows": rows,
        "tested": y[rows],
        "tested_mean": np.array([values[tested == row].mean() for row in rows]),
        "tested_sd": np.array([values[tested == row].std() for row in rows]),
    }
    if FLOOR in comparison.predicted:
        floor = np.concatenate(comparison.predicted[FLOOR])
        means = [floor[tested == row].mean() for row in rows]
        found["tested_before"] = np.array(means)
    return found


def left_out(known: LeftOutPredictions) -> LeftOut | None:
    """Cross-validated errors of labelled target samples, in short."""
    y, before, after = known
    if not y.size:
        return None
    rmse = float(np.sqrt(np.mean((after - y) ** 2)))
    old = float(np.sqrt(np.mean((before - y) ** 2)))
    rpd = float(y.std()) / rmse if rmse else None
    return LeftOut(y.size, rmse, rpd, old if np.isfinite(old) else None)


def odd(first: Result, ids: np.ndarray) -> list[str]:
    """The first names of target samples outside the domain, farthest first."""
    found = first.arrays
    if "t2" not in found:
        return []
    far = np.maximum(found["t2"], found["q"])
    rows = np.flatnonzero(found["flag"] != IN_DOMAIN)
    rows = rows[np.argsort(-far[rows])][:NAMED]
    return ids[found["rows"][rows]].astype(str).tolist()


def source_cloud(
    ct: CalibrationTransfer, source: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """T2 and Q over their limits of source spectra (S, L), moved to the target."""
    domain = ct.domain_
    if domain is None or source.shape[1] != domain.mean.size:
        return None
    t2, q = domain.distances(source - source.mean(axis=0) + domain.mean)
    return t2 / domain.t2_limit, q / domain.q_limit
