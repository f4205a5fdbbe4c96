"""Tidy tables: one row for each sample and position.

Rows of one sample that a column of replicates tells apart are spectra of their own,
called "sample replicate". Columns that are constant within every spectrum are its
targets (numbers) and labels (text).

Sizes: n samples, p positions.
"""

import re

import numpy as np

from spektron_jax.spectra.axis_words import quantity_of
from spektron_jax.spectra.readers.cells import (
    NotANumber,
    name_and_unit,
    number,
    units_of,
)
from spektron_jax.spectra.readers.layout import one_unit
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra, common_axis

_REPLICATE = re.compile(
    r"\W*(?:technical|biological)?[ _]*(?:rep|scan|meas|spot|run|aliquot|subsample"
    r"|spec)[a-z]*[ _.]*(?:no|nr|number|id|#)?\W*",
    re.I,
)
Rows = list[list[str]]


def read_tidy(
    rows: Rows, places: list[str], columns: tuple[int, int, int], log: Log
) -> ParsedSpectra:
    """Return the spectra of a tidy table.

    Args:
      rows: the header first.
      places: of each row, for messages.
      columns: of sample, position and value.
      log: of the reading.
    """
    sample, position, value = columns
    header = [cell.strip() for cell in rows[0]]
    others = [i for i in range(len(header)) if i not in columns and header[i]]
    repeats = [i for i in others if _REPLICATE.fullmatch(header[i])]
    if header[sample] == "X":  # and Y: the points of a map
        repeats = [i for i in others if header[i] == "Y"]
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows[1:], start=1):
        name = " ".join(row[j].strip() for j in (sample, *repeats))
        groups.setdefault(name, []).append(i)
    tables = {}
    for name, members in groups.items():
        points = [_point(rows[i], places[i], (position, value), log) for i in members]
        if None not in points:
            tables[name] = np.array(points, np.float64)
    if not tables:
        log.fail("table", "no spectrum is whole")
    for name, table in tables.items():
        _check_positions(name, table, header, others, log)
    names = list(tables)
    at = [f"sample {name!r} from {places[groups[name][0]]}" for name in names]
    axis, kept = common_axis([tables[name][:, 0] for name in names], at, log)
    names = [names[i] for i in kept]
    part = ParsedSpectra(
        axis=axis,
        spectra=np.array([tables[name][:, 1] for name in names]),
        sample_ids=names,
        places=[at[i] for i in kept],
        unit=one_unit(units_of([rows[0][position]]), places[0], log),
        quantity=quantity_of(rows[0][value]),
        axis_place=f"column {position + 1}",
        axis_label=header[position],
    )
    if repeats:
        listed = ", ".join(repr(header[i]) for i in repeats)
        log.note(
            "table", f"spectra of one {header[sample]!r} are told apart by {listed}"
        )
        part.labels[header[sample]] = [rows[groups[n][0]][sample] for n in names]
    kept_rows = [[rows[i] for i in groups[name]] for name in names]
    for i in others:
        if i not in repeats:
            _add_column(
                part, header[i], [{r[i].strip() for r in m} for m in kept_rows], log
            )
    return part


def _point(
    row: list[str], place: str, columns: tuple[int, int], log: Log
) -> tuple[float, float] | None:
    """(position, value) of a row, or None after an error."""
    pair = number(row[columns[0]]), number(row[columns[1]])
    for column, read in zip(columns, pair, strict=True):
        if read is None:
            log.error(f"{place}, column {column + 1}", str(NotANumber(row[column])))
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def _check_positions(
    name: str, table: np.ndarray, header: list[str], others: list[int], log: Log
) -> None:
    """Refuse a position that stands twice, naming the columns that may say why."""
    values, counts = np.unique(table[:, 0], return_counts=True)
    if counts.max() > 1:
        listed = ", ".join(repr(header[i]) for i in others) or "no other column"
        log.fail(
            f"sample {name!r}",
            f"the position {values[counts.argmax()]:g} stands {counts.max()} times "
            f"({listed} may tell replicates apart: name it 'replicate')",
        )


def _add_column(
    part: ParsedSpectra, name: str, found: list[set[str]], log: Log
) -> None:
    """A column beside the spectra: a target, a label, or left out if it varies."""
    if any(len(values) != 1 for values in found):
        log.note("table", f"column {name!r} varies within a spectrum; left out")
        return
    words = [next(iter(values)) for values in found]
    values = [number(word) for word in words]
    if None in values:
        part.labels[name] = words
    else:
        part.targets[name_and_unit(name)] = np.array(values, np.float64)
