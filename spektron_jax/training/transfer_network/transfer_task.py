"""A transfer task: two instruments on their own axes, reference values, splits.

A task is told by its parameters; its spectra are made when they are asked for. Methods
get both instruments on the source's points that both cover, as `CalibrationTransfer`
brings them there; `original` gives the same samples on both instruments' own axes, for
the estimator itself.

N = physical samples, p, q = points of source and target, L = points in common, m = test
samples.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from spektron_jax.transfer.inputs import on_axis, overlap
from spektron_jax.transfer.selection import compressed, kennard_stone
from spektron_jax.transfer.splits import Regime, Split, Trial, transfer_data

REGIMES = (
    *(Regime("unlabelled", n) for n in (5, 10, None)),
    *(Regime("paired", n) for n in (5, 10, 25)),
    *(Regime("unpaired", n) for n in (5, 10, 25)),
)
MOST_TRANSFER = 25
LEAST_SOURCE = 15  # source samples that an unpaired regime must leave


@dataclass(frozen=True, eq=False)
class Pair:
    """Both instruments, row i the same sample; NaN rows were not measured.

    Attributes:
      X_source, axis_source: as measured                               (N, p), (p,)
      X_target, axis_target: as measured                               (N, q), (q,)
      unit: of both axes
      y: reference values to calibrate with, NaN: unknown              (N,)
      truth: values to judge test samples by                           (N,)
      splits: the repeats
      order: key of `Split.transfer_order`
    """

    X_source: np.ndarray
    axis_source: np.ndarray
    X_target: np.ndarray
    axis_target: np.ndarray
    unit: str
    y: np.ndarray
    truth: np.ndarray
    splits: Sequence[Split]
    order: str = "source"

    @cached_property
    def common(self) -> tuple[np.ndarray, np.ndarray]:
        """Source and target on the points that both cover, (N, L) each."""
        inside = overlap(self.axis_source, self.axis_target, self.unit)
        X = np.full((len(self.X_target), int(inside.sum())), np.nan)
        rows = np.isfinite(self.X_target).all(axis=1)
        points = self.axis_source[inside]
        X[rows] = on_axis(self.X_target[rows], self.axis_target, points, self.unit)[0]
        return self.X_source[:, inside], X

    def possible(self, regime: Regime, split: int) -> Regime | None:
        """The regime with as many samples as there are, at most; None: too few.

        A sample whose value is unknown can be no labelled transfer sample, so that 24
        may stand for 25.
        """
        one = self.splits[split]
        order = one.transfer_order[self.order]
        if regime.kind == "unlabelled" or regime.n is None:
            return regime
        usable = order[np.isfinite(self.y[order])]
        n = min(regime.n, usable.size)
        calibration = int(np.isfinite(self.y[one.calibration]).sum())
        left = calibration - n if regime.kind == "unpaired" else calibration
        if n < 0.9 * regime.n or left < LEAST_SOURCE:
            return None
        return Regime(regime.kind, n)


def one_split(X_source: np.ndarray, calibration: int) -> Split:
    """The first rows to calibrate with, the others to test on; (N, p)."""
    n = min(MOST_TRANSFER, calibration)
    order = kennard_stone(compressed(X_source[:calibration]), n)
    rows = np.arange(len(X_source))
    return Split(0, rows[:calibration], rows[calibration:], {"source": order})


@dataclass(frozen=True, eq=False)
class Task:
    """One transfer from a source to a target instrument.

    Attributes:
      name: unlike every other task's
      set: which set it belongs to, a row of the table
      kind: of instruments; "measured" where both are real
      direction: "to simulated", "from simulated", or "A -> B"
      judge: whether the set may judge only, never train
      modality: "NIR", "IR" or "Raman"
      parameters: JSON-ready; they and the set's file determine the task
      splits: how many there are
    """

    name: str
    set: str
    kind: str
    direction: str
    judge: bool
    modality: str
    parameters: Mapping[str, Any]
    splits: int
    make: Callable[[], Pair] = field(repr=False)

    @property
    def checksum(self) -> str:
        """Of the parameters."""
        text = json.dumps(dict(self.parameters), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def pair(self) -> Pair:
        """Spectra and values; the last ones made are kept."""
        return _made(self)

    def trial(self, regime: Regime, split: int = 0) -> Trial | None:
        """What methods may see, and the test set; None: the regime needs more samples.

        Test samples are rows of the split that the target has measured.
        """
        pair = self.pair
        now = pair.possible(regime, split)
        if now is None:
            return None
        one = pair.splits[split]
        X_source, X_target = pair.common
        data = transfer_data(X_source, X_target, pair.y, one, pair.order, now)
        known = np.isfinite(X_target).all(axis=1) & np.isfinite(pair.truth)
        rows = one.test[known[one.test]]
        return Trial(data, X_target[rows], pair.truth[rows], rows)

    def original(self, regime: Regime, split: int = 0) -> tuple[dict, np.ndarray]:
        """The same trial on both instruments' own axes.

        Returns:
          Arguments of `CalibrationTransfer.fit`, and test spectra        (m, q)
        """
        pair, one = self.pair, self.pair.splits[split]
        now = pair.possible(regime, split)
        assert now is not None, f"{self.name}: {regime} needs more samples"
        # The rows are found through spectra that hold nothing but their number.
        number = np.arange(len(pair.y), dtype=float)[:, None]
        on_source = np.where(np.isfinite(pair.X_source).all(1)[:, None], number, np.nan)
        on_target = np.where(np.isfinite(pair.X_target).all(1)[:, None], number, np.nan)
        data = transfer_data(on_source, on_target, pair.y, one, pair.order, now)
        source, target = (x[:, 0].astype(int) for x in (data.X_source, data.X_target))
        known = np.isfinite(on_target[:, 0]) & np.isfinite(pair.truth)
        given = {
            "X_source": pair.X_source[source],
            "y_source": data.y_source,
            "axis_source": pair.axis_source,
            "X_target": pair.X_target[target],
            "axis_target": pair.axis_target,
            "y_target": data.y_target,
            "paired": data.paired,
            "unit": pair.unit,
            "modality": self.modality,
        }
        return given, pair.X_target[one.test[known[one.test]]]


@lru_cache(maxsize=4)
def _made(task: Task) -> Pair:
    return task.make()
