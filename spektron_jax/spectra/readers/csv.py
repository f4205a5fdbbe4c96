"""CSV, TSV and other delimited text: encoding, commas, cut-off end.

`find_table` finds the table among the lines, `text_notes` reads those around it. A file
that ends within a number is found by its missing last line end together with a last
number shorter than all others of its line.
"""

import re
from pathlib import Path

from spektron_jax.spectra.axis_words import quantity_of
from spektron_jax.spectra.own_notes import MARK, OwnNotes, taken_from
from spektron_jax.spectra.readers import big_table
from spektron_jax.spectra.readers.columns import names_signal
from spektron_jax.spectra.readers.decimals import Columns, without_commas
from spektron_jax.spectra.readers.find_table import (
    COMMENTS,
    DELIMITERS,
    find_table,
    split,
)
from spektron_jax.spectra.readers.layout import ID_NAME
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra, apply
from spektron_jax.spectra.readers.table import read_table
from spektron_jax.spectra.readers.text_notes import hints

_HEAD_BYTES = 2**16  # that hold the notes of our own files
_BLANK = ' \t\r\n\f\v,;|"'  # of which lines of empty cells are made
_SEPARATOR = re.compile(r'\s*"?sep=.?"?\s*', re.I)  # a line for Excel
# Notes of LabSpec, whose series have positions in the first row.
_LABSPEC = re.compile(r"#(Acq\. ?time|AxisType|Laser|Grating|Range|Objective)", re.I)


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of a delimited text file."""
    own = _own_notes(path)
    log.text_columns = own.labels
    found = None
    if path.stat().st_size >= big_table.MIN_BYTES:
        found = big_table.read_big(path, log, modality)
    parts, notes = found or _read_small(path, log, modality)
    notes = taken_from(notes)[1]
    unit_hint, quantity_hint = hints(notes)
    for part in parts:
        if len(part.sample_ids) == len(parts) == 1:
            name = part.sample_ids[0]
            if part.numbered or names_signal(name) or quantity_of(name):
                part.sample_ids, part.numbered = [path.stem], False
        if notes:
            part.metadata["comments"] = "\n".join(notes)
            part.unit_hint = part.unit_hint or unit_hint
            part.quantity_hint = part.quantity_hint or quantity_hint
        apply(own, part)
    return parts


def _own_notes(path: Path) -> OwnNotes:
    """What the first lines of a file that `spektron_jax.write` made say."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if MARK.encode() not in head:
        return OwnNotes()
    return taken_from(head.decode("utf-8", "replace").splitlines()[:-1])[0]


def _read_small(
    path: Path, log: Log, modality: str | None
) -> tuple[list[ParsedSpectra], list[str]]:
    """(spectra, notes around the table) of a file that is read at once."""
    text, foreign = decode(path.read_bytes(), log)
    lines, places = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip(_BLANK):
            lines.append(line)
            places.append(f"line {number}")
    if not lines:
        log.fail("line 1", "the file is empty")
    table = find_table(lines, places, log)
    rows, places = table.rows, table.places
    if foreign:
        _check_foreign(foreign, places, log)
    rows = _without_blank_columns(rows)
    rows = without_commas(rows, places, table.delimiter, log)
    if rows and rows[0] and table.reaches_end and not text.endswith(("\n", "\r")):
        _check_end(rows, places, log)
    if not rows or not rows[0]:
        log.fail("table", "holds no cells; give a header and rows of numbers")
    blank_corner = not rows[0][0].strip() and any(map(str.strip, rows[0][1:2]))
    if blank_corner and any(map(_LABSPEC.match, table.notes)):
        rows[0] = ["sample", *rows[0][1:]]  # of a series: times, then its spectra
    return read_table(rows, places, log, modality), table.notes


def read_cells(path: Path, log: Log) -> tuple[list[list[str]], list[str]]:
    """Return the cells of a whole file whose first row is a header, and their places.

    Comments may stand above the header. The delimiter is the one that the header holds
    most often. Decimal commas become points, except in the first column, of names.
    """
    text, foreign = decode(path.read_bytes(), log)
    numbered = enumerate(text.splitlines(), start=1)
    filled = [
        (f"line {number}", line) for number, line in numbered if line.strip(_BLANK)
    ]
    if filled and _SEPARATOR.fullmatch(filled[0][1]):
        del filled[0]
    if not filled:
        log.fail("line 1", "the file is empty")
    # Comments above are not as wide as the table, whose header may be "#;protein".
    likely = max(DELIMITERS, key=filled[-1][1].count)
    width = filled[-1][1].count(likely)
    while len(filled) > 1 and filled[0][1].lstrip().startswith(COMMENTS):
        if width and filled[0][1].count(likely) == width:
            break
        del filled[0]
    places, lines = [place for place, _ in filled], [line for _, line in filled]
    delimiter = max(DELIMITERS, key=lines[0].count)
    rows = split(lines, places, delimiter, log)
    if foreign:
        _check_foreign(foreign, places, log)
    rows = _without_blank_columns(rows)
    for row, place in zip(rows, places, strict=True):
        if len(row) != len(rows[0]):
            log.fail(place, f"{len(row)} cells, the header has {len(rows[0])}")
    if not rows[0]:
        log.fail("line 1", "holds no cells; give a header and rows")
    bare = [row[1:] for row in rows]
    ids = set[int]()
    if not rows[0][0].strip():  # then the names may stand behind a counter
        names = enumerate(map(str.strip, bare[0]))
        ids = {j for j, name in names if name and ID_NAME.fullmatch(name)}
    others = without_commas(bare, places, delimiter, log, Columns(ids))
    return [[row[0], *rest] for row, rest in zip(rows, others, strict=True)], places


def decode(data: bytes, log: Log) -> tuple[str, list[int]]:
    """Return the text of a file and the lines that are not UTF-8.

    UTF-8, UTF-16 or, where that fails, Windows text (cp1252).
    """
    foreign = []
    kind = utf16_of(data)
    if kind:
        text = data.decode(kind, "replace").removeprefix("\ufeff")
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
            log.note(f"line {foreign[0]}", "not UTF-8; read as Windows text (cp1252)")
    if "\0" in text and is_avantes(data):
        text = text.replace("\0", "")
    if "\0" in text:
        number = text.count("\n", 0, text.index("\0")) + 1
        log.fail(f"line {number}", "holds a zero byte, so this is no text file")
    return text, foreign


def utf16_of(data: bytes) -> str | None:
    """Return the kind of UTF-16 that bytes are, by their mark or by their zeros."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = data[: min(len(data), 4096) // 2 * 2]
    if len(head) < 16:
        return None
    for kind, zeros, letters in (
        ("utf-16-le", head[1::2], head[0::2]),
        ("utf-16-be", head[0::2], head[1::2]),
    ):
        text = sum(9 <= letter < 127 for letter in letters)
        if zeros.count(0) > 0.9 * len(zeros) and text > 0.9 * len(letters):
            return kind
    return None


def is_avantes(data: bytes) -> bool:
    """Whether bytes are text of AvaSoft 7, whose name of the device ends in zeros."""
    return b"\nWave   ;" in data[:4096] and b"spectrometer name: " in data[:4096]


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
