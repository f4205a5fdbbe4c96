"""Figures of latent codes. Metrics and arrays in, one matplotlib Figure out.

N = codes, L = spectral points, Z = latent width.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from spektron_jax.commands.report.panels import (
    grouped_bars,
    legend_below,
    legend_beside,
)
from spektron_jax.commands.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PALETTE,
    SKY,
    VERMILION,
    new_figure,
    styled,
)
from spektron_jax.metrics import COLLAPSED_KL
from spektron_jax.probes.disentanglement import CODES, KNOWS_MOLECULE, chance_limit

SHOWN_MOLECULES = 12  # 6 colours x 2 markers
SHOWN = {  # metric of a code -> label, colour, marker
    ("instrument", "accuracy"): ("instrument, linear probe", VERMILION, "o"),
    ("instrument_mlp", "accuracy"): ("instrument, MLP probe", ORANGE, "s"),
    ("molecule", "accuracy"): ("molecule, other instrument", BLUE, "D"),
    ("molecule", "same"): ("molecule, same instrument", SKY, "d"),
}
DECODED = {  # decoding -> words
    "swapped": "z_chem a,\nz_inst b",
    "other_molecule": "z_inst b from\nanother molecule",
    "itself": "z_chem b,\nz_inst b",
    "own_instrument": "z_chem a,\nz_inst a",
    "other_chemistry": "z_chem a from\nanother molecule",
}


@styled
def knowledge(rows: Mapping[str, Any], seeds: Sequence[Mapping[str, Any]]) -> Figure:
    """What each code knows of instrument and molecule, by modality; seeds small.

    Args:
      rows: modality -> metrics of both codes, means over seeds.
      seeds: the same of each seed.
    """
    figure = new_figure(1.2 + 0.5 * len(rows))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, code in zip(panels, CODES, strict=True):
        for place, (name, row) in enumerate(rows.items()):
            reach = dict[str, Any](
                label="at chance",
                color=LIGHT,
                lw=9,
                alpha=0.6,
            )
            end = chance_limit(row[code]["instrument"])
            axes.plot([0, end], [place, place], solid_capstyle="butt", **reach)
            for (what, which), (label, colour, marker) in SHOWN.items():
                if which not in row[code].get(what, {}):
                    continue
                single = [seed[name][code][what][which] for seed in seeds]
                axes.plot(single, [place] * len(single), ".", color=colour, ms=3)
                look = dict[str, Any](color=colour, label=label, ls="none")
                axes.plot(row[code][what][which], place, marker, **look)
        axes.set(title=code, xlim=(0, 1.02), ylim=(len(rows) - 0.5, -0.5))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.axvline(KNOWS_MOLECULE, color=GREY, ls=":", lw=1)
    panels[0].set_yticks(range(len(rows)), list(rows))
    legend_below(figure, panels[0], 3)
    return figure


@styled
def latent_scatter(
    z: np.ndarray,
    instrument: np.ndarray,
    molecule: np.ndarray,
    modality: np.ndarray,
    name: str,
) -> Figure:
    """First two principal components of a code, coloured in three ways.

    Args:
      z: codes                                                         (N, Z)
      instrument: labels                                               (N,)
      molecule: ids; with the modality they name a sample              (N,)
      modality: names                                                  (N,)
      name: of the code, for the axes
    """
    figure = new_figure(3.3)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    points, share = _principal_components(np.asarray(z, dtype=np.float64))
    _coloured(panels[0], points, instrument)
    panels[0].set_title(f"{name} by instrument")
    _coloured(panels[1], points, modality)
    panels[1].set_title(f"{name} by modality")
    sample = np.char.add(modality.astype(str), molecule.astype(str))
    count = _some_samples(panels[2], points, sample)
    panels[2].set_title(f"{name} by molecule ({count} of them)")
    for axes in panels:
        axes.set_xlabel(f"PC 1 ({share[0]:.0%} of variance)")
    panels[0].set_ylabel(f"PC 2 ({share[1]:.0%} of variance)")
    return figure


def _coloured(axes: Axes, points: np.ndarray, labels: np.ndarray) -> None:
    """Points (N, 2), a colour for each label."""
    look = dict[str, Any](s=9, alpha=0.6, lw=0, rasterized=True)
    for index, label in enumerate(np.unique(labels)):
        colour = PALETTE[index % len(PALETTE)]
        chosen = points[labels == label].T
        axes.scatter(*chosen, color=colour, label=str(label), **look)
    below = dict[str, Any](
        loc="upper center",
        bbox_to_anchor=(0.5, -0.22),
        ncols=4,
    )
    axes.legend(**below, markerscale=2, handletextpad=0, columnspacing=0.8)


def _some_samples(axes: Axes, points: np.ndarray, sample: np.ndarray) -> int:
    """Points (N, 2) in grey, up to 12 samples picked out; returns how many."""
    axes.scatter(
        points[:, 0], points[:, 1], s=5, color=LIGHT, alpha=0.5, lw=0, rasterized=True
    )
    names = np.unique(sample)
    count = min(SHOWN_MOLECULES, names.size)
    picks = np.linspace(0, names.size - 1, count).round().astype(int)
    look = dict[str, Any](
        s=26,
        edgecolor="white",
        lw=0.4,
        rasterized=True,
    )
    for index, name in enumerate(names[picks]):
        colour, marker = PALETTE[index % 6], "os"[index // 6]
        axes.scatter(*points[sample == name].T, color=colour, marker=marker, **look)
    return count


def _principal_components(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores on the first two components and their shares of variance, (N, 2), (2,)."""
    centred = z - z.mean(axis=0)
    if min(centred.shape) < 2:
        centred = np.pad(centred, [(0, 0), (0, 2 - min(2, centred.shape[1]))])
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    scores = left[:, :2] * sizes[:2]
    share = sizes[:2] ** 2 / max(np.sum(sizes**2), np.finfo(float).tiny)
    return scores, share


@styled
def kl(values: Mapping[str, np.ndarray]) -> Figure:
    """KL of every dimension, sorted, on a logarithmic scale.

    Args:
      values: code -> (Z,) nats.
    """
    figure = new_figure(2.4)
    for axes, code in zip(figure.subplots(1, 2, sharey=True), CODES, strict=True):
        ordered = np.maximum(np.sort(values[code])[::-1], 1e-4)
        axes.plot(np.arange(1, ordered.size + 1), ordered, color=BLUE)
        axes.axhline(COLLAPSED_KL, color=VERMILION, ls="--", lw=1)
        axes.set(title=code, xlabel="dimension, sorted", yscale="log")
    figure.axes[0].set_ylabel("KL (nats)")
    return figure


@styled
def expert_use(use: Mapping[str, Sequence[float] | np.ndarray]) -> Figure:
    """Share of tokens that each expert takes, by modality.

    Args:
      use: modality -> share of each expert
    """
    figure = new_figure(2.6)
    axes = figure.subplots()
    count = len(next(iter(use.values())))
    grouped_bars(axes, use, [f"expert {index + 1}" for index in range(count)])
    axes.axhline(1 / count, color=GREY, ls="--", lw=1, label="even use")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel("share of tokens")
    legend_beside(axes)
    return figure


@styled
def swap_errors(rows: Mapping[str, Any]) -> Figure:
    """Squared errors of decodings over that of doing nothing.

    Args:
      rows: modality -> "mse": decoding -> mean squared error.
    """
    figure = new_figure(2.9)
    axes = figure.subplots()
    ratios = {
        name: [row["mse"][key] / row["mse"]["nothing"] for key in DECODED]
        for name, row in rows.items()
    }
    grouped_bars(axes, ratios, DECODED.values())
    axes.axhline(1, color=BLACK, lw=1, ls="--", label="doing nothing")
    axes.set_ylabel("error / that of doing nothing")
    legend_beside(axes)
    return figure


@styled
def swap_examples(examples: Mapping[str, np.ndarray]) -> Figure:
    """One molecule of each modality: on both instruments, and swapped.

    Args:
      examples: modality -> (4, L): axis (cm-1), on a, on b, decoded.
    """
    figure = new_figure(1.75 * len(examples))
    panels = figure.subplots(len(examples), 1, squeeze=False)[:, 0]
    for axes, (name, (axis, before, wanted, swapped)) in zip(
        panels, examples.items(), strict=True
    ):
        axes.plot(axis, before, color=GREY, lw=0.9, label="on instrument a")
        axes.plot(axis, wanted, color=GREEN, lw=0.9, label="on instrument b")
        axes.plot(axis, swapped, color=BLUE, lw=1, ls="--", label="z_chem a, z_inst b")
        axes.set(title=name, ylabel="signal")
        axes.margins(x=0.01)
    legend_beside(panels[0])
    panels[-1].set_xlabel("wavenumber (cm⁻¹)")
    return figure
