"""How well can a gap of 80 cm-1 be filled from the rest of a spectrum at all?

    python -m benchmarks.gaps [--json FILE]

Learners without a network, on noise-free spectra of the shipped molecules (500-4000
cm-1, strongest band 1), one model for each of 6 gaps: linear interpolation; the best
linear predictor (ridge on all visible points) and kernel ridge with a Gaussian kernel,
both of the residual from the straight line. Penalty and kernel width are chosen on
validation molecules. Squared error in the gap on test molecules, as a share of linear
interpolation's, for growing numbers of training molecules: what the slope says is how
much more data would buy.
"""

import argparse
import json

import jax
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist
from tqdm import tqdm

from spektron_jax.config import get_default
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.simulator import make_simulator

SIZES = (250, 500, 1000, 2000)
GAPS, WIDTH_CM1, POINTS = 6, 80.0, 512
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # x mean diagonal of the kernel
WIDTHS = (0.25, 0.5, 1.0, 2.0)  # x median distance
HELD_OUT = 400  # molecules each for validation and test


def spectra(corpus, split, modality, count):
    """(count, POINTS), each point the mean of four of 2,048."""
    molecule, code = corpus.examples(split)
    molecule = molecule[code == MODALITIES.index(modality)]
    molecule = np.random.default_rng(0).permutation(molecule)[:count]
    config = get_default()
    simulator = make_simulator(config)
    render = jax.jit(lambda batch: simulator.clean(batch)[0])
    rows = []
    for start in range(0, len(molecule), 200):
        chosen = molecule[np.arange(start, start + 200).clip(max=len(molecule) - 1)]
        codes = np.full(200, MODALITIES.index(modality))
        batch = {"modality": codes, **corpus.fetch(chosen, codes)}
        rows.append(np.asarray(render(batch)))
    dense = np.concatenate(rows)[: len(molecule)]
    return dense.reshape(len(dense), POINTS, -1).mean(-1).astype(np.float64)


def line_across(x, gap):
    """The straight line from the point before the gap to the point after it."""
    share = np.arange(1, gap.size + 1) / (gap.size + 1)
    return np.outer(x[:, gap[0] - 1], 1 - share) + np.outer(x[:, gap[-1] + 1], share)


def errors(x, answer, sizes):
    """{learner: [squared error for each size]} for one gap; x: train, check, test."""
    y = [a - b for a, b in zip(answer["inside"], answer["line"], strict=True)]
    found = {"linear interpolation": [np.mean(y[2] ** 2)] * len(sizes)}
    square = [cdist(rows, x[0], "sqeuclidean") for rows in x]
    product = [rows @ x[0].T for rows in x]
    median = np.median(square[1])
    kernels = {"kernel ridge": [], "linear ridge": [product]}
    for width in WIDTHS:
        kernels["kernel ridge"].append([np.exp(-d / (width * median)) for d in square])
    for name, choices in kernels.items():
        found[name] = [best(choices, y, size) for size in sizes]
    return found


def best(choices, y, size):
    """Test error of the kernel and penalty that do best on validation."""
    tried = []
    for train, check, test in choices:
        k = train[:size, :size]
        mean = y[0][:size].mean(0)
        for penalty in PENALTIES:
            ridge = penalty * np.trace(k) / size * np.eye(size)
            weights = cho_solve(cho_factor(k + ridge), y[0][:size] - mean)
            scores = [
                np.mean((y[part] - mean - rows[:, :size] @ weights) ** 2)
                for part, rows in ((1, check), (2, test))
            ]
            tried.append(scores)
    return min(tried)[1]


def main():
    """Fill every gap, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", help="also write the figures here")
    options = parser.parse_args()
    corpus = LineCorpus.load()
    step = 3500.0 / (POINTS - 1)
    width = round(WIDTH_CM1 / step)
    results = {}
    for modality in ("IR", "Raman"):
        x = [
            spectra(corpus, split, modality, count)
            for split, count in (
                ("train", max(SIZES)),
                ("validation", HELD_OUT),
                ("test", HELD_OUT),
            )
        ]
        starts = np.linspace(10, POINTS - width - 10, GAPS).astype(int)
        rows = []
        for start in tqdm(starts, desc=modality):
            gap = np.arange(start, start + width)
            seen = [np.delete(part, gap, axis=1) for part in x]
            answer = {
                "inside": [part[:, gap] for part in x],
                "line": [line_across(part, gap) for part in x],
            }
            rows.append(errors(seen, answer, SIZES))
        total = {name: np.sum([row[name] for row in rows], axis=0) for name in rows[0]}
        base = total.pop("linear interpolation")
        results[modality] = {
            name: (value / base).tolist() for name, value in total.items()
        }
    print("| modality | learner | " + " | ".join(f"{n:,}" for n in SIZES) + " |")
    print("|---" * (2 + len(SIZES)) + "|")
    for modality, learners in results.items():
        for name, values in learners.items():
            cells = " | ".join(f"{value:.3f}" for value in values)
            print(f"| {modality} | {name} | {cells} |")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"molecules": SIZES, **results}, file, indent=1)


if __name__ == "__main__":
    main()
