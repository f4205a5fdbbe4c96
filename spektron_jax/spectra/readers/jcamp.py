"""JCAMP-DX 4.24 and 5 for IR, NIR and Raman spectra: one block or many.

Ordinates: AFFN (plain numbers), PAC (sign as separator), SQZ, DIF and DUP (McDonald &
Wilks, Appl. Spectrosc. 42, 151 (1988)). Four things guard against a wrong reading:
NPOINTS, the X that each line starts with, the Y check of DIF lines, and FIRSTY.

Decoded here: the library jcamp 1.3.2 misreads DUP after SQZ (A50TB00J gives 150, 200,
201; A50TB00 an IndexError), prints failed X and Y checks rather than raising, and
returns 54 ordinates for 61 positions of a file that lost a line.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spektron_jax.spectra.axis_words import quantity_of, unit_of
from spektron_jax.spectra.readers.csv import decode
from spektron_jax.spectra.readers.jcamp_lists import concentrations, named_values
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra, common_axis

_SQZ = {c: i for i, c in enumerate("@ABCDEFGHI")}
_SQZ |= {c: -i for i, c in enumerate("abcdefghi", start=1)}
_DIF = {c: i for i, c in enumerate("%JKLMNOPQR")}
_DIF |= {c: -i for i, c in enumerate("jklmnopqr", start=1)}
_DUP = {c: i for i, c in enumerate("STUVWXYZ", start=1)} | {"s": 9}
_TOKEN = re.compile(r"([@A-Ia-i%J-Rj-rS-Zs+-]?)(\d*\.?\d*)")
_PLAIN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\?")
_MANTISSA = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")
_DECIMALS = re.compile(r"[-+]?\d*\.?(\d*)")
_COMMA_PAIR = re.compile(
    r"\s*([-+]?\d+(?:,\d+)?(?:[eE][-+]?\d+)?)(?:\s*;\s*|\s+)"
    r"([-+]?\d+(?:,\d+)?(?:[eE][-+]?\d+)?)\s*;?\s*"
)
_SIDE_TITLE = re.compile(r"\b(dark|reference|background)( spectrum)?\s*$", re.I)
_MAIN_TITLE = re.compile(r"\b(processed|sample)( spectrum)?\s*$", re.I)
_PACKED = re.compile(r"[@A-DF-Ia-df-i%J-Rj-rS-Zs]")
_ONCE = {"NPOINTS", "FIRSTX", "LASTX", "XFACTOR", "YFACTOR", "XUNITS", "YUNITS"}
MAX_POINTS = 10**6  # points that any file may claim; more, as its length allows
POINTS_PER_LETTER = 20  # DUP packs most; flat spectra stay below
MAX_LINE_POINTS = 10**6  # points in one line, which DUP counts may claim


class _Wrong(Exception):
    """A block that cannot be used: (place, text)."""


@dataclass
class _Block:
    """What stands between TITLE and END.

    Attributes:
      line: where it starts.
      labels: label, as in NPOINTS -> its text.
      data: label of the data table, and its form.
      rows: rows of the data table as (line number, text).
    """

    line: int
    labels: dict[str, str] = field(default_factory=dict)
    data: tuple[str, str] | None = None
    rows: list[tuple[int, str]] = field(default_factory=list)

    def value(self, name: str) -> str:
        """First line of a label's text, "" if the label is missing."""
        return self.labels.get(name, "").split("\n")[0].strip()


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return every spectrum of the file, one row for each block."""
    text, _ = decode(path.read_bytes(), log)
    spectra, left = [], max(MAX_POINTS, POINTS_PER_LETTER * len(text))
    for number, block in enumerate(_blocks(text, log), start=1):
        at = f"block {number} ({block.value('TITLE')[:40]}), line {block.line}"
        try:
            found = _spectrum(block, log, at, left)
            if found is not None:
                left -= found[0].size
                spectra.append((at, block, *found))
        except _Wrong as error:
            log.error(f"{at}, {error.args[0]}", error.args[1])
    if not spectra:
        log.fail("file", "holds no spectrum (XYDATA or XYPOINTS) that can be read")
    spectra = _without_sides(spectra, log)
    axis, rows = common_axis([s[2] for s in spectra], [s[0] for s in spectra], log)
    spectra = [spectra[i] for i in rows]
    first = spectra[0][1]
    for name, meaning in (("XUNITS", unit_of), ("YUNITS", quantity_of)):
        usual = first.value(name).upper()
        for at, block, *_ in spectra[1:]:
            said = block.value(name).upper()
            if said != usual and (meaning(said) or said) != (meaning(usual) or usual):
                log.fail(at, f"mixed {name}; keep one kind of spectra in a file")
    unit = unit_of(first.value("XUNITS"))
    kinds = {_modality(one.value("DATATYPE"), axis, unit) for _, one, *_ in spectra}
    if len(kinds - {None}) > 1:
        log.fail("file", "mixed DATA TYPE; keep one kind of spectra in a file")
    blocks = [one.labels for _, one, *_ in spectra]
    return [
        ParsedSpectra(
            axis=axis,
            spectra=np.array([s[3] for s in spectra]),
            sample_ids=[s[1].value("TITLE") or s[0].split(",")[0] for s in spectra],
            places=[s[0] for s in spectra],
            unit=unit,
            axis_label=first.value("XUNITS"),
            quantity=quantity_of(first.value("YUNITS")),
            modality=_modality(first.value("DATATYPE"), axis, unit),
            name=first.value("$INSTRUMENT") or "spectra",
            named=bool(first.value("$INSTRUMENT")),
            description=first.value("SPECTROMETERDATASYSTEM"),
            targets=concentrations([b.get("CONCENTRATIONS", "") for b in blocks]),
            labels=named_values([b.get("$LABELS", "") for b in blocks]),
            metadata={
                name.lower(): first.labels[name]
                for name in ("TITLE", "ORIGIN", "OWNER", "DATE", "LONGDATE")
                if first.labels.get(name)
            },
        )
    ]


def _without_sides(spectra: list, log: Log) -> list:
    """Leave out the dark and the reference that stand beside a processed spectrum."""
    titles = [block.value("TITLE") for _, block, *_ in spectra]
    sides = [bool(_SIDE_TITLE.search(title)) for title in titles]
    if not any(sides) or not any(map(_MAIN_TITLE.search, titles)):
        return spectra
    for (at, *_), is_side in zip(spectra, sides, strict=True):
        if is_side:
            log.note(at, "a dark or reference beside the sample; left out")
    return [one for one, side in zip(spectra, sides, strict=True) if not side]


def _blocks(text: str, log: Log) -> list[_Block]:
    """Every block that has both a TITLE and an END, in the order of their ends."""
    done: list[_Block] = []
    opened: list[_Block] = []
    label = None
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.split("$$")[0].strip()
        if line.startswith("##"):
            name, equals, value = line[2:].partition("=")
            if not equals:
                log.fail(f"line {number}", f"{line[:40]!r} has no '='; correct it")
            label = re.sub(r"[\s/_-]", "", name).upper()
            if label == "TITLE":
                opened.append(_Block(number))
            if not opened:
                log.fail(f"line {number}", "no ##TITLE= before it; add one")
            if label == "END":
                done.append(opened.pop())
                label = None
            elif label in {"XYDATA", "XYPOINTS"}:
                if opened[-1].data is not None:
                    log.fail(f"line {number}", "a second table of data in one block")
                opened[-1].data = label, value.strip()
            else:
                known = opened[-1].labels.get(label)
                if known not in (None, value.strip()) and label in _ONCE:
                    text = f"a second {label} in one block ({known!r} before)"
                    log.fail(f"line {number}", text)
                opened[-1].labels[label] = value.strip()
        elif label in {"XYDATA", "XYPOINTS"}:
            if line:
                opened[-1].rows.append((number, line))
        elif label is not None and opened and line:
            opened[-1].labels[label] += f"\n{line}"
    for block in opened:
        place = f"line {block.line} ({block.value('TITLE')[:40]})"
        log.error(place, "cut off: the block has no ##END=")
    return done


def _spectrum(
    block: _Block, log: Log, at: str, left: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """(axis, ordinates) of a block of at most `left` points, None without data."""
    for name in ("NTUPLES", "PEAKTABLE", "PEAKASSIGNMENTS"):
        if name in block.labels:
            raise _Wrong(name, "this kind of data is no spectrum on an axis")
    if block.data is None:
        return None  # a LINK block, or only text
    if "INTERFEROGRAM" in block.value("DATATYPE").upper():
        raise _Wrong("DATA TYPE", "an interferogram; transform it to a spectrum first")
    xfactor = _number(block, "XFACTOR", 1.0)
    yfactor = _number(block, "YFACTOR", 1.0)
    points = _number(block, "NPOINTS")
    if not (points == int(points) and 2 <= points):
        raise _Wrong("NPOINTS", f"{points:g}; must be a whole number, 2 or more")
    points = int(points)
    if points > left:
        raise _Wrong("NPOINTS", f"{points:,}, more than a file of this length can hold")
    if not block.rows:
        raise _Wrong(block.data[0], "no data follow")
    form = re.sub(r"\s", "", block.data[1].upper())
    if form.startswith("(X++(Y..Y"):
        first, last = _number(block, "FIRSTX"), _number(block, "LASTX")
        step = (last - first) / (points - 1)
        if step == 0:
            raise _Wrong("LASTX", "equals FIRSTX")
        given = _number(block, "DELTAX", step)
        if abs(abs(given) - abs(step)) > 0.05 * abs(step):
            text = f"{given:g}, but FIRSTX, LASTX and NPOINTS give {step:g}"
            raise _Wrong("DELTAX", text)
        values = _packed_rows(block.rows, first, step, xfactor, points, log, at)
        axis = np.linspace(first, last, points)
    elif form.startswith("(XY..XY"):
        axis, values = _pairs(block.rows, points, log, at)
        axis = axis * xfactor
        if axis.size != points:
            raise _Wrong("NPOINTS", f"{points}, but {axis.size} points were read")
        _check_ends(block, axis, log, at)
    else:
        raise _Wrong(block.data[0], f"{form[:30]!r} is not (X++(Y..Y)) or (XY..XY)")
    with np.errstate(over="ignore"):  # infinite values are found as errors
        values = values * yfactor
    if "FIRSTY" in block.labels and np.isfinite(values[0]):
        given = _number(block, "FIRSTY")
        if abs(given - values[0]) > max(abs(yfactor), 0.01 * abs(given)):
            log.warning(at, f"FIRSTY is {given:g}, the first value read {values[0]:g}")
    return axis, values


def _packed_rows(
    rows: list[tuple[int, str]],
    first: float,
    step: float,
    factor: float,
    points: int,
    log: Log,
    at: str,
) -> np.ndarray:
    """Ordinates of (X++(Y..Y)), with the checks of X and Y.

    A strict reading stops where a check fails; another one says so and goes on, and
    the number of points still has to be right.
    """
    packed = any(_PACKED.search(line) for _, line in rows)
    values: list[float] = []
    failed: list[tuple[str, str]] = []  # checks: (place, text)
    check = False  # whether the next line starts with the last ordinate again
    for number, line in rows:
        place = f"line {number}"
        x, ys, differences = _line(line, packed, place)
        if check and ys:
            if ys[0] != values[-1]:
                text = f"Y check: {ys[0]:g}, but {values[-1]:g} came before"
                failed.append((place, text))
            ys = ys[1:]
        # Writers differ in whether the X of a line with a Y check is that point's own.
        index = (x * factor - first) / step - len(values)
        slack = 0.6 + abs(factor / step) * 10.0 ** -_decimals(line)
        if not -slack - check <= index <= slack:
            text = f"X check: {x * factor:g}, expected {first + step * len(values):g}"
            failed.append((place, text))
        if failed and log.strict:
            raise _Wrong(*failed[0])
        values += ys
        check = differences
        if len(values) > points:
            break
    if len(values) != points:
        more = "more" if len(values) > points else len(values)
        raise _Wrong("NPOINTS", f"{points}, but {more} were read: cut off or damaged")
    if failed:
        place, text = failed[0]
        more = f" (and {len(failed) - 1} more lines)" if len(failed) > 1 else ""
        log.warning(f"{at}, {place}", f"{text}{more}; kept, from FIRSTX to LASTX")
    return np.array(values)


def _line(line: str, packed: bool, place: str) -> tuple[float, list[float], bool]:
    """(X, ordinates, whether the last one came as a difference) of one line."""
    found = _PLAIN.match(line)
    if found is None or found[0] == "?":
        raise _Wrong(place, f"{line[:20]!r} does not start with X")
    if not packed:
        rest = re.sub(r"[\s,;]+", " ", line).strip()
        tokens = _PLAIN.findall(rest)
        if "".join(tokens) != rest.replace(" ", ""):
            if not re.fullmatch(r"[\d\s.+-]+[eE][\dEe\s.]*", rest):
                raise _Wrong(place, f"text among numbers: {line[:60]!r}")
        elif len(tokens) > 1:
            ys = [float(token.replace("?", "nan")) for token in tokens[1:]]
            return float(tokens[0]), ys, False
    x = _MANTISSA.match(line)
    assert x is not None  # as _PLAIN did
    ys, is_difference = _unpacked(line[x.end() :], place)
    return float(x[0]), ys, is_difference


def _unpacked(text: str, place: str) -> tuple[list[float], bool]:
    """(ordinates, whether the last one came as a difference) of SQZ, DIF and DUP."""
    ys: list[float] = []
    last, difference, is_difference, position = 0.0, 0.0, False, 0
    while position < len(text):
        if text[position] in " \t,":
            position += 1
            continue
        if text[position] == "?":
            ys.append(last := np.nan)
            position, is_difference = position + 1, False
            continue
        token = _TOKEN.match(text, position)
        assert token is not None  # it matches the empty string
        mark, digits = token[1], token[2]
        if token.end() == position or (mark in "+-" and digits in ("", ".")):
            raise _Wrong(place, f"{text[position]!r} is no part of a number")
        position = token.end()
        if mark in _DUP:
            count = int(f"{_DUP[mark]}{digits.partition('.')[0]}") - 1
            if not ys or len(digits) > 6 or len(ys) + count > MAX_LINE_POINTS:
                raise _Wrong(place, f"{token[0]!r} repeats nothing, or too often")
            for _ in range(count):
                last += difference if is_difference else 0.0
                ys.append(last)
            continue
        if mark in _DIF:
            if not ys:
                raise _Wrong(place, "starts with a difference")
            difference = _joined(_DIF[mark], mark.islower(), digits)
            last, is_difference = last + difference, True
        elif mark in _SQZ:
            last, is_difference = _joined(_SQZ[mark], mark.islower(), digits), False
        else:
            last, is_difference = float(mark + digits), False
        ys.append(last)
    if not ys:
        raise _Wrong(place, "no ordinates")
    return ys, is_difference


def _decimals(line: str) -> int:
    """How many decimals the X of a line has."""
    found = _DECIMALS.match(line)
    return len(found[1]) if found else 0


def _joined(digit: int, negative: bool, digits: str) -> float:
    return float(f"{'-' if negative else ''}{abs(digit)}{digits}")


def _pairs(
    rows: list[tuple[int, str]], points: int, log: Log, at: str
) -> tuple[np.ndarray, np.ndarray]:
    """(X, Y) of pairs; commas are decimal where only that gives the points stated."""
    found = [_COMMA_PAIR.fullmatch(line) for _, line in rows]
    if len(rows) == points and None not in found:
        log.note(at, f"decimal commas, since there are {points} points")
        pairs = [one.groups() for one in found if one]
        table = np.array([[c.replace(",", ".") for c in pair] for pair in pairs], float)
        return table[:, 0], table[:, 1]
    values: list[float] = []
    for number, line in rows:
        tokens = re.split(r"[\s,;]+", line.strip(" ,;"))
        if len(tokens) % 2 or not all(_PLAIN.fullmatch(token) for token in tokens):
            raise _Wrong(f"line {number}", f"not pairs of numbers: {line[:60]!r}")
        values += [float(token.replace("?", "nan")) for token in tokens]
    return np.array(values[0::2]), np.array(values[1::2])


def _check_ends(block: _Block, axis: np.ndarray, log: Log, at: str) -> None:
    """FIRSTX and LASTX must be the ends of the pairs, in either order."""
    said = sorted(_number(block, name, np.nan) for name in ("FIRSTX", "LASTX"))
    ends = np.sort(axis[[0, -1]])
    if (abs(ends - said) > 0.02 * (said[1] - said[0])).any():
        text = f"FIRSTX and LASTX say {said[0]:g} to {said[1]:g}, the pairs "
        log.warning(at, f"{text}{ends[0]:g} to {ends[1]:g}")


def _number(block: _Block, name: str, default: float | None = None) -> float:
    text = block.value(name)
    if not text and default is not None:
        return default
    if re.fullmatch(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?", text):
        text = text.replace(",", ".")
    try:
        value = float(text) if _PLAIN.fullmatch(text) else np.nan
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise _Wrong(name, f"{text[:40]!r} is not a number; the block needs one")
    return value


def _modality(kind: str, axis: np.ndarray, unit: str | None) -> str | None:
    kind = kind.upper()
    if "RAMAN" in kind:
        return "Raman"
    if "NEAR" in kind or "NIR" in kind.split():
        return "NIR"
    if "INFRARED" in kind or kind == "IR":
        ends = np.abs(axis[[0, -1]])
        if unit in ("nm", "um") and ends.all():
            ends = {"nm": 1e7, "um": 1e4}[unit] / ends
        # A scan from the IR on into the NIR is an IR spectrum, whatever its middle.
        return "NIR" if ends.min() > 3000 and ends.mean() > 4000 else "IR"
    return None
