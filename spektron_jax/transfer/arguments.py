"""What `CalibrationTransfer.fit` was given, read: tables, stacked instruments, scans.

n, t = scans on source and target, p, q = their points.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spektron_jax.errors import InputError
from spektron_jax.spectra.masks import unmasked
from spektron_jax.transfer import frames
from spektron_jax.transfer.data import UNPAIRED
from spektron_jax.transfer.inputs import (
    NO_AXIS,
    POINTS,
    AlignedInputs,
    column,
    prepare,
    spectra,
)
from spektron_jax.transfer.replicates import Scans, pairs_of, scans_of

TARGET = ("target", "1", "True", "1.0")  # values of `instrument`
SOURCE = ("source", "0", "False", "0.0")


@dataclass(frozen=True, eq=False)
class Arguments:
    """Scans of both instruments as they were given.

    Attributes:
      source, target: spectra with their samples                  (n, p), (t, q)
      y_source, y_target: labels of the scans, NaN: unknown            (n,), (t,)
      axis_source: positions                                           (p,)
      unit: of the axes; "points" where no axis is known
      features: names of the columns, or None                          (p,)
      label: name of the property, or None
      inputs: samples on one axis
      unlabelled: source scans that were left out, since their samples have no label
    """

    source: Scans
    target: Scans
    y_source: np.ndarray
    y_target: np.ndarray
    axis_source: np.ndarray
    unit: str
    features: np.ndarray | None
    label: str | None
    inputs: AlignedInputs
    unlabelled: int


def read(
    X_source: Any,
    y_source: Any,
    axis_source: Any,
    X_target: Any,
    axis_target: Any,
    y_target: Any,
    paired: Any,
    unit: str,
    modality: str,
    axis: Any,
    groups: Any,
    groups_target: Any,
    instrument: Any,
    partly: bool = False,
) -> Arguments:
    """Arguments of `fit`.

    Args:
      partly: leave out source samples without a label, which are then nobody's pair;
        else they are refused

    Raises:
      InputError: names the argument and what to change.
    """
    if axis is not None:
        if axis_source is not None:
            raise InputError("axis: axis_source is given too; give one of the two")
        axis_source = axis
    label = getattr(y_source, "name", None)
    features = frames.names_of(X_source)
    X_source, axis_source, unit = _opened(X_source, axis_source, unit, modality)
    X_target, axis_target, own = _opened(X_target, axis_target, unit, modality)
    if own != unit and axis_target is not None:
        other = None if axis_source is None else np.asarray(axis_source, np.float64)
        axis_target = frames.converted(axis_target, own, unit, other)
    X_source, y_source = _with_labels(X_source, y_source)
    about = {"y_target": y_target, "paired": paired, "groups_target": groups_target}
    if isinstance(paired, np.ma.MaskedArray):
        paired = paired.filled(UNPAIRED)
    more = [name for name, one in about.items() if one is not None]
    rows = np.arange(len(X_source))  # of the user's, in messages
    target_rows = None
    if instrument is not None:
        if X_target is not None or more:
            raise InputError(
                "instrument: X_source holds both instruments, so give no X_target, "
                "y_target, paired or groups_target"
            )
        on = on_target(instrument, len(X_source))
        X_target, y_target = (X_source[on], y_source[on]) if on.any() else (None, None)
        X_source, y_source = X_source[~on], y_source[~on]
        rows, target_rows = rows[~on], rows[on]
        groups, groups_target = _by_instrument(groups, on)
    elif X_target is None and more:
        raise InputError(f"X_target: missing, but {' or '.join(more)} is given")
    source = scans_of(X_source, groups, "groups", rows)
    known = np.isin(source.sample, source.sample[np.isfinite(y_source)])
    if not known.all():
        if not partly:
            bad = source.scans_named(np.flatnonzero(~known)[:1])
            raise InputError(f"y_source: {bad} has no label; leave it out")
        if groups is not None:
            groups = np.asarray(unmasked(groups), object)[known]
        paired = _among(known, paired)
        X_source, y_source = X_source[known], y_source[known]
        source = scans_of(X_source, groups, "groups", rows[known])
    if X_target is None:
        target, y_target = Scans(np.empty((0, 0)), np.empty(0, int)), np.empty(0)
        mean_target = mean_y = None
        told: list[str] = []
    else:
        X_target = spectra(X_target, "X_target")
        target = scans_of(X_target, groups_target, "groups_target", target_rows)
        y_target = _labels(y_target, len(target.X))
        paired, told = pairs_of(source, target, paired)
        mean_target, mean_y = target.mean(target.X), target.mean(y_target)
    if axis_source is None:
        told.append(NO_AXIS)
        if axis_target is not None:
            raise InputError("axis_source: missing, but axis_target is given")
        unit, axis_source = POINTS, np.arange(X_source.shape[1], dtype=float)
    told += _averaged("source", source) + _averaged("target", target)
    inputs = prepare(
        *(source.mean(X_source), source.mean(y_source), axis_source, mean_target),
        *(axis_target, mean_y, paired, unit, modality),
        told=told,
    )
    axis_source = np.asarray(axis_source, np.float64)
    sides = source, target, y_source, y_target, axis_source
    without = int((~known).sum())
    return Arguments(*sides, unit, features, label, inputs, without)


def _among(kept: np.ndarray, paired: Any) -> Any:
    """Pairs of all source rows as those of the rows that are kept, (t,)."""
    rows = np.asarray(paired)
    if paired is None or rows.dtype.kind not in "iu":
        return paired  # checked with the other data
    if ((rows != UNPAIRED) & ((rows < 0) | (rows >= kept.size))).any():
        raise InputError(f"paired: rows must lie in 0..{kept.size - 1} or be -1")
    place = np.where(kept, np.cumsum(kept) - 1, UNPAIRED)
    return np.where(rows == UNPAIRED, UNPAIRED, place[rows])


def _with_labels(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Source spectra and their labels, as many."""
    if y is None:
        raise InputError(
            "y_source: CalibrationTransfer requires y to be passed, but the target y "
            "is None; give labels of the source spectra"
        )
    X, y = spectra(X, "X_source"), column(y, "y_source")
    if y.size != len(X):
        raise InputError(
            f"y_source: {y.size} labels for {len(X)} spectra; give one label for each "
            "row of X_source"
        )
    return X, _bounded(y, "y_source")


def _bounded(y: np.ndarray, name: str) -> np.ndarray:
    """Labels (n,) of which none is infinite."""
    bad = np.flatnonzero(np.isinf(y))
    if bad.size:
        raise InputError(
            f"{name}: row {bad[0]} holds infinity ({bad.size} such rows); give the "
            "value, or NaN where it is not known"
        )
    return y


def _by_instrument(groups: Any, on: np.ndarray) -> tuple[Any, Any]:
    """Sample ids of the source's rows and of the target's (`on`)."""
    if groups is None:
        return None, None
    names = scans_of(on, groups, "groups")
    ids = np.empty(on.size, object)
    ids[:] = [names.ids[one] for one in names.sample]  # type: ignore[index]
    return ids[~on], ids[on] if on.any() else None


def _averaged(side: str, scans: Scans) -> list[str]:
    """That scans were averaged, if they were."""
    if not scans.repeated:
        return []
    return [
        f"{side}: {scans.sample.size} scans of {scans.sample.max() + 1} samples were "
        "averaged by sample"
    ]


def _opened(X: Any, axis: Any, unit: str, modality: str) -> tuple[Any, Any, str]:
    """A table's spectra and, unless it is given, the axis that its columns name."""
    if axis is None and (named := frames.axis_of(X, unit, modality)):
        axis, unit = named
        X, axis = frames.in_order(X, axis)
    return X, axis, unit


def on_target(instrument: Any, count: int) -> np.ndarray:
    """Which rows are of the target instrument, (n,) bool."""
    given = np.asarray(instrument)
    if given.shape != (count,):
        raise InputError(
            f"instrument: {given.size} entries for {count} spectra; give one for each"
        )
    words = given.astype(str)
    on = np.isin(words, TARGET)
    unknown = words[~on & ~np.isin(words, SOURCE)]
    if unknown.size:
        raise InputError(
            f"instrument: {str(unknown[0])!r} is neither 'source' nor 'target' (or 0 "
            "and 1)"
        )
    return on


def _labels(y_target: Any, count: int) -> np.ndarray:
    if y_target is None:
        return np.full(count, np.nan)
    y = column(y_target, "y_target")
    if y.shape != (count,):
        raise InputError(
            f"y_target: {y.size} entries for {count} target spectra; give one for each "
            "row of X_target"
        )
    return _bounded(y, "y_target")
