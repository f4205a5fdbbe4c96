"""The page of a disentanglement audit: what z_chem and z_inst know.

The rule of the verdict is in `probes/disentanglement.py`. Throughout, `rows` are the
metrics by modality, means over seeds, and `seeds` the same of each seed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spektron_jax.commands.report import latent_figures
from spektron_jax.commands.report.latent_sections import latent_section, probe_table
from spektron_jax.commands.report.wording import number, share
from spektron_jax.commands.result import Finding, Plot, Section, Table, Text
from spektron_jax.probes.disentanglement import (
    CODES,
    COLLAPSED_SHARE,
    KNOWS_MOLECULE,
    chance_limit,
    least_retrieved,
    most_read,
)
from spektron_jax.spectra.grid import MODALITIES

INFORMED = 0.90  # instrument accuracy required of z_inst
VERDICT_SENTENCES = {
    "disentangled": "z_chem hides the instrument and keeps the molecule.",
    "leaking": "z_chem gives the instrument away.",
    "collapsed": "z_chem does not carry enough of the molecule.",
}
Rows = Mapping[str, Mapping[str, Any]]


def findings(
    verdict: str, headline: Mapping[str, float], rows: Rows
) -> Sequence[Finding]:
    """The verdict and what it rests on, most important first."""
    alive = headline["collapsed"] <= COLLAPSED_SHARE
    informed = headline["z_inst_instrument"]
    return [
        Finding(verdict == "disentangled", verdict, VERDICT_SENTENCES[verdict]),
        _instrument_finding(rows),
        _molecule_finding(rows),
        Finding(
            alive,
            "dimensions alive" if alive else "dimensions collapsed",
            f"{share(headline['collapsed'])} of the z_chem dimensions have a KL below "
            "0.01 nats.",
        ),
        Finding(
            informed >= INFORMED,
            "z_inst knows the instrument" if informed >= INFORMED else "z_inst is weak",
            f"Linear probe accuracy on the instrument is {share(informed)} from "
            f"z_inst, mean of the modalities (required: {share(INFORMED)}).",
        ),
        _swap_finding(rows),
    ]


def _instrument_finding(rows: Rows) -> Finding:
    kind, name, worst = most_read({name: row["z_chem"] for name, row in rows.items()})
    hidden = worst["accuracy"] <= chance_limit(worst)
    return Finding(
        hidden,
        "instrument hidden" if hidden else "instrument in z_chem",
        f"The most accurate instrument probe on z_chem ({kind}, {name}) reaches "
        f"{share(worst['accuracy'])}; up to {share(chance_limit(worst))} counts as at "
        "chance.",
    )


def _molecule_finding(rows: Rows) -> Finding:
    name, molecule = least_retrieved(
        {name: row["z_chem"] for name, row in rows.items()}
    )
    knows = molecule["accuracy"] >= KNOWS_MOLECULE
    return Finding(
        knows,
        "molecule retrieved" if knows else "molecule not retrieved",
        f"Least in {name}: top-1 retrieval by z_chem is {share(molecule['accuracy'])} "
        f"across instruments, {share(molecule['same'])} on the same one (chance: "
        f"{share(molecule['chance'])}; required: {share(KNOWS_MOLECULE)}).",
    )


def _swap_finding(rows: Rows) -> Finding:
    ratios = {name: row["swap"]["of_nothing"] for name, row in single(rows).items()}
    good = None
    if max(ratios.values()) < 1:
        good = True
    elif min(ratios.values()) > 1:
        good = False
    listed = ", ".join(f"{number(value)} ({name})" for name, value in ratios.items())
    return Finding(
        good,
        "swaps",
        "Decoded with the other instrument's z_inst, a spectrum is as far from that "
        f"instrument's as {listed} times the squared error of doing nothing.",
    )


def sections(
    rows: Rows, seeds: Sequence[Rows], arrays: Mapping[str, np.ndarray]
) -> Sequence[Section]:
    """The page below the verdict; arrays are those of the first seed."""
    return [
        _knowledge(rows, seeds),
        latent_section(arrays),
        _bottleneck(rows, arrays),
        _swap(single(rows), seeds, arrays),
        _chemistry(single(rows)),
    ]


def single(rows: Rows) -> Rows:
    """Without the row of all modalities together."""
    return {name: row for name, row in rows.items() if name in MODALITIES}


def _knowledge(rows: Rows, seeds: Sequence[Rows]) -> Section:
    plot = Plot(
        latent_figures.knowledge(rows, seeds),
        "Small dots: single seeds. Desired: on z_chem (left) red and orange within "
        "the grey bar, blue right of the dotted line; on z_inst (right) the reverse.",
    )
    tables = [
        probe_table(
            {name: row[code] for name, row in rows.items()},
            [{name: row[code] for name, row in seed.items()} for seed in seeds],
            caption=f"{code} (range over seeds)",
        )
        for code in CODES
    ]
    note = Text(
        "Instrument: probes with 5 folds by molecule. Molecule: nearest neighbour "
        "among all spectra of another instrument, or among second measurements on the "
        "same one. In “all” an instrument has other parameters in each modality, so "
        "that probes read less there.",
        note=True,
    )
    return Section("knowledge", "What the codes know", [plot, *tables, note])


def _bottleneck(rows: Rows, arrays: Mapping[str, np.ndarray]) -> Section:
    header = ["modality", "z_chem, KL per dimension (nats)", "z_inst"]
    header += ["z_chem, dimensions below 0.01", "z_inst"]
    header += ["z_chem, effective rank", "z_inst"]
    cells = [
        (
            name,
            *(number(row["kl"][code]["mean"]) for code in CODES),
            *(share(row["kl"][code]["collapsed"]) for code in CODES),
            *(number(row["dimensions"][code]) for code in CODES),
        )
        for name, row in rows.items()
    ]
    plot = Plot(
        latent_figures.kl({code: arrays[f"kl_{code}"] for code in CODES}),
        "Mean over spectra, first seed. Below the dashed line a dimension carries "
        "nothing.",
    )
    return Section("bottleneck", "Bottleneck", [Table(header, cells), plot])


def _swap(
    rows: Rows, seeds: Sequence[Rows], arrays: Mapping[str, np.ndarray]
) -> Section:
    header = ["modality", "error / doing nothing", "range over seeds"]
    header += ["nearer to b than to a", "squared error", "doing nothing"]
    swaps = {name: row["swap"] for name, row in rows.items()}
    cells = []
    for name, swap in swaps.items():
        ratios = [seed[name]["swap"]["of_nothing"] for seed in seeds]
        errors = number(swap["mse"]["swapped"]), number(swap["mse"]["nothing"])
        spread = f"{number(min(ratios))}–{number(max(ratios))}"
        closer = share(swap["closer"])
        cells.append((name, number(swap["of_nothing"]), spread, closer, *errors))
    return Section(
        "swap",
        "Swaps: z_chem of one, z_inst of another",
        [
            Text(
                "z_chem of a molecule on instrument a and z_inst of instrument b are "
                "decoded and held against the noise-free spectrum on b. Doing nothing "
                "takes the spectrum measured on a."
            ),
            Table(header, cells, "Squared errors in absorbance²"),
            Plot(
                latent_figures.swap_errors(swaps),
                "Left to right: the swap; with z_inst from another molecule (as low: "
                "z_inst is free of the molecule); nothing exchanged (as low: all error "
                "is the decoder's); z_inst kept, and z_chem of another molecule (as "
                "low: that code is not used).",
            ),
            Plot(
                latent_figures.swap_examples({k: arrays[f"swap_{k}"] for k in swaps}),
                "First molecule of the first seed.",
            ),
        ],
    )


def _chemistry(rows: Rows) -> Section:
    header = ["", "R², same instrument", "R², other instruments", "of"]
    cells = []
    for name, row in rows.items():
        for what, its in row["chemistry"].items():
            if its is not None:
                words = f": {', '.join(its['groups'])}" if "groups" in its else ""
                scores = number(its["same"]), number(its["cross"])
                cells.append((f"{name}, {what}", *scores, f"{what}{words}"))
    note = Text(
        "Ridge regression fitted on one instrument. Functional groups: how many of "
        "each, 5 folds by molecule. Composition: shares in mixtures of 2 to 6 of 6 "
        "molecules, which mix by Beer and Lambert. Mean over properties, instruments "
        "and seeds.",
        note=True,
    )
    return Section("chemistry", "Chemistry in z_chem", [Table(header, cells), note])
