"""Figures of a pretraining run. Arrays in, one matplotlib Figure out.

The figure of a single masked spectrum is in `spectrum_figure.py`.

N = codes, Z = latent width, P = oscillators.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

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

LOSSES = (
    "reconstruction",
    "contrastive",
    "denoising",
    "physics",
    "transport",
    "bottleneck",
    "balance",
)
CURVES = {
    "curve/z_chem_instrument": "instrument in z_chem",
    "curve/z_inst_instrument": "instrument in z_inst",
    "curve/z_chem_molecule": "molecule in z_chem",
}
CURVE_COLOURS = (VERMILION, ORANGE, BLUE)
SHOWN_MOLECULES = 12
MOST_VERTICES = 600  # of a curve: finer than a printed page shows


@styled
def loss_curves(metrics: Mapping[str, np.ndarray]) -> Figure:
    """Total loss, and its seven weighted terms on a logarithmic scale.

    Args:
      metrics: columns of metrics.jsonl: "step", "loss/total", "weighted/<term>"
    """
    figure = new_figure(3.4)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    total = metrics["loss/total"]
    thin = slice(None, None, -(-total.size // MOST_VERTICES))
    step = metrics["step"][thin]
    marker = "o" if total.size == 1 else None
    left.plot(step, total[thin], color=LIGHT, lw=1, label="logged")
    mean = _running_mean(total)[thin]
    left.plot(step, mean, color=BLACK, marker=marker, label="running mean")
    if np.nanmin(total) > 0 and np.nanmax(total) > 10 * np.nanmin(total):
        left.set_yscale("log")
    left.legend(loc="upper right")
    left.set(title="total loss", xlabel="optimiser step", ylabel="loss")

    terms = [name for name in LOSSES if f"weighted/{name}" in metrics]
    curves = [_running_mean(metrics[f"weighted/{name}"])[thin] for name in terms]
    for name, curve, colour in zip(terms, curves, PALETTE, strict=False):
        right.plot(step, curve, color=colour, marker=marker, label=name)
    if terms:
        _log_scale(right, np.concatenate(curves))
        right.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    right.set(
        title="terms, weighted (running mean)",
        xlabel="optimiser step",
        ylabel="weight × loss",
    )
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
        if key in metrics:
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
      chance: of guessing the instrument
    """
    figure = new_figure(2.6)
    axes = figure.subplots()
    for (name, words), colour in zip(CURVES.items(), CURVE_COLOURS, strict=True):
        if name in metrics:
            known = np.isfinite(metrics[name])
            look = {"color": colour, "label": words, "marker": "o", "ms": 3}
            axes.plot(metrics["step"][known], metrics[name][known], **look)
    axes.axhline(chance, color=GREY, ls="--", lw=1, label="instrument by chance")
    axes.set(xlabel="optimiser step", ylabel="accuracy", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
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
    for axes, labels, title in (
        (panels[0], instrument, "instrument"),
        (panels[1], modality, "modality"),
    ):
        for index, label in enumerate(np.unique(labels)):
            chosen = labels == label
            axes.scatter(
                *points[chosen].T,
                s=9,
                color=PALETTE[index % len(PALETTE)],
                alpha=0.6,
                lw=0,
                label=str(label),
                rasterized=True,
            )
        axes.set_title(f"{name} by {title}")
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.22),
            ncols=4,
            markerscale=2,
            handletextpad=0,
            columnspacing=0.8,
        )
    samples = np.unique(np.stack([modality.astype(str), molecule.astype(str)]), axis=1)
    count = min(SHOWN_MOLECULES, samples.shape[1])
    picks = np.linspace(0, samples.shape[1] - 1, count).round().astype(int)
    panels[2].scatter(*points.T, s=5, color=LIGHT, alpha=0.5, lw=0, rasterized=True)
    for index, (kind, number) in enumerate(samples[:, picks].T):
        chosen = (modality.astype(str) == kind) & (molecule.astype(str) == number)
        panels[2].scatter(
            *points[chosen].T,
            s=26,
            color=PALETTE[index % 6],
            marker="os"[index // 6],  # 6 colours x 2 markers tell 12 molecules apart
            edgecolor="white",
            lw=0.4,
            rasterized=True,
        )
    panels[2].set_title(f"{name} by molecule ({count} of them)")
    for axes in panels:
        axes.set_xlabel(f"PC 1 ({share[0]:.0%} of variance)")
    panels[0].set_ylabel(f"PC 2 ({share[1]:.0%} of variance)")
    return figure


@styled
def oscillator_poles(
    angle_before: np.ndarray,
    radius_before: np.ndarray,
    angle_after: np.ndarray,
    radius_after: np.ndarray,
) -> Figure:
    """Poles of the oscillators before and after training, a column for each layer.

    Above: the complex plane (upper half; poles come in conjugate pairs). Below: the
    same poles as frequency and memory, -1 / ln(radius), the number of tokens over
    which an oscillation falls to 1/e: poles near the circle are told apart there.

    Args:
      angle_before: radians per token                                  (layers, 2, P)
      radius_before: modulus                                           (layers, 2, P)
      angle_after: the same after training                             (layers, 2, P)
      radius_after: the same after training                            (layers, 2, P)
    """
    layers = angle_before.shape[0]
    figure = new_figure(4.6)
    rows = figure.subplots(2, layers, squeeze=False, sharey="row")
    circle = np.linspace(0, np.pi, 200)
    states = (
        ("before training", angle_before, radius_before, LIGHT, LIGHT),
        ("after, forward", angle_after[:, :1], radius_after[:, :1], BLUE, "none"),
        ("after, backward", angle_after[:, 1:], radius_after[:, 1:], VERMILION, "none"),
    )
    for layer in range(layers):
        plane, memory = rows[:, layer]
        plane.plot(np.cos(circle), np.sin(circle), color=GREY, lw=0.8)
        for label, angles, radii, edge, face in states:
            angle, radius = np.abs(angles[layer]).ravel(), radii[layer].ravel()
            look = {
                "s": 12 if face == "none" else 16,
                "facecolor": face,
                "edgecolor": edge,
                "lw": 0.8,
                "label": label,
                "rasterized": True,
            }
            plane.scatter(radius * np.cos(angle), radius * np.sin(angle), **look)
            # 1 - 1e-6: a pole on the circle remembers for ever, which has no log.
            tokens = -1 / np.log(np.clip(radius, 1e-6, 1 - 1e-6))
            memory.scatter(angle, tokens, **look)
        plane.set(title=f"layer {layer + 1}", xlabel="real part", aspect="equal")
        plane.set(xlim=(-1.08, 1.08), ylim=(-0.06, 1.08))
        memory.set(xlabel="angle (rad / token)", yscale="log", xlim=(-0.1, np.pi + 0.1))
        memory.set_xticks([0, np.pi / 2, np.pi], ["0", "π/2", "π"])
    rows[0, 0].set_ylabel("imaginary part")
    rows[1, 0].set_ylabel("memory (tokens)")
    handles, labels = rows[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, markerscale=1.6)
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
        keys = [key for key in METHODS if key in methods]
        for row, key in enumerate(keys):
            _, colour, _, marker = METHODS[key]
            mse = methods[key]["mse"]
            reach = [[mse - methods[key]["low"]], [methods[key]["high"] - mse]]
            axes.errorbar(
                mse,
                row,
                xerr=np.maximum(reach, 0),
                fmt=marker,
                color=colour,
                capsize=3,
                ms=6,
            )
        axes.set_yticks(range(len(keys)), [METHODS[key][0] for key in keys])
        axes.set_ylim(len(keys) - 0.5, -0.5)
        positive = [methods[key]["low"] for key in keys if methods[key]["low"] > 0]
        if len(positive) == len(keys):
            axes.set_xscale("log")
        axes.set(title=titles[gap], xlabel="mean squared error (absorbance²)")
    return figure


@styled
def expert_use(experts: Mapping[str, Sequence[float]]) -> Figure:
    """Share of tokens that each expert takes, by modality.

    Args:
      experts: modality -> share of each expert
    """
    figure = new_figure(2.6)
    axes = figure.subplots()
    count = len(next(iter(experts.values())))
    width = 0.8 / len(experts)
    for index, (modality, shares) in enumerate(experts.items()):
        centre = np.arange(count) + (index - (len(experts) - 1) / 2) * width
        axes.bar(centre, shares, 0.92 * width, color=PALETTE[index], label=modality)
    axes.axhline(1 / count, color=GREY, ls="--", lw=1, label="even use")
    axes.set_xticks(range(count), [f"expert {index + 1}" for index in range(count)])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("share of tokens")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Mean over a centred window of about a thirtieth of the run; NaN is skipped."""
    half = values.size // 60
    padded = np.pad(values, half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    seen = np.isfinite(windows)
    count = seen.sum(axis=1)
    total = np.where(seen, windows, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _log_scale(axes: Axes, values: np.ndarray) -> None:
    """Logarithmic where all values are positive, else linear about zero only."""
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0:
        axes.set_yscale("log")
    elif values.size and np.any(values):
        axes.set_yscale("symlog", linthresh=1e-3 * np.abs(values).max())


def _principal_components(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores on the first two components and their shares of variance, (N, 2), (2,)."""
    centred = z - z.mean(axis=0)
    if min(centred.shape) < 2:
        centred = np.pad(centred, [(0, 0), (0, 2 - min(2, centred.shape[1]))])
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    scores = left[:, :2] * sizes[:2]
    share = sizes[:2] ** 2 / max(np.sum(sizes**2), np.finfo(float).tiny)
    return scores, share
