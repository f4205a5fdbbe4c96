"""An exported calibration as CSV: blocks with a heading each, for any spreadsheet.

    settings       name, value
    coefficients   position, raw, snv: a row "constant", then one for each position
    points         what T2, Q and the interval are calculated from, a row for each point

With several properties, each has columns of its own, with its name before theirs.
See `docs/export.md`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from spektron_jax.spectra.tables import write_table
from spektron_jax.transfer.export.definition import names, size_of

Row = Iterable[object]


def write_csv(path: Path, found: Sequence[dict[str, Any]]) -> None:
    """Write the definitions as a table."""
    blocks = [settings(found), _coefficients(found), _points(found)]
    write_table(path, (row for block in blocks for row in (*block, ())))


def settings(found: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """Single values by name, a column for each property."""
    columns = [_settings(one) for one in found]
    yield ("settings", *(name or "value" for name in names(found)))
    for name in dict.fromkeys(name for column in columns for name in column):
        yield (name, *(column.get(name, "") for column in columns))


def _settings(found: dict[str, Any]) -> dict[str, object]:
    axis, interval, domain = found["axis"], found["interval"], found["domain"]
    values = {name: found[name] for name in ("format", "version", "package")}
    values |= found["about"]
    values |= {"axis unit": axis["unit"], "number of points": len(axis["positions"])}
    values["tolerance of positions"] = axis["tolerance"]
    values["coverage of the interval"] = interval["coverage"]
    for name in ("fixed", "scale", "floor"):
        if interval.get(name) is not None:
            values[f"interval {name}"] = interval[name]
    for name in ("t2_limit", "q_limit", "unlike") if domain else ():
        values[name] = domain[name]
    if domain and domain["ends"]:
        ends = zip(("least label", "greatest label"), domain["ends"], strict=True)
        values |= dict(ends)
    for name, value in (found["labels"] or {}).items():
        values[f"labels {name}"] = value
    return values


def _coefficients(found: Sequence[dict[str, Any]]) -> Iterator[Row]:
    columns = {"coefficients": ["constant", *found[0]["axis"]["positions"]]}
    for name, one in zip(names(found), found, strict=True):
        columns[f"{name} raw".lstrip()] = [one["intercept"], *one["raw"]]
        if one["snv"] is not None:
            columns[f"{name} snv".lstrip()] = [one["snv_constant"], *one["snv"]]
    yield columns
    yield from zip(*columns.values(), strict=True)


def _points(found: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """One row for each point z; a row "variance" gives those of the loadings."""
    columns, variances = dict[str, list](), dict[str, float]()
    for name, one in zip(names(found), found, strict=True):
        own = _of_points(one)
        columns |= {f"{name} {label}".lstrip(): own[label] for label in own}
        for k, variance in enumerate((one["domain"] or {}).get("variances", ()), 1):
            variances[f"{name} loading {k}".lstrip()] = variance
    size = max(map(size_of, found))
    yield ("points", *columns)
    if variances:
        yield ("variance", *(variances.get(name, "") for name in columns))
    numbers = range(1, size + 1)
    yield from zip_longest(numbers, *columns.values(), fillvalue="")


def _of_points(found: dict[str, Any]) -> dict[str, list]:
    """Columns with a value for each point z."""
    points, interval, domain = found["points"], found["interval"], found["domain"]
    columns = dict[str, list]()
    if points is not None:
        columns |= {"first": [each + 1 for each in points["first"]]}
        columns["constant"] = points["constant"]
        rows = zip(*points["weights"], strict=True)
        columns |= {f"weight {k}": list(each) for k, each in enumerate(rows, 1)}
    if interval["fixed"] is None:
        columns["centre"] = interval["centre"]
        columns |= {f"axis {k}": each for k, each in enumerate(interval["axes"], 1)}
    if domain is not None:
        columns["mean"] = domain["mean"]
        loadings = enumerate(domain["loadings"], 1)
        columns |= {f"loading {k}": each for k, each in loadings}
    return columns
