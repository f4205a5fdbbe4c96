"""The page of a pretraining run, from its evaluation and its log."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spektron_jax.commands.report import pretrain_figures as figures
from spektron_jax.commands.report import pretrain_outlook as outlook
from spektron_jax.commands.report import pretrain_verdict as verdict
from spektron_jax.commands.report.interpret_figures import poles
from spektron_jax.commands.report.latent_sections import (
    expert_parts,
    latent_section,
    probe_table,
)
from spektron_jax.commands.report.spectrum_figure import reconstruction
from spektron_jax.commands.report.style import METHODS
from spektron_jax.commands.report.wording import (
    count,
    decimals,
    interval,
    number,
    share,
)
from spektron_jax.commands.result import Part, Plot, Result, Section, Table, Text
from spektron_jax.probes.disentanglement import CODES
from spektron_jax.probes.interpretation.oscillators import (
    Oscillators,
    token_spacing_cm1,
)

GAPS = ("long", "short")
EXAMPLES_SHOWN = 6  # a figure of 140-230 kB each


def pretrain_result(
    evaluation: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    metrics: Mapping[str, np.ndarray],
    name: str,
) -> Result:
    """The verdict and the page of a run.

    Args:
      evaluation: what evaluation.json holds
      arrays: what evaluation.npz holds
      metrics: columns of metrics.jsonl
      name: of the run
    """
    errors, probes = evaluation["reconstruction"], evaluation["probes"]
    gaps = verdict.gap_names(evaluation["config"]["mask"])
    chemistry = verdict.chemistry_finding(
        probes["z_chem"], evaluation["kl"]["z_chem"]["collapsed"]
    )
    facts = (
        f"{count(evaluation['parameters'])} parameters",
        f"step {count(evaluation['step'])}",
        f"evaluated on {count(evaluation['molecules'])} molecules that were not "
        f"trained on, under {count(evaluation['instruments'])} simulated instruments "
        "outside the training pool",
        f"device {evaluation['device']}",
        f"seed {evaluation['seed']}",
    )
    chance = probes["z_chem"]["instrument"]["chance"]
    train = evaluation["config"].get("train", {})
    until = 0 if train.get("separate") else train.get("steps", evaluation["step"])
    return Result(
        title=f"Pretraining report: {name}",
        facts="; ".join(facts) + ".",
        headline=outlook.headline(evaluation),
        verdict=[
            *(verdict.reconstruction_finding(errors[gap], gaps[gap]) for gap in GAPS),
            chemistry,
            verdict.instrument_code_finding(probes["z_inst"]),
            verdict.loss_finding(metrics["step"], metrics["loss/total"], until),
        ],
        sections=[
            outlook.next_steps(evaluation),
            outlook.beside_shipped(evaluation),
            reconstruction_section(errors, gaps),
            examples_section(arrays),
            probes_section(probes, chemistry.label),
            latent_section(arrays),
            bottleneck_section(evaluation["kl"], evaluation["density"]),
            Section("experts", "Experts", expert_parts(evaluation["experts"])),
            training_section(metrics, chance),
            poles_section(arrays, evaluation["config"]["model"]["stride"]),
        ],
    )


def reconstruction_section(
    errors: Mapping[str, Any], gaps: Mapping[str, str]
) -> Section:
    """Errors of model and baselines; both arguments by the kind of gap."""
    header = ["filled by", "RMSE", "95 % interval", "model's squared error / this"]
    tables = []
    for gap in GAPS:
        rows = []
        shown = decimals([errors[gap][method]["rmse"] for method in METHODS])
        for method, (name, *_) in METHODS.items():
            entry, ratio = errors[gap][method], errors[gap]["ratio"].get(method)
            against = f"{number(ratio['ratio'])} {interval(ratio)}" if ratio else ""
            ends = {end: entry[end] ** 0.5 for end in ("low", "high")}
            root = shown(entry["rmse"])
            rows.append((name, root, interval(ends, shown), against))
        caption = gaps[gap][0].upper() + gaps[gap][1:]
        tables.append(Table(header, rows, caption, marked=0))
    note = Text(
        "Error against the noise-free spectrum, on hidden points only, in absorbance "
        "(for Raman: intensity on the same scale). Intervals: bootstrap over "
        "molecules; the ratio pairs the methods molecule by molecule, so it can be "
        "clear where the single intervals overlap. Below 1 the model is better.",
        note=True,
    )
    plot = Plot(
        figures.reconstruction_errors({gap: errors[gap] for gap in GAPS}, gaps),
        "Errors with 95 % intervals. Further left is better. Short gaps are local "
        "smoothing, where a cubic spline is hard to beat; long gaps hide whole bands, "
        "and there knowledge of chemistry has to show.",
    )
    title = "Reconstruction of hidden points"
    return Section("reconstruction", title, [*tables, note, plot])


def examples_section(arrays: Mapping[str, np.ndarray]) -> Section:
    """Single spectra with hidden spans, and how they were filled."""
    parts: list[Part] = [
        Text(
            "Shaded spans were withheld. Look whether the model puts a band where the "
            "interpolations draw a straight line, at the right place and height, and "
            "whether it invents bands where the clean spectrum has none. Where the "
            "model's line lies on an interpolation, both fill alike. Titles: the "
            "molecule as SMILES, since the line lists hold no names."
        )
    ]
    titles = arrays["example_title"][:EXAMPLES_SHOWN].astype(str)
    for row, title in enumerate(titles):
        clean, hidden = arrays["example_clean"][row], arrays["example_hidden"][row]
        # The model last, so that it lies on top.
        filled = {
            name: arrays[f"example_{name}"][row]
            for name in ("linear", "spline", "model")
        }
        observed = arrays["example_observed"][row]
        figure = reconstruction(
            arrays["axis_cm1"], clean, observed, hidden, filled, title
        )
        caption = f"{title}. Nothing is hidden here."
        if hidden.any():
            errors = "; ".join(
                f"{METHODS[name][0]} {number(np.mean((values - clean)[hidden] ** 2))}"
                for name, values in reversed(filled.items())
            )
            caption = f"{title}. Mean squared error on the hidden points: {errors}."
        parts.append(Plot(figure, caption))
    return Section("examples", "Examples", parts)


def probes_section(probes: Mapping[str, Any], label: str) -> Section:
    """What the codes know; `label` is the verdict on z_chem."""
    return Section(
        "probes",
        "What the codes know",
        [
            probe_table({code: probes[code] for code in CODES}),
            Text(
                "Desired: on z_chem the instrument at chance and the molecule at 80 % "
                "or more; on z_inst the instrument far above chance.",
                strong=f"z_chem is {label}.",
            ),
            Text(
                "Instrument: multinomial logistic regression, 5 folds split by "
                "molecule. Molecule: nearest neighbour among another instrument's "
                "spectra. A linear probe that finds nothing does not prove that "
                "nothing is there.",
                note=True,
            ),
        ],
    )


def bottleneck_section(
    kl: Mapping[str, Mapping[str, float]], density: Mapping[str, float]
) -> Section:
    """KL of both codes, and what half the points do to z_chem."""
    header = ("code", "KL per dimension (nats)", "dimensions below 0.01", "reading")
    rows = []
    for code in CODES:
        cells = number(kl[code]["mean"]), share(kl[code]["collapsed"])
        rows.append((code, *cells, verdict.collapse_reading(kl[code])))
    text = Text(
        "Halving the point density of the same spectra moves z_chem to a cosine "
        f"similarity of {number(density['cosine'])}, a relative distance of "
        f"{number(density['relative_move'])} (unmoved: 1 and 0)."
    )
    table = Table(header, rows, "KL divergence from N(0, I)")
    return Section("bottleneck", "Bottleneck", [table, text])


def training_section(metrics: Mapping[str, np.ndarray], chance: float) -> Section:
    """Losses, schedules and, if they were logged, what the codes came to know."""
    facts = [f"{count(metrics['step'].size)} logged rows"]
    for name, words in (("minutes", "{} minutes"), ("samples_per_s", "{} samples/s")):
        values = metrics.get(name, np.array([]))
        values = values[np.isfinite(values)]
        if values.size:
            value = values[-1] if name == "minutes" else np.median(values)
            facts.append(words.format(number(float(value))))
    parts: list[Part] = [
        Text(f"{', '.join(facts)}."),
        outlook.loss_shares(metrics),
        Plot(
            figures.loss_curves(metrics),
            "Every term should be above zero and none should swamp the others. The "
            "total need not fall all the way: the weight of the KL term and the "
            "strength of the adversary change during the run (below).",
        ),
        Plot(
            figures.schedules(metrics),
            "Learning rate: warm-up, then cosine. β: weight of the KL term. "
            "α: strength of the reversed gradient of the instrument classifier.",
        ),
    ]
    if any(name in metrics for name in figures.CURVES):
        caption = (
            "On 16 validation molecules and instruments outside the pool. Desired: red "
            "falls to the dashed line while orange and blue rise. So few molecules "
            "understate what a probe can read; the table above does not."
        )
        parts.append(Plot(figures.knowledge_curves(metrics, chance), caption))
    return Section("training", "Training", parts)


def poles_section(arrays: Mapping[str, np.ndarray], stride: int) -> Section:
    """Oscillators before and after training, drawn alike; stride: points a token."""
    before, after = (
        Oscillators.of_poles(
            -np.log(arrays[f"poles_radius_{when}"]),
            np.abs(arrays[f"poles_angle_{when}"]),
            np.ones(arrays[f"poles_angle_{when}"].shape),
            stride,
        )
        for when in ("before", "after")
    )
    caption = (
        "Poles of the oscillators: the distance at which bands repeat, and the length "
        "over which an oscillator remembers. Dotted: the shortest period that tokens "
        "can carry. Look whether training moved them at all, and whether layers spread "
        "over frequencies and memories instead of crowding in one place."
    )
    figure = poles(before, after, token_spacing_cm1(stride))
    return Section("poles", "Oscillators", [Plot(figure, caption)])
