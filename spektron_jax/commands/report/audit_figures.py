"""Figures of a disentanglement audit. Figures and arrays in, one matplotlib Figure out.

L = spectral points, Z = latent width.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

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
from spektron_jax.probes.disentanglement import CODES, KNOWS_MOLECULE, limit

SHOWN = {  # figure of a code -> label, colour, marker
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
def knowledge(
    rows: Mapping[str, Any], seeds: Mapping[str, Mapping[str, Any]]
) -> Figure:
    """What each code knows of instrument and molecule, by modality; seeds small.

    Args:
      rows: modality -> figures of both codes, means over seeds.
      seeds: seed -> the same of one seed.
    """
    figure = new_figure(1.2 + 0.5 * len(rows))
    panels = figure.subplots(1, 2, sharey=True)
    names = list(rows)
    for axes, code in zip(panels, CODES, strict=True):
        for place, name in enumerate(names):
            probe = rows[name][code]["instrument"]
            reach = {"label": "guessing", "color": LIGHT, "lw": 9, "alpha": 0.6}
            axes.plot([0, limit(probe)], [place, place], solid_capstyle="butt", **reach)
            for (what, which), (label, colour, marker) in SHOWN.items():
                if which not in rows[name][code].get(what, {}):
                    continue
                single = [s[name][code][what][which] for s in seeds.values()]
                axes.plot(single, [place] * len(single), ".", color=colour, ms=3)
                value = rows[name][code][what][which]
                axes.plot(value, place, marker, color=colour, label=label, ls="none")
        axes.set(title=code, xlim=(0, 1.02), ylim=(len(names) - 0.5, -0.5))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.axvline(KNOWS_MOLECULE, color=GREY, ls=":", lw=1)
    panels[0].set_yticks(range(len(names)), names)
    handles, labels = panels[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=3)
    return figure


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
def swap_errors(rows: Mapping[str, Any]) -> Figure:
    """Squared errors of decodings over that of doing nothing.

    Args:
      rows: modality -> "mse": decoding -> mean squared error.
    """
    figure = new_figure(2.9)
    axes = figure.subplots()
    width = 0.8 / len(rows)
    for number, (name, errors) in enumerate(rows.items()):
        ratios = [errors["mse"][key] / errors["mse"]["nothing"] for key in DECODED]
        place = np.arange(len(DECODED)) + (number - (len(rows) - 1) / 2) * width
        axes.bar(place, ratios, 0.92 * width, color=PALETTE[number], label=name)
    axes.axhline(1, color=BLACK, lw=1, ls="--", label="doing nothing")
    axes.set_xticks(range(len(DECODED)), DECODED.values())
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("error / that of doing nothing")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
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
    panels[0].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    panels[-1].set_xlabel("wavenumber (cm⁻¹)")
    return figure
