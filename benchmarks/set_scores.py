"""From errors on tasks to a table: one fixed recipe, the best of each cell, ours.

A cell is a task in a regime; its squared errors and the variances of its test sets are
pooled over splits. Its score is ln(mean squared error / variance + 0.003). For a group
of tasks (a set, a kind of instruments, all) and a regime

    best fixed   the one recipe with the least mean score over the group's cells
    oracle       the recipe with the least score in each cell, chosen on the test set

and ours minus best fixed has an interval over resampled tasks. A cell is lost where the
best fixed recipe's RMSEP is less than 0.9 of ours, and the interval of the difference
of mean squared errors over resampled test samples excludes 0; won, where ours is better
by as much.

C = cells, M = methods, m = test errors of a cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.set_records import Errors, Key
from benchmarks.task_sets import FLOOR, LEAST_SHARE
from spektron_jax.metrics import interval, resampled_counts
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.splits import Regime

LOST = 0.9  # of our RMSEP


@dataclass(frozen=True, eq=False)
class Cell:
    """Errors of all splits of a task in a regime.

    Attributes:
      rows: samples                                                    (m,)
      variance: mean over test errors of their test set's variance
      of: method -> errors                                             (m,)
    """

    rows: np.ndarray
    variance: float
    of: Mapping[str, np.ndarray]

    def missed(self, method: str) -> float:
        """Mean squared error in variances."""
        return float(np.mean(np.square(self.of[method], dtype=float)) / self.variance)


def cells_of(
    tasks: Sequence[Task], regime: Regime, found: Mapping[Key, Errors]
) -> dict[str, Cell]:
    """Cells by the task's name; tasks that have too few samples are left out."""
    cells = {}
    for task in tasks:
        keys = [(task.checksum, k, str(regime)) for k in range(task.splits)]
        parts = [found[key] for key in keys if key in found and found[key].rows.size]
        if not parts:
            continue
        names = set.intersection(*(set(part.of) for part in parts))
        sizes = [part.rows.size for part in parts]
        cells[task.name] = Cell(
            np.concatenate([part.rows for part in parts]),
            float(np.average([part.variance for part in parts], weights=sizes)),
            {name: np.concatenate([part.of[name] for part in parts]) for name in names},
        )
    return cells


def scores(missed: np.ndarray) -> np.ndarray:
    """Log errors of shares of the variance."""
    return np.log(missed + LEAST_SHARE)


def mean_r2(missed: np.ndarray) -> float:
    """Mean R2, each floored at -1."""
    return float(np.maximum(1 - missed, FLOOR).mean())


def is_lost(cell: Cell, ours: str, other: str, seed: int = 0) -> bool:
    """Whether the other method is better by a tenth of RMSEP, beyond chance."""
    if cell.missed(other) >= LOST**2 * cell.missed(ours):
        return False
    a, b = (np.square(cell.of[name], dtype=float) for name in (ours, other))
    _, place = np.unique(cell.rows, return_inverse=True)
    sums, sizes = np.bincount(place, a - b), np.bincount(place)
    counts = resampled_counts(sizes.size, seed)
    return interval((counts @ sums) / (counts @ sizes))["low"] > 0


def compare(
    cells: Mapping[str, Cell], recipes: Sequence[str], ours: str | None = None
) -> dict[str, Any]:
    """One row of the table, JSON-ready.

    Args:
      cells: of one group in one regime
      recipes: names of the methods to choose from
      ours: a method; None: the row ends with the oracle
    """
    missed = np.array([[c.missed(name) for name in recipes] for c in cells.values()])
    best = int(scores(missed).mean(axis=0).argmin())
    oracle = missed.min(axis=1)
    row: dict[str, Any] = {
        "cells": len(cells),
        "best_fixed": recipes[best],
        "fixed": _two(missed[:, best]),
        "oracle": _two(oracle),
    }
    if ours is None:
        return row
    own = np.array([cell.missed(ours) for cell in cells.values()])
    change = scores(own) - scores(missed[:, best])
    counts = resampled_counts(change.size)
    bounds = interval(counts @ change / change.size)
    sides = (ours, recipes[best]), (recipes[best], ours)
    lost, won = ([is_lost(c, *side) for c in cells.values()] for side in sides)
    row["ours"] = _two(own)
    row["difference"] = [
        round(value, 4) for value in (change.mean(), bounds["low"], bounds["high"])
    ]
    row["lost"], row["won"] = (round(float(np.mean(x)), 4) for x in (lost, won))
    return row


def _two(missed: np.ndarray) -> list[float]:
    """Mean log error and mean R2."""
    return [round(float(scores(missed).mean()), 4), round(mean_r2(missed), 4)]
