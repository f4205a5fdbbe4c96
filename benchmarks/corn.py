"""Classical calibration transfer on the corn data: the table that others must beat.

    python -m benchmarks.corn --data=corn.h5 --protocol=corn_protocol.json

Fits every row below on 24 cells (6 directions, 4 properties) and 15 splits, prints the
mean pooled R2 of each row with the reference value, and writes a summary. Finished
cells are kept in `--records`, so a second call continues or only prints.
`--rows=glsw0.01/sg1,average --n=10` runs a part.
"""

import argparse
import json
import platform
import sys
from pathlib import Path

import h5py
import numpy as np
import scipy
from tqdm import tqdm

from spektron_jax.evaluation.harness import Row, Study, run, table
from spektron_jax.evaluation.metrics import mean_r2, paired_difference
from spektron_jax.evaluation.protocol import Regime, read_splits

# Mean R2 of the 24 cells in an independent implementation on the same splits.
REFERENCE: dict[int, dict[str, float | None]] = {
    0: {"none/sg1": -0.606, "umc/sg1": 0.731, "coral_u/sg1": 0.769},
    5: {
        "mc@t/sg1": 0.696,
        "sbc/sg1": 0.654,
        "ds@t/snv+sg1": 0.064,
        "ds_res/sg1": 0.679,
        "pds_w5_1@t/sg1": 0.685,
        "sst/sg1": 0.645,
        "epo3/sg1": 0.716,
        "glsw0.01/sg1": 0.767,
        "pooled_mc/sg1": 0.745,
        "prior_ridge@t/sg1": 0.661,
        "target_only/snv+sg1": 0.040,
    },
    10: {
        "mc@t/sg1": 0.773,
        "sbc@t/sg1": 0.763,
        "ds/sg1": 0.518,
        "ds_res@t/raw": 0.727,
        "pds_w5_1@t/sg1": 0.763,
        "sst/sg1": 0.702,
        "epo1@t/sg1": 0.754,
        "glsw0.01/sg1": 0.787,
        "pooled_mc_w1@t/sg1": 0.787,
        "prior_ridge@t/sg1": 0.769,
        "target_only/sg1": 0.426,
    },
    25: {
        "mc@t/sg1": 0.800,
        "sbc@t/sg1": 0.799,
        "ds@t/raw": 0.762,
        "ds_res/sg1": 0.809,
        "pds_w3_2@t/sg1": 0.798,
        "sst@t/sg1": 0.759,
        "epo1+bias@t/sg1": 0.788,
        "glsw0.0001/raw": 0.807,
        "pooled_mc_w1@t/sg1": 0.823,
        "prior_ridge@t/sg1": 0.831,
        "target_only/sg1": 0.782,
    },
}
COMBINATIONS = (
    *("average", "average12", "weighted", "weighted20", "shrunk20", "stacked"),
)
COLUMNS = ("r2", "r2_sd", "rmsep", "bias", "sep", "rpd", "rpiq")
ALL_LABELS = {"ceiling/sg1": 0.851}
UNLABELLED_FEW = {5: {"umc/sg1": 0.531}, 10: {"umc/sg1": 0.673}}


def read_study(data: str, protocol: str) -> Study:
    """Read corn.h5 (a spectra set) and the fixed splits."""
    with h5py.File(data) as file:
        spectra = {
            name: group["spectra"][:].astype(np.float64)
            for name, group in file["instruments"].items()
        }
        targets = file["targets"]
        names = [str(name) for name in targets.attrs["names"]]
        values = targets[:].astype(np.float64)
    return Study(
        spectra, dict(zip(names, values.T, strict=True)), read_splits(protocol)
    )


def all_rows() -> dict[Row, float | None]:
    """Every row of the table with its reference value."""
    rows: dict[Row, float | None] = {}
    for n, methods in REFERENCE.items():
        for method, value in methods.items():
            kind = "paired" if n else ("none" if method.startswith("none") else "")
            regime = Regime(kind or "unlabelled", n or None)
            rows[Row(method, regime)] = value
        if n:
            rows |= {Row(name, Regime("paired", n)): None for name in COMBINATIONS}
    for k, methods in UNLABELLED_FEW.items():
        for method, value in methods.items():
            rows[Row(method, Regime("unlabelled", k))] = value
    for method, value in ALL_LABELS.items():
        rows[Row(method, Regime("paired", None))] = value
    return rows


def summary(rows: dict[Row, float | None], records: list[dict]) -> list[dict]:
    """One JSON-ready entry a row: mean R2, reference, difference to GLSW, cells."""
    results = table(records)
    entries = []
    for row, reference in rows.items():
        result = results[row.method, str(row.regime)]
        entry = {
            "method": row.method,
            "regime": str(row.regime),
            "mean_r2": round(mean_r2(result["sse"], result["sst"]), 4),
            "reference": reference,
        }
        base = results.get(("glsw0.01/sg1", str(row.regime)))
        if base is not None:
            difference = paired_difference(result["sse"], base["sse"], result["sst"])
            entry["minus_glsw"] = {k: round(v, 4) for k, v in difference.items()}
        entry["cells"] = {
            f"{source} -> {target}, {name}": [
                float(f"{errors[key]:.4g}") for key in COLUMNS
            ]
            for (source, target, name), errors in result["cells"].items()
        }
        entries.append(entry)
    return entries


def show(entries: list[dict]) -> str:
    """The summary as a Markdown table."""
    lines = [
        "| regime | method | mean R2 | reference | deviation | minus glsw0.01/sg1 |",
        "|---|---|---|---|---|---|",
    ]
    for entry in entries:
        reference, base = entry["reference"], entry.get("minus_glsw")
        known = reference is not None
        lines.append(
            f"| {entry['regime']} | {entry['method']} | {entry['mean_r2']:.3f} | "
            + (
                f"{reference:.3f} | {entry['mean_r2'] - reference:+.3f}"
                if known
                else "|"
            )
            + " | "
            + (
                f"{base['difference']:+.3f} [{base['low']:+.3f}, {base['high']:+.3f}]"
                if base
                else ""
            )
            + " |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--protocol", required=True)
    parser.add_argument("--records", default="runs/corn_classical.jsonl")
    parser.add_argument("--json", default="benchmarks/results/corn_classical.json")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", help="names of methods, separated by commas")
    parser.add_argument("--n", help="numbers of samples, separated by commas; 0: none")
    given = parser.parse_args(arguments)

    rows = all_rows()
    if given.rows:
        names = given.rows.split(",")
        rows = {row: value for row, value in rows.items() if row.method in names}
    if given.n:
        numbers = [int(n) or None for n in given.n.split(",")]
        rows = {row: value for row, value in rows.items() if row.regime.n in numbers}
    study = read_study(given.data, given.protocol)
    records = run(
        study,
        rows,
        given.records,
        workers=given.workers,
        watch=lambda results, total: tqdm(results, total=total, unit="cell"),
    )
    entries = summary(rows, records)
    print(show(entries))
    content = {
        "command": "python -m benchmarks.corn --data=corn.h5 "
        "--protocol=corn_protocol.json",
        "study": study.checksum(),
        "splits": len(study.splits),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "cell_columns": COLUMNS,
    }
    if not (given.rows or given.n):
        path = Path(given.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        # One row a line: readable differences between versions of the file.
        rows_text = ",\n".join(json.dumps(entry) for entry in entries)
        head = json.dumps(content, indent=1).removesuffix("\n}")
        path.write_text(f'{head},\n "rows": [\n{rows_text}\n]\n}}\n', "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
