"""Top-1 retrieval of a sample across instruments. Weights against spectra.

    python -m benchmarks.retrieval --weights=nano [--weights=runs/wide ...]
        [--data=corn.h5] [--tasks=5] [--json FILE]

Share of spectra whose nearest neighbour (Euclidean, standardised) on the other
instrument is the same sample; mean over ordered pairs of instruments. Codes are those
of the encoder, the baseline is the spectrum itself, plain and as SNV and first
derivative. Each also with every instrument's own mean taken off, which needs no labels.
`tasks` virtual NIR transfer tasks, from seeds that no training uses, and a spectra set.
"""

import argparse
import json

import numpy as np
from scipy.signal import savgol_filter

import spektron_jax
from spektron_jax import lab
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.probes.probes import molecule_probe

FIRST_SEED = 10_000
CODES = {"z_chem": "chem_mean", "CLS": "cls", "z_inst": "inst_mean"}


def virtual(seed):
    """(spectra, axis, unit) of the two instruments of a virtual task."""
    corpus = LineCorpus.load()
    molecules = corpus.rows_of(["CCO", "CCCCCC", "c1ccccc1", "O"])
    task = lab.transfer_task(corpus.bonds(molecules), seed=seed, difficulty="typical")
    return [(task.spectra_a, task.axis_a, "nm"), (task.spectra_b, task.axis_b, "nm")]


def measured(path):
    """(spectra, axis, unit) of every instrument of a spectra set."""
    found = spektron_jax.read(path).instruments.values()
    return [(one.spectra, one.axis, one.unit) for one in found]


def plain(sets):
    """Spectra on the first instrument's axis, as far as all reach."""
    low = max(axis.min() for _, axis, _ in sets)
    high = min(axis.max() for _, axis, _ in sets)
    first = sets[0][1]
    grid = np.sort(first[(first >= low) & (first <= high)])
    rows = []
    for spectra, axis, _ in sets:
        order = np.argsort(axis)
        rows.append([np.interp(grid, axis[order], row[order]) for row in spectra])
    return [np.array(row) for row in rows]


def derivative(spectra):
    """SNV, then Savitzky-Golay first derivative (15 points, order 2)."""
    centred = spectra - spectra.mean(1, keepdims=True)
    return savgol_filter(centred / spectra.std(1, keepdims=True), 15, 2, 1)


def found_again(codes):
    """Retrieval, as they are and with the instruments' means taken off."""
    label = np.repeat(np.arange(len(codes)), [len(code) for code in codes])
    sample = np.concatenate([np.arange(len(code)) for code in codes])
    centred = [code - code.mean(0) for code in codes]
    both = (np.concatenate(rows) for rows in (codes, centred))
    return [molecule_probe(rows, label, sample)["accuracy"] for rows in both]


def score(sets, encoders):
    """{name: [plain, centred]} for one group of instruments."""
    spectra = plain(sets)
    scores = {"spectrum": found_again(spectra)}
    scores["SNV, derivative"] = found_again([derivative(rows) for rows in spectra])
    for name, encoder in encoders.items():
        out = [encoder.encode(*one, modality="NIR") for one in sets]
        for code, field in CODES.items():
            scores[f"{name} {code}"] = found_again([rows[field] for rows in out])
    return scores


def main():
    """Print the table; --json FILE also writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", action="append", default=[])
    parser.add_argument("--data")
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--json")
    options = parser.parse_args()
    names = options.weights or ["nano"]
    encoders = {name: spektron_jax.load_encoder(name) for name in names}
    tasks = [score(virtual(FIRST_SEED + k), encoders) for k in range(options.tasks)]
    table = {
        "virtual tasks": {
            name: np.mean([task[name] for task in tasks], 0).tolist()
            for name in tasks[0]
        }
    }
    if options.data:
        table[options.data] = score(measured(options.data), encoders)
    print("| set | code | top-1 retrieval | means taken off |\n|---|---|---|---|")
    for group, scores in table.items():
        for name, (bare, centred) in scores.items():
            print(f"| {group} | {name} | {bare:.0%} | {centred:.0%} |")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(table, file, indent=1)


if __name__ == "__main__":
    main()
