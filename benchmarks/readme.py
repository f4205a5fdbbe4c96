"""The README's tables from the result files: `python -m benchmarks.readme`.

Rewrites what stands between `<!-- table: NAME -->` and `<!-- end -->`, so that no
number there is typed by hand. A test compares README and result files.
"""

import json
import re
from pathlib import Path

from spektron_jax.atomic import replacing

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
LOWEST = -1.0  # R2 below it is not printed
REGIMES = {
    "unlabelled 5": "5 unlabelled",
    "unlabelled 10": "10 unlabelled",
    "unlabelled all": "64 unlabelled",
    "paired 5": "n = 5",
    "paired 10": "n = 10",
    "paired 25": "n = 25",
}
KINDS = {
    "average": "plain average",
    "classical": "without the network",
    "encoder": "encoder only",
    "combination": "combination",
}
DEPTHS = ("tokens", "mean", "cls", "chem")
ABLATION = {
    "molecule": "molecule found again",
    "instrument_chem": "instrument from `z_chem`",
    "gap": "long gaps / linear",
}


def load(name: str) -> dict:
    """A result file by name."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def markdown(head, rows) -> str:
    """A table, cells as text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


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
        own = (found.get((kind, regime)) for regime in regimes)
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


MAKERS = (corn_recipe, virtual_tasks, depth, depth_transfer)
MAKERS += (ablation_laboratory, ablation_retrieval, ablation_methods, ablation_weight)
TABLES = {make.__name__: make for make in MAKERS}


def rendered(text: str) -> str:
    """The README's text with all its tables made anew."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    with replacing(readme) as draft:
        draft.write_text(rendered(readme.read_text()))
