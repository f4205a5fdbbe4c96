"""Our own entry on the corn data: encoder only, without the network, combination.

    python -m benchmarks.corn_recipe --data=corn.h5 --protocol=corn_protocol.json

The same 24 cells and 15 splits as `benchmarks.corn`, judged by the same harness; one
row for each kind of the recipe and each n. Negative n: that many unlabelled target
spectra, 0: all of them. Each spectrum is encoded once; finished cells are kept in
`--records`.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from benchmarks.corn import COLUMNS, read_study
from spektron_jax.evaluation.harness import Row, run, table
from spektron_jax.evaluation.metrics import mean_r2, paired_difference
from spektron_jax.evaluation.protocol import Regime
from spektron_jax.transfer.features import Features
from spektron_jax.transfer.recipe import KINDS, TransferRecipe


def regime_of(n: int) -> Regime:
    """The regime that a number of `--n` stands for."""
    return Regime("paired", n) if n > 0 else Regime("unlabelled", -n or None)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--protocol", required=True)
    parser.add_argument("--weights", default="nano")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--n", default="10", help="separated by commas")
    parser.add_argument("--records", default="runs/corn_recipe.jsonl")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)

    study = read_study(given.data, given.protocol)
    with h5py.File(given.data) as file:
        axis = file["instruments/m5/axis"][:]
    features = Features(given.weights, axis, "nm", "NIR")
    # Rows of other weights must not pass for these.
    mark = f"{given.weights}@{features.checksum[:8]}"
    names = {
        kind if kind == "classical" else f"{kind} {mark}": TransferRecipe(
            kind, features
        )
        for kind in given.kinds.split(",")
    }
    regimes = [regime_of(int(n)) for n in given.n.split(",")]
    rows = [Row(name, regime) for regime in regimes for name in names]
    start = time.perf_counter()
    records = run(
        study,
        rows,
        given.records,
        build=names.__getitem__,
        watch=lambda results, total: tqdm(results, total=total, unit="cell"),
    )
    seconds = time.perf_counter() - start
    results = table(records)
    print("| regime | recipe | mean R2 | minus classical |\n|---|---|---|---|")
    entries = []
    for row in rows:
        result = results[row.method, str(row.regime)]
        base = results.get(("classical", str(row.regime)))
        entry = {
            "method": row.method,
            "regime": str(row.regime),
            "mean_r2": round(mean_r2(result["sse"], result["sst"]), 4),
        }
        text = ""
        if base is not None and row.method != "classical":
            change = paired_difference(result["sse"], base["sse"], result["sst"])
            entry["minus_classical"] = {k: round(v, 4) for k, v in change.items()}
            text = "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format(**change)
        entry["cells"] = {
            f"{source} -> {target}, {name}": [
                float(f"{errors[key]:.4g}") for key in COLUMNS
            ]
            for (source, target, name), errors in result["cells"].items()
        }
        entries.append(entry)
        print(f"| {row.regime} | {row.method} | {entry['mean_r2']:.3f} | {text} |")
    print(f"{seconds:.0f} s")
    if given.json:
        content = {
            "command": "python -m benchmarks.corn_recipe --data=corn.h5 "
            f"--protocol=corn_protocol.json --n={given.n}",
            "study": study.checksum(),
            "weights": mark,
            "numpy": np.__version__,
            "cell_columns": COLUMNS,
        }
        rows_text = ",\n".join(json.dumps(entry) for entry in entries)
        head = json.dumps(content, indent=1).removesuffix("\n}")
        text = f'{head},\n "rows": [\n{rows_text}\n]\n}}\n'
        Path(given.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
