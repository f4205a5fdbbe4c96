"""Figures of what weights have learned. Arrays in, one matplotlib Figure out.

N layers, P oscillators, W waves, E experts, F units, X inputs, p points, n molecules.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spektron_jax.commands.report.panels import legend_below
from spektron_jax.commands.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PALETTE,
    VERMILION,
    new_figure,
    styled,
)
from spektron_jax.probes.interpretation.experts import ActivationCurves
from spektron_jax.probes.interpretation.oscillators import Oscillators
from spektron_jax.probes.interpretation.planted import Planted
from spektron_jax.probes.interpretation.samples import CalibrationSet

DIRECTIONS = (("upwards", BLUE), ("downwards", VERMILION))
UNITS = 5  # curves drawn of each expert


@styled
def poles(before: Oscillators, after: Oscillators, spacing_cm1: float) -> Figure:
    """Period and decay length of every oscillator, a column for each layer.

    Args:
      before, after: the oscillators before and after training
      spacing_cm1: distance of two tokens
    """
    figure = new_figure(3.4)
    grid = _columns(figure, len(after.period_cm1), "layer", "period (1/cm)")
    for layer, axes in enumerate(grid):
        period, decay = before.period_cm1[layer], before.decay_cm1[layer]
        look = dict[str, Any](color=LIGHT, label="before training", rasterized=True)
        axes.scatter(period, decay, s=14, **look)
        for way, (name, colour) in enumerate(DIRECTIONS):
            period, decay, strength = (each[layer, way] for each in after)
            size = 22 * strength * strength.size
            look = dict[str, Any](facecolor="none", edgecolor=colour, lw=0.9)
            look |= {"label": f"after, {name}", "rasterized": True}
            axes.scatter(period, decay, s=size, **look)
        axes.axvline(2 * spacing_cm1, color=GREY, ls=":", lw=1)
        axes.set(xscale="log", yscale="log")
    grid[0].set_ylabel("decay length (1/cm)")
    legend_below(figure, grid[0], 3)
    return figure


@styled
def transfer_functions(
    period: np.ndarray, before: np.ndarray, after: np.ndarray
) -> Figure:
    """Gain of the layers for waves along the axis, before (dashed) and after training.

    Args:
      period: of the waves, cm-1 (W,)
      before, after: gain (N, 2, W)
    """
    figure = new_figure(2.9)
    grid = _columns(figure, len(after), "layer", "period of the wave (1/cm)")
    for layer, axes in enumerate(grid):
        for way, (name, colour) in enumerate(DIRECTIONS):
            axes.plot(period, before[layer, way], color=colour, ls="--", lw=0.8)
            axes.plot(period, after[layer, way], color=colour, label=name)
        axes.set(xscale="log", yscale="log")
    grid[0].set_ylabel("gain")
    grid[0].legend(loc="upper left")
    return figure


@styled
def kan_curves(curves: ActivationCurves) -> Figure:
    """The strongest activation shapes of every expert, each scaled to rms 1."""
    figure = new_figure(2.6)
    grid = _columns(figure, len(curves.shape), "expert", "input of the unit")
    for shapes, axes in zip(curves.shape, grid, strict=True):
        size = np.sqrt(np.mean(shapes**2, axis=-1))
        strongest = np.argsort(-size)[:UNITS]
        axes.plot(curves.inputs, curves.silu, color=GREY, ls="--", label="silu")
        for unit, colour in zip(strongest, PALETTE, strict=False):
            axes.plot(curves.inputs, shapes[unit] / size[unit], color=colour, lw=1)
    grid[0].set_ylabel("activation, rms 1")
    grid[0].legend(loc="upper left")
    return figure


@styled
def saliency(samples: CalibrationSet, contribution: np.ndarray) -> Figure:
    """The spectra, and below what each point contributes to the prediction.

    Args:
      samples: whose property is predicted; the band is two standard deviations
      contribution: share of each point in the prediction's variance (p,)
    """
    figure = new_figure(4.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))
    axis, mean = samples.axis, np.nanmean(samples.spectra, axis=0)
    spread = 2 * np.nanstd(samples.spectra, axis=0)
    above.fill_between(axis, mean - spread, mean + spread, color=LIGHT, lw=0)
    above.plot(axis, mean, color=BLACK, lw=1)
    above.set(ylabel="absorbance", title="mean of the spectra ± 2 standard deviations")
    smooth = _smooth(contribution)
    below.axhline(0, color=GREY, lw=0.8)
    below.fill_between(axis, smooth, color=BLUE, alpha=0.35, lw=0)
    below.plot(axis, smooth, color=BLUE, lw=1)
    below.set_ylabel("share per point")
    below.set_title(f"contribution to the predicted {samples.name} (sums to 1)")
    _spectral_axis(below, samples.unit)
    return figure


@styled
def planted(axis: np.ndarray, bands: Sequence[Planted], unit: str) -> Figure:
    """Maps for planted bands, and for shuffled heights.

    Args:
      axis: (p,)
      bands: a panel for each
      unit: of the axis
    """
    figure = new_figure(1.3 * len(bands) + 0.7)
    grid = figure.subplots(len(bands), 1, sharex=True, squeeze=False)[:, 0]
    for axes, band in zip(grid, bands, strict=True):
        ends = band.place - band.fwhm, band.place + band.fwhm
        axes.axvspan(*ends, color=ORANGE, alpha=0.25, lw=0)
        null, real = _smooth(band.control_map), _smooth(band.map)
        axes.plot(axis, null, color=GREY, lw=0.9, label="shuffled heights")
        axes.plot(axis, real, color=BLUE, lw=1.1, label="real heights")
        axes.set_title(
            f"band at {band.place:.0f}: {band.share:.0%} of the prediction's variance "
            f"on it (shuffled {abs(band.control):.0%})"
        )
    grid[0].legend(loc="upper left")
    _spectral_axis(grid[-1], unit)
    return figure


@styled
def completeness(allowed: np.ndarray, visible: Mapping[str, np.ndarray]) -> Figure:
    """Share of the vibrations that spectra show, over the molecules.

    Args:
      allowed: R(G, N) by what symmetry permits (n,)
      visible: "ir", "raman" and "either" -> the share visible in it (n,)
    """
    figure = new_figure(2.8)
    left, right = figure.subplots(1, 2)
    left.hist(allowed[allowed < 1], np.linspace(0.3, 1, 29), color=BLUE)
    count = np.sum(allowed == 1)
    left.set(xlabel="R(G, N), symmetry", ylabel="molecules with R < 1")
    left.set_title(f"{count:,} of {allowed.size:,} molecules have R = 1")
    edges = np.linspace(0, 1, 41)
    for (name, values), colour in zip(
        visible.items(), (VERMILION, GREEN, BLUE), strict=True
    ):
        label = {"ir": "IR", "raman": "Raman"}.get(name, name)
        right.hist(values, edges, histtype="step", color=colour, lw=1.4, label=label)
    right.set(xlabel="share of the modes above 1 % of the strongest line")
    right.set(ylabel="molecules", title="what an instrument sees")
    right.legend(loc="upper left")
    return figure


def _smooth(values: np.ndarray) -> np.ndarray:
    """Mean over nine points: the network takes eight points a token or more."""
    size = min(9, len(values))
    return np.convolve(values, np.full(size, 1 / size), mode="same")


def _columns(figure: Figure, count: int, title: str, xlabel: str) -> np.ndarray:
    """`count` panels in a row with numbered titles, (count,)."""
    grid = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for number, axes in enumerate(grid, start=1):
        axes.set(title=f"{title} {number}", xlabel=xlabel)
    return grid


def _spectral_axis(axes: Axes, unit: str) -> None:
    """Label; wavenumbers fall from left to right."""
    label = f"axis ({unit.replace('cm-1', '1/cm')})"
    axes.set_xlabel("wavelength (nm)" if unit == "nm" else label)
    if unit == "cm-1":
        axes.invert_xaxis()
