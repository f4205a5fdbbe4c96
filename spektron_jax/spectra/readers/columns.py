"""Columns that belong to one measurement, not to several samples.

Programs of spectrometers write the same points as pixel, wavelength and Raman shift,
and the sample's signal beside the dark and the reference. One axis and one signal are
taken, and what is left out is said. A counter of rows is no axis where another column
is named as one. Several columns of one axis belong to spectra of their own.
"""

import re

import numpy as np

from spektron_jax.spectra.axis_words import quantity_of
from spektron_jax.spectra.readers.axis_columns import (
    OTHER,
    AxisColumns,
    axis_columns,
    counts,
    runs,
)
from spektron_jax.spectra.readers.cells import is_axis, number, positions
from spektron_jax.spectra.readers.parsed import Log

Rows = list[list[str]]
# Kinds of signals, the better the earlier; of the last two none is a sample.
_SIGNALS = (
    "subtracted|corrected|processed",
    r"sample|signal|target|tgt|(?<!\w)(?:probe|messung|échantillon|muestra|i)(?!\w)",
    "scope|raw|counts|intensity|radiance",
    r"reference|white|(?<![a-z])ref(?![a-z])|(?<!\w)(?:referenz|wei(?:ß|ss)|référence"
    r"|referencia|blank|blanko?|i_?0)(?!\w)",
    r"dark|background|(?<!\w)(?:dunkel|hintergrund|schwarz|black|baseline|noir|fond"
    r"|oscuro)(?!\w)",
    "irradiance",
)
_BARE = re.compile(
    r"(?:sample|signal|target|scope|raw|counts?|intensity|radiance|reference|white|ref"
    r"|referenz|wei(?:ß|ss)|référence|referencia|blanko?|i_?0|probe|messung|dunkel"
    r"|hintergrund|schwarz|black|baseline|noir|fond|oscuro"
    r"|dark|background|irradiance|subtracted|corrected|processed|data|spectrum|y"
    r"|#\d+|[\s_#.()-])+", re.I
)  # fmt: skip
_QUANTITIES = ("log(1/R)", "absorbance", "reflectance", "%R", "transmittance", "%T")
_JAZ = {"D": "dark", "R": "reference", "S": "sample", "P": "processed"}


def measurements(
    rows: Rows, places: list[str], log: Log
) -> list[tuple[Rows, list[str], str]]:
    """Return tables (rows, places, name), each with one axis, in its first column."""
    header = [cell.strip() for cell in rows[0]]
    if not header or _is_wide(header):
        return [(rows, places, "")]
    if all(number(cell) is not None for cell in header):
        _refuse_pairs_without_names(rows, places, log)
        _refuse_counter(rows, places, log)
        return [(rows, places, "")]
    header = _of_program(header, rows, log)
    found = axis_columns(header, rows)
    if not found.ranks or _is_not_first(found, header):
        _refuse_counter(rows[1:], places, log)
        return [(rows, places, "")]
    if found.are_apart():
        return _pairs(header, rows, places, found, log)
    return [(*_one(header, rows, places, found, log), "")]


def _is_not_first(found: AxisColumns, header: list[str]) -> bool:
    """Whether columns that are no counters stand before several axes."""
    first = min(found.ranks)
    others = set(range(first)) - set(found.counters)
    return bool(others) and (len(found.ranks) > 1 or min(found.ranks.values()) >= OTHER)


def _of_program(header: list[str], rows: Rows, log: Log) -> list[str]:
    """The header in words and with the unit, where a program always leaves them out."""
    jaz = header[0] == "W" and set(header[1:]) <= set(_JAZ) and len(header) > 1
    if not jaz and header[0] != "Wvl":
        return header
    program = "Ocean Jaz" if jaz else "Spectral Evolution"
    log.note("table", f"axis in nm, as {program} writes it")
    ratio = re.compile(r"(tgt|target)\W+ref\w*\W*%", re.I)
    signals = [_JAZ[n] if jaz else ratio.sub("Reflect. %", n) for n in header[1:]]
    rows[0] = ["Wavelength [nm]", *signals]
    return rows[0]


def _is_wide(header: list[str]) -> bool:
    """Whether positions run along the header."""
    values = positions(header)[0]
    known = values[~np.isnan(values)]
    return known.size > max(3, len(header) / 2) and is_axis(known)


def _one(
    header: list[str],
    rows: Rows,
    places: list[str],
    found: AxisColumns,
    log: Log,
) -> tuple[Rows, list[str]]:
    """The table with one axis, and one signal if the others go with it.

    Of several axes, the one taken may be blank at pixels outside the calibration.
    """
    axes, counters = list(found.ranks), found.counters
    others = [i for i in range(len(header)) if i not in axes and i not in counters]
    axis = _best(rows, axes, found.ranks)
    kinds = {i: _kind(header[i]) for i in others}
    alone = None not in kinds.values() and len(set(kinds.values())) == len(others) > 1
    # Not of "Dark chocolate" and "White chocolate".
    alone = alone and any(names_signal(_title(header[i])) for i in others)
    kept = [_best(rows, others, kinds)] if alone else others
    dropped = [
        header[i] or "the row numbers"
        for i in range(len(header))
        if i not in (axis, *kept)
    ]
    named = [header[i] for i in kept if not alone and _is_no_sample(header[i])]
    if len(kept) > 2 and {header[i] for i in kept} <= set(_JAZ):
        named = [header[i] for i in kept]
    if named and len(kept) > 1:
        text = f"{', '.join(map(repr, named))} kept as samples; leave them out if they "
        log.note("table", text + "are references or dark spectra")
    if not dropped and axis == 0:
        return rows, places
    signal = f" and {header[kept[0]]!r}" if alone else ""
    out = f"; left out: {', '.join(dropped)}" if dropped else ""
    log.note("table", f"{header[axis]!r}{signal} taken{out}")
    single = len(axes) + len(counters) == 1
    good = [i for i, row in enumerate(rows) if single or row[axis].strip()]
    if len(good) < len(rows):
        log.warning("table", f"{len(rows) - len(good)} rows without {header[axis]}")
    rows = [[rows[i][j] for j in (axis, *kept)] for i in good]
    return rows, [places[i] for i in good]


def _pairs(
    header: list[str],
    rows: Rows,
    places: list[str],
    found: AxisColumns,
    log: Log,
) -> list[tuple[Rows, list[str], str]]:
    """Tables of the spectra that have columns of positions of their own."""
    axes, counters = sorted(found.ranks), found.counters
    ends = [*axes[1:], len(header)]
    groups = [
        (axis, [j for j in range(axis + 1, end) if j not in counters])
        for axis, end in zip(axes, ends, strict=True)
    ]
    if any(not signals for _, signals in groups):
        listed = ", ".join(repr(header[i]) for i in axes)
        log.fail(places[0], f"several axes ({listed}); keep one, the first column")
    first = groups[0][0]
    same = all(
        number(row[axis]) == number(row[first])
        for axis, _ in groups
        for row in rows[1:]
    )
    if same:
        log.note("table", f"{len(groups)} columns of the same positions taken as one")
        groups = [(first, [j for _, signals in groups for j in signals])]
    else:
        text = f"{len(groups)} columns of positions: each with the columns after it"
        log.note("table", f"{text} is an instrument of its own")
    tables = []
    for axis, signals in groups:
        columns = [axis, *signals]
        good = [i for i, row in enumerate(rows) if any(row[j].strip() for j in columns)]
        label = re.sub(r"(?<=[a-z])[ _.]?\d+$", "", header[axis], flags=re.I)
        table = [[rows[i][j] for j in columns] for i in good]
        table[0][0] = label  # "X", not "X1", which may be a position
        name = "" if same else _title(header[signals[0]])
        tables.append((table, [places[i] for i in good], name))
    names = [name for _, _, name in tables]
    if len(set(names)) < len(names):
        tables = [
            (table, at, f"{name or 'spectra'} {k}")
            for k, (table, at, name) in enumerate(tables, start=1)
        ]
    return tables


def _title(name: str) -> str:
    return re.sub(r"\s*[(\[].*?[)\]]$", "", name).strip()


def _refuse_pairs_without_names(rows: Rows, places: list[str], log: Log) -> None:
    """Columns 1, 3, 5 that all run evenly, and not alike, may be axes."""
    width = len(rows[0])
    if width < 4 or width % 2:
        return
    even = [
        np.array([number(row[j]) for row in rows], np.float64)
        for j in range(0, width, 2)
    ]
    steps = [np.diff(values) for values in even]
    if not all((s > 0).all() or (s < 0).all() for s in steps if s.size):
        return
    if len(rows) > 3 and all(map(is_axis, even)):
        log.fail(
            places[0],
            "columns 1, 3, ... all run evenly and have no names: x,y pairs, or one "
            "axis and samples; add a header, such as 'nm,a,nm,b' or 'nm,a,b,c'",
        )


def _refuse_counter(rows: Rows, places: list[str], log: Log) -> None:
    """A first column that counts the rows, beside one that runs as an axis does."""
    few = not rows or len(rows) <= max(3, len(rows[0]))
    if few or not counts([row[0] for row in rows]):
        return
    for j in range(1, len(rows[0])):
        if runs([row[j] for row in rows]):
            log.fail(
                places[0],
                f"the first column counts the points and column {j + 1} runs evenly: "
                "name the one that is the axis in a header",
            )


def names_signal(name: str) -> bool:
    """Whether a column's name says what was measured rather than on which sample."""
    return bool(_BARE.fullmatch(name)) or quantity_of(name) is not None


def _is_no_sample(name: str) -> bool:
    role = re.search(r"[(\[]ref", name, re.I) is not None
    return _kind(name) in (3, 4, 5) and (role or bool(_BARE.fullmatch(name)))


def _best(rows: Rows, columns: list[int], ranks: dict) -> int:
    """The preferred column whose values are not all alike."""
    varied = [i for i in columns if len({row[i] for row in rows[1:]}) > 1]
    return min(varied or columns, key=lambda i: ranks[i])


def _kind(name: str) -> int | None:
    """Rank of a signal: quantities first, then as in _SIGNALS."""
    quantity = quantity_of(name)
    if quantity in _QUANTITIES or name.upper().startswith(("%TR", "%T")):
        return _QUANTITIES.index(quantity or "%T") - len(_QUANTITIES)
    role = re.search(r"[(\[](ref|target|tgt|reference)\.?[)\]]", name, re.I)
    if role:
        return 3 if role[1].lower().startswith("ref") else 1
    name = re.sub(r"\[.*?\]|\(.*?\)", "", name)  # units
    found = [k for k, p in enumerate(_SIGNALS) if re.search(p, name, re.I)]
    # "Dark subtracted" is a signal, "reference signal" a reference.
    return None if not found else 0 if 0 in found else found[-1]
