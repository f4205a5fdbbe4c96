"""From what a user gives to data on one axis, with warnings of what weakens it.

S = source spectra, T = target spectra, p, q = their points, L = points in common.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spektron_jax.errors import InputError
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.grid import MIN_VALID_POINTS
from spektron_jax.spectra.masks import unmasked
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.intervals import MIN_CALIBRATED, all_equal

ONE_SIDED = 8  # labels: so many lie in one half by chance 1 time in 128
MIN_DIFFERENT = 3  # spectra that are not all equal
NO_AXIS = (
    "no axis was given: points are numbered 0, 1, 2, ... on both instruments, and the "
    "encoder is not used; give axis_source in nm, um or cm-1"
)
POINTS = "points"  # the unit of an axis that nobody named
LARGEST = 1e12  # counts of a detector stay far below
SAME_AXIS = 1e-6  # of a step: axes nearer than this are the same
ENDS = 0.01  # of a step: an end may lie so far inside; axes drift from scan to scan


@dataclass(frozen=True, eq=False)
class AlignedInputs:
    """Checked and aligned data.

    Attributes:
      data: both instruments on `axis`
      axis: the source's points that both instruments cover, rising     (L,)
      axis_target: as the target spectra were measured                  (q,)
      regime: what is known of the target, in words
      warnings: one sentence each
    """

    data: TransferData
    axis: np.ndarray
    axis_target: np.ndarray
    regime: str
    warnings: tuple[str, ...]


def prepare(
    X_source: Any,
    y_source: Any,
    axis_source: Any,
    X_target: Any = None,
    axis_target: Any = None,
    y_target: Any = None,
    paired: Any = None,
    unit: str = "nm",
    modality: str = "NIR",
    told: Sequence[str] = (),
) -> AlignedInputs:
    """Check and align one spectrum for each sample; see `CalibrationTransfer.fit`.

    Args:
      told: sentences on what was done before
    """
    axis = _axis(axis_source, X_source, unit, modality, "axis_source", "X_source")
    warnings = list(told)
    if X_target is None:
        measured = axis
        if axis_target is not None:
            measured = np.asarray(axis_target, np.float64)
            axes.check(measured, unit, modality, "axis_target")
        X_target = np.empty((0, measured.size))
    else:
        given = axis if axis_target is None else axis_target
        measured = _axis(given, X_target, unit, modality, "axis_target", "X_target")
    if axis[0] > axis[-1]:  # the same model, whichever way both axes run
        axis, X_source = rising(axis), np.ascontiguousarray(X_source[:, ::-1])
    common = overlap(axis, measured, unit)
    if same(axis, rising(measured)):
        X_target, _ = on_axis(X_target, measured, axis, unit)
    else:
        X_target, text = on_axis(X_target, measured, axis[common], unit)
        done = [text] if text else []
        if not common.all():
            gone = int((~common).sum())
            done.append(f"{gone} source points without a counterpart left out")
        warnings.append(
            f"the target's axis differs from the source's: {'; '.join(done)}"
        )
    y_target, paired = _known(y_source, len(X_target), y_target, paired)
    data = TransferData(X_source[:, common], y_source, X_target, y_target, paired)
    _check_usable(data.X_source, "X_source")
    _check_usable(data.X_target, "X_target")
    warnings += _weaknesses(data)
    return AlignedInputs(data, axis[common], measured, regime(data), tuple(warnings))


def spectra(X: Any, name: str) -> np.ndarray:
    """Spectra as (n, p) float64; a single one becomes a row."""
    if hasattr(X, "toarray"):
        raise InputError(f"{name}: is sparse; give a dense array")
    try:
        X = np.asarray(unmasked(X))
        if X.dtype.kind == "c":
            raise InputError(f"{name}: Complex data not supported; give real numbers")
        X = np.atleast_2d(np.asarray(X, np.float64))
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: must be numbers: {error}") from error
    if X.ndim != 2 or X.size == 0:
        raise InputError(
            f"{name}: {X.shape[0]} sample(s) or {X.shape[-1]} feature(s) "
            f"(shape={X.shape}) while a minimum of 1 is required; must be (spectra, "
            f"points), is {X.shape}"
        )
    largest = np.maximum(X.max(axis=1), -X.min(axis=1))  # NaN where a row holds one
    bad = np.flatnonzero(~np.isfinite(largest))
    if bad.size:
        raise InputError(
            f"{name}: row {bad[0]} holds NaN or infinity ({bad.size} such rows); leave "
            "out spectra that were not measured"
        )
    high = np.flatnonzero(largest > LARGEST)
    if high.size:
        raise InputError(
            f"{name}: row {high[0]} holds {largest[high[0]]:.3g}, which no "
            f"instrument shows ({high.size} such rows); repair these spectra"
        )
    return X


def same(a: np.ndarray, b: np.ndarray, tolerance: float = SAME_AXIS) -> bool:
    """True when two axes hold the same points in the same order.

    Args:
      tolerance: of the smallest step of a
    """
    if a.shape != b.shape:
        return False
    step = np.min(np.abs(np.diff(a)), initial=np.inf)
    return bool((np.abs(a - b) <= tolerance * step).all())


def rising(axis: np.ndarray) -> np.ndarray:
    """An axis that runs one way, turned where it runs down."""
    return axis[::-1] if axis[0] > axis[-1] else axis


def overlap(axis: np.ndarray, measured: np.ndarray, unit: str) -> np.ndarray:
    """Which points of an axis lie inside another one, (p,) bool, or within `ENDS`."""
    if same(rising(axis), rising(measured)):
        return np.ones(axis.shape, dtype=bool)
    tolerance = ENDS * np.min(np.abs(np.diff(measured)))
    inside = (axis >= measured.min() - tolerance) & (axis <= measured.max() + tolerance)
    if inside.sum() < MIN_VALID_POINTS:
        raise InputError(
            f"axis_target: {measured.min():g} to {measured.max():g} {unit} and "
            f"axis_source: {axis.min():g} to {axis.max():g} {unit} have "
            f"{int(inside.sum())} points in common, {MIN_VALID_POINTS} are needed; "
            "check the units"
        )
    return inside


def on_axis(
    X: np.ndarray, measured: np.ndarray, axis: np.ndarray, unit: str
) -> tuple[np.ndarray, str]:
    """Spectra on another axis by local interpolation, and what was done, in words."""
    if same(measured, axis):
        return X, ""
    if same(measured[::-1], axis):
        return np.ascontiguousarray(X[:, ::-1]), ""
    missing = ~overlap(axis, measured, unit)
    if missing.any():
        own, needed = _ranges(measured, axis)
        raise InputError(
            f"axis: {own} {unit} does not cover the model's {needed} {unit}"
        )
    return resampled(X, measured, axis, unit)


def _ranges(*found: np.ndarray) -> list[str]:
    """Ranges of axes that differ, with the digits that tell them apart."""
    texts: list[str] = []
    for digits in (6, 9, 12):
        texts = [f"{one.min():.{digits}g} to {one.max():.{digits}g}" for one in found]
        if len(set(texts)) == len(texts):
            break
    return texts


def resampled(
    X: np.ndarray, measured: np.ndarray, axis: np.ndarray, unit: str
) -> tuple[np.ndarray, str]:
    """The same for points inside the measured axis; beyond an end its value is held.

    Raises:
      InputError: a gap of the measured axis where points are needed.
    """
    ends = np.clip(axis, measured.min(), measured.max())
    found = axes.resample(X, measured, ends, unit)
    if not found.valid.all():
        raise InputError(
            "axis: the measured axis has a gap where the model needs points; measure "
            "there, or leave that range out on both instruments"
        )
    return found.spectra, found.report


def regime(data: TransferData) -> str:
    """What is known of the target, in words."""
    pairs, labels = int(np.sum(data.paired != UNPAIRED)), data.labelled.size
    spectra = len(data.y_target)
    if not spectra:
        return "no target data"
    parts = []
    if pairs:
        parts.append(f"{pairs} labelled paired")
    if labels > pairs:
        parts.append(f"{labels - pairs} labelled unpaired")
    if spectra > labels:
        parts.append(f"{spectra - labels} unlabelled")
    return " and ".join(parts) + " target spectra"


def _known(
    y_source: np.ndarray, count: int, y_target: Any, paired: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and pairs of the target; a paired sample has its source label."""
    y = np.full(count, np.nan)
    if y_target is not None:
        y = column(y_target, "y_target")
    rows = np.full(count, UNPAIRED)
    if paired is not None:
        rows = np.asarray(paired)
        if rows.dtype.kind not in "iu":
            raise InputError("paired: must hold row numbers of X_source, -1: none")
    for name, values in (("y_target", y), ("paired", rows)):
        if values.shape != (count,):
            raise InputError(
                f"{name}: {values.size} entries for {count} target spectra; give one "
                "for each row of X_target"
            )
    missing = np.isnan(y) & (rows != UNPAIRED)
    inside = missing & (rows >= 0) & (rows < y_source.size)
    y = y.copy()
    y[inside] = y_source[rows[inside]]
    return y, rows


def _check_usable(X: np.ndarray, name: str) -> None:
    """Raise for spectra (n, L) of which nothing can be learned."""
    what = ""
    if not X.any():
        what = "0 everywhere"
    elif len(X) >= MIN_DIFFERENT and not np.ptp(X, axis=0).any():
        what = "equal to each other"
    elif X.shape[1] > 1 and not np.ptp(X, axis=1).any():
        what = "flat, with one value at every point"
    if len(X) and what:
        raise InputError(
            f"{name}: all {len(X)} spectra are {what}; give measured spectra of "
            "different samples"
        )


def _weaknesses(data: TransferData) -> list[str]:
    found = []
    labels = data.labelled.size
    if not len(data.y_target):
        found.append(
            "nothing is known of the target instrument: predictions can be off by any "
            "amount; measure some samples on it"
        )
    elif not labels:
        found.append("no target labels: the error on the target cannot be checked")
    if labels < MIN_CALIBRATED:
        found.append(
            f"{labels} labelled target samples: intervals are not calibrated, "
            f"{MIN_CALIBRATED} are needed"
        )
    if all_equal(data):
        found.append(
            "all target labels are equal: they tell an offset and no more, and "
            "intervals are not calibrated; add samples with other values"
        )
    y = data.y_target[data.labelled]
    if labels and (y.min() < data.y_source.min() or y.max() > data.y_source.max()):
        found.append(
            f"target labels ({y.min():g} to {y.max():g}) reach beyond the source's "
            f"({data.y_source.min():g} to {data.y_source.max():g}): extrapolation"
        )
    middle = np.median(data.y_source)
    if labels >= ONE_SIDED and (y.max() < middle or y.min() > middle):
        found.append(
            f"target labels ({y.min():g} to {y.max():g}) lie in one half of the "
            f"source's ({data.y_source.min():g} to {data.y_source.max():g}): the other "
            "half is not checked on the target; add samples there"
        )
    for name, X in (("X_source", data.X_source), ("X_target", data.X_target)):
        copies = len(X) - len(np.unique(X, axis=0)) if len(X) else 0
        if copies:
            found.append(f"{name}: {copies} spectra occur more than once")
    return found


def column(y: Any, name: str) -> np.ndarray:
    """Labels as (n,) float64; a matrix of one column too."""
    try:
        y = np.asarray(unmasked(y), np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: must be numbers: {error}") from error
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise InputError(
            f"{name}: must be one column of labels, is {y.shape}; give y_source and "
            "y_target as columns for several properties"
        )
    return y


def _axis(
    axis: Any, X: np.ndarray, unit: str, modality: str, name: str, spectra_name: str
) -> np.ndarray:
    axis = np.asarray(unmasked(axis), np.float64)
    if unit != POINTS:
        axes.check(axis, unit, modality, name)
    if axis.size != X.shape[1]:
        raise InputError(
            f"{spectra_name}: has {X.shape[1]} points and {name} {axis.size}; give "
            "one position for each point"
        )
    return axis
