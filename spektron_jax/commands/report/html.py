"""A Result as one HTML page that opens without a network: no script, no outside link.

Everything is escaped by the template. Figures are <img> rather than bare <svg>: ids of
several drawings would clash in one document, and nothing in an image can run or load
anything.
"""

import base64

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from spektron_jax.commands.report.style import to_svg
from spektron_jax.commands.result import Plot, Result, Section

_TEMPLATES = Environment(
    loader=PackageLoader("spektron_jax.commands", "report"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["kind"] = lambda part: type(part).__name__
_TEMPLATES.filters["mood"] = {True: "good", False: "bad", None: "plain"}.get


def render(result: Result, *last: Section) -> str:
    """The whole page; sections of `last` stand below the result's own."""
    template = _TEMPLATES.get_template("page.html.j2")
    sections = [*result.sections, *last]
    return template.render(result=result, sections=sections, source=_source)


def _source(plot: Plot) -> str:
    """The figure as a data URL."""
    return "data:image/svg+xml;base64," + (
        base64.b64encode(to_svg(plot.figure).encode()).decode()
    )
