"""Predictions as a CSV table for people, one row for each sample and property:

    sample_id,property,unit,prediction,low,high,flag,model,version

`low` and `high` bound the interval and `flag` says why a value is to be doubted; all
three may be empty. Comma, decimal point, UTF-8, written whole or not at all.

A spreadsheet runs a cell that starts with = + - or @ as a formula. `write_table`, by
which every table of the package is written, puts an apostrophe before such text.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from spektron_jax.archive import replacing
from spektron_jax.errors import SpektronError

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
COLUMNS = (
    *("sample_id", "property", "unit", "prediction", "low", "high"),
    *("flag", "model", "version"),
)


def write_predictions(
    path: str | Path,
    sample_ids: Sequence[str],
    prediction: np.ndarray,
    *,
    names: Sequence[str],
    units: Sequence[str] = (),
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    flags: Sequence[str] | None = None,
    model: str,
    version: str,
) -> None:
    """Write predictions of k properties for n samples.

    Args:
      path: CSV file, replaced as a whole.
      sample_ids: n.
      prediction: (n, k), or (n,) for one property.
      names: k names of properties.
      units: k units, or none.
      low: lower ends of the intervals, shaped as prediction.
      high: upper ends.
      flags: n texts, "" where there is nothing to say.
      model: name of the model.
      version: its version.
    """
    n, k = len(sample_ids), len(names)
    missing = np.full((n, k), np.nan)
    values = {"prediction": prediction, "low": low, "high": high}
    columns = []
    for name, given in values.items():
        column = missing if given is None else np.asarray(given, np.float64)
        if column.shape not in ((n, k), (n,) if k == 1 else (n, k)):
            raise SpektronError(
                f"{name}: {column.shape} values for {n} samples and {k} properties"
            )
        columns.append(column.reshape(n, k))
    units = units or [""] * k
    flags = [""] * n if flags is None else flags
    if len(units) != k or len(flags) != n:
        raise SpektronError(
            f"predictions: {len(units)} units for {k} properties, {len(flags)} flags "
            f"for {n} samples; make them agree"
        )
    rows = [
        (
            *(sample_ids[i], names[j], units[j]),
            *(_number(column[i, j]) for column in columns),
            *(flags[i], model, version),
        )
        for i in range(n)
        for j in range(k)
    ]
    write_table(path, [COLUMNS, *rows])


def write_table(
    path: str | Path,
    rows: Iterable[Iterable[object]],
    *,
    delimiter: str = ",",
    notes: Iterable[str] = (),
) -> None:
    """Write rows as CSV, replaced as a whole, without formulas (see the top).

    Args:
      path: CSV file.
      rows: cells.
      delimiter: of cells.
      notes: lines above the table that hold no delimiter.
    """
    with (
        replacing(path) as draft,
        open(draft, "w", encoding="utf-8", newline="") as file,
    ):
        file.writelines(f"{line}\n" for line in notes)
        writer = csv.writer(file, lineterminator="\n", delimiter=delimiter)
        writer.writerows([harmless(cell) for cell in row] for row in rows)


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay as they are."""
    if not isinstance(cell, str):
        return cell
    cell = cell.replace("\r", " ")  # would end the line for some programs
    if not (cell.startswith(("\t", "\n")) or cell.lstrip().startswith(_FORMULA)):
        return cell
    try:
        float(cell.replace(",", "."))  # numbers, of decimal commas too
    except ValueError:
        return f"'{cell}"
    return cell


def _number(value: float) -> str:
    """The shortest text that gives a float32 back; empty if missing."""
    return "" if math.isnan(value) else str(np.float32(value))
