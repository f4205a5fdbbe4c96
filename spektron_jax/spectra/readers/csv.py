"""CSV, TSV and other delimited text: encoding, decimal comma, cut-off end.

Lines that start with # or % are comments; `find_table` finds the table among the
others. A unit or quantity that only comments name is taken, and said. A file that ends
within a number is found by its missing last line end together with a last number
shorter than all others of its line.
"""

import re
from pathlib import Path

from spektron_jax.spectra.axis import quantity_of
from spektron_jax.spectra.readers.columns import names_signal
from spektron_jax.spectra.readers.find_table import DELIMITERS, find_table, hints, split
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra
from spektron_jax.spectra.readers.table import read_table

COMMENTS = ("#", "%", "//", "!")


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of a delimited text file."""
    text, foreign = decode(path.read_bytes(), log)
    lines, places, comments = [], [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() == "":
            continue
        if line.lstrip().startswith(COMMENTS):
            comments.append(line.strip())
            continue
        lines.append(line)
        places.append(f"line {number}")
    if not lines:
        log.fail("line 1", "the file is empty")
    table = find_table(lines, places, log)
    rows, places = table.rows, table.places
    if foreign:
        _check_foreign(foreign, places, log)
    rows = _without_blank_columns(rows)
    rows = _decimal_points(rows, places, table.delimiter, log)
    if table.reaches_end and not text.endswith(("\n", "\r")):
        _check_end(rows, places, log)
    part = read_table(rows, places, log, modality)
    if len(part.sample_ids) == 1:
        name = part.sample_ids[0]
        if part.numbered or names_signal(name) or quantity_of(name):
            part.sample_ids, part.numbered = [path.stem], False
    notes = comments + table.notes
    if notes:
        part.metadata["comments"] = "\n".join(notes)
        part.unit_hint, part.quantity_hint = hints(notes)
    return [part]


def read_cells(path: Path, log: Log) -> tuple[list[list[str]], list[str]]:
    """Return the cells of a whole file whose first row is a header, and their places.

    Comments may stand above the header. The delimiter is the one that the header holds
    most often. Decimal commas become points, except in the first column, of names.
    """
    text, foreign = decode(path.read_bytes(), log)
    lines: list[str] = []
    places: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and (lines or not line.lstrip().startswith(COMMENTS)):
            lines.append(line)
            places.append(f"line {number}")
    if not lines:
        log.fail("line 1", "the file is empty")
    delimiter = max(DELIMITERS, key=lines[0].count)
    rows = split(lines, places, delimiter, log)
    if foreign:
        _check_foreign(foreign, places, log)
    rows = _without_blank_columns(rows)
    for row, place in zip(rows, places, strict=True):
        if len(row) != len(rows[0]):
            log.fail(place, f"{len(row)} cells, the header has {len(rows[0])}")
    others = [row[1:] for row in rows]
    others = _decimal_points(others, places, delimiter, log)
    return [[row[0], *rest] for row, rest in zip(rows, others, strict=True)], places


def decode(data: bytes, log: Log) -> tuple[str, list[int]]:
    """Return the text of a file and the lines that are not UTF-8.

    UTF-8, UTF-16 with a byte order mark, or, where that fails, Windows text (cp1252).
    """
    foreign = []
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
            for number, raw in enumerate(data.split(b"\n"), start=1):
                try:
                    raw.decode("utf-8")
                except UnicodeDecodeError:
                    foreign.append(number)
            log.warning(
                f"line {foreign[0]}", "not UTF-8; read as Windows text (cp1252)"
            )
    if "\0" in text:
        number = text.count("\n", 0, text.index("\0")) + 1
        log.fail(f"line {number}", "holds a zero byte, so this is no text file")
    return text, foreign


def _without_blank_columns(rows: list[list[str]]) -> list[list[str]]:
    """Leave out columns without any text: a delimiter twice, or at the lines' ends."""
    width = len(rows[0]) if rows else 0
    if any(len(row) != width for row in rows):
        return rows
    kept = [i for i in range(width) if any(row[i].strip() for row in rows)]
    return rows if len(kept) == width else [[row[i] for i in kept] for row in rows]


def _check_foreign(foreign: list[int], places: list[str], log: Log) -> None:
    """Comments may be in any encoding; the table may not."""
    rows = {f"line {number}" for number in foreign} & set(places)
    if rows and log.strict:
        place = min(rows, key=places.index)
        log.fail(
            place,
            "is not UTF-8 text; save the file as UTF-8, or read it as Windows text "
            "(cp1252) with strict=False",
        )


def _decimal_points(
    rows: list[list[str]], places: list[str], delimiter: str | None, log: Log
) -> list[list[str]]:
    """Turn decimal commas into points; both in one file are an error."""
    if delimiter == ",":
        return rows
    comma = re.compile(r"\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*")
    point = re.compile(r"\s*[-+]?\d*\.\d+(?:[eE][-+]?\d+)?\s*")
    with_comma = None
    for row, place in zip(rows, places, strict=True):
        if with_comma is None and "," in "".join(row):
            if any(comma.fullmatch(cell) for cell in row):
                with_comma = place
    if with_comma is None:
        return rows
    for row, place in zip(rows, places, strict=True):
        if any(point.fullmatch(cell) for cell in row):
            log.fail(
                place,
                f"a decimal point, but {with_comma} has decimal commas; use one of "
                "them in the whole file",
            )
    log.warning("table", "decimal commas")
    return [
        [c.replace(",", ".") if comma.fullmatch(c) else c for c in row] for row in rows
    ]


def _check_end(rows: list[list[str]], places: list[str], log: Log) -> None:
    """A file without a last line end whose last number is short was cut off.

    Two characters shorter than every neighbour: numbers may end in a dropped zero.
    """
    last = rows[-1][-1].strip()
    others = rows[-1][1:-1] if len(rows[-1]) > 8 else [row[-1] for row in rows[-9:-1]]
    lengths = [len(cell.strip()) for cell in others if re.search(r"\d", cell)]
    if len(lengths) >= 3 and len(last) + 2 <= min(lengths):
        log.error(
            places[-1],
            f"the file ends here without a line end, in {last!r}, shorter than every "
            "number beside it: it looks cut off (if it is whole, end the line)",
        )
        rows.pop()
        places.pop()
