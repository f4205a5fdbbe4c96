"""Figures of what weights have learned. Arrays in, one matplotlib Figure out.

N layers, P oscillators, W waves, E experts, F units, X inputs, p points, n molecules.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

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

DIRECTIONS = (("upwards", BLUE), ("downwards", VERMILION))
UNITS = 5  # curves drawn of each expert


@styled
def poles(before: tuple, after: tuple, spacing_cm1: float) -> Figure:
    """Period and decay length of every oscillator, a column for each layer.

    Args:
      before: period (N, 2, P), decay (N, 2, P), both cm-1, and strength (N, 2, P)
      after: the same after training
      spacing_cm1: distance of two tokens
    """
    layers = len(after[0])
    figure = new_figure(3.4)
    grid = figure.subplots(1, layers, sharey=True, squeeze=False)[0]
    for layer, axes in enumerate(grid):
        period, decay, _ = (each[layer].ravel() for each in before)
        axes.scatter(period, decay, s=14, color=LIGHT, label="before training")
        for way, (name, colour) in enumerate(DIRECTIONS):
            period, decay, strength = (each[layer, way] for each in after)
            axes.scatter(
                period,
                decay,
                s=22 * strength * strength.size,
                facecolor="none",
                edgecolor=colour,
                lw=0.9,
                label=f"after, {name}",
            )
        axes.axvline(2 * spacing_cm1, color=GREY, ls=":", lw=1)
        axes.set(xscale="log", yscale="log", title=f"layer {layer + 1}")
        axes.set_xlabel("period (1/cm)")
    grid[0].set_ylabel("decay length (1/cm)")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


@styled
def transfer_functions(period: np.ndarray, before: np.ndarray, after: np.ndarray):
    """Gain of the layers for waves along the axis, before (dashed) and after training.

    Args:
      period: of the waves, cm-1 (W,)
      before, after: gain (N, 2, W)
    """
    figure = new_figure(2.9)
    grid = figure.subplots(1, len(after), sharey=True, squeeze=False)[0]
    for layer, axes in enumerate(grid):
        for way, (name, colour) in enumerate(DIRECTIONS):
            axes.plot(period, before[layer, way], color=colour, ls="--", lw=0.8)
            axes.plot(period, after[layer, way], color=colour, label=name)
        axes.set(xscale="log", yscale="log", title=f"layer {layer + 1}")
        axes.set_xlabel("period of the wave (1/cm)")
    grid[0].set_ylabel("gain")
    grid[0].legend(loc="upper left")
    return figure


@styled
def kan_curves(inputs: np.ndarray, shape: np.ndarray, silu: np.ndarray) -> Figure:
    """The strongest activation shapes of every expert, each scaled to rms 1.

    Args:
      inputs: of a unit (X,)
      shape: of every unit (E, F, X)
      silu: what the shape would be without splines (X,)
    """
    figure = new_figure(2.6)
    grid = figure.subplots(1, len(shape), sharey=True, squeeze=False)[0]
    for expert, axes in enumerate(grid):
        size = np.sqrt(np.mean(shape[expert] ** 2, axis=-1))
        strongest = np.argsort(-size)[:UNITS]
        axes.plot(inputs, silu, color=GREY, ls="--", label="silu")
        for unit, colour in zip(strongest, PALETTE, strict=False):
            axes.plot(inputs, shape[expert, unit] / size[unit], color=colour, lw=1)
        axes.set(title=f"expert {expert + 1}", xlabel="input of the unit")
    grid[0].set_ylabel("activation, rms 1")
    grid[0].legend(loc="upper left")
    return figure


@styled
def saliency(
    axis: np.ndarray,
    mean: np.ndarray,
    spread: np.ndarray,
    contribution: np.ndarray,
    unit: str,
    name: str,
) -> Figure:
    """The spectra, and below what each point contributes to the prediction.

    Args:
      axis, mean, spread: of the spectra (p,); the band is two standard deviations
      contribution: share of each point in the prediction's variance (p,)
      unit: of the axis
      name: of the property
    """
    figure = new_figure(4.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))
    above.fill_between(axis, mean - 2 * spread, mean + 2 * spread, color=LIGHT, lw=0)
    above.plot(axis, mean, color=BLACK, lw=1)
    above.set(ylabel="absorbance", title="mean of the spectra ± 2 standard deviations")
    smooth = _smooth(contribution)
    below.axhline(0, color=GREY, lw=0.8)
    below.fill_between(axis, smooth, color=BLUE, alpha=0.35, lw=0)
    below.plot(axis, smooth, color=BLUE, lw=1)
    below.set(ylabel="share per point", xlabel=_label(unit))
    below.set_title(f"contribution to the predicted {name} (all points sum to 1)")
    if unit == "cm-1":
        below.invert_xaxis()
    return figure


@styled
def planted(
    axis: np.ndarray,
    found: np.ndarray,
    control: np.ndarray,
    bands: Sequence[Mapping],
    unit: str,
) -> Figure:
    """Maps for planted bands, and for shuffled heights.

    Args:
      axis: (p,)
      found, control: contributions, one row for each band (k, p)
      bands: place, fwhm, share and control of each (k,)
      unit: of the axis
    """
    figure = new_figure(1.3 * len(bands) + 0.7)
    grid = figure.subplots(len(bands), 1, sharex=True, squeeze=False)[:, 0]
    for axes, real, null, band in zip(grid, found, control, bands, strict=True):
        ends = band["place"] - band["fwhm"], band["place"] + band["fwhm"]
        axes.axvspan(*ends, color=ORANGE, alpha=0.25, lw=0)
        axes.plot(axis, _smooth(null), color=GREY, lw=0.9, label="shuffled heights")
        axes.plot(axis, _smooth(real), color=BLUE, lw=1.1, label="real heights")
        axes.set_title(
            f"band at {band['place']:.0f}: {band['share']:.0%} of the prediction's "
            f"variance on it (shuffled {abs(band['control']):.0%})"
        )
    grid[-1].set_xlabel(_label(unit))
    grid[0].legend(loc="upper left")
    if unit == "cm-1":
        grid[-1].invert_xaxis()
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


def _label(unit: str) -> str:
    return (
        "wavelength (nm)" if unit == "nm" else f"axis ({unit.replace('cm-1', '1/cm')})"
    )
