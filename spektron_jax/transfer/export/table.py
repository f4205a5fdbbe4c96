"""An exported calibration as CSV: blocks with a heading each, for any spreadsheet.

    settings       name, value
    coefficients   position, raw, snv: a row "constant", then one for each position
    points         what T2, Q and the interval are calculated from, a row for each point

See `docs/export.md`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spektron_jax.spectra.tables import write_table

Row = Iterable[object]


def write_csv(path: Path, found: dict[str, Any]) -> None:
    """Write the definition as a table."""
    blocks = [settings(found), _coefficients(found), _points(found)]
    write_table(path, (row for block in blocks for row in (*block, ())))


def settings(found: dict[str, Any]) -> list[tuple[str, object]]:
    """Single values by name."""
    axis, interval, domain = found["axis"], found["interval"], found["domain"]
    rows: list[tuple[str, object]] = [("settings", "value")]
    rows += [(name, found[name]) for name in ("format", "version", "package")]
    rows += list(found["about"].items())
    rows += [("axis unit", axis["unit"]), ("number of points", len(axis["positions"]))]
    rows += [("tolerance of positions", axis["tolerance"])]
    rows += [("coverage of the interval", interval["coverage"])]
    rows += [
        (f"interval {name}", interval[name])
        for name in ("fixed", "scale", "floor")
        if interval.get(name) is not None
    ]
    for name in ("t2_limit", "q_limit", "unlike") if domain else ():
        rows.append((name, domain[name]))
    if domain and domain["ends"]:
        rows += zip(("least label", "greatest label"), domain["ends"], strict=True)
    for name, value in (found["labels"] or {}).items():
        rows.append((f"labels {name}", value))
    return rows


def _coefficients(found: dict[str, Any]) -> Iterator[Row]:
    snv = found["snv"]
    yield ("coefficients", "raw") + (() if snv is None else ("snv",))
    yield ("constant", found["intercept"]) + (
        () if snv is None else (found["snv_constant"],)
    )
    columns = [found["axis"]["positions"], found["raw"]]
    yield from zip(*columns, *([] if snv is None else [snv]), strict=True)


def _points(found: dict[str, Any]) -> Iterator[Row]:
    """One row for each point z; a row "variance" gives those of the loadings."""
    points, interval, domain = found["points"], found["interval"], found["domain"]
    size = len(found["raw"] if points is None else points["first"])
    columns: dict[str, list] = {"points": list(range(1, size + 1))}
    variances: dict[str, float] = {}
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
        for k, each in enumerate(domain["loadings"], 1):
            columns[f"loading {k}"] = each
            variances[f"loading {k}"] = domain["variances"][k - 1]
    yield columns
    if variances:
        yield ["variance", *(variances.get(name, "") for name in list(columns)[1:])]
    yield from zip(*columns.values(), strict=True)
