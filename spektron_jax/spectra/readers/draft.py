"""What every reader hands over, and the checks that all of them share.

A reader turns a file into `Draft`s, one for each instrument, as the file gives them.
`assemble` settles unit, modality and direction, looks for faults, pairs instruments
by sample id, and returns the SpectraSet. Faults go through a `Log`: it raises when
reading is strict, else it lists them, and the row concerned is left out.

Sizes: n spectra, p points.
"""

from dataclasses import dataclass, field

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.axis import check, plausible_units
from spektron_jax.spectra.grid import MODALITIES, UNITS
from spektron_jax.spectra.spectra_set import (
    Instrument,
    Problem,
    SpectraSet,
    find_problems,
)


@dataclass(eq=False)
class Draft:
    """Spectra of one instrument, as a file gives them.

    Attributes:
      axis: (p,) positions, in the order of the file.
      spectra: (n, p).
      sample_ids: n names.
      places: n places in the file, for messages.
      name: the instrument.
      unit, quantity, modality: as the file says, or None.
      unit_hint, quantity_hint: (name, the note that says so), taken for want of better.
      axis_place: where the axis stands.
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
    unit: str | None = None
    quantity: str | None = None
    modality: str | None = None
    unit_hint: tuple[str, str] | None = None
    quantity_hint: tuple[str, str] | None = None
    axis_place: str = "axis"
    targets: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    numbered: bool = False
    standards: tuple[list[str], np.ndarray] | None = None


class Log:
    """Problems of one reading.

    Attributes:
      path: the file, for messages.
      strict: whether a fault raises.
      problems: what was found so far.
    """

    def __init__(self, path: str, strict: bool):
        self.path, self.strict = path, strict
        self.problems: list[Problem] = []

    def fault(self, place: str, text: str) -> None:
        """Something that stops a strict reading; otherwise listed."""
        if self.strict:
            raise SpektronError(
                f"{self.path}: {place}: {text}; repair the file, or read the good "
                "rows with strict=False"
            )
        self.problems.append(Problem(place, f"{text}; left out"))

    def remark(self, place: str, text: str) -> None:
        """Something to tell, with which reading goes on."""
        self.problems.append(Problem(place, text))

    def fail(self, place: str, text: str) -> None:
        """Something with which nothing can be read, strict or not."""
        raise SpektronError(f"{self.path}: {place}: {text}")


def common_axis(
    axes: list[np.ndarray], places: list[str], log: Log
) -> tuple[np.ndarray, list[int]]:
    """Return the axis that most spectra share and which do; others are faults."""
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
                log.fault(places[i], f"mixed axes: {_span(other)}, not {_span(axis)}")
    return axis, members


def assemble(
    drafts: list[Draft],
    unit: str | None,
    modality: str | None,
    log: Log,
    quantity: str | None = None,
) -> SpectraSet:
    """Check drafts and bring them together, as the top of this file says."""
    if unit is not None and unit not in UNITS:
        raise SpektronError(f"unit {unit!r}: unknown; use one of {', '.join(UNITS)}")
    if modality is not None and modality not in MODALITIES:
        raise SpektronError(
            f"modality {modality!r}: unknown; use one of {', '.join(MODALITIES)}"
        )
    drafts = [draft for draft in drafts if len(draft.sample_ids)]
    if not drafts:
        first = f" (first: {log.problems[0]})" if log.problems else ""
        raise SpektronError(f"{log.path}: no spectrum could be read{first}")
    said = {draft.modality for draft in drafts if draft.modality}
    if modality is None:
        modality = said.pop() if len(said) == 1 else "unknown"
    elif modality != "unknown" and said and said != {modality}:
        log.remark("modality", f"the file says {', '.join(said)}, taken as {modality}")
    for draft in drafts:
        _settle_axis(draft, unit, modality, log)
        _settle_quantity(draft, quantity, log)
        _check_rows(draft, log)
    found = _join([draft for draft in drafts if draft.sample_ids], modality, log)
    return settle(found, log)


def settle(found: SpectraSet, log: Log) -> SpectraSet:
    """Apply the log to faults of the contents; drop what they concern."""
    faults, remarks = find_problems(found, "samples")
    dropped = np.zeros(len(found), bool)
    for fault in faults:
        log.fault(fault.place, fault.text)
        one = found.instruments.get(fault.instrument or "")
        if one is not None and len(found.instruments) > 1:
            one.spectra[fault.row] = np.nan
            seen = [other.measured[fault.row] for other in found.instruments.values()]
            dropped[fault.row] |= not any(seen)
        else:
            dropped[fault.row] = True
    kept = found.take(~dropped) if dropped.any() else found
    if len(kept) == 0:
        first = f" (first problem: {log.problems[0]})" if log.problems else ""
        raise SpektronError(f"{log.path}: no spectrum could be read{first}")
    place = np.cumsum(~dropped) - 1
    kept.problems = log.problems + [
        Problem(r.place, r.text, int(place[r.row]), r.instrument)
        for r in remarks
        if not dropped[r.row]
    ]
    return kept


def _settle_axis(draft: Draft, unit: str | None, modality: str, log: Log) -> None:
    """Give the draft its unit and an axis that runs up; raise if that cannot be."""
    place = f"{log.path}: {draft.axis_place}"
    draft.axis = np.asarray(draft.axis, np.float64)
    if unit and draft.unit and unit != draft.unit:
        raise SpektronError(
            f"{place}: the file says {draft.unit} and unit={unit!r} was asked for; "
            "leave unit out, or correct the file"
        )
    draft.unit = draft.unit or unit
    if draft.unit_hint is not None:
        hint, note = draft.unit_hint
        if draft.unit is None:
            draft.unit = hint
            log.remark(draft.axis_place, f"unit {hint}, from the note {note!r}")
        elif draft.unit != hint:
            text = f"{draft.unit}, though a note says {hint}: {note!r}"
            log.remark(draft.axis_place, text)
    if draft.unit is None:
        finite = draft.axis[np.isfinite(draft.axis)]
        units = plausible_units(finite, modality) if finite.size else []
        counter = draft.axis.size > 1 and np.array_equal(
            draft.axis - draft.axis[0], np.arange(draft.axis.size)
        )
        if modality == "unknown" or len(units) != 1 or (counter and draft.axis[0] < 2):
            raise SpektronError(
                f"{place}: {_span(draft.axis)}, and the file does not name the unit; "
                "give unit='nm', 'um' or 'cm-1'"
            )
        draft.unit = units[0]
        text = f"unit {units[0]} taken: the only one in which {_span(draft.axis)} is "
        log.remark(draft.axis_place, text + modality)
    for remark in check(draft.axis, draft.unit, modality, place):
        log.remark(draft.axis_place, remark.removeprefix(f"{place}: "))
    draft.spectra = np.asarray(draft.spectra, np.float64)
    if draft.axis[0] > draft.axis[-1]:
        draft.axis, draft.spectra = draft.axis[::-1], draft.spectra[:, ::-1]
        if draft.standards is not None:
            draft.standards = draft.standards[0], draft.standards[1][:, ::-1]


def _settle_quantity(draft: Draft, quantity: str | None, log: Log) -> None:
    """Give the draft its quantity; what the file says cannot be said otherwise."""
    if quantity and draft.quantity and quantity != draft.quantity:
        raise SpektronError(
            f"{log.path}: {draft.name}: the file says {draft.quantity} and quantity="
            f"{quantity!r} was asked for; leave quantity out, and convert the spectra "
            "with convert_quantity"
        )
    draft.quantity = draft.quantity or quantity
    if draft.quantity is None and draft.quantity_hint is not None:
        draft.quantity, note = draft.quantity_hint
        log.remark(draft.name, f"{draft.quantity}, from the note {note!r}")


def _check_rows(draft: Draft, log: Log) -> None:
    """Values that are missing within a row, and shares that look like per cent."""
    missing = np.isnan(draft.spectra)
    part = missing.any(axis=1) & ~missing.all(axis=1)
    for row in np.flatnonzero(part):
        at = draft.axis[np.flatnonzero(missing[row])[0]]
        text = f"{int(missing[row].sum())} values missing, the first at {at:g}"
        if log.strict:
            log.fault(draft.places[row], text)
        log.remark(draft.places[row], f"{text}; kept as not measured")
    if draft.quantity in {"transmittance", "reflectance"}:
        known = draft.spectra[np.isfinite(draft.spectra)]
        if known.size and np.median(known) > 1.5:
            text = f"{draft.quantity} of {np.median(known):.3g}: this may be per cent"
            log.remark(draft.places[0], text)


def _join(drafts: list[Draft], modality: str, log: Log) -> SpectraSet:
    """Pair the instruments of a file by sample id."""
    if len({draft.name for draft in drafts}) < len(drafts):
        for i, draft in enumerate(drafts):
            draft.name = f"{draft.name} {i + 1}"
    ids = list(drafts[0].sample_ids)
    same = all(list(draft.sample_ids) == ids for draft in drafts)
    if not same:
        if any(draft.numbered for draft in drafts):
            counts = ", ".join(f"{d.name} {len(d.sample_ids)}" for d in drafts)
            log.fail("samples", f"numbers of rows differ ({counts}) and have no ids")
        ids = list(dict.fromkeys(i for draft in drafts for i in draft.sample_ids))
        for draft in drafts:
            if len(set(draft.sample_ids)) < len(draft.sample_ids):
                log.fail(draft.name, "sample ids repeat, so instruments cannot pair")
    instruments, targets, labels, metadata = {}, {}, {}, {}
    index = {sample: row for row, sample in enumerate(ids)}
    for draft in drafts:
        n = len(draft.sample_ids)
        rows = np.arange(n) if same else [index[i] for i in draft.sample_ids]
        spectra = np.full((len(ids), draft.axis.size), np.nan)
        spectra[rows] = draft.spectra
        instruments[draft.name.replace("/", "_")] = Instrument(
            draft.axis,
            draft.unit,
            draft.quantity or "unknown",
            spectra,
            standards=draft.standards,
        )
        for key, values in draft.targets.items():
            column = targets.setdefault(key, np.full(len(ids), np.nan))
            with np.errstate(invalid="ignore"):
                differ = np.isfinite(column[rows]) & (column[rows] != values)
            if differ.any():
                log.fault(draft.name, f"target {key[0]} differs between instruments")
            column[rows] = values
        for key, values in draft.labels.items():
            label = labels.setdefault(key, np.full(len(ids), "", dtype=object))
            label[rows] = values
        metadata |= draft.metadata
    with np.errstate(over="ignore"):
        return SpectraSet(
            instruments,
            np.asarray(ids, dtype=str),
            modality,
            np.stack(list(targets.values()), axis=1) if targets else None,
            tuple(name for name, _ in targets),
            tuple(unit for _, unit in targets),
            {name: np.asarray(values, dtype=str) for name, values in labels.items()},
            metadata=metadata,
        )


def _span(axis: np.ndarray) -> str:
    if axis.size == 0:
        return "no points"
    return f"{axis[0]:g} to {axis[-1]:g} in {axis.size} points"
