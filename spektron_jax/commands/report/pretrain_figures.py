"""Figures of a pretraining run. Arrays in, one matplotlib Figure out.

The figure of a single masked spectrum is in `spectrum_figure.py`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from spektron_jax.commands.report.panels import (
    legend_beside,
    log_scale,
)
from spektron_jax.commands.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    METHODS,
    ORANGE,
    PALETTE,
    VERMILION,
    new_figure,
    styled,
)
from spektron_jax.losses.objective import NAMES as LOSSES

CURVES = {
    "curve/z_chem_instrument": "instrument in z_chem",
    "curve/z_inst_instrument": "instrument in z_inst",
    "curve/z_chem_molecule": "molecule in z_chem",
}
CURVE_COLOURS = (VERMILION, ORANGE, BLUE)
CURVE_VERTICES = 600  # of a curve: finer than a printed page shows


@styled
def loss_curves(metrics: Mapping[str, np.ndarray]) -> Figure:
    """Total loss, and its seven weighted terms on a logarithmic scale.

    Args:
      metrics: columns of metrics.jsonl: "step", "loss/total", "weighted/<term>"
    """
    figure = new_figure(3.4)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    total = metrics["loss/total"]
    thin = slice(None, None, -(-total.size // CURVE_VERTICES))
    step, mean = metrics["step"][thin], _running_mean(total)[thin]
    marker = "o" if total.size == 1 else None
    left.plot(step, total[thin], color=LIGHT, lw=1, label="logged")
    left.plot(step, mean, color=BLACK, marker=marker, label="running mean")
    if np.nanmin(total) > 0 and np.nanmax(total) > 10 * np.nanmin(total):
        left.set_yscale("log")
    left.legend(loc="upper right")
    left.set(title="total loss", xlabel="optimiser step", ylabel="loss")
    curves = [_running_mean(metrics[f"weighted/{name}"])[thin] for name in LOSSES]
    for name, curve, colour in zip(LOSSES, curves, PALETTE, strict=True):
        right.plot(step, curve, color=colour, marker=marker, label=name)
    log_scale(right, np.concatenate(curves))
    legend_beside(right)
    right.set(title="terms, weighted (running mean)", xlabel="optimiser step")
    right.set_ylabel("weight × loss")
    return figure


@styled
def schedules(metrics: Mapping[str, np.ndarray]) -> Figure:
    """Learning rate, weight of the KL term and strength of gradient reversal.

    Args:
      metrics: columns of metrics.jsonl: "step", "lr", "beta", "alpha"
    """
    figure = new_figure(2.3)
    panels = (
        ("lr", "learning rate", BLUE),
        ("beta", "β (weight of KL)", ORANGE),
        ("alpha", "α (gradient reversal)", GREEN),
    )
    for axes, (key, title, colour) in zip(figure.subplots(1, 3), panels, strict=True):
        axes.plot(metrics["step"], metrics[key], color=colour)
        axes.set(title=title, xlabel="optimiser step")
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    return figure


@styled
def knowledge_curves(metrics: Mapping[str, np.ndarray], chance: float) -> Figure:
    """Instrument and molecule accuracy of the codes over training.

    Args:
      metrics: columns of metrics.jsonl: "step" and some of CURVES; NaN is skipped
      chance: level of the instrument
    """
    figure = new_figure(2.6)
    axes = figure.subplots()
    for (name, words), colour in zip(CURVES.items(), CURVE_COLOURS, strict=True):
        if name in metrics:
            known = np.isfinite(metrics[name])
            look = dict[str, Any](
                color=colour,
                label=words,
                marker="o",
                ms=3,
            )
            axes.plot(metrics["step"][known], metrics[name][known], **look)
    axes.axhline(chance, color=GREY, ls="--", lw=1, label="instrument by chance")
    axes.set(xlabel="optimiser step", ylabel="accuracy", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    legend_beside(axes)
    return figure


@styled
def reconstruction_errors(
    errors: Mapping[str, Mapping[str, Mapping[str, float]]],
    titles: Mapping[str, str],
) -> Figure:
    """Squared error of model and baselines with 95 % intervals, for each kind of gap.

    Args:
      errors: kind of gap -> method -> {"mse", "low", "high"}
      titles: kind of gap -> panel title
    """
    figure = new_figure(2.3)
    panels = figure.subplots(1, len(errors), sharey=True, squeeze=False)[0]
    for axes, (gap, methods) in zip(panels, errors.items(), strict=True):
        for row, (key, (_, colour, _, marker)) in enumerate(METHODS.items()):
            mse = methods[key]["mse"]
            reach = [[mse - methods[key]["low"]], [methods[key]["high"] - mse]]
            look = dict[str, Any](
                fmt=marker,
                color=colour,
                capsize=3,
                ms=6,
            )
            axes.errorbar(mse, row, xerr=np.maximum(reach, 0), **look)
        axes.set_yticks(range(len(METHODS)), [name for name, *_ in METHODS.values()])
        axes.set_ylim(len(METHODS) - 0.5, -0.5)
        if min(methods[key]["low"] for key in METHODS) > 0:
            axes.set_xscale("log")
        axes.set(title=titles[gap], xlabel="mean squared error (absorbance²)")
    return figure


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Mean over a centred window of about a thirtieth of the run."""
    window = np.ones(2 * (values.size // 60) + 1)
    count = np.convolve(np.ones(values.size), window, mode="same")
    return np.convolve(values, window, mode="same") / count
