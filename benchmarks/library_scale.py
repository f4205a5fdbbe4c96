"""Search in libraries of thousands to a million spectra: time, memory, recall.

    python -m benchmarks.library_scale --size=20000 [--queries=100] [--weights=nano]
        [--json=benchmarks/results/library_scale.json]

Raman spectra of compounds of one to three molecules of the shipped line lists, 750
points 2 cm-1 apart; families of five share a molecule. Queries are shown by virtual
instruments, one for every ten. Half of them are entries, half are something else, which
is harder for an index: their best entry is hardly better than the next. Times are CPU
seconds of this process on one BLAS thread, medians; memory is the process's highest. Of
an index, recall is the share of queries whose best hit is that of the exact search.
"cosine" is one product of spectra about their means, which is what a plain search does.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from threadpoolctl import threadpool_limits

from spektron_jax import LineCorpus, SpectralLibrary, SpektronError
from spektron_jax.identification import engines
from spektron_jax.identification.similarities import NAMES, compared, prepared
from spektron_jax.identification.virtual import Severity, remeasured
from spektron_jax.lab.render import render_lines
from spektron_jax.spectra.grid import modality_code

POINTS, STEP_CM1 = 750, 2.0
AXIS = 500.0 + STEP_CM1 * np.arange(POINTS)
FWHM_CM1, NOISE = 16.0, 0.002  # of the library's bands; of its strongest band
FAMILY, SHARED = 5, (0.0, 0.8)  # compounds that share a molecule, and its share
ROWS = 4000  # spectra drawn at a time
REPEATS = 7
KEPT = 300  # best entries of a query, kept over the blocks of the exact search


def molecules():
    """Spectra of the shipped lines, (molecules, POINTS) float32, highest band 1."""
    corpus, code = LineCorpus.load(), modality_code("Raman")
    rows = np.flatnonzero(corpus.usable[:, code])
    lines = corpus.fetch(rows, np.full(rows.size, code, np.int32))
    render = jax.jit(render_lines)
    found = []
    for start in range(0, rows.size, ROWS):
        some = slice(start, start + ROWS)
        position, strength = lines["position_cm1"][some], lines["strength"][some]
        found.append(np.asarray(render(position, strength, AXIS, FWHM_CM1)))
    X = np.concatenate(found)
    highest = X.max(axis=1, keepdims=True)
    return (X / np.where(highest > 0, highest, 1)).astype(np.float32)


def draw(rng, known, count):
    """Compounds of `known` molecules, (count, POINTS) float32, highest band 1."""
    X = np.zeros((count, POINTS), np.float32)
    bases = rng.integers(len(known), size=-(-count // FAMILY))
    for start in range(0, count, ROWS):
        block = X[start : start + ROWS]
        n = len(block)
        shared, first = rng.uniform(*SHARED, n), rng.uniform(0.3, 1.0, n)
        share = np.stack([shared, (1 - shared) * first, (1 - shared) * (1 - first)])
        family = bases[rng.integers(len(bases), size=n)]
        members = np.stack([family, *rng.integers(len(known), size=(2, n))])
        for some, part in zip(members, share.astype(np.float32), strict=True):
            block += known[some] * part[:, None]
        block /= block.max(axis=1, keepdims=True)
        block += NOISE * rng.standard_normal(block.shape, np.float32)
    return X


def shown(rng, X):
    """Spectra as other instruments show them, ten on each."""
    blocks = [X[start : start + 10] for start in range(0, len(X), 10)]
    return np.concatenate(
        [remeasured(b, AXIS, "Raman", rng, Severity.draw(rng)) for b in blocks]
    )


def exact_best(library, queries):
    """Rows that the exact search puts first, without holding all features at once."""
    query, step = prepared(queries, STEP_CM1), STEP_CM1
    total = {name: np.zeros(len(queries)) for name in NAMES}
    square = {name: np.zeros(len(queries)) for name in NAMES}
    kept = None
    for start in range(0, len(library), 2**14):
        block = prepared(library[start : start + 2**14], step, dtype=np.float32)
        found = compared(query, block, step)
        for name, values in found.items():
            total[name] += values.sum(axis=1, dtype=np.float64)
            square[name] += (values.astype(np.float64) ** 2).sum(axis=1)
        rows = np.broadcast_to(
            start + np.arange(len(found["cosine"][0])), found["cosine"].shape
        )
        here = np.stack([rows, *found.values()]).astype(np.float64)
        kept = here if kept is None else np.concatenate([kept, here], axis=2)
        seen = start + rows.shape[1]
        kept = best(kept, total, square, seen)
    return kept[0, :, 0].astype(int)


def best(kept, total, square, seen):
    """The KEPT best of each query by the mean and spread of what was seen, in order."""
    score = 0
    for values, name in zip(kept[1:], NAMES, strict=True):
        mean = total[name] / seen
        spread = np.sqrt(np.maximum(square[name] / seen - mean**2, 1e-12))
        score = score + (values - mean[:, None]) / spread[:, None]
    order = np.argsort(-score, axis=1)[:, :KEPT]
    return np.take_along_axis(kept, order[None], axis=2)


def centred_unit(X):
    """Spectra about their means, of unit length, float32."""
    X = X - X.mean(axis=1, keepdims=True)
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def cpu(work, repeats=1):
    """Median CPU seconds and the last answer."""
    spent = []
    for _ in range(repeats):
        begun = time.process_time()
        answer = work()
        spent.append(time.process_time() - begun)
    return float(np.median(spent)), answer


def memory_gb():
    """Highest memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(size, count, weights=None):
    """Figures of one size, with an encoder or without."""
    rng, known = np.random.default_rng(1), molecules()
    X = draw(rng, known, size)
    names = np.char.mod("s%d", np.arange(size))
    entries = rng.choice(size, count // 2, replace=False)
    others = draw(rng, known, count // 2)
    queries = np.concatenate([shown(rng, X[entries]), shown(rng, others)])
    figures = {"size": size, "points": POINTS, "gb_of_spectra": X.nbytes / 2**30}

    def made():
        return SpectralLibrary(X, AXIS, names, weights=weights)

    begun = time.monotonic()
    spent, library = cpu(lambda: made().prepare())
    figures |= {"prepare_s": spent, "prepare_wall_s": time.monotonic() - begun}
    figures["peak_gb_prepared"] = memory_gb()
    library.search(queries[:2])  # what is loaded at the first search
    singles = iter(range(count))
    figures["query_s"] = cpu(lambda: library.search(queries[next(singles)][None]), 25)[
        0
    ]
    figures["fifty_s"] = cpu(lambda: library.search(queries[:50]), REPEATS)[0]
    if size <= engines.MOST_WHOLE:
        own, asked = centred_unit(X), centred_unit(queries)
        figures["cosine_s"] = cpu(lambda: (asked[:1] @ own.T).argmax(1), REPEATS)[0]
        fifty = cpu(lambda: (asked[:50] @ own.T).argmax(1), REPEATS)[0]
        figures["cosine_fifty_s"] = fifty
        best = (asked[: count // 2] @ own.T).argmax(1)
        figures["cosine_known_first"] = float(np.mean(best == entries))
        own = None
    X = None  # the library holds them
    found = library.search(queries)
    figures["known_first"] = float(np.mean(found.rows[: count // 2, 0] == entries))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.npz"
        figures["save_s"] = cpu(lambda: library.save(path))[0]
        figures["file_gb"] = path.stat().st_size / 2**30
        library = None  # its memory
        figures["load_s"], library = cpu(lambda: SpectralLibrary.load(path))
    same = library.search(queries[:50])
    figures["same_after_load"] = bool((same.rows == found.rows[:50]).all())
    figures["peak_gb"] = memory_gb()
    if size > engines.MOST_WHOLE:
        right = found.rows[:, 0] == exact_best(library.spectra, queries)
        figures["recall_known"] = float(right[: count // 2].mean())
        figures["recall_unknown"] = float(right[count // 2 :].mean())
        figures["recall"] = float(right.mean())
    return figures


def main():
    """Print figures; --json adds them to a file, by size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--weights", help="of an encoder; without: none")
    parser.add_argument("--json")
    given = parser.parse_args()
    if given.queries < 50:
        raise SpektronError("--queries: give 50 or more")
    with threadpool_limits(1):
        figures = measure(given.size, given.queries, given.weights)
    for name, value in figures.items():
        print(
            f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}"
        )
    if given.json:
        path = Path(given.json)
        content = json.loads(path.read_text()) if path.exists() else {}
        command = f"--size={given.size} --queries={given.queries}"
        size = str(given.size)
        if given.weights:
            command, size = (
                f"{command} --weights={given.weights}",
                f"{size} with network",
            )
        figures["command"] = f"python -m benchmarks.library_scale {command}"
        content[size] = figures
        path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
