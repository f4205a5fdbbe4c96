"""The HTML report of an identification: one file that opens without a network.

`write_report(workdir)` reads results.json and writes report.html beside it.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from spektron_jax.commands.report.markup import document, finding, image, section, table
from spektron_jax.commands.report.stored import write_page
from spektron_jax.commands.report.style import GREY, PALETTE, new_figure, styled
from spektron_jax.commands.report.verdict import Finding, share


def write_report(workdir: str | Path) -> Path:
    """Write report.html from the results in a workdir; see `stored.write_page`."""
    return write_page(workdir, render, arrays=False)


def render(results: dict[str, Any]) -> str:
    """Return the whole page."""
    files = ", ".join(results["files"])
    found = [Finding(None, line["label"], line["text"]) for line in results["verdict"]]
    items = "\n".join(finding(each) for each in found)
    parts = [
        f'<h1>Identification</h1>\n<p class="facts">{escape(files)}.</p>',
        section("verdict", "Verdict", f'<ul class="verdict">\n{items}\n</ul>'),
    ]
    if results["warnings"]:
        lines = "".join(f"<li>{escape(text)}</li>" for text in results["warnings"])
        parts.append(section("warnings", "Warnings", f"<ul>{lines}</ul>"))
    if results["mode"] == "classify":
        parts.append(_shots(results))
    elif results["methods"]:
        parts += [_methods(results), _reject(results)]
    if results["pairs"]:
        parts.append(_pairs(results))
    parts.append(_settings(results))
    return document("Identification", "\n".join(parts))


def _methods(results):
    header = ("method", "top-1", "top-5", "combination without network minus this")
    rows = []
    for entry in results["methods"]:
        change = entry["combination_minus"]
        rows.append(
            (
                entry["method"],
                *(_with_interval(entry[f"top{k}"]) for k in (1, 5)),
                _signed(change),
            )
        )
    return section(
        "methods",
        "Methods",
        table(header, rows),
        f'<p class="note">{results["methods"][0]["top1"]["n"]} queries whose compound '
        "is in the library. Intervals: 95 %, compounds resampled.</p>",
    )


def _reject(results):
    reject = results["reject"]
    if not reject:
        return ""
    caption = "Accuracy of the hits that are kept, the least confident rejected first. "
    caption += "The confidence was learnt inside each library, by measuring it again "
    caption += "on virtual instruments; no query was used."
    return section(
        "reject",
        "When to reject a hit",
        image(rejection(reject["curves"], reject["accepted"]), caption),
    )


@styled
def rejection(curves: dict[str, list], accepted: float) -> Figure:
    """Accuracy against the share rejected; accepted: share kept by the threshold."""
    figure = new_figure(3.2)
    axes = figure.subplots()
    for place, (name, (rejected, accuracy)) in enumerate(curves.items()):
        dash = ("-", "--")[place % 2]
        axes.plot(rejected, accuracy, dash, color=PALETTE[place], label=name)
    axes.axvline(1 - accepted, color=GREY, lw=1, ls=":", label="threshold")
    axes.set(xlabel="share rejected", ylabel="accuracy of the rest", ylim=(0, 1.03))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _shots(results):
    names = list(results["shots"][0]["methods"])
    header = ("method", *(f"{entry['shots']} per class" for entry in results["shots"]))
    rows = [
        (name, *(_with_interval(e["methods"][name]) for e in results["shots"]))
        for name in names
    ]
    caption = "Share of spectra on the query instrument put into the right class, "
    caption += "against the number of labelled spectra of each class."
    return section(
        "shots",
        "Few-shot classification",
        image(learning(results["shots"]), caption),
        table(header, rows),
    )


@styled
def learning(shots: list[dict]) -> Figure:
    """Accuracy against labelled spectra of each class, with intervals."""
    figure = new_figure(3.4)
    axes = figure.subplots()
    numbers = [entry["shots"] for entry in shots]
    for place, name in enumerate(shots[0]["methods"]):
        found = [entry["methods"][name] for entry in shots]
        value = np.array([each["share"] for each in found])
        ends = [
            value - [each["low"] for each in found],
            np.array([each["high"] for each in found]) - value,
        ]
        axes.errorbar(
            np.array(numbers) * (1 + 0.02 * (place - 2)),
            value,
            yerr=np.maximum(ends, 0),
            color=PALETTE[place % len(PALETTE)],
            marker="os^Dvpx"[place % 7],
            ms=4,
            elinewidth=0.8,
            label=name,
        )
    axes.set_xscale("log")
    axes.set_xticks(numbers, [str(n) for n in numbers])
    axes.minorticks_off()
    axes.set(xlabel="labelled spectra of each class", ylabel="accuracy")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _pairs(results):
    names = list(results["pairs"][0]["top1"])
    what = "shots" if results["mode"] == "classify" else "queries"
    header = ("query instrument", "library", what, *names)
    rows = [
        (
            entry["query"],
            entry["library"],
            str(entry[what]),
            *(f"{entry['top1'][name]:.2f}" for name in names),
        )
        for entry in results["pairs"]
    ]
    return section("pairs", "Pairs of instruments", table(header, rows, "Top-1"))


def _settings(results):
    lines = [f"{name} {version}" for name, version in results["versions"].items()]
    files = "".join(
        f"<li>{escape(name)}: SHA-256 {escape(value)}</li>"
        for name, value in results["files"].items()
    )
    config = json.dumps(results["config"], indent=2, ensure_ascii=False)
    return section(
        "settings",
        "Settings and how to repeat this",
        f"<p>Seed {results['config']['seed']}; {escape(', '.join(lines))}; weights "
        f"{escape(str(results['weights']))}.</p><ul>{files}</ul>",
        f"<pre>{escape(results['command'])}</pre>",
        "<details><summary>All settings</summary>"
        f"<pre>{escape(config)}</pre></details>",
    )


def _with_interval(entry):
    return f"{share(entry['share'])} [{share(entry['low'])}, {share(entry['high'])}]"


def _signed(change):
    low, high = (f"{100 * change[end]:+.1f}" for end in ("low", "high"))
    return f"{100 * change['difference']:+.1f} [{low}, {high}] points"
