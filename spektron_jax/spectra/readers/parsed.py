"""What every reader hands over: `ParsedSpectra`, and the log of what it found.

A reader turns a file into `ParsedSpectra`, one for each instrument, as the file gives
them; `assemble` makes the SpectraSet of them. Errors go through a `Log`: it raises
when reading is strict, else it lists them, and the row concerned is left out.

Sizes: n spectra, p points.
"""

from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.own_notes import OwnNotes
from spektron_jax.spectra.spectra_set import Problem


@dataclass(eq=False)
class ParsedSpectra:
    """Spectra of one instrument, as a file gives them.

    Attributes:
      axis: (p,) positions, in the order of the file.
      spectra: (n, p).
      sample_ids: n names.
      places: n places in the file, for messages.
      name: the instrument.
      named: True if the file itself says so, and not its layout.
      description: of the instrument, as the file says.
      unit, quantity, modality: as the file says, or None.
      unit_hint, quantity_hint: (name, the note that says so), taken for want of better.
      axis_place: where the axis stands.
      axis_label: what the file calls it.
      targets: (name, unit) -> (n,) numbers, NaN where missing.
      labels: name -> n strings.
      metadata: whatever else the file says.
      numbered: True if the sample ids are only row numbers.
      standards: (ids, spectra) of references on the same axis, or None.
    """

    axis: np.ndarray
    spectra: np.ndarray
    sample_ids: list[str]
    places: list[str]
    name: str = "spectra"
    named: bool = False
    description: str = ""
    unit: str | None = None
    quantity: str | None = None
    modality: str | None = None
    unit_hint: tuple[str, str] | None = None
    quantity_hint: tuple[str, str] | None = None
    axis_place: str = "axis"
    axis_label: str = ""
    targets: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    numbered: bool = False
    standards: tuple[list[str], np.ndarray] | None = None

    def keep(self, rows: list[int]) -> None:
        """Keep the spectra of some rows, with all that belongs to them."""
        self.spectra = self.spectra[rows]
        self.sample_ids = [self.sample_ids[i] for i in rows]
        self.places = [self.places[i] for i in rows]
        self.targets = {name: values[rows] for name, values in self.targets.items()}
        self.labels = {k: [words[i] for i in rows] for k, words in self.labels.items()}


def of_matrix(
    place: str,
    name: str,
    axis: np.ndarray,
    spectra: np.ndarray,
    ids: list[str] | None = None,
) -> ParsedSpectra:
    """Spectra (n, p) whose rows stand at `place`; numbered if there are no ids."""
    rows = range(1, len(spectra) + 1)
    return ParsedSpectra(
        axis=axis,
        spectra=spectra,
        sample_ids=ids or [str(i) for i in rows],
        places=[f"{place}, row {i}" for i in rows],
        name=name,
        numbered=not ids,
    )


def apply(own: OwnNotes, part: ParsedSpectra) -> None:
    """Give spectra what the notes of our own files say of them."""
    said = own.said
    part.named = "instrument" in said
    part.name = said.get("instrument", part.name)
    part.unit = part.unit or said.get("unit")
    part.quantity = part.quantity or said.get("quantity")
    part.modality = said.get("modality", part.modality)
    part.description = said.get("description", part.description)
    part.metadata |= own.metadata


# A bar of progress that only what takes long shows, and which then goes again.
LATE: dict[str, Any] = {"delay": 5.0, "leave": False}


class Log:
    """Problems of one reading.

    Attributes:
      path: the file, for messages.
      strict: whether an error raises.
      unit: of the axis, as the user says it, or None.
      problems: what was found so far.
      notes: what was chosen so far.
      text_columns: names of columns that hold text, as the file says.
      rows: samples that are asked for, None: all; more may be read.
      keeps_constant: whether spectra of one value are no error, as dark points of maps.
    """

    def __init__(self, path: str, strict: bool, unit: str | None = None):
        self.path, self.strict, self.unit = path, strict, unit
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.text_columns: set[str] = set()
        self.keeps_constant = False
        self.rows: int | None = None

    def error(self, place: str, text: str) -> None:
        """Something that stops a strict reading; otherwise listed."""
        if self.strict:
            raise SpektronError(
                f"{self.path}: {place}: {text}; repair the file, or read the good "
                "rows with strict=False"
            )
        self.problems.append(Problem(place, f"{text}; left out"))

    def warning(self, place: str, text: str) -> None:
        """Something to tell, with which reading continues."""
        self.problems.append(Problem(place, text))

    def note(self, place: str, text: str) -> None:
        """A choice that the file left open: what was taken, what else it could be."""
        self.notes.append(Problem(place, text))

    def fail(self, place: str, text: str) -> NoReturn:
        """Something with which nothing can be read, strict or not."""
        raise SpektronError(f"{self.path}: {place}: {text}")


def common_axis(
    axes: list[np.ndarray], places: list[str], log: Log
) -> tuple[np.ndarray, list[int]]:
    """Return the axis that most spectra share and which do; others are errors."""
    groups: list[tuple[np.ndarray, list[int]]] = []
    for i, axis in enumerate(axes):
        for first, members in groups:
            if first.shape == axis.shape and np.array_equal(first, axis):
                members.append(i)
                break
        else:
            groups.append((axis, [i]))
    axis, members = max(groups, key=lambda group: len(group[1]))
    for other, rows in groups:
        if other is not axis:
            for i in rows:
                log.error(
                    places[i], f"mixed axes: {span_of(other)}, not {span_of(axis)}"
                )
    return axis, members


def span_of(axis: np.ndarray) -> str:
    """The ends and the number of points of an axis, for messages."""
    if axis.size == 0:
        return "no points"
    return f"{axis[0]:g} to {axis[-1]:g} in {axis.size} points"
