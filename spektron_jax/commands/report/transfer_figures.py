"""Figures of a calibration transfer. Arrays in, one matplotlib Figure out.

N = samples, L = points.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from spektron_jax.commands.report.curves import Point, curves_by_number
from spektron_jax.commands.report.panels import legend_beside
from spektron_jax.commands.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    VERMILION,
    new_figure,
    styled,
)

SHOWN_SPECTRA = 20  # of each instrument


@styled
def error_curve(
    curve: Mapping[str, Sequence[Point]],
    floor: float | None,
    ceiling: float | None,
    unit: str,
) -> Figure:
    """RMSEP against the number of transfer samples.

    Args:
      curve: method -> rows of n, rmsep, low, high
      floor: RMSEP without transfer
      ceiling: RMSEP of all target labels
      unit: of the property
    """
    figure = new_figure(3.4)
    axes = figure.subplots()
    lines = (("no transfer", floor, ":"), ("all target labels", ceiling, "--"))
    for name, value, dash in lines:
        if value is not None:
            axes.axhline(value, color=GREY, ls=dash, label=f"{name}: {value:.3g}")
    curves_by_number(axes, curve)
    if min(row[2] for rows in curve.values() for row in rows) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:.3g}")
        axes.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False))
    axes.set(xlabel="target samples", ylabel=f"RMSEP ({unit})" if unit else "RMSEP")
    return figure


@styled
def predicted_against_measured(
    measured: np.ndarray,
    panels: Mapping[str, np.ndarray],
    spread: np.ndarray | None,
    unit: str,
) -> Figure:
    """A panel for each set of predictions, (n,); spread: SD of the last one's."""
    figure = new_figure(3.5)
    shown = f" ({unit})" if unit else ""
    for axes, (name, values) in zip(
        figure.subplots(1, max(2, len(panels)))[: len(panels)],
        panels.items(),
        strict=True,
    ):
        both = np.concatenate([measured, values])
        ends = [both.min(), both.max()]
        last = name == list(panels)[-1]
        bars = spread if last else None
        colour = BLUE if last else GREY
        look = {"fmt": "o", "ms": 4, "elinewidth": 0.8, "color": colour}
        axes.plot(ends, ends, color=BLACK, lw=0.8)
        axes.errorbar(measured, values, yerr=bars, **look)
        axes.set(title=name, xlabel=f"measured{shown}", ylabel=f"predicted{shown}")
    for unused in figure.axes[len(panels) :]:
        unused.set_axis_off()
    return figure


@styled
def coefficients(
    axis: np.ndarray,
    mean: np.ndarray,
    raw: np.ndarray,
    snv: np.ndarray | None,
    unit: str,
    quantity: str,
) -> Figure:
    """The regression vector below the mean spectrum it acts on, (q,) each."""
    figure = new_figure(4.0)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    top.plot(axis, mean, color=BLACK, lw=1)
    top.set(ylabel=_named(quantity))
    whole = raw
    if snv is not None:
        scaled = snv / (mean.std(ddof=1) or 1.0)
        whole = raw + scaled
        for values, colour, name in ((raw, ORANGE, "raw"), (scaled, GREEN, "SNV")):
            below.plot(axis, values, color=colour, lw=0.8, label=f"on {name} spectra")
    below.plot(axis, whole, color=BLUE, lw=1.4, label="together")
    below.axhline(0, color=GREY, lw=0.8)
    below.legend(loc="best", ncols=3)
    below.set(xlabel=unit, ylabel="coefficient")
    return figure


@styled
def instruments(
    axis: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    difference: np.ndarray | None,
    names: tuple[str, str],
    unit: str,
    quantity: str,
) -> Figure:
    """Spectra of both instruments, and their mean difference.

    Args:
      axis: positions                                                  (L,)
      source, target: spectra on it                                    (N, L)
      difference: target minus source of the same samples              (N, L)
      names: of the instruments
      unit: of the axis
      quantity: of the spectra
    """
    figure = new_figure(4.6 if difference is not None else 2.8)
    rows = 2 if difference is not None else 1
    panels = np.atleast_1d(figure.subplots(rows, 1, sharex=True))
    for X, name, colour in zip((source, target), names, (BLUE, ORANGE), strict=True):
        shown = X[:: -(-len(X) // SHOWN_SPECTRA)] if len(X) else X
        for place, values in enumerate(shown):
            label = name if place == 0 else None
            panels[0].plot(axis, values, color=colour, lw=0.6, alpha=0.6, label=label)
    panels[0].legend(loc="best")
    panels[0].set(ylabel=_named(quantity))
    if difference is not None:
        mean, spread = difference.mean(axis=0), difference.std(axis=0)
        panels[1].fill_between(axis, mean - spread, mean + spread, color=LIGHT, lw=0)
        panels[1].plot(axis, mean, color=BLACK, lw=1)
        panels[1].axhline(0, color=GREY, lw=0.8)
        panels[1].set(ylabel="difference")
    panels[-1].set(xlabel=unit)
    return figure


@styled
def distances(
    t2: np.ndarray,
    q: np.ndarray,
    transfer: np.ndarray,
    source: tuple[np.ndarray, np.ndarray] | None = None,
) -> Figure:
    """T2 and Q of target spectra over their limits, (N,); transfer: (N,) bool."""
    figure = new_figure(3.6)
    axes = figure.subplots()
    if source is not None:
        axes.scatter(*source, s=12, color=LIGHT, lw=0, label="calibration spectra")
    other, ring = ~transfer, dict[str, Any](facecolors="none", edgecolors=VERMILION)
    axes.scatter(t2[other], q[other], s=16, color=BLUE, lw=0, label="other target")
    axes.scatter(t2[~other], q[~other], s=34, lw=1.2, label="transfer samples", **ring)
    axes.axhline(1, color=GREY, lw=0.8)
    axes.axvline(1, color=GREY, lw=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    look = dict[str, Any](color="#666666", fontsize=8)
    across, along = axes.get_yaxis_transform(), axes.get_xaxis_transform()
    axes.text(0.005, 1, "limit of Q", transform=across, va="bottom", **look)
    axes.text(1, 0.01, " limit of T²", transform=along, **look)
    legend_beside(axes)
    axes.set(xlabel="T² / limit", ylabel="Q / limit")
    return figure


@styled
def latent_map(
    points: Mapping[str, np.ndarray], transfer: np.ndarray, names: tuple[str, str]
) -> Figure:
    """Latent codes of both instruments before and after the transfer.

    Args:
      points: source_before, source_after, target_before, target_after (N, 2); share of
        the variance on both axes (2,)
      transfer: which target spectra are transfer samples              (N,) bool
      names: of the instruments
    """
    figure = new_figure(3.6)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, when in zip(panels, ("before", "after"), strict=True):
        source, target = points[f"source_{when}"], points[f"target_{when}"]
        parts = (
            (source, BLUE, "o", names[0]),
            (target[~transfer], ORANGE, "^", names[1]),
            (target[transfer], VERMILION, "s", f"{names[1]}, transfer samples"),
        )
        for part, colour, marker, name in parts:
            if len(part):
                kind = {"color": colour, "marker": marker, "label": name}
                axes.scatter(*part.T, s=14, lw=0, alpha=0.8, **kind)
        axes.set(title=f"{when} transfer", xlabel=f"PC 1 ({points['share'][0]:.0%})")
    panels[0].set(ylabel=f"PC 2 ({points['share'][1]:.0%})")
    panels[0].legend(loc="best")
    return figure


def _named(quantity: str) -> str:
    return "spectrum" if quantity in ("", "unknown") else quantity
