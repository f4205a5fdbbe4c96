"""Figures of a calibration transfer. Arrays in, one matplotlib Figure out.

N = samples, L = points.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from spektron_jax.commands.report.curves import Point, curves_by_number
from spektron_jax.commands.report.style import (
    BLACK,
    BLUE,
    GREY,
    LIGHT,
    ORANGE,
    VERMILION,
    new_figure,
    styled,
)

SHOWN_SPECTRA = 30  # of each instrument


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
    highest = max(row[3] for rows in curve.values() for row in rows)
    lines = (("no transfer", floor, ":"), ("all target labels", ceiling, "--"))
    for name, value, dash in lines:
        if value is None:
            continue
        if value > 5 * highest:  # would flatten everything else
            axes.plot([], [], color=GREY, ls=dash, label=f"{name}: {value:.3g}")
            continue
        axes.axhline(value, color=GREY, ls=dash, label=name)
    curves_by_number(axes, curve)
    axes.set_ylim(bottom=0)
    axes.set(xlabel="target samples", ylabel=f"RMSEP ({unit})" if unit else "RMSEP")
    return figure


@styled
def predicted_against_measured(
    measured: np.ndarray, predicted: np.ndarray, spread: np.ndarray, unit: str
) -> Figure:
    """Held-out predictions, mean and SD over the splits that held them out, (N,)."""
    figure = new_figure(3.8)
    axes = figure.subplots()
    ends = [
        min(measured.min(), predicted.min()),
        max(measured.max(), predicted.max()),
    ]
    axes.plot(ends, ends, color=GREY, lw=1)
    axes.errorbar(
        measured, predicted, yerr=spread, fmt="o", ms=4, color=BLUE, elinewidth=0.8
    )
    axes.set_aspect("equal", adjustable="box")
    shown = f" ({unit})" if unit else ""
    axes.set(xlabel=f"measured{shown}", ylabel=f"predicted{shown}")
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
    panels[0].set(ylabel=quantity)
    if difference is not None:
        mean, spread = difference.mean(axis=0), difference.std(axis=0)
        panels[1].fill_between(axis, mean - spread, mean + spread, color=LIGHT, lw=0)
        panels[1].plot(axis, mean, color=BLACK, lw=1)
        panels[1].axhline(0, color=GREY, lw=0.8)
        panels[1].set(ylabel=f"{names[1]} − {names[0]}")
    panels[-1].set(xlabel=unit)
    return figure


@styled
def distances(t2: np.ndarray, q: np.ndarray, transfer: np.ndarray) -> Figure:
    """T2 and Q of target spectra over their limits, (N,); transfer: (N,) bool."""
    figure = new_figure(3.2)
    axes = figure.subplots()
    for chosen, colour, name in (
        (~transfer, BLUE, "other target spectra"),
        (transfer, VERMILION, "transfer samples"),
    ):
        if chosen.any():
            axes.scatter(t2[chosen], q[chosen], s=14, color=colour, label=name, lw=0)
    axes.axhline(1, color=GREY, lw=0.8)
    axes.axvline(1, color=GREY, lw=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(loc="best")
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
