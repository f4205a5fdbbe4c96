"""The look shared by all figures, and their way into a page.

No pyplot, so nothing is global: a Figure is freed with its last reference and the
caller's own plots keep their style. Colours are those of Okabe & Ito, Color
Universal Design (2008), which stay apart for colour-blind readers; where lines can
lie on each other, they differ in dash or marker too.
"""

import base64
import functools
import io
import re
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
# Places in a drawing with more digits than a screen shows: a third of its size.
_PLACES, _DIGITS = re.compile(r' (?:d|x|y)="[^"]*"'), re.compile(r"(\.\d\d)\d+")
_PICTURE = re.compile(r"data:image/png;base64,([\sA-Za-z0-9+/=]+)")
FONTS = "'DejaVu Sans', Verdana, sans-serif"  # the second is nearly as wide
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
    "path.simplify_threshold": 0.4,  # of a pixel: what nobody sees is not drawn
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # text as text: half the size
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
            buffer, format="svg", metadata=nothing, dpi=110, bbox_inches="tight"
        )
    text = buffer.getvalue()
    text = text.replace("'DejaVu Sans'", FONTS)
    text = text[text.index("<svg") :]  # without the XML prologue, which links to a DTD
    text = _PICTURE.sub(_smaller, text)
    return _PLACES.sub(lambda part: _DIGITS.sub(r"\1", part[0]), text)


def _smaller(found: re.Match[str]) -> str:
    """A rasterised cloud of points in 64 colours: a third of its size."""
    from PIL import Image  # comes with matplotlib

    whole = Image.open(io.BytesIO(base64.b64decode(found[1])))
    buffer = io.BytesIO()
    few = whole.convert("RGBA").quantize(64, Image.Quantize.FASTOCTREE)
    few.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def new_figure(height: float) -> Figure:
    """Return an empty figure of full page width; height in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
