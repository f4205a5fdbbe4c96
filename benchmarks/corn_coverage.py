"""How often 90 % intervals cover the test labels of the corn data.

    python -m benchmarks.corn_coverage --data=corn.h5 --protocol=corn_protocol.json

Over 24 cells and the splits of the protocol, for one method of the registry or for our
own recipe without the network (`--method=recipe`): share of covered test labels, and
half-width divided by the SD of the labels.
"""

import json
import sys

import numpy as np
from tqdm import tqdm

from benchmarks.averages import make
from benchmarks.result_files import write
from benchmarks.tables import corn_arguments, read_study, regime_of
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.intervals import Intervals, calibrate, intervals_of
from spektron_jax.transfer.splits import Regime, transfer_data

COVERAGE = 0.9


def intervals_by(name: str, data: TransferData) -> Intervals:
    """Of a method, or of our recipe, whose fit already has those without samples."""
    if name != "recipe":
        return calibrate(make(name), data)
    fitted = Ensemble("classical").fit(data)
    return intervals_of(data, fitted, fitted.groups, fitted.without)


def measure(study, name: str, regime: Regime) -> dict:
    """Coverage of one method in one regime, over all cells and by property."""
    covered: dict[str, list] = {key: [] for key in study.labels}
    widths, marks = [], set()
    for source, target, key in tqdm(study.cells(), unit="cell"):
        X_source, X_target = study.spectra[source], study.spectra[target]
        y = study.labels[key]
        for split in study.splits:
            data = transfer_data(X_source, X_target, y, split, source, regime)
            intervals = intervals_by(name, data)
            low, high = intervals.interval(X_target[split.test], COVERAGE)
            truth = y[split.test]
            covered[key].append(np.mean((low <= truth) & (truth <= high)))
            widths.append(np.mean(high - low) / 2 / y.std())
            marks.add(intervals.mark(COVERAGE))
    return {
        "method": name,
        "regime": str(regime),
        "mark": " or ".join(sorted(marks)),
        "coverage": round(float(np.mean(list(covered.values()))), 4),
        "half_width_sd": round(float(np.mean(widths)), 3),
        "by_property": {k: round(float(np.mean(v)), 3) for k, v in covered.items()},
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = corn_arguments(__doc__)
    parser.add_argument("--method", default="glsw0.01/sg1")
    parser.add_argument("--unlabelled-method", default="umc/sg1")
    parser.add_argument("--n", default="-10,5,10,25", help="negative: unlabelled")
    parser.add_argument("--splits", type=int, default=15)
    parser.add_argument("--json", default="benchmarks/results/corn_coverage.json")
    given = parser.parse_args(arguments)
    study = read_study(given.data, given.protocol)
    study = type(study)(study.spectra, study.labels, study.splits[: given.splits])
    results = []
    for regime in (regime_of(int(n)) for n in given.n.split(",")):
        free = regime.kind == "unlabelled"
        name = given.unlabelled_method if free else given.method
        results.append(measure(study, name, regime))
        print(json.dumps(results[-1]), flush=True)
    command = "python -m benchmarks.corn_coverage --data=corn.h5"
    command += f" --protocol=corn_protocol.json --method={given.method} --n={given.n}"
    content = {
        "command": f"{command} --splits={given.splits}",
        "coverage_asked": COVERAGE,
        "splits": given.splits,
        "rows": results,
    }
    write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
