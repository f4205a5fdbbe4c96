"""The HTML report of a calibration transfer: one file that opens without a network.

`write_report(workdir)` reads results.json and results.npz and writes report.html beside
them. The verdict stands first (`transfer_verdict.py`).
"""

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from spektron_jax.commands.report import transfer_figures as figures
from spektron_jax.commands.report.markup import document, finding, image, section, table
from spektron_jax.commands.report.stored import write_page
from spektron_jax.commands.report.transfer_verdict import clearly, findings
from spektron_jax.commands.report.verdict import interval, number

CLEAR = {-1: "recipe better", 0: "no clear difference", 1: "recipe worse"}


def write_report(workdir: str | Path) -> Path:
    """Write report.html from the results in a workdir; see `stored.write_page`."""
    return write_page(workdir, render)


def render(results: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """Return the whole page."""
    names = results["names"]
    title = f"{names['property']}: {names['source']} to {names['target']}"
    parts = [_head(results, title), _verdict(results), _warnings(results)]
    if results["table"]:
        parts += [_methods(results), _curve(results), _predictions(results, arrays)]
    parts += [_instruments(results, arrays), _latent(results, arrays)]
    parts += [_domain(arrays), _settings(results)]
    return document(f"Calibration transfer, {title}", "\n".join(parts))


def _unit(results: dict[str, Any]) -> str:
    return results["names"]["property_unit"]


def _head(results: dict[str, Any], title: str) -> str:
    counts = results["samples"]
    facts = (
        f"{counts['source']} calibration samples on the source; {results['regime']}; "
        f"{counts['all']} samples in the files"
    )
    return (
        f"<h1>Calibration transfer: {escape(title)}</h1>\n"
        f'<p class="facts">{escape(facts)}.</p>'
    )


def _verdict(results: dict[str, Any]) -> str:
    items = "\n".join(finding(found) for found in findings(results))
    return section("verdict", "Verdict", f'<ul class="verdict">\n{items}\n</ul>')


def _warnings(results: dict[str, Any]) -> str:
    if not results["warnings"]:
        return section("warnings", "Warnings", "<p>None.</p>")
    items = "".join(f"<li>{escape(text)}</li>" for text in results["warnings"])
    return section("warnings", "Warnings", f"<ul>{items}</ul>")


def _methods(results: dict[str, Any]) -> str:
    unit = f" ({_unit(results)})" if _unit(results) else ""
    header = (
        "method",
        f"RMSEP{unit}",
        "95 % interval",
        "bias",
        "SEP",
        "R²",
        "RPD",
        "RPIQ",
        "recipe's RMSEP minus this",
    )
    rows, ours = [], None
    for place, entry in enumerate(results["table"]):
        change, text = results["differences"].get(entry["method"]), ""
        if change is None:
            ours = place
        else:
            text = f"{number(change['difference'])} {interval(change)}"
            text += f": {CLEAR[clearly(change)]}"
        rows.append(
            (
                entry["method"],
                number(entry["rmsep"]),
                interval(entry),
                number(entry["bias"]),
                number(entry["sep"]),
                "" if entry["r2"] is None else f"{entry['r2']:.3f}",
                "" if entry["rpd"] is None else number(entry["rpd"]),
                "" if entry["rpiq"] is None else number(entry["rpiq"]),
                text,
            )
        )
    missing = "".join(
        f"<li>{escape(name)}: {escape(why)}</li>"
        for name, why in results["impossible"].items()
    )
    return section(
        "methods",
        "Methods",
        table(header, rows, ours=ours),
        f'<p class="note">{results["trials"]} random splits by sample; held-out '
        "samples are unknown to every method on both instruments. Intervals: splits "
        "resampled, for differences the same splits for both. The splits share "
        "samples, so the intervals say how firm the ranking is on these samples, not "
        "what other samples would give.</p>",
        f"<p>Could not be fitted:</p><ul>{missing}</ul>" if missing else "",
    )


def _curve(results: dict[str, Any]) -> str:
    if not results["curve"]:
        return ""
    rmsep = {entry["method"]: entry["rmsep"] for entry in results["table"]}
    figure = figures.error_curve(
        results["curve"],
        rmsep.get(results["floor"]),
        rmsep.get(results["ceiling"]),
        _unit(results),
    )
    caption = "Error on held-out samples. Where the curve is flat, more samples are "
    caption += "wasted. Bars: 95 % over splits."
    return section("curve", "How many samples?", image(figure, caption))


def _predictions(results: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    figure = figures.predicted_against_measured(
        arrays["tested"], arrays["tested_mean"], arrays["tested_sd"], _unit(results)
    )
    caption = "Held-out samples, mean over the splits that held them out; bars: SD "
    caption += "over these splits."
    return section(
        "predictions",
        "Predicted against measured",
        image(figure, caption),
        _agreement(results),
    )


def _agreement(results: dict[str, Any]) -> str:
    found = results.get("agreement")
    if found is None:
        return ""
    return (
        "<p>Agreement of the instruments: the target's predictions of the same "
        "held-out samples differ from the source calibration's on the source by "
        f"{number(found['bias'])} on average, with an SD of {number(found['sd'])} "
        f"(limits of agreement {number(found['low'])} to {number(found['high'])}; "
        f"concordance {found['concordance']:.3f}).</p>"
    )


def _instruments(results: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    names = results["names"]
    figure = figures.instruments(
        arrays["axis"],
        arrays["source"],
        arrays["target"],
        arrays.get("difference"),
        (names["source"], names["target"]),
        results["axis_unit"],
        names["quantity"],
    )
    caption = "Spectra on the common axis; below, the difference of the same samples: "
    caption += "mean (line) and SD (band)."
    return section("spectra", "Both instruments", image(figure, caption))


def _latent(results: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    points = {
        name.removeprefix("latent_"): values
        for name, values in arrays.items()
        if name.startswith("latent_")
    }
    if not points:
        return ""
    names = results["names"]
    figure = figures.latent_map(
        points, arrays["transfer"], (names["source"], names["target"])
    )
    caption = "z_chem of the encoder, principal components of both instruments before "
    caption += "transfer. After: the target moved by the mean difference of the "
    caption += "instruments, and the encoder as the transfer uses it."
    return section("latent", "The encoder's view", image(figure, caption))


def _domain(arrays: dict[str, np.ndarray]) -> str:
    if "t2" not in arrays:
        return ""
    figure = figures.distances(arrays["t2"], arrays["q"], arrays["transfer"])
    kinds, counts = np.unique(arrays["flag"], return_counts=True)
    said = ", ".join(f"{c} {k}" for k, c in zip(kinds, counts, strict=True))
    caption = "Right of the line: more extreme than the calibration. Above it: shapes "
    caption += f"that the calibration has not seen. Target spectra: {said}."
    return section(
        "domain", "Does the model know these spectra?", image(figure, caption)
    )


def _settings(results: dict[str, Any]) -> str:
    lines = [f"{name} {version}" for name, version in results["versions"].items()]
    files = "".join(
        f"<li>{escape(name)}: SHA-256 {escape(value)}</li>"
        for name, value in results["files"].items()
    )
    made = "".join(
        f"<li>{escape(name)}: {escape(str(value))}</li>"
        for name, value in results.get("provenance", {}).items()
    )
    config = json.dumps(results["config"], indent=2, ensure_ascii=False)
    return section(
        "settings",
        "Settings and how to repeat this",
        f"<p>Seed {results['config']['seed']}; {escape(', '.join(lines))}; weights "
        f"{escape(str(results['weights']))}.</p><ul>{files}</ul><ul>{made}</ul>",
        f"<pre>{escape(results['command'])}</pre>",
        "<details><summary>All settings</summary>"
        f"<pre>{escape(config)}</pre></details>",
    )
