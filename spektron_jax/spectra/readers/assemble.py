"""From parsed spectra to a SpectraSet: the checks that all formats share.

`assemble` resolves unit, quantity, modality and direction, looks for errors in the
contents, and pairs instruments by sample id.

Sizes: n spectra, p points.
"""

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.axis import check, plausible_units
from spektron_jax.spectra.axis_words import names_other_axis, other_unit_of
from spektron_jax.spectra.grid import MODALITIES, UNITS, check_name
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra, span_of
from spektron_jax.spectra.spectra_set import (
    InstrumentSpectra,
    Problem,
    SpectraSet,
    find_problems,
)


def assemble(
    parts: list[ParsedSpectra],
    unit: str | None,
    modality: str | None,
    log: Log,
    quantity: str | None = None,
) -> SpectraSet:
    """Check the instruments of a file and bring them together; see the top."""
    for kind, name, allowed in (
        ("unit", unit, UNITS),
        ("modality", modality, MODALITIES),
    ):
        if name is not None:
            check_name(kind, name, allowed)
    if len(parts) == 1 and not parts[0].named:
        parts[0].name = "spectra"
    parts = [part for part in parts if len(part.sample_ids)]
    if not parts:
        first = f" (first: {log.problems[0]})" if log.problems else ""
        raise SpektronError(f"{log.path}: no spectrum could be read{first}")
    said = {part.modality for part in parts if part.modality}
    if modality is None:
        modality = said.pop() if len(said) == 1 else "unknown"
    elif modality != "unknown" and said and said != {modality}:
        log.warning("modality", f"the file says {', '.join(said)}, taken as {modality}")
    for part in parts:
        _resolve_axis(part, unit, modality, log)
        _resolve_quantity(part, quantity, log)
        _check_rows(part, log)
    found = _join([part for part in parts if part.sample_ids], modality, log)
    empty = ~np.any([one.measured for one in found.instruments.values()], axis=0)
    if empty.all():
        log.fail("samples", "no spectrum holds a value: every cell is empty or NaN")
    for row in np.flatnonzero(empty):
        place = f"samples, row {row + 1} ({found.sample_ids[row]})"
        log.warning(place, "holds no values; kept as not measured")
    return resolve(found, log)


def resolve(found: SpectraSet, log: Log) -> SpectraSet:
    """Apply the log to errors of the contents; drop what they concern."""
    errors, warnings = find_problems(found, "samples")
    dropped = np.zeros(len(found), bool)
    for error in errors:
        if log.keeps_constant and error.text.startswith("constant"):
            log.warning(error.place, error.text)
            continue
        log.error(error.place, error.text)
        one = found.instruments.get(error.instrument or "")
        if one is not None and len(found.instruments) > 1:
            one.spectra[error.row] = np.nan
            seen = [other.measured[error.row] for other in found.instruments.values()]
            dropped[error.row] |= not any(seen)
        else:
            dropped[error.row] = True
    kept = found.take(~dropped) if dropped.any() else found
    if len(kept) == 0:
        first = f" (first problem: {log.problems[0]})" if log.problems else ""
        raise SpektronError(f"{log.path}: no spectrum could be read{first}")
    place = np.cumsum(~dropped) - 1
    kept.notes = list(log.notes)
    kept.problems = log.problems + [
        Problem(r.place, r.text, int(place[r.row]), r.instrument)
        for r in warnings
        if not dropped[r.row]
    ]
    return kept


def _resolve_axis(
    part: ParsedSpectra, unit: str | None, modality: str, log: Log
) -> None:
    """Give an instrument its unit and an axis that runs up; raise if that cannot be."""
    place = f"{log.path}: {part.axis_place}"
    part.axis = np.asarray(part.axis, np.float64)
    other = other_unit_of(part.axis_label)
    if part.unit_hint and part.unit_hint[0] not in UNITS and part.unit is None:
        other, part.axis_label = part.unit_hint
    if part.unit_hint and part.unit_hint[0] not in UNITS:
        part.unit_hint = None
    if other:
        raise SpektronError(
            f"{place}: its unit is {other!r} ({part.axis_label.strip()!r}), which is "
            "not read; convert the axis to nm, um or cm-1"
        )
    if unit and part.unit and unit != part.unit:
        raise SpektronError(
            f"{place}: the file says {part.unit} and unit={unit!r} was asked for; "
            "leave unit out, or correct the file"
        )
    counter = part.axis.size > 1 and np.array_equal(
        part.axis - part.axis[0], np.arange(part.axis.size)
    )
    counter = counter and part.axis[0] < 2
    part.unit = part.unit or unit
    if part.unit_hint is not None:
        hint, note = part.unit_hint
        if part.unit is None:
            part.unit = hint
            log.note(part.axis_place, f"unit {hint}, from the note {note!r}")
        elif part.unit != hint:
            text = f"{part.unit}, though a note says {hint}: {note!r}"
            log.note(part.axis_place, text)
    if part.unit is None:
        finite = part.axis[np.isfinite(part.axis)]
        units = plausible_units(finite, modality) if finite.size else []
        unclear = modality == "unknown" or names_other_axis(part.axis_label)
        if unclear or len(units) != 1 or counter:
            raise SpektronError(
                f"{place}: {span_of(part.axis)}, and the file does not name the unit; "
                "give unit='nm', 'um' or 'cm-1'"
            )
        part.unit = units[0]
        text = f"unit {units[0]} taken: the only one in which {span_of(part.axis)} is "
        log.note(part.axis_place, text + modality)
    for warning in check(part.axis, part.unit, modality, place):
        log.warning(part.axis_place, warning.removeprefix(f"{place}: "))
    if part.spectra.dtype.kind != "f":  # float32 of large files stays as it is
        part.spectra = np.asarray(part.spectra, np.float64)
    if part.axis[0] > part.axis[-1]:
        part.axis, part.spectra = part.axis[::-1], part.spectra[:, ::-1]
        if part.standards is not None:
            part.standards = part.standards[0], part.standards[1][:, ::-1]


def _resolve_quantity(part: ParsedSpectra, quantity: str | None, log: Log) -> None:
    """Give an instrument its quantity; what the file says cannot be said otherwise."""
    if quantity and part.quantity and quantity != part.quantity:
        raise SpektronError(
            f"{log.path}: {part.name}: the file says {part.quantity} and quantity="
            f"{quantity!r} was asked for; leave quantity out, and convert the spectra "
            "with convert_quantity"
        )
    part.quantity = part.quantity or quantity
    if part.quantity is None and part.quantity_hint is not None:
        part.quantity, note = part.quantity_hint
        log.note(part.name, f"{part.quantity}, from the note {note!r}")


def _check_rows(part: ParsedSpectra, log: Log) -> None:
    """Values that are missing within a row, and shares that look like per cent."""
    missing = np.isnan(part.spectra)
    partly = missing.any(axis=1) & ~missing.all(axis=1)
    for row in np.flatnonzero(partly):
        at = part.axis[np.flatnonzero(missing[row])[0]]
        text = f"{int(missing[row].sum())} values missing, the first at {at:g}"
        if log.strict:
            log.error(part.places[row], text)
        log.warning(part.places[row], f"{text}; kept as not measured")
    if part.quantity in {"transmittance", "reflectance"}:
        known = part.spectra[np.isfinite(part.spectra)]
        if known.size and np.median(known) > 1.5:
            text = f"{part.quantity} of {np.median(known):.3g}: this may be per cent"
            log.warning(part.places[0], text)


def _join(parts: list[ParsedSpectra], modality: str, log: Log) -> SpectraSet:
    """Pair the instruments of a file by sample id."""
    if len({part.name for part in parts}) < len(parts):
        for i, part in enumerate(parts):
            part.name = f"{part.name} {i + 1}"
    ids = _common_ids(parts, log)
    index = {sample: row for row, sample in enumerate(ids)}
    instruments: dict[str, InstrumentSpectra] = {}
    targets: dict[tuple[str, str], np.ndarray] = {}
    labels: dict[str, np.ndarray] = {}
    metadata: dict[str, str] = {}
    for part in parts:
        rows: np.ndarray | list[int] = np.arange(len(ids))
        spectra = part.spectra
        if part.sample_ids != ids:
            rows = [index[i] for i in part.sample_ids]
            spectra = np.full((len(ids), part.axis.size), np.nan)
            spectra[rows] = part.spectra
        assert part.unit is not None  # resolved
        instruments[part.name.replace("/", "_")] = InstrumentSpectra(
            part.axis,
            part.unit,
            part.quantity or "unknown",
            spectra,
            description=part.description,
            standards=part.standards,
        )
        for key, values in part.targets.items():
            column = targets.setdefault(key, np.full(len(ids), np.nan))
            with np.errstate(invalid="ignore"):
                differ = np.isfinite(column[rows]) & (column[rows] != values)
            if differ.any():
                log.error(part.name, f"target {key[0]} differs between instruments")
            column[rows] = values
        for name, words in part.labels.items():
            label = labels.setdefault(name, np.full(len(ids), "", dtype=object))
            label[rows] = words
        metadata |= part.metadata
    with np.errstate(over="ignore"):
        return SpectraSet(
            instruments,
            np.asarray(ids, dtype=str),
            modality,
            np.stack(list(targets.values()), axis=1)
            if targets
            else np.empty((len(ids), 0)),
            tuple(name for name, _ in targets),
            tuple(unit for _, unit in targets),
            {name: np.asarray(values, dtype=str) for name, values in labels.items()},
            metadata=metadata,
            numbered=all(part.numbered for part in parts),
        )


def _common_ids(parts: list[ParsedSpectra], log: Log) -> list[str]:
    """The sample ids of all instruments, those of the first one first."""
    ids = parts[0].sample_ids
    if all(part.sample_ids == ids for part in parts):
        return ids
    if any(part.numbered for part in parts):
        counts = ", ".join(f"{d.name} {len(d.sample_ids)}" for d in parts)
        log.fail("samples", f"numbers of rows differ ({counts}) and have no ids")
    for part in parts:
        if len(set(part.sample_ids)) < len(part.sample_ids):
            log.fail(part.name, "sample ids repeat, so instruments cannot pair")
    return list(dict.fromkeys(i for part in parts for i in part.sample_ids))
