"""What a pretraining run is for, how far it got, and what to do next."""

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np

from spektron_jax.commands.report.pretrain_verdict import INTERPOLATIONS
from spektron_jax.commands.report.wording import count, interval, number, share
from spektron_jax.commands.result import Bullets, Headline, Section, Table, Text
from spektron_jax.losses.objective import NAMES as LOSSES

SHIPPED = "nano"
SMOKE_TEST = 3000  # steps: fewer show that a set-up works, not what a network can do


def headline(evaluation: Mapping[str, Any]) -> Headline:
    """What the run is for, and whether it is more than a test of the set-up."""
    step = int(evaluation["step"])
    what = "A network learns from simulated spectra with hidden spans. It is judged by "
    what += "how it fills them, and by what its codes keep: the chemistry in z_chem, "
    what += "the instrument in z_inst."
    note = f"{count(step)} steps"
    if step < SMOKE_TEST:
        note += (
            ": a smoke test of the set-up. That it falls short of the targets below "
        )
        note += "says nothing of longer runs or of the weights that ship with the "
        note += "package"
    return Headline(what, note=f"{note}. A calibration or a search needs no such run.")


def next_steps(evaluation: Mapping[str, Any]) -> Section:
    """What to do with this run."""
    steps = []
    if int(evaluation["step"]) < SMOKE_TEST:
        steps.append(
            "Train on for results: the same command with a larger "
            "--config.train.steps resumes this run."
        )
    steps.append(
        "Audit the codes of the finished run on more molecules and seeds (task "
        '"latent").'
    )
    steps.append("For a calibration transfer or a library search use the shipped ones.")
    return Section("next", "What to do next", [Bullets(steps)])


def beside_shipped(evaluation: Mapping[str, Any]) -> Section:
    """The run's main figures beside those of the weights in the package."""
    place = resources.files("spektron_jax") / "weights" / SHIPPED / "evaluation.json"
    shipped = json.loads(place.read_text(encoding="utf-8"))
    header = ["", "this run", f"shipped weights ({SHIPPED})", "desired"]
    pairs = [_figures(evaluation), _figures(shipped)]
    rows = [
        (name, pairs[0][name], pairs[1][name], desired)
        for name, desired in (
            ("squared error in long gaps / best interpolation", "below 1"),
            ("squared error in short gaps / best interpolation", "below 1"),
            ("instrument from z_chem, linear probe", "at chance"),
            ("molecule from z_chem, top-1 across instruments", "80 % or more"),
            ("instrument from z_inst, linear probe", "far above chance"),
        )
    ]
    text = "Each was evaluated on its own molecules and instruments, so the figures "
    text += "compare roughly."
    return Section(
        "shipped", "Beside the shipped weights", [Table(header, rows), Text(text, True)]
    )


def loss_shares(metrics: Mapping[str, np.ndarray]) -> Table:
    """Each weighted term's share of the total at the start and the end."""
    terms = {name: metrics[f"weighted/{name}"] for name in LOSSES}
    rows, size = max(1, metrics["step"].size // 10), metrics["step"].size
    parts = []
    for part in (slice(None, rows), slice(size - rows, None)):
        means = {
            name: float(np.nanmean(values[part])) for name, values in terms.items()
        }
        whole = sum(abs(mean) for mean in means.values()) or 1.0
        parts.append({name: share(abs(mean) / whole) for name, mean in means.items()})
    table = [(name, *(part[name] for part in parts)) for name in LOSSES]
    header = ["loss", "first tenth", "last tenth"]
    return Table(header, table, "Share of each weighted term in the sum of all")


def _figures(evaluation: Mapping[str, Any]) -> dict[str, str]:
    found, probes = {}, evaluation["probes"]
    for gap in ("long", "short"):
        errors = evaluation["reconstruction"][gap]
        best = min(INTERPOLATIONS, key=lambda name: errors[name]["mse"])
        ratio = errors["ratio"][best]
        name = f"squared error in {gap} gaps / best interpolation"
        found[name] = f"{number(ratio['ratio'])} {interval(ratio)}"
    for code in ("z_chem", "z_inst"):
        accuracy = share(probes[code]["instrument"]["accuracy"])
        found[f"instrument from {code}, linear probe"] = accuracy
    molecule = share(probes["z_chem"]["molecule"]["accuracy"])
    found["molecule from z_chem, top-1 across instruments"] = molecule
    return found
