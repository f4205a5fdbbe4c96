"""nano with wavelet coefficients beside the convolution, against the shipped weights.

At commit 5cc9fbc, since the setting is out again:

    python -m spektron_jax.main --config=configs/pretrain.py:nano --workdir=RUN
        --config.model.wavelet_levels=6 --config.train.head_steps=1000
    python -m spektron_jax.main --config=configs/pretrain.py:nano --workdir=FIRST
        --config.train.steps=1500 (stopped after 900)
    python -m spektron_jax.main --config=configs/pretrain.py:nano --workdir=CONTROL
        --config.train.start=FIRST --config.train.separate=true --config.train.steps=1
        "--config.data.modalities=('NIR',)"
    python -m spektron_jax.training.export RUN WEIGHTS
    python -m benchmarks.identify_learn --weights=WEIGHTS --json=VIRTUAL --write
    python -m benchmarks.identify --sets=raman_biomolecules --weights=WEIGHTS
        --data=DIR --json=MEASURED
    python -m spektron_jax.main --config=configs/latent.py --workdir=AUDIT
        --config.weights=WEIGHTS
    python -m benchmarks.retrieval --weights=WEIGHTS --data=corn.h5 --json=RETRIEVAL
    python -m benchmarks.wavelet_run --run=RUN --audit=AUDIT --control=CONTROL_AUDIT
        --virtual=VIRTUAL --measured=MEASURED --retrieval=RETRIEVAL
        --control_virtual=... --control_measured=... (the same of CONTROL)

keeps of each what the table shows. CONTROL has the convolution alone, a fifth of the
steps and the bottleneck of one modality. Put `identification/weights.json` back after
`--write`.
"""

import argparse
import json
from pathlib import Path

from benchmarks.result_files import RESULTS, load, markdown
from spektron_jax.archive import replacing

MODALITIES = ("IR", "Raman", "NIR")
SEED = "0"  # of the audit; the control has no other
AUDIT = {
    "instrument probe on `z_chem`, linear": "z_chem.instrument.accuracy",
    "the same, MLP": "z_chem.instrument_mlp.accuracy",
    "molecule from `z_chem`, other instrument": "z_chem.molecule.accuracy",
    "composition, R2 other instruments": "chemistry.composition.cross",
    "functional groups, R2 other": "chemistry.groups.cross",
    "effective rank of `z_chem`": "dimensions.z_chem",
    "swap, squared error / doing nothing": "swap.of_nothing",
}
METHODS = {
    "tokens": "encoder tokens",
    "CLS": "encoder CLS",
    "`z_chem`": "encoder z_chem",
    "average with network": "combination with network",
}
COLUMNS = ("shipped", "wavelets", "control")


def at(tree, path):
    """The value under a path such as "a.b"."""
    for key in path.split("."):
        tree = tree[key]
    return tree


def audited(content):
    """name -> modality -> number of AUDIT, at the one seed."""
    rows = content["seeds"][SEED]
    return {
        name: {each: at(rows[each], path) for each in MODALITIES if each in rows}
        for name, path in AUDIT.items()
    }


def retrieved(content):
    """Top-1 in the NIR, plain and with instruments' means off, of z_chem and CLS."""
    return {
        code: {
            place.rpartition("/")[2]: scores
            for place, its in content.items()
            for name, scores in its.items()
            if name.endswith(f" {code}")
        }
        for code in ("z_chem", "CLS")
    }


def identified(measured, virtual):
    """Top-1 by method: measured Raman, and virtual libraries of validation data."""
    its = {row["method"]: row["top1"]["share"] for row in measured["methods"]}
    found = {name: {"measured": its[method]} for name, method in METHODS.items()}
    for name, method in METHODS.items():
        method = method.replace("combination with", "with")
        for modality, rows in virtual["top-1"].items():
            found[name][modality] = rows[method]["share"]
    return found


def numbers(its):
    """A number for each modality, and a dash for what was not measured."""
    cells = (f"{its[each]:.2f}" if each in its else "-" for each in MODALITIES)
    return ", ".join(cells)


def wavelet_run() -> str:
    """The table of the documents."""
    runs = load("wavelet_run")["runs"]
    rows = [["steps of the encoder", *(f"{runs[x]['steps']:,}" for x in COLUMNS)]]
    gaps = ("{ratio:.2f} [{low:.2f}, {high:.2f}]".format(**runs[x]["gaps"])
            for x in COLUMNS[:2])  # fmt: skip
    rows.append(["gaps of 60-100 cm-1 / linear", *gaps, ""])
    for name in AUDIT:
        each = (runs[x]["audit"][name] for x in COLUMNS)
        rows.append([name, *(numbers(its) for its in each)])
    for code, places in runs["shipped"]["retrieval"].items():
        for place in places:
            each = (runs[x]["retrieval"][code][place] for x in COLUMNS[:2])
            cells = (", ".join(f"{share:.0%}" for share in its) for its in each)
            rows.append([f"retrieval in the NIR, {place}, {code}", *cells, ""])
    for name in METHODS:
        each = (runs[x]["identify"].get(name, {}).values() for x in COLUMNS)
        cells = (", ".join(f"{value:.3f}" for value in its) for its in each)
        rows.append([f"identification, {name}", *cells])
    return markdown(["", "shipped", "with wavelets", "control"], rows)


MAKERS = (wavelet_run,)


def main():
    """Collect and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    paths = ("run", "audit", "control", "virtual", "measured", "retrieval")
    for name in (*paths, "control_virtual", "control_measured"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()

    def read(path):
        return json.loads(path.read_text())

    audit, shipped = read(given.audit / "results.json"), load("audit")
    evaluated = read(given.run / "evaluation.json")
    nano = Path(__file__).parents[1] / "spektron_jax/weights/nano/evaluation.json"
    control = read(given.control / "results.json")
    of_control = identified(
        read(given.control_measured)["raman_biomolecules"], read(given.control_virtual)
    )
    runs = {
        "shipped": {
            "steps": 8750,
            "gaps": read(nano)["reconstruction"]["long"]["ratio"]["linear"],
            "audit": audited(shipped),
            "retrieval": retrieved(load("retrieval")),
            "identify": identified(
                load("identify")["raman_biomolecules"], load("identify_virtual")
            ),
        },
        "wavelets": {
            "steps": evaluated["config"]["train"]["steps"],
            "gaps": evaluated["reconstruction"]["long"]["ratio"]["linear"],
            "audit": audited(audit),
            "retrieval": retrieved(read(given.retrieval)),
            "identify": identified(
                read(given.measured)["raman_biomolecules"], read(given.virtual)
            ),
        },
        "control": {
            "steps": 900,
            "audit": audited(control),
            "identify": {name: of_control[name] for name in ("tokens", "CLS")},
        },
    }
    content = {"command": "python -m benchmarks.wavelet_run", "runs": runs}
    with replacing(RESULTS / "wavelet_run.json") as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
