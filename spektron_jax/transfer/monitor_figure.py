"""The charts of a drift monitor. Controls in, one matplotlib Figure out.

c = controls.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from spektron_jax.transfer.monitor import Control


GREY, BLUE, ORANGE, VERMILION = "#8a8a8a", "#0072B2", "#E69F00", "#D55E00"


def control_charts(
    controls: Sequence["Control"], sums: np.ndarray, limit: float
) -> Figure:
    """Bias, its CUSUM, T2 and Q, one below the other.

    Args:
      controls: oldest first                                           (c,)
      sums: upper sum, lower sum (negative) and z of each control      (c, 3)
      limit: of the sums
    """
    figure = Figure(figsize=(8.6, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    bias, cusum, distances = figure.subplots(3, sharex=True)
    number = np.arange(1, len(controls) + 1)
    bias.axhline(0, color=GREY, lw=1)
    bias.plot(number, [one.bias for one in controls], "o-", color=BLUE, ms=3)
    bias.set(ylabel="reference - prediction")
    cusum.plot(number, sums[:, 2], "o", color=GREY, ms=3, label="SDs")
    for column, label in ((0, "sum above"), (1, "sum below")):
        colour = (BLUE, ORANGE)[column]
        cusum.plot(number, sums[:, column], color=colour, label=label)
    for end in (-limit, limit):
        cusum.axhline(end, color=VERMILION, ls="--", lw=1)
    cusum.set(ylabel="CUSUM")
    cusum.legend(loc="upper left", ncols=3)
    for name, label, colour in (("t2", "T2", BLUE), ("q", "Q", ORANGE)):
        values = [getattr(one, name) for one in controls]
        distances.plot(number, values, "o-", color=colour, ms=3, label=label)
    distances.axhline(1, color=VERMILION, ls="--", lw=1)
    distances.set(ylabel="share of the limit", xlabel="control")
    distances.legend(loc="upper left", ncols=2)
    return figure
