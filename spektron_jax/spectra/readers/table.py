"""Spectra in a table of text cells, as CSV files and Excel sheets hold them.

Three layouts are told apart, and the one found is said in the set's problems:

    wide   first row: positions; then one row for each sample. Columns that are not
           positions are the sample id, targets (numbers) and labels (text).
    long   first column: positions; then one column for each sample.
    tidy   one row for each sample and position, in columns named so.

Sizes: n samples, p positions.
"""

import re

import numpy as np

from spektron_jax.spectra.axis import plausible_units, quantity_of, unit_of
from spektron_jax.spectra.readers.columns import one_measurement
from spektron_jax.spectra.readers.draft import Draft, Log, common_axis

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_IS_NUMBER = re.compile(_NUMBER, re.ASCII)
# A position in a header: "1100", "1100.5 nm", "X1100.5" (R), "nm_1100".
_POSITION = re.compile(
    rf"(?:(?:x|nm|um|wl|wn|wavelength|wavenumber|spc)[_. ]?)?({_NUMBER})"
    r"\s*(nm|um|µm|cm-1|cm\^-1|1/cm)?",
    re.IGNORECASE,
)
_ID = re.compile(r"(sample|spectrum)?[ _.-]*(ids?|names?|no|number|code)?", re.I)
AXIS_NAME = re.compile(r"wave|shift|axis|position|\bx\b|lambda|frequency", re.I)
_VALUE_NAME = re.compile(r"value|\by\b|signal|response|spectrum", re.I)
_MISSING = {"", "nan", "na", "n/a"}
LEAST_POINTS = 3  # fewer cannot be told from other numbers


def number(cell: str) -> float:
    """Return the number in a cell, NaN if it is missing; ValueError for text."""
    cell = cell.strip()
    if _IS_NUMBER.fullmatch(cell):
        return float(cell)
    if cell.lower() in _MISSING:
        return np.nan
    raise ValueError(cell)


def numbers(cells: list[str]) -> np.ndarray:
    """Return (len(cells),) float64; ValueError as in `number`."""
    joined = "".join(cells)
    # float() also takes 1_000, infinity and digits of other scripts.
    if joined.isascii() and "_" not in joined and "n" not in joined.lower():
        try:
            return np.array(list(map(float, cells)))
        except ValueError:
            pass
    return np.array([number(cell) for cell in cells])


def read_table(
    rows: list[list[str]], places: list[str], log: Log, modality: str | None
) -> Draft:
    """Return the spectra of a table; every row has a place for messages."""
    if not rows:
        log.fail("table", "holds no rows")
    header = rows[0]
    width = len(header)
    kept = []
    for i, row in enumerate(rows):
        if len(row) != width:
            text = f"ragged: {len(row)} cells, the first row has {width}"
            log.fault(places[i], text)
        else:
            kept.append(i)
    rows, places = [rows[i] for i in kept], [places[i] for i in kept]
    if rows and not _tidy_columns(rows[0]):
        rows, places = one_measurement(rows, places, log)
    layout, why = _layout(rows, log, modality)
    log.remark("table", f"read as {layout} ({why})")
    return {"wide": _wide, "long": _long, "tidy": _tidy}[layout](rows, places, log)


def _layout(rows: list[list[str]], log: Log, modality: str | None) -> tuple[str, str]:
    header = rows[0]
    top, _ = _positions(header)
    named = np.isnan(top).all()
    if named and len(rows) > 2 and _tidy_columns(header):
        return "tidy", "columns of sample, position and value"
    across = _axis_like(top[~np.isnan(top)])
    side = [row[0] for row in rows if row]
    down = _positions(side if not np.isnan(top[0]) else side[1:])[0]
    down_axis = down[~np.isnan(down)]
    down_ok = len(header) > 1 and _axis_like(down_axis) and np.isnan(down).mean() < 0.5
    if not np.isnan(top[0]):  # no header: the first cell belongs to the axis
        across = across and _starts_evenly(top)
        down_ok = down_ok and _starts_evenly(down)
        if down_ok and not across and len(header) > len(rows):
            log.fail(
                "table",
                f"{len(header)} columns without a header and only {len(rows)} rows: "
                "positions are missing; add a first row of them",
            )
    if across and not down_ok:
        return "wide", "positions in the first row"
    if down_ok and not across:
        return "long", "positions in the first column"
    if not across and not down_ok:
        log.fail(
            "table",
            "neither the first row nor the first column holds positions (nm, um or "
            "cm-1); put them in one of them",
        )
    corner = header[0].strip()
    top_axis = top[1:] if np.isnan(top[0]) else top
    top_axis = top_axis[~np.isnan(top_axis)]
    if corner and (unit_of(corner) or AXIS_NAME.search(corner)):
        return "long", f"positions in the first column, named {corner!r}"
    counts = [_is_count(top_axis), _is_count(down_axis)]
    if counts[0] != counts[1]:
        wide = counts[1]
    else:
        fits = [
            bool(plausible_units(axis, modality or "unknown"))
            for axis in (top_axis, down_axis)
        ]
        if fits[0] == fits[1]:
            if not (corner and _ID.fullmatch(corner)):
                log.fail(
                    "table",
                    "first row and first column could both be positions; name the "
                    "first cell 'sample' or 'wavelength'",
                )
            return "wide", f"positions in the first row, samples named {corner!r}"
        wide = fits[0]
    if wide:
        return "wide", "positions in the first row, row numbers in the first column"
    return "long", "positions in the first column, sample numbers in the first row"


def _positions(cells: list[str]) -> tuple[np.ndarray, set[str]]:
    """Return (positions, NaN where a cell is none; the units that cells name)."""
    values, units = np.full(len(cells), np.nan), set()
    for i, cell in enumerate(cells):
        found = _POSITION.fullmatch(cell.strip())
        if found:
            values[i] = float(found[1])
            unit = unit_of(cell)
            if unit:
                units.add(unit)
    return values, units


def _axis_like(values: np.ndarray) -> bool:
    """Mostly one direction and mostly even steps: an axis, if with faults."""
    if values.size < LEAST_POINTS:
        return False
    steps = np.diff(values)
    size = np.median(np.abs(steps))
    even = (np.abs(steps) < 5 * size) & (np.abs(steps) > size / 5)
    one_way = max((steps > 0).mean(), (steps < 0).mean())
    return bool(size > 0 and even.mean() >= 0.7 and one_way >= 0.8)


def _starts_evenly(values: np.ndarray) -> bool:
    steps = np.abs(np.diff(values[~np.isnan(values)]))
    return bool(steps.size and steps[0] < 5 * np.median(steps))


def _is_count(values: np.ndarray) -> bool:
    return values[0] in (0, 1) and np.array_equal(
        values, values[0] + np.arange(values.size)
    )


def _wide(rows: list[list[str]], places: list[str], log: Log) -> Draft:
    header = rows[0]
    top, units = _positions(header)
    corner_is_axis = not np.isnan(top[0]) and _axis_like(top[~np.isnan(top)][:4])
    if not corner_is_axis:
        top[0] = np.nan
    columns = np.flatnonzero(~np.isnan(top))
    first, last = columns[0], columns[-1]
    between = [i for i in range(first, last + 1) if np.isnan(top[i])]
    if between:
        log.fail(
            f"{places[0]}, column {between[0] + 1}",
            f"{header[between[0]]!r} among positions is not a number; correct it",
        )
    unit = _one_unit(units | _units(header[:first]), places[0], log)
    values, kept = _rows_of_numbers(rows[1:], places[1:], first, last + 1, log)
    rows, places = [rows[1 + i] for i in kept], [places[1 + i] for i in kept]
    draft = Draft(
        axis=top[columns],
        spectra=values,
        sample_ids=[str(i + 1) for i in kept],
        places=places,
        unit=unit,
        axis_place="first row",
        numbered=True,
    )
    others = [i for i in range(len(header)) if not first <= i <= last]
    _add_columns(draft, header, rows, others, log)
    return draft


def _rows_of_numbers(
    rows: list[list[str]], places: list[str], first: int, last: int, log: Log
) -> tuple[np.ndarray, list[int]]:
    """Return ((n, p) values, indices of the rows that are good)."""
    values, kept = [], []
    for i, row in enumerate(rows):
        try:
            values.append(numbers(row[first:last]))
            kept.append(i)
        except ValueError as error:
            column = next(
                j for j in range(first, last) if row[j].strip() == error.args[0]
            )
            text = f"{error.args[0][:40]!r} is not a number"
            log.fault(f"{places[i]}, column {column + 1}", text)
    return np.array(values).reshape(len(kept), last - first), kept


def _add_columns(
    draft: Draft, header: list[str], rows: list[list[str]], others: list[int], log: Log
) -> None:
    """Sort columns that are not positions into sample id, targets and labels."""
    cells = {i: [row[i].strip() for row in rows] for i in others}
    parsed = {}
    for i in others:
        try:
            parsed[i] = np.array([number(cell) for cell in cells[i]])
        except ValueError:
            parsed[i] = None
    named = [i for i in others if header[i].strip() and _ID.fullmatch(header[i])]
    blank = [i for i in others if not header[i].strip()]
    text = [i for i in others if parsed[i] is None]
    for i in [*named, *[i for i in blank if parsed[i] is None], *text, *blank][:1]:
        draft.sample_ids, draft.numbered = cells[i], False
        if i in blank:  # coordinates of a map stand in several columns
            draft.sample_ids = [
                " ".join(texts)
                for texts in zip(*(cells[j] for j in blank), strict=True)
            ]
        others = [j for j in others if j != i and j not in blank]
        if "" in cells[i]:
            place = draft.places[cells[i].index("")]
            log.fault(f"{place}, column {i + 1}", "the sample id is missing")
    for i in others:
        if parsed[i] is None:
            name, wrong = header[i].strip() or f"column {i + 1}", []
            for row, cell in enumerate(cells[i]):
                try:
                    number(cell)
                except ValueError:
                    wrong.append(row)
            if len(wrong) <= 0.2 * len(cells[i]):
                # Nearly all are numbers: a target with text in it, not a label.
                for row in wrong:
                    place = f"{draft.places[row]}, column {i + 1} ({name})"
                    log.fault(place, f"{cells[i][row][:40]!r} is not a number")
                values = [
                    np.nan if row in wrong else number(cell)
                    for row, cell in enumerate(cells[i])
                ]
                draft.targets[name_and_unit(name)] = np.array(values)
            else:
                draft.labels[name] = cells[i]
        else:
            name = header[i].strip() or f"column {i + 1}"
            draft.targets[name_and_unit(name)] = parsed[i]


def _long(rows: list[list[str]], places: list[str], log: Log) -> Draft:
    header, units = rows[0], set()
    has_header = True
    try:
        has_header = np.isnan(numbers(header[:1])[0]) or _is_count(
            _positions(header[1:])[0]
        )
    except ValueError:
        pass
    body, body_places = (rows[1:], places[1:]) if has_header else (rows, places)
    axis, kept = [], []
    for i, row in enumerate(body):
        position, unit = _positions(row[:1])
        if np.isnan(position[0]):
            text = f"{row[0][:40]!r} is not a position"
            log.fault(f"{body_places[i]}, column 1", text)
            continue
        units |= unit
        axis.append(position[0])
        kept.append(i)
    good, good_places = [body[i] for i in kept], [body_places[i] for i in kept]
    columns, names = [], []
    ids = header[1:] if has_header else [str(i) for i in range(1, len(header))]
    quantity = None
    for j, name in enumerate(ids, start=1):
        cells = [row[j] for row in good]
        try:
            columns.append(numbers(cells))
            names.append((j, name.strip()))
        except ValueError as error:
            i = [cell.strip() for cell in cells].index(error.args[0])
            text = f"{error.args[0][:40]!r} is not a number"
            log.fault(f"{good_places[i]}, column {j + 1}", text)
    unit = _one_unit(units | (_units(header) if has_header else set()), places[0], log)
    if has_header and names:
        split = [name_and_unit(name) for _, name in names]
        said = {quantity_of(unit) if len(unit) > 1 else None for _, unit in split}
        if len(said) == 1 and None not in said:  # "A1 (AU)", "A2 (AU)"
            quantity = said.pop()
            names = [(j, name) for (j, _), (name, _) in zip(names, split, strict=True)]
        elif len(ids) == 1:
            quantity = quantity_of(ids[0])
    numbered = not has_header or all(not name for _, name in names)
    return Draft(
        axis=np.array(axis),
        spectra=np.array(columns).reshape(len(names), len(axis)),
        sample_ids=[str(j) if numbered else name for j, name in names],
        places=[f"column {j + 1}" for j, _ in names],
        unit=unit,
        quantity=quantity,
        axis_place="first column",
        numbered=numbered,
    )


def _tidy_columns(header: list[str]) -> tuple[int, int, int] | None:
    """Return the columns of sample, position and value, if names say which."""
    names = [cell.strip() for cell in header]
    position = [i for i, s in enumerate(names) if unit_of(s) or AXIS_NAME.search(s)]
    value = [i for i, s in enumerate(names) if quantity_of(s) or _VALUE_NAME.search(s)]
    sample = [i for i, s in enumerate(names) if s and _ID.fullmatch(s)]
    value = [i for i in value if i not in position + sample]
    if len(position) == 1 and len(value) == 1 and len(sample) == 1:
        return sample[0], position[0], value[0]
    return None


def _tidy(rows: list[list[str]], places: list[str], log: Log) -> Draft:
    header = rows[0]
    sample, position, value = _tidy_columns(header)
    spectra: dict[str, tuple[list[float], list[float], str]] = {}
    spoilt = set()
    for row, place in zip(rows[1:], places[1:], strict=True):
        name = row[sample].strip()
        axis, values, _ = spectra.setdefault(name, ([], [], place))
        for column, target in ((position, axis), (value, values)):
            try:
                target.append(number(row[column]))
            except ValueError as error:
                text = f"{error.args[0][:40]!r} is not a number"
                log.fault(f"{place}, column {column + 1}", text)
                spoilt.add(name)
    for name in spoilt:
        del spectra[name]
    if not spectra:
        log.fail("table", "no spectrum is whole")
    names = list(spectra)
    at = [f"sample {name!r} from {spectra[name][2]}" for name in names]
    axes = [np.array(spectra[name][0]) for name in names]
    axis, kept = common_axis(axes, at, log)
    return Draft(
        axis=axis,
        spectra=np.array([spectra[names[i]][1] for i in kept]),
        sample_ids=[names[i] for i in kept],
        places=[at[i] for i in kept],
        unit=_one_unit(_units([header[position]]), places[0], log),
        quantity=quantity_of(header[value]),
        axis_place=f"column {position + 1}",
    )


def _units(cells: list[str]) -> set[str]:
    return {unit for unit in map(unit_of, cells) if unit}


def _one_unit(units: set[str], place: str, log: Log) -> str | None:
    if len(units) > 1:
        log.fail(place, f"mixed units: {', '.join(sorted(units))}; keep one of them")
    return next(iter(units), None)


def name_and_unit(name: str) -> tuple[str, str]:
    """Split "protein (%)" into name and unit."""
    found = re.fullmatch(r"(.+?)\s*[(\[]([^)\]]*)[)\]]", name)
    return (found[1], found[2]) if found else (name, "")
