"""Figures of the virtual laboratory. Arrays in, one matplotlib Figure out.

L = points of an axis, N = instruments.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from spektron_jax.commands.report.style import BLACK, LIGHT, PALETTE, new_figure, styled


@styled
def molecules(
    names: Sequence[str],
    panels: Mapping[str, tuple[np.ndarray, np.ndarray, str]],
) -> Figure:
    """Pure spectra, one row a molecule and one column a modality.

    Args:
      names: of the molecules, (n,).
      panels: modality -> axis (L,), spectra (n, L), name of the axis.
    """
    figure = new_figure(1.15 * len(names) + 0.6)
    grid = figure.subplots(len(names), len(panels), sharex="col", squeeze=False)
    for column, (modality, (axis, spectra, label)) in enumerate(panels.items()):
        for row, (name, spectrum) in enumerate(zip(names, spectra, strict=True)):
            axes = grid[row, column]
            axes.plot(axis, spectrum / spectrum.max(), color=PALETTE[column], lw=1)
            axes.set_yticks([])
            if row == 0:
                axes.set_title(modality)
            if column == 0:
                axes.set_ylabel(name)
        grid[-1, column].set_xlabel(label)
        if label.startswith("wavenumber"):
            grid[-1, column].invert_xaxis()
    return figure


@styled
def instruments(
    measured: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray, str, str]],
) -> Figure:
    """One mixture on several instruments; grey, the same without the instrument.

    Args:
      measured: name -> axis (L,), spectrum (L,), ideal (L,), labels of both axes.
    """
    rows = -(-len(measured) // 2)
    figure = new_figure(1.75 * rows)
    grid = figure.subplots(rows, 2).ravel()
    for axes, (name, (axis, spectrum, ideal, *labels)) in zip(
        grid, measured.items(), strict=False
    ):
        axes.plot(axis, ideal, color=LIGHT, lw=2)
        axes.plot(axis, spectrum, color=BLACK, lw=0.8)
        axes.set(title=name, xlabel=labels[0], ylabel=labels[1])
    for axes in grid[len(measured) :]:
        axes.set_axis_off()
    return figure


@styled
def histograms(draws: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """How the parameters of instruments are distributed.

    Args:
      draws: parameter with its unit -> preset -> values (N,).
    """
    rows = -(-len(draws) // 3)
    figure = new_figure(2.1 * rows)
    grid = figure.subplots(rows, 3).ravel()
    for axes, (parameter, by_preset) in zip(grid, draws.items(), strict=False):
        everything = np.concatenate(list(by_preset.values()))
        low, high = everything.min(), everything.max()
        log = low > 0 and high > 20 * low
        edges = np.geomspace(low, high, 31) if log else np.linspace(low, high, 31)
        for colour, (preset, values) in zip(PALETTE, by_preset.items(), strict=False):
            axes.hist(
                values, edges, histtype="step", color=colour, label=preset, lw=1.3
            )
        if log:
            axes.set_xscale("log")
        axes.set(title=parameter, yticks=[])
    grid[0].legend(loc="upper left", fontsize=7)
    for axes in grid[len(draws) :]:
        axes.set_axis_off()
    return figure
