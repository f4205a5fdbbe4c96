"""Pieces of figures that several pages draw."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spektron_jax.commands.report.style import PALETTE


def legend_beside(axes: Axes) -> None:
    """The legend to the right of the panel."""
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def legend_below(figure: Figure, axes: Axes, columns: int, scale: float = 1.0) -> None:
    """One legend for the whole figure, each label of `axes` once."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(
        unique.values(),
        unique.keys(),
        loc="outside lower center",
        ncols=columns,
        markerscale=scale,
    )


def grouped_bars(
    axes: Axes, groups: Mapping[str, Sequence[float] | np.ndarray], names: Iterable[str]
) -> None:
    """Bars side by side at each name, a colour for each group."""
    width = 0.8 / len(groups)
    for index, (label, values) in enumerate(groups.items()):
        centre = np.arange(len(values)) + (index - (len(groups) - 1) / 2) * width
        axes.bar(centre, values, 0.92 * width, color=PALETTE[index], label=label)
    names = list(names)
    axes.set_xticks(range(len(names)), names)
    axes.grid(visible=False, axis="x")


def log_scale(axes: Axes, values: np.ndarray) -> None:
    """Logarithmic where all values are positive, else linear about zero only."""
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0:
        axes.set_yscale("log")
    elif values.size and np.any(values):
        axes.set_yscale("symlog", linthresh=1e-3 * np.abs(values).max())
