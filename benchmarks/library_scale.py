"""Search in libraries of thousands to a million spectra: time, memory, recall.

    python -m benchmarks.library_scale --size=20000 [--queries=100]
        [--json=benchmarks/results/library_scale.json]

Random spectra of 14 bands from a pool of 400 places, 750 points, 2 cm-1 apart. Half of
the queries are entries as another instrument shows them, half are something else, which
is harder for an index: their best entry is hardly better than the next. Times are CPU
seconds of this process on one BLAS thread, medians; memory is the process's highest. Of
an index, recall is the share of queries whose best hit is that of the exact search.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from spektron_jax import SpectralLibrary, SpektronError
from spektron_jax.identification import engines
from spektron_jax.identification.similarities import NAMES, compared, prepared

POINTS, STEP_CM1, BANDS, POOL, REACH = 750, 2.0, 14, 400, 24
AXIS = 500.0 + STEP_CM1 * np.arange(POINTS)
REPEATS = 7
KEPT = 300  # best entries of a query, kept over the blocks of the exact search


def draw(rng, count):
    """Spectra (count, POINTS) float32."""
    places = np.random.default_rng(0).uniform(AXIS[0], AXIS[-1], POOL)
    X = np.zeros((count, POINTS + 2 * REACH), np.float32)
    near = np.arange(-REACH, REACH + 1)
    for start in range(0, count, 4000):
        block = X[start : start + 4000]
        row = np.arange(len(block))
        for _ in range(BANDS):
            centre = rng.choice(places, len(block)) + rng.normal(0, 2, len(block))
            width, height = (
                rng.uniform(4, 12, len(block)),
                rng.exponential(size=len(block)),
            )
            point = (centre - AXIS[0]) / STEP_CM1
            first = np.clip(np.rint(point).astype(int), 0, POINTS - 1)
            away = (first[:, None] + near - point[:, None]) * STEP_CM1
            bell = height[:, None] * np.exp(-0.5 * (away / width[:, None]) ** 2)
            at = first[:, None] + near + REACH
            block[row[:, None], at] += bell.astype(np.float32)
    X = X[:, REACH:-REACH]
    X += rng.normal(0, 0.003, (1, POINTS)).astype(np.float32)
    return X


def shown(rng, X):
    """Spectra as another instrument shows them."""
    out = []
    for row in X:
        moved = np.interp(AXIS + rng.normal(0, 1.5), AXIS, row)
        tilt = np.exp(rng.normal(0, 0.3) * np.linspace(-1, 1, POINTS))
        back = np.exp(-((AXIS - rng.uniform(500, 2000)) ** 2) / 2 / 500.0**2)
        noise = rng.normal(0, 0.03, POINTS)
        out.append(moved * tilt + rng.exponential(0.5) * back + noise)
    return np.array(out)


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


def measure(size, count):
    """Figures of one size."""
    rng = np.random.default_rng(1)
    X = draw(rng, size)
    names = np.char.mod("s%d", np.arange(size))
    known = rng.choice(size, count // 2, replace=False)
    queries = np.concatenate([shown(rng, X[known]), shown(rng, draw(rng, count // 2))])
    figures = {"size": size, "points": POINTS, "gb_of_spectra": X.nbytes / 2**30}
    begun = time.monotonic()
    spent, library = cpu(lambda: SpectralLibrary(X, AXIS, names).prepare())
    figures |= {"prepare_s": spent, "prepare_wall_s": time.monotonic() - begun}
    figures["peak_gb_prepared"] = memory_gb()
    library.search(queries[:2])  # what is loaded at the first search
    singles = iter(range(count))
    figures["query_s"] = cpu(lambda: library.search(queries[next(singles)][None]), 25)[
        0
    ]
    figures["fifty_s"] = cpu(lambda: library.search(queries[:50]), REPEATS)[0]
    found = library.search(queries)
    figures["known_first"] = float(np.mean(found.rows[: count // 2, 0] == known))
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
    parser.add_argument("--json")
    given = parser.parse_args()
    if given.queries < 50:
        raise SpektronError("--queries: give 50 or more")
    with threadpool_limits(1):
        figures = measure(given.size, given.queries)
    for name, value in figures.items():
        print(
            f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}"
        )
    if given.json:
        path = Path(given.json)
        content = json.loads(path.read_text()) if path.exists() else {}
        command = f"--size={given.size} --queries={given.queries}"
        figures["command"] = f"python -m benchmarks.library_scale {command}"
        content[str(given.size)] = figures
        path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
