"""How many numbers must a code hold before a decoded swap can beat doing nothing?

    python -m benchmarks.swap_bound [--json=FILE]

The best that any linear code of k numbers can do, without a network, noise or
instrument: principal components of the clean spectra of training molecules. What they
leave of the spectra of validation molecules, as a share of the squared error of doing
nothing: taking the spectrum measured on one instrument for that on the next, on four
instruments that no pool holds.
"""

import argparse

import numpy as np

from benchmarks.result_files import load, markdown, write
from spektron_jax.encoder.load import load_encoder
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.evaluator import FixedEvaluator, audit_evaluator

NUMBERS = (6, 24, 64, 128, 256)
TRAINING, VALIDATION, SEED = 1500, 100, 100


def clean(evaluator: FixedEvaluator, molecule: np.ndarray, code: int) -> np.ndarray:
    """Spectra of molecules without an instrument, model units, (M, L)."""
    codes = np.full(len(molecule), code, np.int32)
    rows = [
        np.asarray(evaluator.clean(batch)[0])[:real]
        for batch, real in evaluator.batches(molecule, codes)
    ]
    return np.concatenate(rows) / evaluator.simulator.scale


def nothing(evaluator: FixedEvaluator, molecule: np.ndarray, code: int) -> float:
    """Squared error of a measured spectrum for that on the next instrument."""
    codes = np.full(len(molecule), code, np.int32)
    seen = list(evaluator.all_instruments(molecule, codes))
    measured, ideal = (
        np.concatenate([np.asarray(getattr(o.view, kind))[: o.real] for o in seen])
        for kind in ("measured", "ideal")
    )
    onto = np.roll(ideal, -len(molecule), axis=0)  # rows by instrument, then molecule
    return float(np.mean((measured - onto) ** 2))


def left(known: np.ndarray, asked: np.ndarray, numbers: int) -> float:
    """Squared error of spectra (m, L) from `numbers` components of others (n, L)."""
    mean = known.mean(axis=0)
    axes = np.linalg.svd(known - mean, full_matrices=False)[2][:numbers]
    rest = asked - mean
    return float(np.mean((rest - rest @ axes.T @ axes) ** 2))


def swap_bound() -> str:
    """The table of the documentation."""
    found = load("swap_bound")
    rows = [[name, *(f"{x:.2g}" for x in its)] for name, its in found["left"].items()]
    head = ["squared error / doing nothing", *map(str, found["numbers"])]
    return markdown(head, rows)


MAKERS = (swap_bound,)


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args()
    encoder = load_encoder("nano")
    evaluator = audit_evaluator(encoder.params, encoder.config, encoder.model)
    evaluator.audit(evaluator.count, SEED)
    asked = evaluator.choose("validation", VALIDATION)
    known = evaluator.choose("train", TRAINING)
    found = {}
    for name in evaluator.modalities:
        code = MODALITIES.index(name)
        spectra = clean(evaluator, known, code), clean(evaluator, asked, code)
        base = nothing(evaluator, asked, code)
        found[name] = [round(left(*spectra, k) / base, 5) for k in NUMBERS]
        print(name, found[name], flush=True)
    if given.json:
        command = "python -m benchmarks.swap_bound"
        content = {"command": command, "numbers": NUMBERS, "left": found}
        write(given.json, content)


if __name__ == "__main__":
    main()
