"""The HTML report of a pretraining run: one file that opens without a network.

`write_report(workdir)` reads the result files and writes report.html beside them.
Figures are SVG images inside the file; there is no script and no outside link.
Everything that comes from files or settings is escaped. The verdict stands first
and is worded from the numbers (`verdict.py`), good or bad.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from spektron_jax.archive import replacing
from spektron_jax.commands.report import figures, verdict
from spektron_jax.commands.report.markup import (
    document,
    finding,
    image,
    section,
    table,
)
from spektron_jax.commands.report.results import CODES, GAPS, Results, read_results
from spektron_jax.commands.report.spectrum_figure import reconstruction
from spektron_jax.commands.report.style import METHODS
from spektron_jax.commands.report.wording import count, interval, number, share

NAME = "report.html"
MOST_EXAMPLES = 6  # a figure of 140-230 kB each
FALLBACK_COMMAND = (
    "python -m spektron_jax.main --config=CONFIG_FILE --workdir=NEW_FOLDER"
)


def write_report(workdir: str | Path) -> Path:
    """Write report.html from the result files in a workdir.

    Args:
      workdir: folder with config.json, metrics.jsonl, evaluation.json and
        evaluation.npz

    Returns:
      Path of the report. An earlier report stays whole until the new one is.

    Raises:
      SpektronError: a result file is missing or malformed, or the folder cannot be
        written; names the file.
    """
    workdir = Path(workdir)
    page = render(read_results(workdir), title=workdir.resolve().name)
    with replacing(workdir / NAME) as draft:
        draft.write_text(page, encoding="utf-8")
    return workdir / NAME


def render(results: Results, title: str) -> str:
    """Return the whole page for checked results; title is the name of the run."""
    body = "\n".join(
        (
            _head(results, title),
            _verdict(results),
            _reconstruction(results),
            _examples(results),
            _probes(results),
            _latent(results),
            _bottleneck(results),
            _experts(results),
            _training(results),
            _poles(results),
            _settings(results),
        )
    )
    return document(f"Pretraining report: {title}", body)


def _head(results: Results, title: str) -> str:
    evaluation = results.evaluation
    facts = (
        f"{count(evaluation['parameters'])} parameters",
        f"step {count(evaluation['step'])}",
        f"judged on {count(evaluation['molecules'])} molecules that were not trained "
        f"on, under {count(evaluation['instruments'])} simulated instruments outside "
        "the training pool",
        f"device {evaluation['device']}",
        f"seed {evaluation['seed']}",
    )
    return (
        f"<h1>Pretraining report: {escape(title)}</h1>\n"
        f'<p class="facts">{escape("; ".join(facts))}.</p>'
    )


def _verdict(results: Results) -> str:
    evaluation = results.evaluation
    names = verdict.gap_names(results.config)
    findings = [
        verdict.reconstruction_finding(evaluation["reconstruction"][gap], names[gap])
        for gap in GAPS
    ]
    findings += [
        _chemistry(evaluation),
        verdict.instrument_code_finding(evaluation["probes"]["z_inst"]),
        verdict.loss_finding(results.metrics["step"], results.metrics["loss/total"]),
    ]
    items = "\n".join(finding(found) for found in findings)
    return section("verdict", "Verdict", f'<ul class="verdict">\n{items}\n</ul>')


def _chemistry(evaluation: dict[str, Any]) -> verdict.Finding:
    collapsed = evaluation["kl"]["z_chem"]["collapsed"]
    return verdict.chemistry_finding(evaluation["probes"]["z_chem"], collapsed)


def _reconstruction(results: Results) -> str:
    names = verdict.gap_names(results.config)
    errors = results.evaluation["reconstruction"]
    header = (
        "filled by",
        "mean squared error",
        "95 % interval",
        "root of it",
        "model's error / this",
    )
    tables = []
    for gap in GAPS:
        rows = []
        for method, (name, *_) in METHODS.items():
            entry, against = errors[gap][method], ""
            if method != "model":
                ratio = verdict.ratio_to(errors[gap], method)
                against = number(ratio["ratio"])
                against += f" {interval(ratio)}" if "low" in ratio else ""
            error, root = number(entry["mse"]), number(entry["rmse"])
            rows.append((name, error, interval(entry), root, against))
        caption = names[gap][0].upper() + names[gap][1:]
        tables.append(table(header, rows, caption=caption, ours=0))
    return section(
        "reconstruction",
        "Reconstruction of hidden points",
        *tables,
        '<p class="note">Error against the noise-free spectrum, on hidden points only, '
        "in absorbance (for Raman: intensity on the same scale) squared. Intervals: "
        "bootstrap over molecules; the ratio pairs the methods molecule by molecule, "
        "so it can be clear where the single intervals overlap. Below 1 the model is "
        "better.</p>",
        image(
            figures.reconstruction_errors({gap: errors[gap] for gap in GAPS}, names),
            "Errors with 95 % intervals. Further left is better. Short gaps are local "
            "smoothing, where a cubic spline is hard to beat; long gaps hide whole "
            "bands, and there knowledge of chemistry has to show.",
        ),
    )


def _examples(results: Results) -> str:
    arrays = results.arrays
    images = []
    for row, title in enumerate(arrays["example_title"][:MOST_EXAMPLES].astype(str)):
        clean, hidden = arrays["example_clean"][row], arrays["example_hidden"][row]
        # The model last, so that it lies on top.
        filled = {
            name: arrays[f"example_{name}"][row]
            for name in ("linear", "spline", "model")
        }
        figure = reconstruction(
            arrays["axis_cm1"],
            clean,
            arrays["example_observed"][row],
            hidden,
            filled,
            title,
        )
        caption = f"{title}. Nothing is hidden here."
        if hidden.any():
            errors = "; ".join(
                f"{METHODS[name][0]} {number(np.mean((values - clean)[hidden] ** 2))}"
                for name, values in reversed(filled.items())
            )
            caption = f"{title}. Mean squared error on the hidden points: {errors}."
        images.append(image(figure, caption))
    return section(
        "examples",
        "Examples",
        "<p>Shaded spans were withheld. Look whether the model puts a band where the "
        "interpolations draw a bridge, at the right place and height, and whether it "
        "invents bands where the clean spectrum has none.</p>",
        *images,
    )


def _probes(results: Results) -> str:
    probes = results.evaluation["probes"]
    rows = []
    for code in CODES:
        instrument, molecule = probes[code]["instrument"], probes[code]["molecule"]
        rows.append(
            (
                code,
                share(instrument["accuracy"]),
                f"{share(instrument['chance'])} {interval(instrument, share)}",
                share(molecule["accuracy"]),
                share(molecule["chance"]),
            )
        )
    header = (
        "code",
        "instrument read",
        "a guesser reads [95 %]",
        "molecule found",
        "chance",
    )
    label = _chemistry(results.evaluation).label
    return section(
        "probes",
        "What the codes know",
        table(header, rows),
        f"<p><b>z_chem is {escape(label)}.</b> Wanted: on z_chem the instrument within "
        "a guesser's interval and the molecule at 80 % or more; on z_inst the "
        "instrument far above that interval.</p>",
        '<p class="note">Instrument: multinomial logistic regression, 5 folds split '
        "by molecule. Molecule: nearest neighbour among another instrument's "
        "spectra. A linear probe that finds nothing does not prove that nothing is "
        "there.</p>",
    )


def _latent(results: Results) -> str:
    arrays = results.arrays
    labels = [arrays[name] for name in ("instrument", "molecule", "modality")]
    wanted = {
        "z_chem": "Wanted: instruments lie on each other (left), each sample forms one "
        "tight clump whatever the instrument (right).",
        "z_inst": "Wanted: instruments lie apart (left), samples do not (right).",
    }
    images = [
        image(
            figures.latent_scatter(arrays[code], *labels, name=code),
            f"{code}, first two principal components. {wanted[code]} A plane shows "
            "only a part; the probes above use all dimensions.",
        )
        for code in CODES
    ]
    return section("latent", "Latent space", *images)


def _bottleneck(results: Results) -> str:
    kl, density = results.evaluation["kl"], results.evaluation["density"]
    header = ("code", "KL per dimension (nats)", "dimensions below 0.01", "reading")
    rows = [
        (
            code,
            number(kl[code]["mean"]),
            share(kl[code]["collapsed"]),
            verdict.collapse_reading(kl[code]),
        )
        for code in CODES
    ]
    return section(
        "bottleneck",
        "Bottleneck",
        table(header, rows, caption="KL divergence from N(0, I)"),
        "<p>Halving the point density of the same spectra moves z_chem to a cosine "
        f"similarity of {escape(number(density['cosine']))}, a relative distance "
        f"of {escape(number(density['relative_move']))} (unmoved: 1 and 0).</p>",
    )


def _experts(results: Results) -> str:
    experts = results.evaluation["experts"]
    amount = len(next(iter(experts.values())))
    header = ("modality", *(f"expert {index + 1}" for index in range(amount)))
    rows = [(name, *map(share, shares)) for name, shares in experts.items()]
    return section(
        "experts",
        "Experts",
        table(header, rows, caption="Share of tokens, by modality"),
        f"<p>{escape(verdict.expert_reading(experts))}</p>",
        image(
            figures.expert_use(experts),
            "Bars of different height within an expert mean that modalities choose "
            "experts differently; bars at the dashed line mean even use.",
        ),
    )


def _training(results: Results) -> str:
    metrics = results.metrics
    facts = [f"{count(metrics['step'].size)} logged rows"]
    for name, words in (("minutes", "{} minutes"), ("samples_per_s", "{} samples/s")):
        values = metrics.get(name, np.array([]))
        values = values[np.isfinite(values)]
        if values.size:
            value = values[-1] if name == "minutes" else np.median(values)
            facts.append(words.format(number(float(value))))
    return section(
        "training",
        "Training",
        f"<p>{escape(', '.join(facts))}.</p>",
        image(
            figures.loss_curves(metrics),
            "Every term should be above zero and none should swamp the others. The "
            "total need not fall all the way: the weight of the KL term and the "
            "strength of the adversary change during the run (below).",
        ),
        image(
            figures.schedules(metrics),
            "Learning rate: warm-up, then cosine. β: weight of the KL term. "
            "α: strength of the reversed gradient of the instrument classifier.",
        ),
        *_curves(results),
    )


def _curves(results: Results) -> list[str]:
    """One image, if the run has logged the curves."""
    if not any(name in results.metrics for name in figures.CURVES):
        return []
    chance = results.evaluation["probes"]["z_chem"]["instrument"]["chance"]
    caption = (
        "On 16 validation molecules and instruments outside the pool. Wanted: red "
        "falls to the dashed line while orange and blue rise. So few molecules "
        "understate what a probe can read; the table above does not."
    )
    return [image(figures.knowledge_curves(results.metrics, chance), caption)]


def _poles(results: Results) -> str:
    figure = figures.oscillator_poles(
        *(
            results.arrays[f"poles_{what}_{when}"]
            for when in ("before", "after")
            for what in ("angle", "radius")
        )
    )
    caption = (
        "Poles of the oscillators. All must lie inside the unit circle. Look whether "
        "training moved them at all, and whether layers spread over frequencies and "
        "memories instead of crowding in one place."
    )
    return section("poles", "Oscillators", image(figure, caption))


def _settings(results: Results) -> str:
    evaluation = results.evaluation
    versions = ", ".join(
        f"{name} {version}" for name, version in evaluation["versions"].items()
    )
    config = json.dumps(results.config, indent=2, ensure_ascii=False)
    parts = [
        f"<p>Seed {escape(str(evaluation['seed']))}; {escape(versions)}.</p>",
        f"<pre>{escape(str(evaluation.get('command') or FALLBACK_COMMAND))}</pre>",
    ]
    if evaluation["config"] != results.config:
        parts.append(
            "<p><b>The evaluation was made with other settings than config.json "
            "holds.</b> Evaluate again before quoting numbers.</p>"
        )
    parts.append(
        "<details><summary>All settings (config.json)</summary>"
        f"<pre>{escape(config)}</pre></details>"
    )
    return section("settings", "Settings and how to repeat this", *parts)
