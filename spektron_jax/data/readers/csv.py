"""CSV, TSV and other delimited text: encoding, delimiter, decimal comma, cut-off end.

Lines that start with # or % are comments; lines without any number before the table
are its preamble. A file that ends within a number is found by its missing last line
end together with a last number shorter than all others of its line.
"""

import csv
import io
import re
from pathlib import Path

from spektron_jax.data.readers.draft import Draft, Log
from spektron_jax.data.readers.table import read_table

DELIMITERS = ("\t", ";", ",", "|")
COMMENTS = ("#", "%")
_COMMA_NUMBER = re.compile(r"[-+]?\d+(?:,\d+)?(?:[eE][-+]?\d+)?")


def read(path: Path, log: Log, modality: str | None) -> list[Draft]:
    """Return the spectra of a delimited text file."""
    text = decode(path.read_bytes(), log)
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
    delimiter = _delimiter(lines)
    rows = _split(lines, places, delimiter, log)
    start = _first_row(rows)
    preamble = [" ".join(row) for row in rows[:start]]
    rows, places = rows[start:], places[start:]
    if rows and len(rows[-1]) > 1 and rows[0][-1] == "" == rows[-1][-1]:
        if all(row[-1] == "" for row in rows):  # every line ends with a delimiter
            rows = [row[:-1] for row in rows]
    rows = _decimal_points(rows, places, delimiter, log)
    if not text.endswith(("\n", "\r")):
        _check_end(rows, places, log)
    draft = read_table(rows, places, log, modality)
    notes = comments + preamble
    if notes:
        draft.metadata["comments"] = "\n".join(notes)
    return [draft]


def decode(data: bytes, log: Log) -> str:
    """Return the text of a file; UTF-8 or UTF-16 with a byte order mark."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if log.strict:
            log.fail(
                f"line {line}",
                f"byte {error.start} is not UTF-8 text; save the file as UTF-8, or "
                "read it as Windows text (cp1252) with strict=False",
            )
        log.remark(f"line {line}", "not UTF-8; read as Windows text (cp1252)")
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        log.fail(f"line {line}", "holds a zero byte, so this is no text file")
    return text


def _delimiter(lines: list[str]) -> str | None:
    """The delimiter that the last lines share; None = runs of white space."""
    sample = lines[-20:]
    spaced = [line.split() for line in sample]
    if min(map(len, spaced)) > 1 and all(
        _COMMA_NUMBER.fullmatch(cell) for row in spaced for cell in row
    ):
        return None
    for delimiter in DELIMITERS:
        counts = [line.count(delimiter) for line in sample]
        if min(counts) > 0:
            return delimiter
    # A cut-off last line may hold none.
    for delimiter in DELIMITERS:
        if sum(delimiter in line for line in sample) > len(sample) / 2:
            return delimiter
    return None


def _split(
    lines: list[str], places: list[str], delimiter: str | None, log: Log
) -> list[list[str]]:
    if delimiter is None:
        return [line.split() for line in lines]
    rows = []
    for line, place in zip(lines, places, strict=True):
        if '"' not in line:
            rows.append(line.split(delimiter))
            continue
        try:
            found = list(
                csv.reader(io.StringIO(line), delimiter=delimiter, strict=True)
            )
        except csv.Error as error:
            log.fail(place, f"quotation marks do not match ({error}); correct them")
        rows.append(found[0])
    return rows


def _first_row(rows: list[list[str]]) -> int:
    """The table starts at its header, or where the first row of full width stands."""
    width = max(len(row) for row in rows[-20:])
    for i, row in enumerate(rows):
        if len(row) >= width or any(re.search(r"\d", cell) for cell in row[1:]):
            return i
        if len(row) == 1 and i + 1 == len(rows):
            return i
    return 0


def _decimal_points(
    rows: list[list[str]], places: list[str], delimiter: str | None, log: Log
) -> list[list[str]]:
    """Turn decimal commas into points; both in one file are a fault."""
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
    log.remark("table", "decimal commas")
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
        log.fault(
            places[-1],
            f"the file ends here without a line end, in {last!r}, shorter than every "
            "number beside it: it looks cut off (if it is whole, end the line)",
        )
        rows.pop()
        places.pop()
