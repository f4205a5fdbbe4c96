"""Which columns of a table are axes, by their names and their values.

A column may be named as an axis ("Wavelength (nm)"), mention one ("wl_A", "B_x") or
have no name; the last two are axes only if they run evenly and stand beside another. A
column that counts the rows, whatever its name, or is named so, is none.
"""

import re
from dataclasses import dataclass

import numpy as np

from spektron_jax.spectra.readers.cells import is_axis, number

Rows = list[list[str]]
# In order of preference. Of these, a table of one measurement holds each once.
_NAMES = (
    "raman[ _-]?shifts?|shifts?",
    "wave[ _-]?numbers?|wns?|wellenzahl",
    "wave[ _-]?lengths?|waves?|wvl|wavel|wls?|lambda|wellenlänge|nm|um|cm-1",
    "frequency|energy",
    "x|x[ _-]?axis|x[ _-]?values?|position",
)
_X = len(_NAMES) - 1
OTHER = _X + 1  # rank of axes by their values
_MENTIONED = re.compile(
    r"(?<![a-z])(?:x|shift|wave|wave ?lengths?|wave ?numbers?|wls?|wns?|wvl|lambda)"
    r"(?![a-z])",
    re.I,
)
LEAST_COUNTED = 10  # rows of which a column of any name is no spectrum if it counts
_COUNTERS = re.compile(
    r"|#|unnamed: ?0|(?:data |row |scan )?(?:pixel|channel|index|point|row|no|nr"
    r"|number)s?[ _.]*(?:no|nr|number|index|#)?\.?",
    re.I,
)


@dataclass
class AxisColumns:
    """Columns of a table by what they are.

    Attributes:
      ranks: column -> rank of its axis, the better the lower.
      counters: columns that count the rows.
    """

    ranks: dict[int, int]
    counters: list[int]

    def are_apart(self) -> bool:
        """Whether signals stand between axes, or one axis stands several times."""
        columns = sorted(self.ranks)
        between = set(range(columns[0], columns[-1])) - {*columns, *self.counters}
        ranks = list(self.ranks.values())
        return bool(between) or len(set(ranks)) < len(ranks)


def axis_rank(name: str) -> int | None:
    """Return the rank of the name of an axis, None for any other name."""
    if re.fullmatch(r"\w+ ?\(x\d*\)", name, re.I):  # Origin: "A(X)", "B(Y)"
        return _X
    bare = re.sub(r"\(.*?\)|\[.*?\]|/.*|,.*|x[ _-]axis:", "", name, flags=re.I)
    bare = re.sub(r"(?<=\w)[ _-](?:nm|cm-?1|um|µm)$", "", bare.strip(), flags=re.I)
    bare = bare.strip(" .:")
    for text in (bare, re.sub(r"[ _.]?\d+$", "", bare)):
        for k, words in enumerate(_NAMES):
            if re.fullmatch(words, text, re.I):
                return k
    return None


def axis_columns(header: list[str], rows: Rows) -> AxisColumns:
    """Return the axes and counters among columns; `rows` starts with the header."""
    named = [axis_rank(name) for name in header]
    if any(rank is not None and rank < _X for rank in named):  # then "x" is a sample
        named = [None if rank == _X else rank for rank in named]
    ranks = {i: rank for i, rank in enumerate(named) if rank is not None}
    if header[0] and header.count(header[0]) > 1:  # an axis of whatever name
        ranks = {i: OTHER for i, name in enumerate(header) if name == header[0]}
    counters = _counters(header, rows)
    first = 0 in ranks or not header[0] or bool(_MENTIONED.search(_plain(header[0])))
    if first and 0 not in counters:
        more = [i for i in range(1, len(header)) if i not in ranks]
        more = [i for i in more if _may_be_axis(header[i], rows, i)]
        if more:
            rank = ranks.setdefault(0, OTHER)
            ranks |= dict.fromkeys(more, rank)
    counters = [i for i in counters if i not in ranks]
    if 0 not in ranks and 0 not in counters and _one_axis_runs(ranks, rows):
        counters += [i for i in range(min(ranks)) if not header[i]]
    return AxisColumns(ranks, counters)


def _one_axis_runs(ranks: dict[int, int], rows: Rows) -> bool:
    """Whether the only axis is not the first column, yet runs as one does."""
    return len(ranks) == 1 and min(ranks.values()) < _X and _runs(rows, min(ranks))


def _may_be_axis(name: str, rows: Rows, column: int) -> bool:
    says = not name or _MENTIONED.search(_plain(name)) is not None
    return says and _runs(rows, column)


def _plain(name: str) -> str:
    return re.sub(r"[_.-]", " ", re.sub(r"\(.*?\)|\[.*?\]", "", name))


def _runs(rows: Rows, column: int) -> bool:
    return runs([row[column] for row in rows[1:]])


def runs(cells: list[str]) -> bool:
    """Whether cells are numbers that run evenly and one way, but for blank ones."""
    values = [number(cell) for cell in cells if cell.strip()]
    if None in values or len(values) < 3:
        return False
    steps = np.diff(np.array(values, np.float64))
    return bool((steps > 0).all() or (steps < 0).all()) and is_axis(np.array(values))


def _counters(header: list[str], rows: Rows) -> list[int]:
    """Columns that are named as a counter; those of another name must count."""
    found = []
    for i, name in enumerate(header):
        if name and _COUNTERS.fullmatch(name):
            found.append(i)
        elif (not name or len(rows) > LEAST_COUNTED) and counts(
            [row[i] for row in rows[1:]]
        ):
            found.append(i)
    return found


def counts(cells: list[str]) -> bool:
    """Whether cells count up from 0 or 1."""
    first = [number(cell) for cell in cells[:2]]
    if first not in ([0, 1], [1, 2]):
        return False
    values = np.array([number(cell) for cell in cells], np.float64)
    return bool((np.diff(values) == 1).all())
