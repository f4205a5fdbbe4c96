"""What the result files say of accuracy, a function for each table of the documents."""

import math

from benchmarks.result_files import load, markdown

LOWEST = -1.0  # R2 below it is not printed
REGIMES = {
    "unlabelled 5": "5 unlabelled",
    "unlabelled 10": "10 unlabelled",
    "unlabelled all": "64 unlabelled",
    "paired 5": "n = 5",
    "paired 10": "n = 10",
    "paired 25": "n = 25",
    "paired 50": "n = 50",
}
KINDS = {
    "average": "plain average",
    "classical": "without the network",
    "encoder": "encoder only",
    "combination": "combination",
}
PROPERTIES = ("polarizability (A3)", "energy per atom (hartree)")
DEPTHS = ("tokens", "mean", "cls", "chem")
AUDIT = {
    "instrument probe on `z_chem`, linear": "z_chem.instrument.accuracy",
    "the same, MLP": "z_chem.instrument_mlp.accuracy",
    "chance level, up to": "z_chem.instrument.high",
    "molecule from `z_chem`, other instrument": "z_chem.molecule.accuracy",
    "the same, same instrument": "z_chem.molecule.same",
    "instrument probe on `z_inst`, linear": "z_inst.instrument.accuracy",
    "molecule from `z_inst`": "z_inst.molecule.accuracy",
    "swap, squared error / doing nothing": "swap.of_nothing",
    "composition, R2 same instrument": "chemistry.composition.same",
    "composition, R2 other instruments": "chemistry.composition.cross",
    "functional groups, R2 same": "chemistry.groups.same",
    "functional groups, R2 other": "chemistry.groups.cross",
    "effective rank of `z_chem`": "dimensions.z_chem",
    "effective rank of `z_inst`": "dimensions.z_inst",
}
RETRIEVAL = {
    "`z_chem`": "nano z_chem",
    "CLS": "nano CLS",
    "spectrum": "spectrum",
    "SNV, first derivative": "SNV, derivative",
}
CLASSICAL = {
    "mean-centring": ("mc",),
    "slope and bias": ("sbc",),
    "piecewise direct standardisation": ("pds_w5_1", "pds_w3_2"),
    "GLSW": ("glsw0.01", "glsw0.0001"),
    "pooled PLS": ("pooled_mc", "pooled_mc_w1"),
    "ridge update of the source model": ("prior_ridge",),
    "target only": ("target_only",),
    "plain average of twenty recipes": ("average",),
}
ABLATION = {
    "molecule": "top-1 retrieval",
    "instrument_chem": "instrument probe on `z_chem`",
    "gap": "long gaps / linear",
}


def r2(value: float) -> str:
    """Three digits."""
    return f"{value:.3f}" if value > LOWEST else "-1 or less"


def change(entry) -> str:
    """A paired difference with its interval."""
    parts = (entry["minus_base"][key] for key in ("difference", "low", "high"))
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*parts)


def _recipe(name: str, singles: bool) -> str:
    found = {(row["method"], row["regime"]): row for row in load(name)["rows"]}
    regimes = [key for key in REGIMES if ("classical", key) in found]
    rows = []
    if singles:
        best = []
        for regime in regimes:
            single = max(
                (row for key, row in found.items() if "/" in key[0]
                 and key[1] == regime and not key[0].startswith("ceiling")),
                key=lambda row: row["mean_r2"],
            )  # fmt: skip
            label = single["method"].split("/")[0].split("@")[0]
            best.append(f"{r2(single['mean_r2'])} ({label})")
        rows.append(["best single transfer", *best])
    for kind, label in KINDS.items():
        own = [found.get((kind, regime)) for regime in regimes]
        if any(own):
            rows.append([label, *(r2(row["mean_r2"]) if row else "-" for row in own)])
    for kind in ("average", "combination"):
        own = (found.get((kind, regime)) for regime in regimes)
        cells = (change(row) if row else "-" for row in own)
        rows.append([f"{kind} minus without the network", *cells])
    return markdown(["", *(REGIMES[key] for key in regimes)], rows)


def corn_recipe() -> str:
    """Our entry on corn."""
    return _recipe("corn_recipe", singles=False)


def virtual_tasks() -> str:
    """The same on virtual tasks, beside the best of the single transfers."""
    return _recipe("virtual_tasks", singles=True)


def depth() -> str:
    """What a calibration can read at each depth."""
    within = load("depth")["within"]
    rows = [
        [key, *[r2(within[key])] * 2, "", ""] for key in ("spectra", "first derivative")
    ]
    for name in DEPTHS:
        keys = (f"{name}, {kind}{how}" for kind in ("pretrained", "random")
                for how in ("", ", linear"))  # fmt: skip
        rows.append([name, *(r2(within[key]) for key in keys)])
    head = ["", "pretrained", "linear", "random weights", "linear"]
    return markdown(head, rows)


def depth_transfer() -> str:
    """The Bayesian member on each view."""
    rows = [[key, r2(value)] for key, value in load("depth")["transfer"].items()]
    return markdown(["view", "R2"], rows)


def _ablation(name: str) -> str:
    runs, rows = load(f"ablation_{name}")["runs"], []
    for variant in dict.fromkeys(run["variant"] for run in runs):
        group = [run for run in runs if run["variant"] == variant]
        cells = []
        for key in ABLATION:
            values = sorted(run[key] for run in group)
            cells.append(" - ".join(f"{v:.2f}" for v in dict.fromkeys(values)))
        mean = sum(run["molecule"] for run in group) / len(group)
        steps = sum(run["steps"] for run in group) // len(group)
        rows.append((mean, [variant, str(steps), *cells]))
    rows.sort(key=lambda row: -row[0])
    return markdown(["", "steps", *ABLATION.values()], [row for _, row in rows])


def ablation_laboratory() -> str:
    """Which virtual laboratory."""
    return _ablation("laboratory")


def ablation_retrieval() -> str:
    """The same sample on another instrument, by the same runs."""
    sets = load("ablation_laboratory_retrieval")
    sets.pop("command")
    rows = []
    for run in dict.fromkeys(
        row["variant"] for row in load("ablation_laboratory")["runs"]
    ):
        cells = [run]
        for found in sets.values():
            own = [v for k, v in found.items() if f"/{run}-seed" in k and "z_chem" in k]
            plain, apart = (" - ".join(f"{100 * x:.0f}" for x in sorted(column))
                            for column in zip(*own, strict=True))  # fmt: skip
            cells.append(f"{plain} %, {apart} %")
        rows.append(cells)
    return markdown(["", *sets], rows)


def ablation_methods() -> str:
    """Which way of splitting the latents."""
    return _ablation("methods")


def ablation_weight() -> str:
    """Which weight of the bottleneck."""
    return _ablation("weight")


def ablation_size() -> str:
    """How wide, how deep."""
    return _ablation("size")


def ablation_losses() -> str:
    """Each loss left out."""
    return _ablation("losses")


def audit() -> str:
    """What the latents of the shipped weights know: `configs/latent.py`, 3 seeds."""
    found = load("audit")
    rows = []
    for label, path in AUDIT.items():
        cells = []
        for name in found["rows"]:
            values = [_at(found["rows"], name, path)]
            values += [_at(seed, name, path) for seed in found["seeds"].values()]
            cells.append("" if None in values else _spread(path, *values))
        rows.append([label, *cells])
    return markdown(["", *found["rows"]], rows)


def _at(rows: dict, name: str, path: str):
    value = rows[name]
    for key in path.split("."):
        value = value.get(key) if value else None
    return value


def _spread(path: str, mean: float, *seeds: float) -> str:
    if path.startswith("z_"):
        low, high = (f"{100 * f(seeds):.0f}" for f in (min, max))
        return f"{100 * mean:.0f} % ({low}-{high})"
    return f"{mean:.2f} ({min(seeds):.2f}-{max(seeds):.2f})"


def identification() -> str:
    """Compounds across instruments, `raman_biomolecules`."""
    rows = []
    for row in load("identify")["raman_biomolecules"]["methods"]:
        first = "{share:.3f} [{low:.2f}, {high:.2f}]".format(**row["top1"])
        name = row["method"].replace("combination", "average")
        rows.append([name, first, f"{row['top5']['share']:.3f}"])
    return markdown(["", "top-1", "top-5"], rows)


def meats() -> str:
    """Species from few spectra of each class."""
    shots = load("identify")["ir_meats"]["shots"]
    rows = []
    for name in shots[0]["methods"]:
        cells = (f"{shot['methods'][name]['share']:.3f}" for shot in shots)
        rows.append([name, *cells])
    return markdown(["", *(f"k = {shot['shots']}" for shot in shots)], rows)


def properties() -> str:
    """Two properties and the functional groups, from each depth."""
    tables = load("properties")["tables"]
    rows = []
    for method in tables[0]["entries"][0]["methods"]:
        cells = []
        for table in tables:
            entries = {entry["property"]: entry for entry in table["entries"]}
            found = [entries[name]["methods"][method]["r2"] for name in PROPERTIES]
            groups = [entry["methods"][method]["auc"] for entry in entries.values()
                      if entry["group"]]  # fmt: skip
            auc = sum(groups) / len(groups)
            cells.append(", ".join(f"{r2:.2f}" for r2 in found) + f", {auc:.3f}")
        rows.append([method, *cells])
    return markdown(["", *(table["title"] for table in tables)], rows)


def corn_network() -> str:
    """Each step of the design by itself."""
    found = {
        (row["method"], row["regime"]): row for row in load("corn_network")["rows"]
    }
    regimes = list(dict.fromkeys(regime for _, regime in found))
    rows = []
    for method in dict.fromkeys(method for method, _ in found):
        own = (found.get((method, regime)) for regime in regimes)
        rows.append([method, *(r2(row["mean_r2"]) if row else "-" for row in own)])
    return markdown(["", *(REGIMES[key] for key in regimes)], rows)


def coverage() -> str:
    """How often the 90 % intervals of our recipe hold the label."""
    rows = [
        [row["regime"].replace("paired ", "n = "), f"{100 * row['coverage']:.1f} %"]
        + [f"{row['half_width_sd']:.2f}", row["mark"]]
        for row in load("corn_coverage_recipe")["rows"]
    ]
    return markdown(["", "covered", "half width / SD of the labels", "marked"], rows)


def gaps() -> str:
    """How well gaps of 80 cm-1 can be filled without any network."""
    found = load("gaps")
    sizes, rows = found.pop("molecules"), []
    for modality, learners in found.items():
        for name, values in learners.items():
            rows.append([f"{modality}, {name}", *(f"{v:.2f}" for v in values)])
    head = ["squared error / linear interpolation's", *(f"{n:,}" for n in sizes)]
    return markdown(head, rows)


def retrieval() -> str:
    """Top-1 retrieval of a sample across NIR instruments."""
    rows = []
    for title, found in load("retrieval").items():
        cells = ("{:.0f} %, {:.0f} %".format(*(100 * x for x in found[name]))
                 for name in RETRIEVAL.values())  # fmt: skip
        rows.append([title, *cells])
    return markdown(["", *RETRIEVAL], rows)


def corn_classical() -> str:
    """Classical transfers on corn."""
    found = {
        (row["method"], row["regime"]): row["mean_r2"]
        for row in load("corn_classical")["rows"]
    }
    regimes, rows = ("paired 5", "paired 10", "paired 25"), []
    for label, families in CLASSICAL.items():
        cells = []
        for regime in regimes:
            tried = {
                method: value
                for (method, own), value in found.items()
                if own == regime and method.split("/")[0].split("@")[0] in families
            }
            method = max(tried, key=tried.get)
            cells.append(f"{tried[method]:.3f} ({method})")
        rows.append([label, *cells])
    return markdown(["", *(REGIMES[key] for key in regimes)], rows)


def worlds() -> str:
    """The recipe on virtual tasks of every kind."""
    rows = []
    for row in load("worlds")["rows"]:
        n = row["n"]
        label = f"n = {n}" if n > 0 else f"{-n or 64} unlabelled"
        ratio = 100 * (math.exp(row["difference"]) - 1)
        cells = [str(row["tasks"]), f"{row['average']:.3f}"]
        cells += ["{difference:+.3f} ± {error:.3f}".format(**row), f"{ratio:+.0f} %"]
        rows.append([label, *cells])
    head = ["tasks", "plain average", "ours minus that", "squared error"]
    return markdown(["", *head], rows)


def learned() -> str:
    """A network's prior of coefficients, beside the derivative."""
    found = {(row["tasks"], row["n"]): row for row in load("learned_prior")["rows"]}
    rows = []
    for tasks in dict.fromkeys(tasks for tasks, _ in found):
        own = (found[tasks, n] for n in (5, 10, 25))
        cells = ("{change:+.3f} ± {error:.3f}".format(**row) for row in own)
        rows.append([tasks, *cells])
    return markdown(["", "n = 5", "n = 10", "n = 25"], rows)


def transfer_sets() -> str:
    """Ours beside the best single recipe of each regime, on simulated instruments."""
    rows = []
    for row in load("transfer_sets_subset")["rows"]:
        if row["group"] == "semi-real":
            cells = [row["regime"], f"{row['fixed'][1]:.3f} ({row['best_fixed']})"]
            cells += [r2(row["ours"][1]), r2(row["oracle"][1])]
            cells += ["{:+.2f} [{:+.2f}, {:+.2f}]".format(*row["difference"])]
            rows.append([*cells, *(f"{100 * row[x]:.0f} %" for x in ("lost", "won"))])
    head = ["", "best single recipe", "ours", "best recipe of each task", "ours - best"]
    return markdown([*head, "lost", "won"], rows)


def transfer_measured() -> str:
    """The same where both instruments are real."""
    rows = load("transfer_sets_measured")["rows"]
    found = {(row["group"], row["regime"]): row for row in rows}
    groups = ("corn", "tablets", "sugarcane")
    rows = []
    for regime in dict.fromkeys(regime for _, regime in found):
        cells = [regime]
        for group in groups:
            row = found[group, regime]
            cells.append(f"{r2(row['ours'][1])} / {r2(row['fixed'][1])}")
            cells.append("{:+.2f} [{:+.2f}, {:+.2f}]".format(*row["difference"]))
        rows.append(cells)
    head = [""]
    for group in groups:
        cells_of = found[group, rows[0][0]]["cells"]
        head += [f"{group}, {cells_of} cells", "difference"]
    return markdown(head, rows)


MAKERS = (transfer_sets, transfer_measured, corn_recipe, virtual_tasks, depth)
MAKERS += (depth_transfer, corn_network, coverage)
MAKERS += (ablation_laboratory, ablation_retrieval, ablation_methods, ablation_weight)
MAKERS += (ablation_losses, audit, identification, meats, properties)
MAKERS += (gaps, retrieval, corn_classical, worlds, learned, ablation_size)
