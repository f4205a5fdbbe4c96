"""Spectra among named arrays, as MATLAB, NumPy and plain HDF5 files hold them.

A matrix is spectra if a vector of its length runs one way (the axis); a smaller table
of as many rows is targets; strings of as many rows are sample ids or labels.
"""

import re

import numpy as np

from spektron_jax.spectra.axis import QUANTITIES, unit_of
from spektron_jax.spectra.grid import UNITS
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

_AXIS = re.compile(
    r"^(x_?)?(axis|wave.*|wl|wn|lambda|nm|cm.?1|x|shift|raman_?shift|frequency)", re.I
)
_NOT_AXIS = re.compile(r"^(y|target|label|id|index|sample|time)", re.I)


def read_arrays(arrays: dict[str, np.ndarray], log: Log) -> list[ParsedSpectra]:
    """Return a part for each matrix of spectra; fail listing what is there."""
    numeric, words = {}, {}
    for name, value in arrays.items():
        value = np.asarray(value)
        if value.dtype.kind in "iufb" and value.size:
            numeric[name] = value
        elif value.dtype.kind == "U" and value.size:
            words[name] = value
    axes = {
        name: value.ravel().astype(np.float64)
        for name, value in numeric.items()
        if value.size == max(value.shape, default=0) >= 3 and _runs_one_way(value)
    }
    named = {k: v for k, v in axes.items() if _AXIS.search(k)}
    axes = named or {k: v for k, v in axes.items() if not _NOT_AXIS.search(k)}
    matrices = {
        name: value
        for name, value in numeric.items()
        if name not in axes and value.ndim == 2
    }
    parts = []
    for name, matrix in matrices.items():
        fitting = [k for k, v in axes.items() if v.size in matrix.shape]
        if len(fitting) > 1 or not fitting:
            own = [k for k in fitting if k.startswith(name) or name in k]
            if len(own) != 1:
                if fitting:
                    text = f"could go with the axes {', '.join(fitting)}; keep one"
                    log.fail(f"array {name!r}", text)
                continue
            fitting = own
        axis = axes[fitting[0]]
        if matrix.shape[1] != axis.size:
            matrix = matrix.T
            log.warning(f"array {name!r}", "turned, so that rows are spectra")
        elif matrix.shape[0] == axis.size:
            log.warning(f"array {name!r}", "square: rows were taken as spectra")
        parts.append(
            ParsedSpectra(
                axis=axis,
                spectra=matrix,
                sample_ids=[str(i + 1) for i in range(len(matrix))],
                places=[f"array {name!r}, row {i + 1}" for i in range(len(matrix))],
                name=name,
                unit=_unit(words, fitting[0]),
                quantity=_word(words, "quantity", QUANTITIES),
                axis_place=f"array {fitting[0]!r}",
                numbered=True,
            )
        )
    if not parts:
        listed = ", ".join(f"{k} {v.shape}" for k, v in numeric.items()) or "none"
        log.fail(
            "arrays",
            f"no matrix with an axis of its length among {listed}; add a vector 'axis' "
            "of positions",
        )
    _add_companions(parts, numeric, words, {*axes, *(d.name for d in parts)}, log)
    if len(parts) == 1:
        parts[0].name = "spectra"
    return parts


def _add_companions(parts, numeric, words, used: set[str], log: Log) -> None:
    """Targets, ids and labels go with every part of as many rows."""
    names = words.get("target_names", np.empty(0)).ravel().tolist()
    units = words.get("target_units", np.empty(0)).ravel().tolist()
    for name, values in numeric.items():
        if name in used or values.ndim > 2:
            continue
        table = values.reshape(-1, 1) if values.size == max(values.shape) else values
        rows = [d for d in parts if len(d.sample_ids) == len(table)]
        if not rows:
            if table.size > 1:
                text = f"{values.shape} fits no spectra: as many rows are needed"
                log.error(f"array {name!r}", text)
            continue
        columns = [name] if table.shape[1] == 1 else []
        if len(names) == table.shape[1]:
            columns = names
        columns = columns or [f"{name} {j + 1}" for j in range(table.shape[1])]
        for j, column in enumerate(columns):
            unit = units[j] if len(units) == len(columns) else ""
            for part in rows:
                part.targets[column, unit] = table[:, j].astype(np.float64)
    for name, values in words.items():
        for part in parts:
            if values.size == len(part.sample_ids) > 1:
                if re.search(r"id|name|sample", name, re.I) and part.numbered:
                    part.sample_ids = [str(v).strip() for v in values.ravel()]
                    part.numbered = False
                elif not name.startswith("target_"):
                    part.labels[name] = [str(v) for v in values.ravel()]


def _runs_one_way(values: np.ndarray) -> bool:
    """Allows a few errors, which are to be named rather than overlooked."""
    steps = np.diff(values.ravel().astype(np.float64))
    return bool(max((steps > 0).mean(), (steps < 0).mean()) >= 0.9)


def _unit(words: dict[str, np.ndarray], axis_name: str) -> str | None:
    return _word(words, "unit", UNITS) or unit_of(axis_name)


def _word(words: dict[str, np.ndarray], name: str, allowed) -> str | None:
    for key in (name, f"axis_{name}", f"x{name}s"):
        if key in words and words[key].size == 1:
            value = str(words[key].ravel()[0]).strip()
            if value in allowed:
                return value
    return None
