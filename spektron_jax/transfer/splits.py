"""Who is calibrated on what: regimes, transfer samples, and the one split-maker.

A split holds calibration and test rows; row i is the same physical sample on every
instrument. Transfer samples are calibration rows, chosen on the source instrument's
spectra where these are known. Four regimes, never mixed in one table:

    none        no target data
    unlabelled  n target spectra, no labels, no pairs
    unpaired    n labelled target spectra of samples the source has not measured
    paired      n labelled target spectra of calibration samples

A trial is what a method may see of a split, and its test set. Every trial holds out a
fifth of the labelled target samples, again and again; a sample held out is held out on
both instruments, and samples with the same spectrum stay on one side.

N = physical samples, L = points, m = test samples.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.inputs import on_axis, overlap
from spektron_jax.transfer.methods.preprocessing import WINDOW
from spektron_jax.transfer.selection import compressed, kennard_stone

if TYPE_CHECKING:  # the readers of files are not needed to split arrays
    from spektron_jax.spectra.samples import PairedSamples

KINDS = ("none", "unlabelled", "unpaired", "paired")
REPEATS = 15  # fewer leave a mean R2 too uncertain
TEST_SHARE = 0.2
MIN_LABELLED = 5  # target samples, so that 3 stay to calibrate on


@dataclass(frozen=True)
class Regime:
    """What is known of the target instrument; n None: every calibration sample."""

    kind: str
    n: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpektronError(f"regime {self.kind!r}: use one of {', '.join(KINDS)}")
        if self.kind == "none" and self.n is not None:
            raise SpektronError("regime 'none': has no target samples, so no n")
        if self.n is not None and self.n < 1:
            raise SpektronError(f"n = {self.n}: at least 1 target sample is needed")

    def __str__(self) -> str:
        if self.kind == "none":
            return self.kind
        return f"{self.kind} {'all' if self.n is None else self.n}"


@dataclass(frozen=True)
class Split:
    """Rows of one repeat.

    Attributes:
      seed: names the split
      calibration, test: rows, ascending
      transfer_order: source instrument -> calibration rows in the order of choice
    """

    seed: int
    calibration: np.ndarray
    test: np.ndarray
    transfer_order: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Trial:
    """One split, as methods are tried on it.

    Attributes:
      data: what methods may see
      X, y: test spectra of the target, and their labels            (m, L), (m,)
      rows: which samples they are                                  (m,)
      everything: `data` with all target labels, for the ceiling; None: not known
      on_source: source spectra of the same samples; None: not measured (m, L)
    """

    data: TransferData
    X: np.ndarray
    y: np.ndarray
    rows: np.ndarray
    everything: TransferData | None = None
    on_source: np.ndarray | None = None


def held_out(
    names: np.ndarray, repeats: int = REPEATS, seed: int = 0
) -> Iterator[np.ndarray]:
    """Yield a fifth of the names, 2 at least, drawn anew for each repeat."""
    size = max(2, round(TEST_SHARE * names.size))
    for number in range(repeats):
        yield np.random.default_rng([seed, number]).permutation(names)[:size]


def trials_inside(
    data: TransferData, repeats: int = REPEATS, seed: int = 0
) -> list[Trial]:
    """Trials on the labelled target samples of fitted data themselves.

    Raises:
      SpektronError: fewer than 5 labelled target samples.
    """
    labelled = data.labelled
    if labelled.size < MIN_LABELLED:
        raise SpektronError(
            f"compare: needs {MIN_LABELLED} labelled target samples to hold some out, "
            f"got {labelled.size}; use compare=False"
        )
    trials = []
    for rows in map(np.sort, held_out(labelled, repeats, seed)):
        pairs = data.paired[rows]
        on_source = None if (pairs == UNPAIRED).any() else data.X_source[pairs]
        test = data.X_target[rows], data.y_target[rows], rows
        trials.append(Trial(data.without(rows), *test, on_source=on_source))
    return trials


class TransferSplits:
    """Transfer samples and trials of samples on two instruments.

    Attributes:
      samples: the samples
      X_source, X_target: both instruments on the source's points that both cover; a
        row of NaN was not measured                                  (N, L) each
    """

    def __init__(self, samples: "PairedSamples"):
        self.samples = samples
        axis, measured, unit = samples.axis_source, samples.axis_target, samples.unit
        inside = overlap(axis, measured, unit)
        self.X_source = samples.X_source[:, inside]
        self.X_target = np.full(self.X_source.shape, np.nan)
        _, rows = samples.measured()
        if rows.any():
            X = samples.X_target[rows]
            self.X_target[rows] = on_axis(X, measured, axis[inside], unit)[0]

    def chosen(self, regime: Regime) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the source set, and of the target samples, with all samples in use.

        Raises:
          SpektronError: n is larger than what is there.
        """
        on_source, on_target = self.samples.measured()
        source = np.flatnonzero(on_source & np.isfinite(self.samples.y))
        if regime.kind == "none":
            return source, np.empty(0, dtype=int)
        rows = self._candidates(regime, np.arange(self.samples.ids.size))
        if regime.kind == "paired" and not (on_source & on_target).any():
            raise SpektronError(self._no_pairs(on_source, on_target))
        if regime.n is not None and regime.n > rows.size:
            raise SpektronError(
                f"config.transfer.n = {regime.n}: only {rows.size} samples can be "
                f"used as {regime.kind} target samples; use a smaller n"
            )
        rows = rows[: regime.n]
        if regime.kind == "unpaired":
            source = np.setdiff1d(source, rows)
        return source, rows

    def available(self, kind: str) -> int:
        """How many target samples there are for a kind of regime."""
        rows = np.arange(self.samples.ids.size)
        return self._candidates(Regime(kind), rows).size if kind != "none" else 0

    def _no_pairs(self, on_source: np.ndarray, on_target: np.ndarray) -> str:
        """What to do where no sample was measured on both instruments."""
        ids = self.samples.ids
        if not on_source.any() or not on_target.any():
            side = "target" if on_source.any() else "source"
            return f"no {side} spectrum is whole; check the file"
        return (
            "no sample id occurs in both files (ids look like "
            f"{str(ids[on_source][0])!r} and {str(ids[on_target][0])!r}): make them "
            "agree, or give --config.transfer.regime=unpaired for different samples"
        )

    def trials(
        self, regime: Regime, repeats: int = REPEATS, seed: int = 0
    ) -> list[Trial]:
        """Trials of a regime; none with fewer than 5 labelled target samples."""
        groups, y = self.samples.groups(), self.samples.y
        testable = self.samples.measured()[1] & np.isfinite(y)
        names = np.unique(groups[testable])
        if names.size < MIN_LABELLED:
            return []
        trials = []
        for number, group in enumerate(held_out(names, repeats, seed)):
            held = np.isin(groups, group)
            rest, test = np.flatnonzero(~held), np.flatnonzero(held & testable)
            order = self._candidates(regime, rest)
            now = regime
            if regime.n is not None:
                now = replace(regime, n=min(regime.n, order.size))
            split = Split(number, rest, test, {"source": order})
            seen = self.X_source, self.X_target, y, split, "source"
            on_source = self.X_source[test]
            trials.append(
                Trial(
                    transfer_data(*seen, now),
                    self.X_target[test],
                    y[test],
                    test,
                    transfer_data(*seen, Regime("paired")),
                    on_source if np.isfinite(on_source).all() else None,
                )
            )
        return trials

    def _candidates(self, regime: Regime, rows: np.ndarray) -> np.ndarray:
        """Possible transfer samples among `rows` in the order of choice."""
        on_source, on_target = self.samples.measured()
        usable = on_target.copy()
        if regime.kind == "paired":
            usable &= on_source
        if regime.kind != "unlabelled":
            usable &= np.isfinite(self.samples.y)
        rows = rows[usable[rows]]
        if rows.size < 3:
            return rows
        samples = self.samples
        X = (samples.X_source if on_source[rows].all() else samples.X_target)[rows]
        scores = compressed(X) if X.shape[1] >= WINDOW else X
        return rows[kennard_stone(scores, rows.size)]


def transfer_data(
    X_source: np.ndarray,
    X_target: np.ndarray,
    y: np.ndarray,
    split: Split,
    source: str,
    regime: Regime,
) -> TransferData:
    """What a method may see of one split in one regime.

    Args:
      X_source, X_target: both instruments, row i the same sample; NaN rows: not
        measured                                                       (N, L)
      y: property, NaN: unknown                                        (N,)
      split: rows
      source: name of the source instrument in `split.transfer_order`
      regime: what is known of the target

    Returns:
      Arrays of calibration samples only.
    """
    measured = np.isfinite(X_source).all(axis=1) & np.isfinite(y)
    calibration = split.calibration[measured[split.calibration]]
    rows = _target_rows(X_target, y, split, source, regime)
    if regime.kind == "unpaired":
        calibration = np.setdiff1d(calibration, rows)
    labels = y[rows] if regime.kind != "unlabelled" else np.full(rows.size, np.nan)
    paired = np.full(rows.size, UNPAIRED)
    if regime.kind == "paired":
        place = {row: number for number, row in enumerate(calibration)}
        paired = np.array([place.get(row, UNPAIRED) for row in rows], dtype=int)
    return TransferData(
        X_source[calibration], y[calibration], X_target[rows], labels, paired
    )


def _target_rows(
    X_target: np.ndarray, y: np.ndarray, split: Split, source: str, regime: Regime
) -> np.ndarray:
    if regime.kind == "none":
        return np.empty(0, dtype=int)
    usable = np.isfinite(X_target).all(axis=1)
    if regime.kind != "unlabelled":
        usable &= np.isfinite(y)
    if regime.n is None:
        return split.calibration[usable[split.calibration]]
    if source not in split.transfer_order:
        raise SpektronError(f"split {split.seed}: no transfer order for {source!r}")
    order = split.transfer_order[source]
    order = order[usable[order]]
    if regime.n > order.size:
        raise SpektronError(
            f"n = {regime.n}: split {split.seed} has only {order.size} transfer samples"
        )
    return order[: regime.n]
