"""Who is calibrated on what: splits by physical sample, regimes, transfer samples.

A split holds calibration and test rows; row i is the same physical sample on every
instrument. Transfer samples are calibration rows, chosen on the source instrument's
spectra alone. Four regimes, never mixed in one table:

    none        no target data
    unlabelled  n target spectra, no labels, no pairs
    unpaired    n labelled target spectra of samples the source has not measured
    paired      n labelled target spectra of calibration samples

N = physical samples, L = points.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.selection import compressed, kennard_stone

KINDS = ("none", "unlabelled", "unpaired", "paired")
REPEATS = 15


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


def read_splits(path: str | Path) -> list[Split]:
    """Read fixed splits from a protocol file (JSON) and check every one."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        splits = [
            Split(
                int(entry["seed"]),
                np.array(entry["calibration"], dtype=int),
                np.array(entry["test"], dtype=int),
                {
                    name: np.array(order, dtype=int)
                    for name, order in entry["transfer_order"].items()
                },
            )
            for entry in content["splits"]
        ]
    except OSError as error:
        raise SpektronError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpektronError(f"{path}: not a protocol file ({error!r})") from None
    if not splits:
        raise SpektronError(f"{path}: holds no split")
    for split in splits:
        check_rows(split)
    return splits


def check_rows(split: Split) -> None:
    """Raise unless calibration and test are disjoint and transfer rows calibrate."""
    both = np.intersect1d(split.calibration, split.test)
    if both.size:
        raise SpektronError(
            f"split {split.seed}: row {both[0]} is in calibration and test"
        )
    for name, order in split.transfer_order.items():
        strange = np.setdiff1d(order, split.calibration)
        if strange.size or np.unique(order).size < order.size:
            raise SpektronError(
                f"split {split.seed}, {name}: transfer samples must be different "
                "calibration rows"
            )


def check_duplicates(split: Split, spectra: np.ndarray, sample_ids: np.ndarray) -> None:
    """Raise when a physical sample, or a very spectrum, is on both sides of a split.

    Args:
      split: rows
      spectra: of one instrument; NaN rows were not measured           (N, L)
      sample_ids: of the physical samples                              (N,)
    """
    ids = np.asarray(sample_ids)
    both = np.intersect1d(ids[split.calibration], ids[split.test])
    if both.size:
        raise SpektronError(
            f"split {split.seed}: sample {both[0]} is in calibration and test"
        )
    known = {
        np.ascontiguousarray(spectra[row]).tobytes(): row
        for row in split.calibration
        if np.isfinite(spectra[row]).all()
    }
    for row in split.test:
        twin = known.get(np.ascontiguousarray(spectra[row]).tobytes())
        if twin is not None:
            raise SpektronError(
                f"split {split.seed}: rows {twin} (calibration) and {row} (test) hold "
                "the same spectrum"
            )


def random_splits(
    spectra: Mapping[str, np.ndarray],
    sample_ids: Sequence[str] | np.ndarray,
    *,
    test_share: float = 0.2,
    repeats: int = REPEATS,
    transfer: int = 25,
    select: Callable[[np.ndarray, int], np.ndarray] = kennard_stone,
    seed: int = 0,
) -> list[Split]:
    """Draw splits by physical sample and order the transfer samples of each source.

    Args:
      spectra: instrument -> spectra; a NaN row was not measured there   (N, L)
      sample_ids: rows with the same id stay on one side                 (N,)
      test_share: share of the physical samples to test on
      repeats: number of splits; fewer than 15 leave a mean R2 too uncertain
      transfer: length of the transfer orders, or all candidates if fewer
      select: from scores (n, 10) and a number to rows, in order of choice
      seed: of the first split

    Returns:
      The splits.
    """
    ids, group = np.unique(np.asarray(sample_ids), return_inverse=True)
    n_test = round(test_share * ids.size)
    if not 1 <= n_test < ids.size:
        raise SpektronError(
            f"test_share = {test_share}: leaves no test or no calibration sample"
        )
    splits = []
    for number in range(seed, seed + repeats):
        held = np.random.default_rng(number).permutation(ids.size)[:n_test]
        test = np.isin(group, held)
        calibration = np.flatnonzero(~test)
        orders = {}
        for name, X in spectra.items():
            rows = calibration[np.isfinite(X[calibration]).all(axis=1)]
            if rows.size:
                scores = compressed(X[rows])
                orders[name] = rows[select(scores, min(transfer, rows.size))]
        splits.append(Split(number, calibration, np.flatnonzero(test), orders))
        for X in spectra.values():
            check_duplicates(splits[-1], X, np.asarray(sample_ids))
    return splits


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
