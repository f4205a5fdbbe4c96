"""Curves with error bars against a number of samples."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from spektron_jax.commands.report.style import PALETTE

Point = tuple[float, float, float, float]  # number of samples, value, low, high


def curves_by_number(axes: Axes, curves: Mapping[str, Sequence[Point]]) -> None:
    """A curve for each name, the number of samples on a logarithmic axis.

    The legend stands to the right, so add what else it shall name before.
    """
    for place, (name, points) in enumerate(curves.items()):
        n, value, low, high = np.array(points, dtype=float).T
        shift = 1 + 0.015 * (place - len(curves) / 2)  # bars side by side
        axes.errorbar(
            n * shift,
            value,
            yerr=np.maximum([value - low, high - value], 0),
            color=PALETTE[place % len(PALETTE)],
            marker="os^Dvpx"[place % 7],
            ms=4,
            elinewidth=0.8,
            label=name,
        )
    numbers = sorted({int(point[0]) for points in curves.values() for point in points})
    axes.set_xscale("log")
    axes.set_xticks(numbers, [str(n) for n in numbers])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
