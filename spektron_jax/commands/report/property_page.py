"""The HTML report of the property task: tables and a figure, from results.json."""

import json
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from spektron_jax.commands.report.markup import document, finding, image, section, table
from spektron_jax.commands.report.stored import write_page
from spektron_jax.commands.report.style import PALETTE, new_figure, styled
from spektron_jax.commands.report.verdict import Finding, number


def write_report(workdir: str | Path) -> Path:
    """Write report.html from the results in a workdir; see `stored.write_page`."""
    return write_page(workdir, render, arrays=False)


def render(results: dict) -> str:
    """Return the whole page."""
    found = [Finding(None, line["label"], line["text"]) for line in results["verdict"]]
    items = "\n".join(finding(each) for each in found)
    parts = [
        "<h1>Properties from embeddings</h1>",
        section("verdict", "Verdict", f'<ul class="verdict">\n{items}\n</ul>'),
    ]
    for place, each in enumerate(results["tables"]):
        parts.append(_table(each, f"table{place}"))
    config = json.dumps(results["config"], indent=2, ensure_ascii=False)
    versions = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    parts.append(
        section(
            "settings",
            "Settings and how to repeat this",
            f"<p>{escape(versions)}; weights {escape(str(results['weights']))}.</p>"
            f"<pre>{escape(results['command'])}</pre>",
            "<details><summary>All settings</summary>"
            f"<pre>{escape(config)}</pre></details>",
        )
    )
    return document("Properties from embeddings", "\n".join(parts))


def _table(each, name):
    methods = list(each["entries"][0]["methods"])
    rows = []
    for entry in each["entries"]:
        cells = []
        for method in methods:
            one = entry["methods"][method]
            value = one["auc"] if entry["group"] else one["r2"]
            text = f"{value:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
            if not entry["group"]:
                text += f", MAE {number(one['mae'])}"
            cells.append(text)
        rows.append((entry["property"], "AUC" if entry["group"] else "R²", *cells))
    caption = "Score of every head on test samples; bars: 95 %, samples resampled."
    return section(
        name,
        each["title"],
        f"<p>{escape(each['text'])}. 95 % intervals, test samples resampled.</p>",
        image(scores(each["entries"]), caption),
        table(("property", "score", *methods), rows),
    )


@styled
def scores(entries: list[dict]) -> Figure:
    """R2 or AUC of every property and method, side by side, with intervals."""
    figure = new_figure(1.2 + 0.45 * len(entries))
    axes = figure.subplots()
    methods = list(entries[0]["methods"])
    for place, method in enumerate(methods):
        found = [entry["methods"][method] for entry in entries]
        value = np.array([f.get("auc", f.get("r2")) for f in found])
        ends = np.array([[f["low"], f["high"]] for f in found])
        y = np.arange(len(entries)) + 0.14 * (place - (len(methods) - 1) / 2)
        axes.errorbar(
            value,
            y,
            xerr=np.maximum([value - ends[:, 0], ends[:, 1] - value], 0),
            fmt="os^Dv"[place % 5],
            ms=4,
            elinewidth=0.9,
            color=PALETTE[place % len(PALETTE)],
            label=method,
        )
    names = [f"{e['property']}, {'AUC' if e['group'] else 'R²'}" for e in entries]
    axes.set_yticks(range(len(entries)), names)
    axes.invert_yaxis()
    axes.set_xlim(left=max(axes.get_xlim()[0], -0.5), right=1.02)
    axes.set(xlabel="score")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
