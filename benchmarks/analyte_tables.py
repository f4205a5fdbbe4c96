"""Tables of what it gives to know what is measured, from `analyte.json`."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from benchmarks.analyte import BEYOND, CHOSE, REGIMES, WAYS
from benchmarks.result_files import load, markdown


def _table(names: Sequence[str], ways: Sequence[str], cell: Callable) -> str:
    """Rows names and ways, columns regimes."""
    rows = load("analyte")["rows"]
    lines = []
    for name, way in product(names, ways):
        own = {one["regime"]: one for one in rows if one["name"] == name and way in one}
        cells = [cell(own[str(r)], way) if str(r) in own else "-" for r in REGIMES]
        lines += [[f"{name}: {way}" if len(ways) > 1 else name, *cells]] if own else []
    return markdown(["", *map(str, REGIMES)], lines)


def _change(row: dict[str, Any], way: str) -> str:
    value, error = row[way]["change"], row[way].get("error")
    return f"{value:+.3f}" + (f" ± {error:.3f}" if error is not None else "")


def _names(wanted: Callable[[str], bool]) -> list[str]:
    names = dict.fromkeys(row["name"] for row in load("analyte")["rows"])
    return [name for name in names if wanted(name)]


def analyte() -> str:
    """Change of the ln error by property and regime."""
    names = _names(lambda name: ", " in name and ":" not in name)
    return _table(names, ["with"], _change)


def analyte_ways() -> str:
    """The same of sets, and of the control and the bound."""
    names = ["all but " + CHOSE, CHOSE, "virtual"]
    return _table(names, ["with", "mirrored", BEYOND, "slope"], _change)


def analyte_r2() -> str:
    """R2 without, with bands and with the slope."""

    def cell(row: dict[str, Any], _: str) -> str:
        return ", ".join(f"{row[way]['r2']:.3f}" for way in WAYS if way in row)

    names = _names(lambda name: "," not in name or ":" in name)
    return _table(names, ["without"], cell)


MAKERS = (analyte, analyte_ways, analyte_r2)
