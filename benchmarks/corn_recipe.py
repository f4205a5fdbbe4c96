"""Our own entry on the corn data: encoder only, without the network, combination.

    python -m benchmarks.corn_recipe --data=corn.h5 --protocol=corn_protocol.json

The same 24 cells and 15 splits as `benchmarks.corn`, judged by the same harness; one
row for each kind of the recipe and each n, with pairs one for the plain average.
Negative n: that many unlabelled target spectra, 0: all of them. Each spectrum is
encoded once; finished cells are kept in `--records`.
"""

import sys
from dataclasses import replace

import h5py

from benchmarks import tables
from benchmarks.averages import make
from benchmarks.harness import Row, run
from spektron_jax.encoder.features import Features
from spektron_jax.transfer.ensemble import KINDS, Ensemble

NUMBERS = "-5,-10,0,5,10,25"


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = tables.corn_arguments(__doc__)
    parser.add_argument("--weights", default="nano")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--n", default=NUMBERS, help="separated by commas")
    parser.add_argument("--splits", type=int, default=15, help="the first ones only")
    parser.add_argument("--records", default="runs/corn_recipe.jsonl")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)

    study = tables.read_study(given.data, given.protocol)
    study = replace(study, splits=study.splits[: given.splits])
    with h5py.File(given.data) as file:
        axis = file["instruments/m5/axis"][:]
    features = Features(given.weights, axis, "nm", "NIR")
    mark = f"{given.weights}@{features.checksum[:8]} "
    mark += f"recipe@{tables.checksum()}"
    names = {
        f"{kind}#{mark}": Ensemble(kind, "NIR", features)
        for kind in given.kinds.split(",")
    }
    regimes = [tables.regime_of(int(n)) for n in given.n.split(",")]
    rows = []
    for regime in regimes:
        average = ("average",) if regime.kind == "paired" else ()
        rows += [Row(name, regime) for name in (*average, *names)]

    def build(name: str):
        return names[name] if name in names else make(name)

    records = run(study, rows, given.records, build=build, watch=tables.watch)
    entries = tables.entries_of(rows, records, f"classical#{mark}")
    print(tables.show(entries, "classical"))
    if given.json:
        head = {
            "command": "python -m benchmarks.corn_recipe --data=corn.h5 "
            f"--protocol=corn_protocol.json --n={given.n} --splits={given.splits}",
            "study": study.checksum(),
            "made_with": mark,
        }
        tables.write(given.json, head, entries)


if __name__ == "__main__":
    main(sys.argv[1:])
