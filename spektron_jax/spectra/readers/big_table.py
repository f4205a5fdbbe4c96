"""Delimited text of many megabytes, read in blocks of lines.

The layout is told from the first lines, by the code that reads small files; then the
lines that look like those are parsed a block at a time, all numbers of a block at once:
digits are added up as integers and divided by a power of ten. A line with anything but
digits, signs and points is read by itself. Decimal commas become points on the way, if
the first lines leave no doubt. What is not plain (quotation marks, comments in the
table, commas and points) is left to the reader of small files.

Sizes: n samples, p positions, c cells of a block.
"""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.readers.cells import positions
from spektron_jax.spectra.readers.columns import measurements
from spektron_jax.spectra.readers.decimals import (
    DECIMAL_COMMAS,
    holds_thousands,
    with_points,
    without_commas,
)
from spektron_jax.spectra.readers.find_table import COMMENTS, find_table
from spektron_jax.spectra.readers.layout import has_header, layout_of, tidy_columns
from spektron_jax.spectra.readers.parsed import LATE, Log, ParsedSpectra
from spektron_jax.spectra.readers.statistics import without_statistics
from spektron_jax.spectra.readers.table import (
    long_part,
    wide_header,
    wide_numbers,
    wide_part,
)

MIN_BYTES = 2**22  # of a file; smaller ones are read at once
HEAD_LINES = 40
_BLOCK = 2**18
_MAX_CELL = 18  # characters; as many digits fit int64
_COMMENTS = tuple(mark.encode() for mark in COMMENTS)

Found = tuple[list[ParsedSpectra], list[str]]  # spectra, notes above the table


class _NotPlain(Exception):
    """The file needs the reader of small files."""


def read_big(path: Path, log: Log, modality: str | None) -> Found | None:
    """Return the spectra of a plain table and the notes above it, or None."""
    with path.open("rb") as file:
        raw = [line for line in (file.readline() for _ in range(HEAD_LINES)) if line]
    if any(b'"' in line or b"\0" in line for line in raw):
        return None
    try:
        text = [
            line.decode("utf-8-sig" if not i else "utf-8") for i, line in enumerate(raw)
        ]
    except UnicodeDecodeError:
        return None
    filled = [i for i, line in enumerate(text) if line.strip()]
    if not filled:
        return None
    places = [f"line {i + 1}" for i in filled]
    quiet = Log(log.path, True, log.unit)
    try:
        lines = [text[i].rstrip("\r\n") for i in filled]
        table = find_table(lines, places, quiet)
        delimiter = table.delimiter
        commas = Log(log.path, True, log.unit)
        rows = without_commas(table.rows, table.places, delimiter, commas)
        layout, why = _layout(rows, table.places, quiet, modality)
    except (SpektronError, _NotPlain):
        return None
    if delimiter is None or not table.reaches_end or len(rows) < 5:
        return None
    if commas.notes and not commas.notes[0].text.startswith(DECIMAL_COMMAS):
        return None
    header = rows[0] if layout == "wide" or has_header(rows[0]) else None
    start = int(table.places[0].split()[-1]) + (header is not None)
    width, pointed = len(rows[0]), bool(commas.notes)
    if (
        not pointed
        and delimiter != ","
        and any("," in cell for row in rows for cell in row)
    ):
        return None
    reader = _Blocks(path, delimiter.encode(), width, start, pointed)
    own = Log(log.path, log.strict, log.unit)
    own.text_columns, own.rows = log.text_columns, log.rows
    try:
        if layout == "wide":
            part = _wide(reader, rows[0], table.places[0], own)
        else:
            part = _long(reader, header, table.places[0], own)
    except (_NotPlain, UnicodeDecodeError):
        return None
    log.notes += commas.notes
    log.note("table", f"read as {layout} ({why})")
    log.problems += own.problems
    without_statistics(part, log)
    return [part], table.notes


def _layout(
    rows: list[list[str]], places: list[str], log: Log, modality: str | None
) -> tuple[str, str]:
    """The layout of a table whose columns are all needed as they stand."""
    width = len(rows[0]) if rows else 0
    if width < 2 or any(len(row) != width for row in rows) or tidy_columns(rows):
        raise _NotPlain
    blank = any(not any(row[j].strip() for row in rows) for j in range(width))
    if blank:
        raise _NotPlain
    tables = measurements(rows, places, log)
    if len(tables) > 1 or tables[0][0] is not rows or log.notes:
        raise _NotPlain
    return layout_of(rows, log, modality)


class _Blocks:
    """Lines of a file from one on, in blocks, cut into cells of text and numbers.

    commas: whether those of numbers are decimal.
    """

    def __init__(
        self, path: Path, delimiter: bytes, width: int, start: int, commas: bool
    ):
        self.path, self.delimiter, self.width = path, delimiter, width
        self.start, self.commas = start, commas
        with path.open("rb") as file:
            counts = (
                block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b"")
            )
            self.lines = sum(counts) + 1 - (start - 1)  # at most

    def __iter__(self):
        """Yield (number of the first line, lines without their ends)."""
        size = self.path.stat().st_size
        bar = tqdm(total=size, desc=self.path.name, unit="B", unit_scale=True, **LATE)
        with self.path.open("rb") as file, bar:
            for _ in range(self.start - 1):
                file.readline()
            number = self.start
            while lines := file.readlines(_BLOCK):
                bar.update(sum(map(len, lines)))
                cut_off = not lines[-1].endswith(b"\n") and lines[-1].strip()
                if cut_off or any(b'"' in line for line in lines):
                    raise _NotPlain
                yield number, [line.rstrip(b"\r\n") for line in lines]
                number += len(lines)

    def texts(self, cells: list[bytes]) -> list[str]:
        """Cells as text, numbers with decimal points."""
        decoded = [cell.decode("utf-8") for cell in cells]
        if not self.commas:
            return decoded
        if holds_thousands(decoded):
            raise _NotPlain
        return with_points(decoded)

    def values(self, cells: list[bytes], columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ((lines, columns) numbers, which lines they are right in)."""
        text = b"\n".join(cells) + b"\n"
        if self.commas:
            if b"." in text:
                raise _NotPlain
            text = text.replace(b",", b".")
        data = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero((data == self.delimiter[0]) | (data == 10))
        if ends.size != len(cells) * columns:
            raise _NotPlain
        numbers, right = _parsed(data, ends)
        shape = len(cells), columns
        return numbers.reshape(shape), np.all(right.reshape(shape), axis=1)


def _parsed(data: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(numbers (c,), which are plain decimals (c,)) of cells that end at `ends`."""
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts
    longest = int(min(sizes.max(), _MAX_CELL))
    right = (sizes > 0) & (sizes <= _MAX_CELL)
    value = np.zeros(ends.size, np.int64)
    decimals = np.zeros(ends.size, np.int8)
    pointed = np.zeros(ends.size, bool)
    digits = np.zeros(ends.size, bool)
    first = data[starts]
    signed = (first == ord("-")) | (first == ord("+"))
    for k in range(longest):
        inside = sizes > k
        letter = data[np.minimum(starts + k, data.size - 1)]
        digit = letter - np.uint8(48)
        is_digit = (digit < 10) & inside
        value *= 1 + 9 * is_digit.astype(np.int64)
        value += digit * is_digit
        decimals += is_digit & pointed
        digits |= is_digit
        is_point = (letter == 46) & inside
        other = inside & ~is_digit & ~is_point
        right &= ~((is_point & pointed) | (other & ~signed if k == 0 else other))
        pointed |= is_point
    result = value / 10.0**decimals
    return np.where(first == ord("-"), -result, result), right & digits


def _wide(blocks: _Blocks, header: list[str], place: str, log: Log) -> ParsedSpectra:
    found = wide_header(header, place, log)
    points, after = found.axis.size, blocks.width - 1 - found.last
    spectra = np.empty((blocks.lines, points), np.float32)
    others: list[dict[int, str]] = []
    places: list[str] = []
    for number, lines in blocks:
        if log.rows is not None and len(places) >= log.rows:
            break
        good, cells = [], []
        for i, line in enumerate(lines):
            if line.count(blocks.delimiter) != blocks.width - 1:
                _check_line(line, number + i, blocks, log)
                continue
            parts = line.split(blocks.delimiter, found.first)
            rest = parts.pop()
            parts += rest.rsplit(blocks.delimiter, after)[1:] if after else []
            rest = rest.rsplit(blocks.delimiter, after)[0] if after else rest
            good.append((i, blocks.texts(parts)))
            cells.append(rest)
        if not good:
            continue
        values, right = blocks.values(cells, points)
        for (i, parts), row, plain in zip(good, values, right, strict=True):
            at = f"line {number + i}"
            if not plain or row[0] == found.axis[0]:
                texts = blocks.texts(lines[i].split(blocks.delimiter))
                row = wide_numbers(texts, found, at, log)
                if row is None:
                    continue
            with np.errstate(over="ignore"):  # infinite values are found as errors
                spectra[len(others)] = row
            others.append(dict(zip(found.others, parts, strict=True)))
            places.append(at)
    return wide_part(header, found, others, spectra[: len(others)], places, log)


def _long(
    blocks: _Blocks, header: list[str] | None, place: str, log: Log
) -> ParsedSpectra:
    columns = blocks.width - 1
    table = np.empty((blocks.lines, columns), np.float32)
    names: list[str] = []
    for number, lines in blocks:
        for i, line in enumerate(lines):
            if line.count(blocks.delimiter) != blocks.width - 1:
                _check_line(line, number + i, blocks, log)
        filled = [line for line in lines if line.count(blocks.delimiter) == columns]
        pairs = [line.split(blocks.delimiter, 1) for line in filled]
        if not pairs:
            continue
        values, right = blocks.values([rest for _, rest in pairs], columns)
        if not right.all():
            raise _NotPlain
        with np.errstate(over="ignore"):
            table[len(names) : len(names) + len(pairs)] = values
        names += blocks.texts([first for first, _ in pairs])
    axis, units = positions(names)
    if np.isnan(axis).any():
        raise _NotPlain
    spectra = table[: len(names)].T
    return long_part(
        header, list(range(1, columns + 1)), axis, spectra, units, place, log
    )


def _check_line(line: bytes, number: int, blocks: _Blocks, log: Log) -> None:
    """Blank lines are none; others must be as wide as the table."""
    if not line.strip():
        return
    cells = line.count(blocks.delimiter) + 1
    if cells == 1 or line.lstrip().startswith(_COMMENTS):
        raise _NotPlain  # a note below the table?
    text = f"ragged: {cells} cells, the first row has {blocks.width}"
    log.error(f"line {number}", text)
