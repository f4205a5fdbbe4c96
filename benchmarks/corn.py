"""Classical calibration transfer on the corn data: the table that others must beat.

    python -m benchmarks.corn --data=corn.h5 --protocol=corn_protocol.json

Fits every row below on 24 cells (6 directions, 4 properties) and 15 splits, prints the
mean pooled R2 of each row with the reference value, and writes a summary. Finished
cells are kept in `--records`, so a second call continues or only prints.
`--rows=glsw0.01/sg1,average --n=10` runs a part.
"""

import sys

from benchmarks import tables
from benchmarks.harness import Row, run
from spektron_jax.transfer.splits import Regime

BASE = "glsw0.01/sg1"
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
ALL_LABELS = {"ceiling/sg1": 0.851}
UNLABELLED_FEW = {5: {"umc/sg1": 0.531}, 10: {"umc/sg1": 0.673}}


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


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = tables.corn_arguments(__doc__)
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
    study = tables.read_study(given.data, given.protocol)
    records = run(study, rows, given.records, workers=given.workers, watch=tables.watch)
    entries = [
        {**entry, "reference": reference}
        for entry, reference in zip(
            tables.entries_of(rows, records, BASE), rows.values(), strict=True
        )
    ]
    print(tables.show(entries, BASE, ("reference",)))
    if not (given.rows or given.n):
        head = {
            "command": "python -m benchmarks.corn --data=corn.h5 "
            "--protocol=corn_protocol.json",
            "study": study.checksum(),
            "splits": len(study.splits),
            "base": BASE,
        }
        tables.write(given.json, head, entries)


if __name__ == "__main__":
    main(sys.argv[1:])
