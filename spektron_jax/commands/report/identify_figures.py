"""Figures of an identification. Numbers in, one matplotlib Figure out."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from spektron_jax.commands.report.curves import Point, curves_by_number
from spektron_jax.commands.report.style import GREY, PALETTE, new_figure, styled


@styled
def rejection(
    curves: Mapping[str, tuple[list[float], list[float]]], accepted: float
) -> Figure:
    """Accuracy against the share rejected; accepted: share kept by the threshold."""
    figure = new_figure(3.2)
    axes = figure.subplots()
    for place, (name, (rejected, accuracy)) in enumerate(curves.items()):
        dash = ("-", "--")[place % 2]
        axes.plot(rejected, accuracy, dash, color=PALETTE[place], label=name)
    axes.axvline(1 - accepted, color=GREY, lw=1, ls=":", label="threshold")
    axes.set(xlabel="share rejected", ylabel="accuracy of the rest", ylim=(0, 1.03))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


@styled
def learning(curves: Mapping[str, Sequence[Point]]) -> Figure:
    """Accuracy of each method against labelled spectra of each class."""
    figure = new_figure(3.4)
    axes = figure.subplots()
    curves_by_number(axes, curves)
    axes.set(xlabel="labelled spectra of each class", ylabel="accuracy")
    return figure
