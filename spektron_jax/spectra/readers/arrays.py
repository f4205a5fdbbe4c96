"""Spectra among named arrays, as MATLAB, NumPy and plain HDF5 files hold them.

A matrix is spectra if a vector of its length runs one way (the axis); a smaller table
of as many rows is targets; strings of as many rows are sample ids or labels.
"""

import re

import numpy as np

from spektron_jax.spectra.axis_words import quantity_of, unit_of
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra, of_matrix

Arrays = dict[str, np.ndarray]
# Whole names; "m5_axis", "wavelengths_nm" and "axis2" too, but not "xylose".
_AXIS = re.compile(
    r"(?:.*[_.])?(?:x_?axis|axis|axisscale|wave[_ ]?(?:length|number)s?|waves?|wls?"
    r"|wns?|wvl|lambdas?|lam|nu|nm|um|cm_?1|x|x_?(?:cal|val|values|scale)|(?:raman_?)?shifts?"
    r"|freq|frequency|frequencies)(?:_?(?:axis|nm|um|cm_?1|\d+|[a-z]))?",
    re.I,
)
_IDS = re.compile(r"(?<![a-z])[iI]d|ID|(?i:name|sample)")  # but not "acid"
_NUMBERED_IDS = re.compile(r"(?:samples?_?)?(?:ids?|names?|numbers?)", re.I)


def read_arrays(arrays: Arrays, log: Log) -> list[ParsedSpectra]:
    """Return an instrument for each matrix of spectra; fail listing what is there."""
    sized = {k: v for k, v in arrays.items() if v.size}
    numeric = {k: v for k, v in sized.items() if v.dtype.kind in "iufb"}
    words = {k: v for k, v in sized.items() if v.dtype.kind == "U"}
    for name in filter(_NUMBERED_IDS.fullmatch, list(numeric)):
        values = numeric[name]
        if values.size == max(values.shape, default=0) and (values % 1 == 0).all():
            words[name] = numeric.pop(name).astype(np.int64).astype(str)
    axes = _axes(numeric)
    parts = []
    for name, matrix in numeric.items():
        if matrix.ndim > 2:
            text = f"{matrix.shape} is no matrix; left out"
            log.warning(f"array {name!r}", text)
        if name in axes or matrix.ndim != 2:
            continue
        axis_name = _axis_of(name, matrix, axes, log)
        if axis_name is None:
            continue
        axis = axes[axis_name]
        if matrix.shape[1] != axis.size:
            matrix = matrix.T
            log.note(f"array {name!r}", "turned, so that rows are spectra")
        elif matrix.shape[0] == axis.size:
            text = "square: rows were taken as spectra; its columns could be"
            log.note(f"array {name!r}", text)
        part = of_matrix(f"array {name!r}", name, axis, matrix)
        own = f"{axis_name}_unit", f"{name}_unit"
        unit = _word(words, *own, "axis_unit", "xunits", "unit")
        part.axis_label = f"{axis_name} in {unit}" if unit else axis_name
        part.unit = unit_of(part.axis_label)
        part.quantity = quantity_of(_word(words, "quantity"))
        part.axis_place = f"array {axis_name!r}"
        parts.append(part)
    if not parts:
        listed = ", ".join(f"{k} {v.shape}" for k, v in numeric.items()) or "none"
        log.fail(
            "arrays",
            f"no matrix with an axis of its length among {listed}; add a vector 'axis' "
            "of positions, or name the one there so",
        )
    used = {*axes, *(part.name for part in parts)}
    tables = {k: v for k, v in numeric.items() if k not in used and v.ndim <= 2}
    _add_targets(parts, tables, words, log)
    for name, values in words.items():
        _add_words(parts, name, values)
    return parts


def _axes(numeric: Arrays) -> Arrays:
    """The vectors that run one way and are named as an axis.

    Any other, such as sorted concentrations, may run one way too.
    """
    axes = {
        name: value.ravel().astype(np.float64)
        for name, value in numeric.items()
        if value.size == max(value.shape, default=0) >= 3 and _runs_one_way(value)
    }
    return {name: value for name, value in axes.items() if _AXIS.fullmatch(name)}


def _axis_of(name: str, matrix: np.ndarray, axes: Arrays, log: Log) -> str | None:
    """The axis that fits a matrix: the only one, or the one that shares its name."""
    fitting = [k for k, v in axes.items() if v.size in matrix.shape]
    if len(fitting) > 1:
        own = [k for k in fitting if k.startswith(name) or name in k]
        if len(own) != 1:
            text = f"could go with the axes {', '.join(fitting)}; keep one"
            log.fail(f"array {name!r}", text)
        fitting = own
    return fitting[0] if fitting else None


def _add_targets(
    parts: list[ParsedSpectra], tables: Arrays, words: Arrays, log: Log
) -> None:
    """Targets go with every instrument of as many rows."""
    names = words.get("target_names", np.empty(0)).ravel().tolist()
    units = words.get("target_units", np.empty(0)).ravel().tolist()
    for name, values in tables.items():
        table = values.reshape(-1, 1) if values.size == max(values.shape) else values
        fitting = [part for part in parts if len(part.sample_ids) == len(table)]
        if not fitting and table.size > 1:
            text = f"{values.shape} fits no spectra: as many rows are needed"
            log.error(f"array {name!r}", text)
        width = table.shape[1]
        columns = [name] if width == 1 else [f"{name} {j + 1}" for j in range(width)]
        if len(names) == width:
            columns = names
        for j, column in enumerate(columns):
            unit = units[j] if len(units) == width else ""
            for part in fitting:
                part.targets[column, unit] = table[:, j].astype(np.float64)


def _add_words(parts: list[ParsedSpectra], name: str, values: np.ndarray) -> None:
    """Ids and labels likewise."""
    for part in parts:
        if not values.size == len(part.sample_ids) > 1:
            continue
        if _IDS.search(name) and part.numbered:
            part.sample_ids = [str(v).strip() for v in values.ravel()]
            part.numbered = False
        elif not name.startswith("target_"):
            part.labels[name] = [str(v) for v in values.ravel()]


def _runs_one_way(values: np.ndarray) -> bool:
    """Allows a few errors, which are to be named rather than overlooked."""
    steps = np.diff(values.ravel().astype(np.float64))
    return bool(max((steps > 0).mean(), (steps < 0).mean()) >= 0.9)


def _word(words: Arrays, *names: str) -> str:
    """The first of some names that is one string; "" if none is."""
    found = (words[name] for name in names if name in words)
    return next((str(one.ravel()[0]).strip() for one in found if one.size == 1), "")
