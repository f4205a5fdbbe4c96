"""Virtual libraries: what the encoder adds to the average of classical similarities.

    python -m benchmarks.identify_learn --json=benchmarks/results/identify_virtual.json

Learns the weights of the encoder's similarities on libraries of training molecules and
judges every method on libraries of validation molecules, on other instruments.
With --write it also writes `spektron_jax/identification/weights.json`: to be run again
when the weights of the encoder change.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.virtual_libraries import fit, pair
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.identification import combine
from spektron_jax.identification.encoded import EncoderSimilarity
from spektron_jax.identification.metrics import share, share_difference
from spektron_jax.identification.similarities import CLASSICAL, similarities
from spektron_jax.identification.virtual import POINTS
from spektron_jax.spectra.grid import modality_code

LIBRARIES = {"train": 10, "validation": 10}
SIZE = 30
LEAST_ATOMS = 8


def libraries(corpus, split, modality, weights, seed):
    """Scores by name of every method on virtual libraries."""
    usable = corpus.usable[:, modality_code(modality)]
    rows = np.flatnonzero(
        (corpus.split == split) & (corpus.natoms >= LEAST_ATOMS) & usable
    )
    found, checksum = [], ""
    for number in tqdm(range(LIBRARIES[split]), desc=f"{modality} {split}"):
        rng = np.random.default_rng([seed, number, len(split)])
        low = rng.uniform(200, 900)
        axis = np.linspace(low, low + rng.uniform(900, 2400), POINTS)
        if number % 2:
            axis = np.linspace(450, 1800, POINTS)
        key = int(rng.integers(2**31))
        drawn = pair(corpus, rows, axis, modality, SIZE, key)
        classical = similarities(drawn.query, drawn.library, axis[1] - axis[0])
        encoder = EncoderSimilarity(weights, axis, modality)
        checksum = encoder.checksum
        each = classical | encoder(drawn.query, drawn.library)
        found.append(each | {combine.AVERAGE: combine.average(classical)})
    return found, checksum


def right(scores):
    """Whether each query's best entry is its own, over all libraries."""
    return np.concatenate([s.argmax(1) == np.arange(len(s)) for s in scores])


def main():
    """Learn, judge, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="nano")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    corpus = LineCorpus.load()
    names = EncoderSimilarity.names
    learnt, results, checksum = {}, {}, ""
    for modality in ("Raman", "IR"):
        train, checksum = libraries(
            corpus, "train", modality, given.weights, given.seed
        )
        test, _ = libraries(corpus, "validation", modality, given.weights, given.seed)
        weights = fit(train, (combine.AVERAGE, *names))
        learnt[modality] = {name: round(value, 4) for name, value in weights.items()}
        rows = {name: right([s[name] for s in test]) for name in (*CLASSICAL, *names)}
        rows["average"] = right([s[combine.AVERAGE] for s in test])
        rows["with network"] = right([combine.weighted(s, weights) for s in test])
        library = np.repeat(np.arange(len(test)), SIZE)
        results[modality] = {n: share(hit, library) for n, hit in rows.items()}
        results[modality]["with network minus average"] = share_difference(
            rows["with network"], rows["average"], library
        )
        print(modality, learnt[modality])
        for name, entry in results[modality].items():
            value = entry.get("share", entry.get("difference"))
            print(f"| {name} | {value:.3f} [{entry['low']:.3f}, {entry['high']:.3f}] |")
    if given.write:
        content = {
            "command": "python -m benchmarks.identify_learn --write",
            "encoders": {checksum[:16]: learnt},
        }
        combine.WEIGHTS.write_text(json.dumps(content, indent=1) + "\n")
    if given.json:
        content = {
            "command": f"python -m benchmarks.identify_learn --seed={given.seed}",
            "weights": f"{given.weights}@{checksum[:8]}",
            "learnt": learnt,
            "top-1": results,
        }
        Path(given.json).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
