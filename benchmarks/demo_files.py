"""The example files of `spektron demo`, and how a transfer does on others of the kind.

    python -m benchmarks.demo_files

80 powders of glucose, glycine, octanoic acid and water on two gratings of the virtual
laboratory (`lab.transfer_task`, difficulty "typical": shift and stretch of 1 nm, gain
1.01, offset 0.05, line function of 10 against 8 nm, fine structure; scatter of powders,
refilled cups, temperature, noise). Labels are mass per cent with a laboratory error of
10 % of their SD. 50 samples calibrate on the old instrument; 10 of them, by
Kennard-Stone on its spectra, were measured on the new one too; 30 others were measured
on the new one alone and are kept to check.

The shipped files are seed 0: no seed was chosen. `results/demo.json` holds the RMSEP of
20 draws, seeds 0 to 19, so that one can see how usual seed 0 is.
"""

import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spektron_jax import CalibrationTransfer, LineCorpus, TransferData, lab
from spektron_jax.archive import replacing
from spektron_jax.commands.demo import by_single_methods
from spektron_jax.transfer.selection import compressed, kennard_stone

ROOT = Path(__file__).parents[1]
COMPONENTS = {  # SMILES, as the line lists have them, and g/mol
    "Sugar": ("OCC1OC(O)C(O)C(O)C1O", 180.16),
    "Protein": ("NCC(=O)O", 75.07),
    "Fat": ("CCCCCCCC(=O)O", 144.21),
    "Moisture": ("O", 18.015),
}
LABORATORY_ERROR = 0.1  # SD over that of the property
OLD, BOTH = 50, 10
DRAWS = 20
PROPERTIES = ("Moisture", "Protein")


class Drawn(NamedTuple):
    """80 samples on both instruments; which are for what."""

    axis: np.ndarray  # (700,) nm
    old: np.ndarray  # (80, 700)
    new: np.ndarray  # (80, 700)
    labels: dict[str, np.ndarray]  # mass per cent with laboratory error, (80,)
    calibration: np.ndarray  # rows
    both: np.ndarray  # rows, of `calibration`, in the order in which they are taken
    check: np.ndarray  # rows


def draw(corpus: LineCorpus, seed: int) -> Drawn:
    """One pair of instruments, one set of samples."""
    rows = corpus.rows_of([smiles for smiles, _ in COMPONENTS.values()])
    task = lab.transfer_task(corpus.bonds(rows), seed, "typical", tuple(COMPONENTS))
    mass = task.targets * [grams for _, grams in COMPONENTS.values()]
    mass = 100 * mass / mass.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    error = LABORATORY_ERROR * mass.std(axis=0) * rng.normal(size=mass.shape)
    labels = dict(zip(COMPONENTS, np.clip(mass + error, 0, 100).T, strict=True))
    order = rng.permutation(len(mass))
    calibration, check = np.sort(order[:OLD]), np.sort(order[OLD:])
    old, new = (np.asarray(X, float) for X in (task.spectra_a, task.spectra_b))
    both = calibration[kennard_stone(compressed(old[calibration]), BOTH)]
    return Drawn(task.axis_a, old, new, labels, calibration, both, check)


def write(drawn: Drawn, folder: Path) -> None:
    """The three CSV files, five decimals of absorbance, two of labels."""
    header = [f"{name} (%)" for name in PROPERTIES]
    for name, X, rows, labelled in (
        ("old_instrument", drawn.old, drawn.calibration, True),
        ("new_instrument", drawn.new, np.sort(drawn.both), False),
        ("new_samples", drawn.new, drawn.check, True),
    ):
        path = folder / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            axis = [f"{value:g} nm" for value in drawn.axis]
            table.writerow(["sample", *(header if labelled else []), *axis])
            for row in rows:
                labels = [f"{drawn.labels[one][row]:.2f}" for one in PROPERTIES]
                spectrum = [f"{value:.5f}" for value in X[row]]
                cells = [*(labels if labelled else []), *spectrum]
                table.writerow([f"S{row + 1:02d}", *cells])


def errors(drawn: Drawn, name: str) -> dict[str, float]:
    """RMSEP by every method, SD of the labels, and the share in 90 % intervals."""
    y, c, b = drawn.labels[name], drawn.calibration, drawn.both
    paired = np.searchsorted(c, b)
    data = TransferData(drawn.old[c], y[c], drawn.new[b], y[b], paired)
    ct = CalibrationTransfer(None).fit(
        data.X_source, data.y_source, drawn.axis, data.X_target, None, data.y_target,
        paired,
    )  # fmt: skip
    X, truth = drawn.new[drawn.check], y[drawn.check]
    predicted = by_single_methods(data, X) | {"transfer": ct.predict(X)}
    found = {k: float(np.sqrt(np.mean((v - truth) ** 2))) for k, v in predicted.items()}
    low, high = ct.predict_interval(X)
    inside = float(((low <= truth) & (truth <= high)).mean())
    return found | {"sd": float(truth.std()), "inside": inside}


def main() -> None:
    """Write the files of seed 0 and the errors of all draws."""
    corpus, table = LineCorpus.load(), []
    for seed in range(DRAWS):
        drawn = draw(corpus, seed)
        if seed == 0:
            write(drawn, ROOT / "spektron_jax" / "demo")
        for name in PROPERTIES:
            table.append({"seed": seed, "property": name, **errors(drawn, name)})
            print(table[-1], flush=True)
    with replacing(ROOT / "benchmarks" / "results" / "demo.json") as draft:
        draft.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
