"""Spectra of one set of samples on one or more instruments: `SpectraSet`.

Row i is the same sample in every instrument, in `sample_ids` and in `targets`. Each
instrument keeps its own axis, unit and quantity; nothing is resampled, smoothed or
scaled. A row of NaN = sample not measured on that instrument. The same information
stands in a spectra-set file (FORMAT.md), which `save` and `load` of `spectra_file`
write and read.

Sizes: n samples, p points, k targets.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.axis import check
from spektron_jax.spectra.masks import unmasked
from spektron_jax.spectra.replicate_scans import column_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# As many equal values in a row at a spectrum's maximum count as a detector's limit.
SATURATED_RUN = 5
MAX_SHOWN = 20  # problems in a summary
MAX_IDS = 5  # sample ids in it


@dataclass(frozen=True)
class Problem:
    """Something the user should know about what was read.

    Attributes:
      place: file and row, line, block or column.
      text: what is wrong there, and what was done.
      row: row of the set that is kept and concerned, or None.
      instrument: name of the one concerned, or None.
    """

    place: str
    text: str
    row: int | None = None
    instrument: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(eq=False)
class InstrumentSpectra:
    """Spectra of one instrument.

    Attributes:
      axis: (p,) float64, strictly increasing.
      unit: "nm", "um" or "cm-1".
      quantity: "absorbance", "log(1/R)", "counts", ... or "unknown".
      spectra: (n, p) float32, NaN where not measured.
      description: make, model, settings, as far as known.
      standards: (sample ids, (m, p) spectra) of references, or None.
      replicates: (r, n, p) repeated measurements, or None.
    """

    axis: np.ndarray
    unit: str
    quantity: str
    spectra: np.ndarray
    description: str = ""
    standards: tuple[Sequence[str] | np.ndarray, np.ndarray] | None = None
    replicates: np.ndarray | None = None

    def __repr__(self) -> str:
        return (
            f"InstrumentSpectra({len(self.spectra)} x {self.axis.size} points, "
            f"{self.axis[0]:g} to {self.axis[-1]:g} {self.unit}, {self.quantity})"
        )

    @property
    def measured(self) -> np.ndarray:
        """(n,) bool, False where a sample was not measured on this instrument."""
        return ~np.isnan(self.spectra).all(axis=1)


@dataclass(eq=False)
class SpectraSet:
    """Spectra of n samples; see the top of this file.

    Attributes:
      instruments: name -> InstrumentSpectra.
      sample_ids: (n,) strings.
      modality: "NIR", "IR", "Raman" or "unknown".
      targets: (n, k) float32, NaN where missing.
      target_names, target_units: k strings each.
      labels: name -> (n,) strings.
      split: (n,) strings, or None.
      metadata: title, source, licence and whatever else the file says.
      problems: what was found on reading.
      notes: what the file left open: what was taken, and what else it could be.
      numbered: True if the file names no samples and the ids are row numbers.

    Examples:
      >>> from spektron_jax import demo
      >>> import spektron_jax
      >>> old = spektron_jax.read(demo.path_of("old_instrument.csv"))
      >>> old.target_names
      ('Moisture', 'Protein')
      >>> (one,) = old.instruments.values()
      >>> one.spectra.shape
      (50, 700)
    """

    instruments: dict[str, InstrumentSpectra]
    sample_ids: np.ndarray
    modality: str = "unknown"
    targets: np.ndarray = None  # type: ignore[assignment]  # none: (n, 0)
    target_names: tuple[str, ...] = ()
    target_units: tuple[str, ...] = ()
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    split: np.ndarray | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    numbered: bool = False

    def __post_init__(self):
        """Bring arrays to their types and check that they fit together."""
        self.sample_ids = np.asarray(self.sample_ids, dtype=str)
        n = len(self.sample_ids)
        if self.targets is None:
            self.targets = np.empty((n, 0))
        self.targets = np.asarray(unmasked(self.targets), np.float32)
        self.target_names = tuple(map(str, self.target_names))
        names = len(self.target_names)
        self.target_units = tuple(map(str, self.target_units)) or ("",) * names
        if self.targets.shape != (n, names) or len(self.target_units) != names:
            raise SpektronError(
                f"targets: {self.targets.shape} values, {names} names and "
                f"{len(self.target_units)} units for {n} samples; make them agree"
            )
        for name, label in self.labels.items():
            self.labels[name] = _strings(label, n, f"label {name!r}")
        if self.split is not None:
            self.split = _strings(self.split, n, "split")
        if not self.instruments:
            raise SpektronError("spectra set: holds no instrument; add spectra")
        for name, instrument in self.instruments.items():
            _check_instrument(name, instrument, n, self.modality)

    def __len__(self) -> int:
        return len(self.sample_ids)

    def __repr__(self) -> str:
        parts = ", ".join(f"{k}: {v!r}" for k, v in self.instruments.items())
        return f"SpectraSet({len(self)} samples, {self.modality}, {parts})"

    def __str__(self) -> str:
        return self.describe()

    def target(self, name: str) -> np.ndarray:
        """Return (n,) values of one target; SpektronError lists the names.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old = spektron_jax.read(demo.path_of("old_instrument.csv"))
          >>> old.target("Moisture").shape
          (50,)
        """
        if name not in self.target_names:
            names = ", ".join(self.target_names) or "none at all"
            raise SpektronError(f"target {name!r}: not in this set, which has {names}")
        return self.targets[:, self.target_names.index(name)]

    def take(self, rows: np.ndarray) -> "SpectraSet":
        """Return the set of some samples (index or mask), without problems or notes.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old = spektron_jax.read(demo.path_of("old_instrument.csv"))
          >>> len(old.take(old.target("Moisture") > 3)) < len(old)
          True
        """
        rows = np.arange(len(self))[rows]
        instruments = {
            name: replace(
                one,
                spectra=one.spectra[rows],
                replicates=None if one.replicates is None else one.replicates[:, rows],
            )
            for name, one in self.instruments.items()
        }
        return replace(
            self,
            instruments=instruments,
            sample_ids=self.sample_ids[rows],
            targets=self.targets[rows],
            labels={name: label[rows] for name, label in self.labels.items()},
            split=None if self.split is None else self.split[rows],
            metadata=dict(self.metadata),
            problems=[],
            notes=[],
        )

    def describe(self) -> str:
        """Return a summary for people: what is there, the first notes and problems.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old = spektron_jax.read(demo.path_of("old_instrument.csv"))
          >>> old.describe().splitlines()[0]
          'Spectra: 50 samples, unknown'
        """
        title = self.metadata.get("title", "Spectra").splitlines() or ["Spectra"]
        lines = [f"{title[0][:80]}: {len(self)} samples, {self.modality}"]
        ids = ", ".join(one[:40] for one in self.sample_ids[:MAX_IDS].tolist())
        lines.append(f"  sample ids: {ids}{', ...' if len(self) > MAX_IDS else ''}")
        for name, one in self.instruments.items():
            measured = int(one.measured.sum())
            step = np.median(np.diff(one.axis))
            lines.append(
                f"  instrument {name}: {measured} spectra of {one.axis.size} points, "
                f"{one.axis[0]:g} to {one.axis[-1]:g} {one.unit} (step {step:.4g}), "
                f"{one.quantity}"
            )
        for name, unit, values in zip(
            self.target_names, self.target_units, self.targets.T, strict=True
        ):
            known = values[np.isfinite(values)]
            span = f", {known.min():.4g} to {known.max():.4g}" if known.size else ""
            text = f"  target {name}: {known.size} values{span} {unit}"
            lines.append(text.rstrip())
        for name, label in self.labels.items():
            lines.append(f"  label {name}: {len(set(label.tolist()))} classes")
        for kind, found in (("notes", self.notes), ("problems", self.problems)):
            if found:
                lines.append(f"  {kind}: {len(found)}")
                lines += [f"    {one}" for one in found[:MAX_SHOWN]]
            if len(found) > MAX_SHOWN:
                lines.append(f"    ... {len(found) - MAX_SHOWN} more in .{kind}")
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """Return a figure of the spectra, a panel for each instrument.

        Spectra that are unlike the others of their instrument are drawn in colour and
        named. `spectra.plot().savefig("spectra.png")`; a notebook shows it.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old = spektron_jax.read(demo.path_of("old_instrument.csv"))
          >>> old.plot().savefig("old.png")
        """
        from spektron_jax.spectra.spectra_figure import draw

        return draw(self)


def find_problems(found: SpectraSet, place: str) -> tuple[list[Problem], list[Problem]]:
    """Return (errors, warnings) of the contents: errors stop a strict reading."""
    errors, warnings = [], []
    counts = Counter(found.sample_ids.tolist())
    if numbered_scans(found):
        counts.clear()
    for sample, count in counts.items():
        if count > 1:
            rows = np.flatnonzero(found.sample_ids == sample)
            text = f"sample id {sample!r} stands {count} times; give each its own"
            errors += [Problem(f"{place}, row {r + 1}", text, int(r)) for r in rows[1:]]
    for name, one in found.instruments.items():
        where = f"{place}, instrument {name}" if len(found.instruments) > 1 else place
        for row, values in enumerate(one.spectra):
            here = f"{where}, row {row + 1} ({found.sample_ids[row]})"
            known = values
            if np.isnan(values.min()):
                known = values[~np.isnan(values)]
            if known.size == 0:
                continue
            if np.isinf(known.max()) or np.isinf(known.min()):
                point = int(np.flatnonzero(np.isinf(values))[0]) + 1
                errors.append(Problem(here, f"point {point} is infinite", row, name))
                continue
            top = known.max()
            if known.min() == top:
                text = f"constant: every value is {top:g}"
                errors.append(Problem(here, text, row, name))
            elif (run := _longest_run(values, top)) >= SATURATED_RUN:
                text = f"looks saturated: {run} points at {top}"
                warnings.append(Problem(here, text, row, name))
    if np.isinf(found.targets).any():
        rows = np.flatnonzero(np.isinf(found.targets).any(axis=1))
        errors += [
            Problem(f"{place}, row {r + 1}", "a target is infinite", int(r))
            for r in rows
        ]
    return errors, warnings


def numbered_scans(found: SpectraSet) -> str | None:
    """Name of the column that tells scans of one sample apart; None: there is none."""
    columns = dict(zip(found.target_names, found.targets.T, strict=True))
    columns |= found.labels
    name = column_of(columns)
    if name is None:
        return None
    ids = found.sample_ids.tolist()
    scans = set(zip(ids, columns[name].tolist(), strict=True))
    return name if len(set(ids)) < len(scans) == len(found) else None


def _longest_run(values: np.ndarray, top: float) -> int:
    flags = values == top
    if np.count_nonzero(flags) < SATURATED_RUN:
        return 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _strings(values: np.ndarray, n: int, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=str)
    if values.shape != (n,):
        raise SpektronError(f"{name}: {values.shape} values for {n} samples")
    return values


def _check_instrument(name: str, one: InstrumentSpectra, n: int, modality: str) -> None:
    place = f"instrument {name!r}"
    if not isinstance(name, str) or not name or "/" in name or name in {".", ".."}:
        raise SpektronError(f"{place}: give a name without '/'")
    one.axis = np.asarray(one.axis, np.float64)
    with np.errstate(over="ignore"):  # becomes infinite, which is found as an error
        one.spectra = np.asarray(unmasked(one.spectra), np.float32)
    if one.spectra.shape != (n, one.axis.size):
        raise SpektronError(
            f"{place}: spectra {one.spectra.shape} for {n} samples and "
            f"{one.axis.size} positions; make them agree"
        )
    check(one.axis, one.unit, modality, f"{place}, axis")
    if one.axis[0] > one.axis[-1]:
        raise SpektronError(f"{place}: axis runs down; turn axis and spectra round")
    if one.standards is not None:
        ids, spectra = one.standards
        one.standards = np.asarray(ids, dtype=str), np.asarray(spectra, np.float32)
        if one.standards[1].shape != (len(one.standards[0]), one.axis.size):
            raise SpektronError(f"{place}: standards do not fit the axis or their ids")
    if one.replicates is not None:
        one.replicates = np.asarray(one.replicates, np.float32)
        if one.replicates.shape[1:] != one.spectra.shape:
            raise SpektronError(f"{place}: replicates do not fit the spectra")
