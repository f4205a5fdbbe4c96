"""The HTML report of a disentanglement audit: one file that opens without a network.

`write_report(workdir)` reads results.json and results.npz and writes report.html beside
them. The verdict stands first; its rule is in `evaluation/disentanglement.py`.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from spektron_jax.commands.report import audit_figures
from spektron_jax.commands.report.figures import latent_scatter
from spektron_jax.commands.report.markup import (
    document,
    finding,
    image,
    section,
    table,
)
from spektron_jax.commands.report.stored import write_page
from spektron_jax.commands.report.wording import count, number, share
from spektron_jax.commands.result import Finding
from spektron_jax.probes.disentanglement import (
    CODES,
    COLLAPSED_SHARE,
    KNOWS_MOLECULE,
    PROBES,
    limit,
)
from spektron_jax.spectra.grid import MODALITIES

INFORMED = 0.90  # instrument accuracy wanted of z_inst
WORDS = {
    "disentangled": "z_chem hides the instrument and keeps the molecule.",
    "leaking": "z_chem gives the instrument away.",
    "collapsed": "z_chem does not carry enough of the molecule.",
}


def write_report(workdir: str | Path) -> Path:
    """Write report.html from the results in a workdir; see `stored.write_page`."""
    return write_page(workdir, render)


def render(results: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """Return the whole page."""
    title = f"Disentanglement audit: {results['weights']}"
    parts = (
        _head(results, title),
        _verdict(results),
        _knowledge(results),
        _latent(arrays),
        _bottleneck(results, arrays),
        _swap(results, arrays),
        _chemistry(results),
        _settings(results),
    )
    return document(title, "\n".join(parts))


def modalities(results: dict[str, Any]) -> dict[str, Any]:
    """The rows of single modalities."""
    return {k: row for k, row in results["rows"].items() if k in MODALITIES}


def findings(results: dict[str, Any]) -> list[Finding]:
    """The verdict and what it rests on, most important first."""
    rows = results["rows"]
    said = results["verdict"]
    collapsed = results["headline"]["collapsed"]
    found = [Finding(said == "disentangled", said, WORDS[said])]
    probes = [
        (row["z_chem"][probe], kind, name)
        for name, row in rows.items()
        for kind, probe in PROBES.items()
        if probe in row["z_chem"]
    ]
    worst, kind, name = max(probes, key=lambda p: p[0]["accuracy"] - limit(p[0]))
    hidden = worst["accuracy"] <= limit(worst)
    found.append(
        Finding(
            hidden,
            "instrument hidden" if hidden else "instrument in z_chem",
            f"The probe that reads most ({kind}, {name}) tells the instrument from "
            f"z_chem in {share(worst['accuracy'])} of cases; up to "
            f"{share(limit(worst))} counts as guessing.",
        )
    )
    name = min(rows, key=lambda name: rows[name]["z_chem"]["molecule"]["accuracy"])
    molecule = rows[name]["z_chem"]["molecule"]
    knows = molecule["accuracy"] >= KNOWS_MOLECULE
    found.append(
        Finding(
            knows,
            "molecule found again" if knows else "molecule not found again",
            f"Least in {name}: by nearest neighbour in z_chem "
            f"{share(molecule['accuracy'])} on another instrument, "
            f"{share(molecule['same'])} on the same one (chance "
            f"{share(molecule['chance'])}; wanted: {share(KNOWS_MOLECULE)}).",
        )
    )
    alive = collapsed <= COLLAPSED_SHARE
    found.append(
        Finding(
            alive,
            "dimensions alive" if alive else "dimensions collapsed",
            f"{share(collapsed)} of the z_chem dimensions have a KL below 0.01 nats.",
        )
    )
    inst = results["headline"]["z_inst_instrument"]
    found.append(
        Finding(
            inst >= INFORMED,
            "z_inst knows the instrument" if inst >= INFORMED else "z_inst is weak",
            f"A linear probe reads the instrument from z_inst in {share(inst)} of "
            f"cases, mean of the modalities (wanted: {share(INFORMED)}).",
        )
    )
    ratios = [row["swap"]["of_nothing"] for row in modalities(results).values()]
    good = True if max(ratios) < 1 else False if min(ratios) > 1 else None
    found.append(
        Finding(
            good,
            "swaps",
            "Decoded with the other instrument's z_inst, a spectrum is as far from "
            "that instrument's as "
            + ", ".join(
                f"{number(row['swap']['of_nothing'])} ({name})"
                for name, row in modalities(results).items()
            )
            + " times the squared error of doing nothing.",
        )
    )
    return found


def _head(results: dict[str, Any], title: str) -> str:
    facts = (
        f"{count(results['parameters'])} parameters",
        f"{results['instruments']} simulated instruments that no training pool holds",
        f"{results['config']['molecules']} test molecules on each",
        f"seeds {', '.join(results['seeds'])}",
    )
    return f'<h1>{escape(title)}</h1>\n<p class="facts">{escape("; ".join(facts))}.</p>'


def _verdict(results: dict[str, Any]) -> str:
    items = "\n".join(finding(found) for found in findings(results))
    return section("verdict", "Verdict", f'<ul class="verdict">\n{items}\n</ul>')


def _spread(results: dict[str, Any], *path: str) -> str:
    """A share, and its range over seeds."""

    def at(tree):
        for name in path:
            tree = tree[name]
        return tree

    values = [at(seed) for seed in results["seeds"].values()]
    text = share(at(results["rows"]))
    if len(values) > 1:
        text += f" ({100 * min(values):.1f}–{100 * max(values):.1f})"
    return text


def _knowledge(results: dict[str, Any]) -> str:
    tables = []
    header = ("modality", "instrument, linear", "instrument, MLP", "guessing up to")
    header += ("molecule, other instrument", "same instrument", "chance")
    for code in CODES:
        rows = []
        for name, row in results["rows"].items():
            cells = [
                _spread(results, name, code, probe, "accuracy")
                for probe in PROBES.values()
            ]
            cells.append(share(limit(row[code]["instrument"])))
            for which in ("accuracy", "same"):
                cells.append(_spread(results, name, code, "molecule", which))
            rows.append((name, *cells, share(row[code]["molecule"]["chance"])))
        tables.append(table(header, rows, caption=f"{code} (range over seeds)"))
    return section(
        "knowledge",
        "What the codes know",
        image(
            audit_figures.knowledge(results["rows"], results["seeds"]),
            "Small dots: single seeds. Wanted: on z_chem (left) red and orange within "
            "the grey bar, blue right of the dotted line; on z_inst (right) the "
            "reverse.",
        ),
        *tables,
        '<p class="note">Instrument: probes with 5 folds by molecule. Molecule: '
        "nearest neighbour among all spectra of another instrument, or among second "
        "measurements on the same one. In “all” an instrument has other "
        "parameters in each modality, so that probes read less there.</p>",
    )


def _latent(arrays: dict[str, np.ndarray]) -> str:
    modality = np.array(MODALITIES)[arrays["modality"]]
    images = [
        image(
            latent_scatter(
                arrays[code],
                arrays["instrument"],
                arrays["molecule"],
                modality,
                name=code,
            ),
            f"{code}, first two principal components, first seed.",
        )
        for code in CODES
    ]
    return section("latent", "Latent space", *images)


def _bottleneck(results: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    rows = [
        (
            name,
            *(number(row["kl"][code]["mean"]) for code in CODES),
            *(share(row["kl"][code]["collapsed"]) for code in CODES),
            *(number(row["dimensions"][code]) for code in CODES),
        )
        for name, row in results["rows"].items()
    ]
    header = ("modality", "z_chem, KL per dimension (nats)", "z_inst")
    header += ("z_chem, dimensions below 0.01", "z_inst")
    header += ("z_chem, effective rank", "z_inst")
    return section(
        "bottleneck",
        "Bottleneck",
        table(header, rows),
        image(
            audit_figures.kl({code: arrays[f"kl_{code}"] for code in CODES}),
            "Mean over spectra, first seed. Below the dashed line a dimension carries "
            "nothing.",
        ),
    )


def _swap(results: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    rows = []
    for name, row in modalities(results).items():
        its = row["swap"]
        values = [s[name]["swap"]["of_nothing"] for s in results["seeds"].values()]
        spread = f"{number(min(values))}–{number(max(values))}"
        closer = _spread(results, name, "swap", "closer")
        errors = number(its["mse"]["swapped"]), number(its["mse"]["nothing"])
        rows.append((name, number(its["of_nothing"]), spread, closer, *errors))
    header = ("modality", "error / doing nothing", "range over seeds")
    header += ("nearer to b than to a", "squared error", "doing nothing")
    errors = {name: row["swap"] for name, row in modalities(results).items()}
    examples = {name: arrays[f"swap_{name}"] for name in errors}
    return section(
        "swap",
        "Swaps: z_chem of one, z_inst of another",
        "<p>z_chem of a molecule on instrument a and z_inst of instrument b are "
        "decoded and held against the noise-free spectrum on b. Doing nothing takes "
        "the spectrum measured on a.</p>",
        table(header, rows, caption="Squared errors in absorbance²"),
        image(
            audit_figures.swap_errors(errors),
            "Left to right: the swap; with z_inst from another molecule (as low: "
            "z_inst is free of the molecule); nothing exchanged (as low: all error is "
            "the decoder's); z_inst kept, and z_chem of another molecule (as low: that "
            "code is not used).",
        ),
        image(
            audit_figures.swap_examples(examples), "First molecule of the first seed."
        ),
    )


def _chemistry(results: dict[str, Any]) -> str:
    rows = []
    for name, row in modalities(results).items():
        for what, its in row["chemistry"].items():
            if its is not None:
                cells = (number(its["same"]), number(its["cross"]))
                words = f": {', '.join(its['groups'])}" if "groups" in its else ""
                rows.append((f"{name}, {what}", *cells, f"{what}{words}"))
    header = ("", "R², same instrument", "R², other instruments", "of")
    return section(
        "chemistry",
        "Chemistry in z_chem",
        table(header, rows),
        '<p class="note">Ridge regression fitted on one instrument. Functional groups: '
        "how many of each, 5 folds by molecule. Composition: shares in mixtures of 2 "
        "to 6 of 6 molecules, which mix by Beer and Lambert. Mean over properties, "
        "instruments and seeds.</p>",
    )


def _settings(results: dict[str, Any]) -> str:
    lines = [f"{name} {version}" for name, version in results["versions"].items()]
    config = json.dumps(results["config"], indent=2, ensure_ascii=False)
    return section(
        "settings",
        "Settings and how to repeat this",
        f"<p>{escape(', '.join(lines))}.</p>",
        f"<pre>{escape(results['command'])}</pre>",
        f"<pre>{escape(config)}</pre>",
    )
