"""Labels of samples: properties by sample id, from a table or a file of spectra.

A table of labels is CSV (comma, semicolon, tab; decimal commas too) or one Excel sheet:

    sample;moisture (%);protein (%)
    A1;10,2;8,9
    A2;;9,4

The first column holds sample ids, each further one a property; a count of rows may
stand before, as pandas writes it. An empty cell is an unknown label. Columns of text
alone, such as dates and remarks, are no properties. The cells come from the readers of
spectra.

m = labelled samples, k = properties, n = samples that are looked up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.readers import read_cells
from spektron_jax.spectra.readers.axis_columns import counts
from spektron_jax.spectra.readers.cells import name_and_unit, number
from spektron_jax.spectra.readers.layout import ID_NAME
from spektron_jax.spectra.readers.parsed import Log
from spektron_jax.spelling import british

ALL = "all"  # properties
CHANGED = ("thousands", "as shown", "merged")  # notes on values that are read otherwise
SAME = 0.02  # of their SD: labels nearer than this are rounded otherwise


@dataclass(frozen=True, eq=False)
class Labels:
    """Known values of properties.

    Attributes:
      ids: of the samples                                              (m,) str
      values: NaN where unknown                                        (m, k) float64
      names, units: of the properties, k each
      place: the file they come from, for messages
      warnings: one sentence each; "fat of ..." is said of fat alone
      text: columns that hold text and no number, name -> one of the cells
    """

    ids: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    units: tuple[str, ...]
    place: str
    warnings: tuple[str, ...] = ()
    text: dict[str, str] = field(default_factory=dict)

    def required(self) -> "Labels":
        """These labels; SpektronError says what to give if there are none."""
        if not self.names:
            raise SpektronError(
                f"{self.place}: holds no labels; give config.data.labels_path (CSV or "
                "Excel: sample id, value)"
            )
        return self

    def only(self, name: str, setting: str = "config.data.property") -> "Labels":
        """Labels of one property: that of the name, or the only one.

        Raises:
          SpektronError: names `setting` and lists the choice.
        """
        if name not in self.names:
            _refuse_text(name, self.text, setting, self.place)
        names = self.required().names
        wanted = meant(name, names)
        column = names.index(choose(wanted, names, setting, self.place))
        rest = tuple(f"{one} of " for one in names if one != names[column])
        return replace(
            self,
            values=self.values[:, [column]],
            names=names[column : column + 1],
            units=self.units[column : column + 1],
            warnings=tuple(text for text in self.warnings if not text.startswith(rest)),
        )

    def several(self, names: str) -> list["Labels"]:
        """Labels of one property each: "Oil", "Moisture,Oil", or "all" there are.

        Raises:
          SpektronError: one that is not there, or stands twice.
        """
        there = self.names or (*self.text,) or self.required().names
        if names == ALL and ALL not in there:
            asked = list(there)
        else:
            asked = _listed(names, there)
        found = [self.only(one) for one in asked]
        if names == ALL and self.text:
            told = f"{self.place}: left out, since they hold text: "
            told += ", ".join(self.text)
            found = [replace(one, warnings=(*one.warnings, told)) for one in found]
        chosen = [one.names[0] for one in found]
        if twice := {name for name in chosen if chosen.count(name) > 1}:
            raise SpektronError(
                f"config.data.property: {', '.join(twice)} stands twice; name each "
                "property once"
            )
        return found

    def joined(self, other: "Labels") -> "Labels":
        """These labels, and those of another file where these are unknown.

        Values and units that contradict each other are warned of.
        """
        ids = np.array(list(dict.fromkeys([*self.ids.tolist(), *other.ids.tolist()])))
        units = dict(zip(other.names, other.units, strict=True))
        units |= dict(zip(self.names, self.units, strict=True))
        names = tuple(units)
        values = np.full((ids.size, len(names)), np.nan)
        for each in (other, self):
            columns, found = [names.index(name) for name in each.names], each._of(ids)
            known = np.isfinite(found)
            values[:, columns] = np.where(known, found, values[:, columns])
        place = f"{self.place} and {other.place}"
        warnings = (*self.warnings, *other.warnings, *self._against(other))
        text = {k: v for k, v in (other.text | self.text).items() if k not in names}
        return Labels(ids, values, names, tuple(units.values()), place, warnings, text)

    def _against(self, other: "Labels") -> list[str]:
        """Warnings of values and units that another file gives otherwise."""
        found = []
        for name in (one for one in self.names if one in other.names):
            one, two = self.only(name), other.only(name)
            units = one.units[0], two.units[0]
            if all(units) and units[0] != units[1]:
                found.append(
                    f"{name} of {self.place} is in {units[0]}, of {other.place} in "
                    f"{units[1]}; nothing is converted: give both in one unit"
                )
            own, theirs = one.values[:, 0], two._of(self.ids)[:, 0]
            near = SAME * np.nanstd(own) if np.isfinite(own).any() else 0.0
            off = np.flatnonzero(
                np.abs(own - theirs) > np.maximum(near, 1e-6 * np.abs(own))
            )
            if off.size:
                row, both = off[0], int(np.isfinite(own - theirs).sum())
                found.append(
                    f"{name} of {off.size} of {both} samples is not the same in "
                    f"{self.place} and {other.place}, such as {self.ids[row]}: "
                    f"{own[row]:g} and {theirs[row]:g}; the first is used: check "
                    "names, units and values"
                )
        return found

    def at(self, sample_ids: np.ndarray) -> np.ndarray:
        """Values of the samples of these ids, (n,) -> (n, k), NaN where unknown.

        Raises:
          SpektronError: no sample has a label.
        """
        found = self._of(sample_ids)
        if self.names and not np.isfinite(found).any():
            raise SpektronError(
                f"{self.place}: no label of {', '.join(self.names)} belongs to a "
                f"sample with a spectrum, such as {str(sample_ids[0])!r}; the sample "
                "ids must match"
            )
        return found

    def _of(self, sample_ids: np.ndarray) -> np.ndarray:
        rows = {name: row for row, name in enumerate(self.ids.tolist())}
        places = np.array([rows.get(name, -1) for name in sample_ids.tolist()], int)
        padded = np.vstack([self.values, np.full((1, len(self.names)), np.nan)])
        return padded[places]  # -1: the row of NaN

    def unmatched(self, sample_ids: np.ndarray) -> int:
        """How many samples with a label are none of these (n,)."""
        known = np.isfinite(self.values).any(axis=1)
        return len(set(self.ids[known].tolist()) - set(sample_ids.tolist()))


def meant(name: str, names: Iterable[str]) -> str:
    """The one of `names` that `name` is in other capitals or spelling, or with a unit.

    "Fat", "fiber" and "fat (%)" are found; what is none of them comes back as it is.
    """
    names = list(names)
    wanted = name if name in names else name_and_unit(name)[0]
    if wanted in names:
        return wanted
    alike = [one for one in names if british(one) == british(wanted)]
    return alike[0] if len(alike) == 1 else wanted


def choose(name: str, names: Sequence[str], setting: str, place: str) -> str:
    """The one of `names` that is called `name`, or the only one.

    Raises:
      SpektronError: names `setting`, the choice and `place`, the file it is in.
    """
    if not name and len(names) == 1:
        return names[0]
    if name not in names:
        listed = ", ".join(names) or "none"
        raise SpektronError(f"{setting} = {name!r}: choose one of {listed} in {place}")
    return name


def _refuse_text(name: str, text: dict[str, str], setting: str, place: str) -> None:
    """Refuse a property whose column holds text; `text`: name -> a cell."""
    column = meant(name, text)
    if column in text:
        raise SpektronError(
            f"{setting} = {name!r}: the column {column} of {place} holds text, such as "
            f"{text[column]!r}; write numbers alone, and the unit into the header: "
            f"'{column} (%)'"
        )


def _listed(text: str, there: Sequence[str]) -> list[str]:
    """Names between commas; a name that has commas of its own is one."""
    parts, found = text.split(","), list[str]()
    while parts:
        size = len(parts)
        while size > 1 and ",".join(parts[:size]).strip() not in there:
            size -= 1
        found.append(",".join(parts[:size]).strip())
        parts = parts[size:]
    return found


def read_labels(path: str | Path, strict: bool = True, wanted: str = "") -> Labels:
    """Read all properties of a table of labels.

    Args:
      path: CSV or Excel, one header row, the sample ids first.
      strict: raise at a cell that is no number, else leave it out with a warning.
      wanted: properties as for `Labels.several`, the only ones whose cells are
        checked; "": all.

    Raises:
      SpektronError: with the file, the line, the column and what to do.
    """
    log = Log(str(path), strict)
    rows, places = read_cells(path, log)
    chosen = [note for note in log.notes if any(map(note.text.count, CHANGED))]
    told = len(log.problems)  # of the text itself, such as decimal commas
    ids_at = _id_column(rows)
    at = [j for j in range(1, len(rows[0])) if j != ids_at]  # of properties
    header = [name_and_unit(rows[0][j].strip()) for j in at]
    if not header or len(rows) < 2:
        log.fail(
            places[0],
            "labels need a header and rows of sample id, value; separate the columns "
            "by comma, semicolon or tab",
        )
    names = tuple(name for name, _ in header)
    if all(number(name) is not None for name in names) and not _heads(rows[0][ids_at]):
        log.fail(
            places[0],
            f"holds numbers ({names[0]!r}) where the header is; name the columns in a "
            "line above, such as 'sample;moisture (%)'",
        )
    if "" in names or len(set(names)) < len(names):
        log.fail(places[0], "give every column of labels a name of its own")
    columns = [[row[j].strip() for row in rows[1:]] for j in at]
    text = _of_text(names, columns)
    kept = [j for j, name in enumerate(names) if name not in text]
    header, names = [header[j] for j in kept], tuple(names[j] for j in kept)
    units = tuple(unit for _, unit in header)
    checked = set(names)
    if wanted and wanted != ALL:
        none = np.empty((0, len(names)))
        bare = Labels(np.empty(0, str), none, names, units, str(path), (), text)
        checked = {one.names[0] for one in bare.several(wanted)}
    ids: dict[str, str] = {}
    values = []
    for row, place in zip(rows[1:], places[1:], strict=True):
        name = row[ids_at].strip()
        if not name:
            log.error(f"{place}, column {ids_at + 1}", "the sample id is missing")
        elif name in ids:
            twice = f"sample {name!r} stands in {ids[name]} already; keep one of them"
            log.error(place, twice)
        else:
            ids[name] = place
            cells = [(at[j] + 1, row[at[j]]) for j in kept]
            values.append(_numbers(cells, names, checked, place, log))
    return Labels(
        np.array(list(ids), dtype=str),
        np.array(values).reshape(len(ids), len(names)),
        names,
        units,
        str(path),
        tuple(f"{path}: {one}" for one in (*log.problems[told:], *chosen)),
        text,
    )


def _id_column(rows: list[list[str]]) -> int:
    """The column of sample ids: the first, or a named one of text behind a counter."""
    if rows[0][0].strip() or not counts([row[0] for row in rows[1:]]):
        return 0
    for j, name in enumerate(map(str.strip, rows[0])):
        cells = [row[j] for row in rows[1:] if row[j].strip()]
        if name and ID_NAME.fullmatch(name) and cells:
            if all(number(cell) is None for cell in cells):
                return j
    return 0


def _heads(cell: str) -> bool:
    """Whether the first cell is of a header: "sample", "Probe"; not "A" or "S1"."""
    cell = cell.strip()
    words = len(cell) > 1 and not any(map(str.isdigit, cell))
    return words or ID_NAME.fullmatch(cell) is not None


def _of_text(names: tuple[str, ...], columns: list[list[str]]) -> dict[str, str]:
    """Columns of text and no number, name -> a cell; none if no other is left."""
    found = {}
    for name, cells in zip(names, columns, strict=True):
        filled = [cell for cell in cells if cell]
        if filled and all(number(cell) is None for cell in filled):
            found[name] = filled[0]
    return found if len(found) < len(names) else {}


def _numbers(
    cells: list[tuple[int, str]],
    names: tuple[str, ...],
    checked: set[str],
    place: str,
    log: Log,
) -> list[float]:
    """Values of the cells (column, text) of a row, NaN for text."""
    values = []
    for (column, cell), name in zip(cells, names, strict=True):
        value = number(cell)
        if value is None and name in checked:
            log.error(
                f"{place}, column {column} ({name})",
                f"{cell.strip()!r} is not a number; leave unknown labels empty",
            )
        values.append(np.nan if value is None else value)
    return values
