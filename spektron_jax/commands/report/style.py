"""The look shared by all figures, and their way into a page.

No pyplot, so nothing is global: a Figure is freed with its last reference and the
caller's own plots keep their style. Colours are those of Okabe & Ito, Color
Universal Design (2008), which stay apart for colour-blind readers; where lines can
lie on each other, they differ in dash or marker too.
"""

import functools
import io
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLACK, GREY, LIGHT = "#222222", "#8a8a8a", "#c9c9c9"
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILION, PURPLE, YELLOW = "#D55E00", "#CC79A7", "#B8A900"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW)
METHODS = {  # key in the result files: name, colour, dash, marker
    "model": ("model", BLUE, "-", "o"),
    "linear": ("linear interpolation", ORANGE, "--", "s"),
    "spline": ("cubic spline", GREEN, ":", "^"),
    "mean": ("mean spectrum", GREY, "-.", "D"),
}
WIDTH = 8.6  # inches; the page shows figures at most about this wide
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # text as outlines: no font is needed to read it
    "svg.hashsalt": "spektron",  # the same data give the same bytes
}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw under STYLE, leaving the caller's settings as they were."""

    @functools.wraps(draw)
    def wrapped(*args, **kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapped


def to_svg(figure: Figure) -> str:
    """Return the figure as one <svg> element without date or outside reference."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context(STYLE):
        # "tight": the layout is settled before the tick labels are, and could clip one.
        # dpi counts only for scatter clouds, which are rasterised to keep files small.
        figure.savefig(
            buffer, format="svg", metadata=nothing, dpi=140, bbox_inches="tight"
        )
    text = buffer.getvalue()
    return text[text.index("<svg") :]  # without the XML prologue, which links to a DTD


def new_figure(height: float) -> Figure:
    """Return an empty figure of full page width; height in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
