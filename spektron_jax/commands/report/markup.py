"""Pieces of HTML. Everything given as text is escaped; nothing links outside."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

from matplotlib.figure import Figure

from spektron_jax.commands.report.style import to_svg
from spektron_jax.commands.result import Finding

CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #222; font: 16px/1.55 system-ui,
  -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .6rem; padding-bottom: .25rem;
  border-bottom: 1px solid #ddd; break-after: avoid; }
p { margin: .6rem 0; max-width: 46rem; }
.facts { color: #555; margin-top: 0; }
.note, figcaption, caption { color: #555; font-size: .9rem; }
.verdict { list-style: none; margin: 1.6rem 0; padding: 0; }
.verdict li { margin: 0 0 .6rem; padding: .55rem .9rem; background: #f6f7f9;
  border-left: 5px solid #8a8a8a; border-radius: 3px; break-inside: avoid; }
.verdict .good { border-color: #009e73; }
.verdict .bad { border-color: #d55e00; }
.verdict b { display: block; font-size: .82rem; letter-spacing: .02em; color: #444; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0 1rem; font-size: .93rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 .4rem; }
th, td { padding: .35rem .9rem .35rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e4e4e4; }
thead th { border-bottom: 1.5px solid #777; font-weight: 600; }
tbody th { font-weight: 500; white-space: nowrap; }
tr.ours { background: #eef5fa; }
figure { margin: 1.2rem 0 1.8rem; break-inside: avoid; }
figure img { display: block; width: 100%; height: auto; }
figcaption { max-width: 46rem; margin-top: .3rem; }
details { margin: 1rem 0; }
summary { cursor: pointer; font-weight: 600; }
pre, code { font: .86rem/1.5 ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
pre { background: #f6f7f9; padding: .8rem 1rem; border-radius: 3px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  .scroll { overflow: visible; } }
"""


def document(title: str, body: str) -> str:
    """Return a whole page; title is text, body is HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def section(name: str, title: str, *parts: str) -> str:
    """Return a heading with an id, and the parts (HTML) below it."""
    return "\n".join((f'<h2 id="{escape(name)}">{escape(title)}</h2>', *parts))


def finding(found: Finding) -> str:
    """Return one item of the verdict."""
    kind = {True: "good", False: "bad", None: "plain"}[found.good]
    label = found.label[0].upper() + found.label[1:]
    return f'<li class="{kind}"><b>{escape(label)}</b> {escape(found.text)}</li>'


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    caption: str = "",
    ours: int | None = None,
) -> str:
    """Return a table; each row starts with its heading, row `ours` is marked."""
    lines = ['<div class="scroll"><table>']
    if caption:
        lines.append(f"<caption>{escape(caption)}</caption>")
    cells = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    lines.append(f"<thead><tr>{cells}</tr></thead>\n<tbody>")
    for index, (first, *rest) in enumerate(rows):
        cells = f'<th scope="row">{escape(first)}</th>'
        cells += "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        lines.append(f"<tr{' class=ours' if index == ours else ''}>{cells}</tr>")
    lines.append("</tbody></table></div>")
    return "\n".join(lines)


def image(figure: Figure, caption: str) -> str:
    """Return the figure as an image inside the page.

    An <img> rather than bare <svg>: ids of several drawings would clash in one
    document, and nothing in an image can run or load anything.
    """
    svg = base64.b64encode(to_svg(figure).encode()).decode()
    words = escape(caption)
    return (
        f'<figure><img alt="{words}" src="data:image/svg+xml;base64,{svg}">\n'
        f"<figcaption>{words}</figcaption></figure>"
    )
