"""A Result as one HTML page that opens without a network: no script, no outside link.

Everything is escaped by the template. Figures are <img> rather than bare <svg>: ids of
several drawings would clash in one document, and nothing in an image can run or load
anything.
"""

import csv
import io
import re
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from spektron_jax.commands.report.glossary import Glossary
from spektron_jax.commands.report.style import to_svg
from spektron_jax.commands.result import Plot, Result, Section, Table
from spektron_jax.spectra.tables import harmless

# A cell of numbers: a sign, a digit or an interval first, and few words after it.
_NUMBER = re.compile(
    r"[-+−±]?[\d.]+( ?[%×].{0,8}|\s?\[.*\])?$|\[.*\]$|not (finite|defined)$"
)
_PLAIN = " !$()*+,-./:;=?@[]_`{|}~"  # stands in an address of data as it is


def render(result: Result, *last: Section) -> str:
    """The whole page; sections of `last` stand below the result's own."""
    words = Glossary()
    templates = Environment(
        loader=PackageLoader("spektron_jax.commands", "report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "kind": lambda part: type(part).__name__,
        "mood": {True: "good", False: "bad", None: "plain"}.get,
        "gloss": words,
        "numeric": numeric,
    }
    template = templates.get_template("page.html.j2")
    given = {
        "result": result,
        "sections": [*result.sections, *last],
        "source": _source,
        "numbers": _numbers,
    }
    return template.render(given, glossary=words.used)


def numeric(table: Table) -> set[int]:
    """Columns, but for the first, that hold numbers alone."""
    found = set()
    for column in range(1, len(table.header)):
        cells = [row[column].strip() for row in table.rows if column < len(row)]
        filled = [cell for cell in cells if cell]
        if filled and all(_NUMBER.match(cell) for cell in filled):
            found.add(column)
    return found


def _source(plot: Plot) -> str:
    """The figure as a data URL; less is to be escaped than base64 would add."""
    svg = to_svg(plot.figure).replace("\n", " ")
    return f"data:image/svg+xml,{quote(svg, safe=_PLAIN)}"


def _numbers(plot: Plot) -> str:
    """What the figure shows, as a data URL of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(plot.numbers)
    rows = zip(*plot.numbers.values(), strict=True)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return f"data:text/csv;charset=utf-8,{quote(text.getvalue())}"
