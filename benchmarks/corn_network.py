"""The design's own pipeline on corn: what the encoder does alone, each step by itself.

    python -m benchmarks.corn_network --data=corn.h5 --protocol=corn_protocol.json

Test-time training, neighbours in z_chem, re-rendering, head and LoRA fine-tuning, on
the cells between m5 and the others, beside our recipe without the network. A part of
the study, since fine-tuning takes seconds a fit: `--property`, the first `--splits`.
Transfer samples for n = 50 go on by Kennard-Stone where the protocol ends at 25.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import h5py
import numpy as np

from benchmarks import tables
from benchmarks.harness import Row, Study, run
from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.encoder.features import Features
from spektron_jax.encoder.finetune import FineTuning, fine_tune
from spektron_jax.encoder.neighbours import Neighbours
from spektron_jax.encoder.rerender import instrument_code, rerender
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.methods import make
from spektron_jax.transfer.selection import compressed, kennard_stone

MOST = 50  # transfer samples
RANK = 4

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Rerendered:
    """A transfer on spectra, after `rerender` has taken the target to the source."""

    features: Features
    head: str = "none/sg1"

    def fit(self, data: TransferData) -> Predict:
        """Render the target's spectra, then fit the head."""
        code = instrument_code(self.features, data.X_source)

        def render(X: np.ndarray) -> np.ndarray:
            return rerender(self.features, X, code) if len(X) else X

        rendered = data.on(data.X_source, render(data.X_target))
        fitted = make(self.head).fit(rendered)
        return lambda X: fitted(render(X))


@dataclass(frozen=True)
class FineTuned:
    """The regression head, perhaps with adapters, trained on all labelled spectra."""

    features: Features
    how: FineTuning = FineTuning()

    def fit(self, data: TransferData) -> Predict:
        """Train on the labelled spectra of both instruments."""
        rows = data.labelled
        X = np.vstack([data.X_source, data.X_target[rows]])
        y = np.append(data.y_source, data.y_target[rows])
        target = np.arange(y.size) >= data.y_source.size
        return fine_tune(self.features, X, y, target, self.how)


def methods(features: Features) -> dict[str, object]:
    """Every row by name; those that need labels last."""
    where = features.axis, features.unit, features.modality
    adapted = Features(features.name, *where, Adaptation())
    return {
        "without network": Ensemble("classical"),
        "encoder": Ensemble("encoder", encoder=features),
        "encoder, adapted": Ensemble("encoder", encoder=adapted),
        "neighbours": Neighbours(features),
        "neighbours, adapted": Neighbours(adapted),
        "re-rendered": Rerendered(features),
        "re-rendered, umc": Rerendered(features, "umc/sg1"),
        "re-rendered, mc": Rerendered(features, "mc@t/sg1"),
        "head": FineTuned(features),
        "LoRA": FineTuned(features, FineTuning(rank=RANK)),
    }


LABELLED = ("re-rendered, mc", "head", "LoRA")


def part_of(study: Study, other: str, name: str, splits: int) -> Study:
    """Two instruments, one property, the first splits with longer transfer orders."""
    spectra = {key: study.spectra[key] for key in ("m5", other)}
    longer = []
    for split in study.splits[:splits]:
        orders = {}
        for key, X in spectra.items():
            known = split.transfer_order[key]
            scores = compressed(X[split.calibration])
            order = split.calibration[kennard_stone(scores, MOST)]
            orders[key] = np.append(known, order[~np.isin(order, known)])[:MOST]
        longer.append(replace(split, transfer_order=orders))
    return Study(spectra, {name: study.labels[name]}, longer)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = tables.corn_arguments(__doc__)
    parser.add_argument("--weights", default="nano")
    parser.add_argument("--property", default="moisture")
    parser.add_argument("--others", default="mp5,mp6", help="instruments beside m5")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--n", default="-10,10,25,50", help="separated by commas")
    parser.add_argument("--rows", help="separated by semicolons; default all")
    parser.add_argument("--records", default="runs/corn_network.jsonl")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)

    study = tables.read_study(given.data, given.protocol)
    with h5py.File(given.data) as file:
        axis = file["instruments/m5/axis"][:]
    features = Features(given.weights, axis, "nm", "NIR")
    mark = f"{given.weights}@{features.checksum[:8]} code@{tables.checksum()}"
    chosen = methods(features)
    if given.rows:
        chosen = {name: chosen[name] for name in given.rows.split(";")}
    build = {f"{name}#{mark}": method for name, method in chosen.items()}.__getitem__
    rows = []
    for regime in (tables.regime_of(int(n)) for n in given.n.split(",")):
        labels = regime.kind == "paired"
        left = ("re-rendered, umc",) if labels else LABELLED
        rows += [Row(f"{k}#{mark}", regime) for k in chosen if k not in left]
    records = []
    for other in given.others.split(","):
        part = part_of(study, other, given.property, given.splits)
        records += run(part, rows, given.records, build=build, watch=tables.watch)
    entries = tables.entries_of(rows, records, f"without network#{mark}")
    print(tables.show(entries, "without network"))
    if given.json:
        head = {
            "command": "python -m benchmarks.corn_network --data=corn.h5 "
            f"--protocol=corn_protocol.json --n={given.n} --splits={given.splits} "
            f"--property={given.property} --others={given.others}",
            "base": "without network",
            "made_with": mark,
        }
        tables.write(given.json, head, entries)


if __name__ == "__main__":
    main(sys.argv[1:])
