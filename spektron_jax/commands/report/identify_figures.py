"""Figures of an identification. Numbers in, one matplotlib Figure out."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from spektron_jax.commands.report.curves import Point, curves_by_number
from spektron_jax.commands.report.style import (
    BLACK,
    BLUE,
    GREY,
    PALETTE,
    new_figure,
    styled,
)


class Overlay(NamedTuple):
    """A query over the library's spectrum of its hit; (axis in cm-1, values) each."""

    title: str
    query: tuple[np.ndarray, np.ndarray]
    hit: tuple[np.ndarray, np.ndarray]


@styled
def overlays(drawn: Sequence[Overlay]) -> Figure:
    """A panel for each query."""
    rows = -(-len(drawn) // 2)
    figure = new_figure(0.5 + 1.9 * rows)
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes, one in zip(panels, drawn, strict=False):
        for (x, y), colour, width, name in (
            (one.hit, BLUE, 2.0, "library"),
            (one.query, BLACK, 0.9, "query"),
        ):
            scaled = (y - y.min()) / (np.ptp(y) or 1.0)
            axes.plot(x, scaled, color=colour, lw=width, label=name)
        axes.set_title(one.title, parse_math=False, fontsize=8.5)
        axes.set(yticks=[], xlabel="cm⁻¹")
    panels[0].legend(loc="best")
    for axes in panels[len(drawn) :]:
        axes.set_axis_off()
    return figure


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
