"""Which entries of a very large library are worth an exact look.

The average of cosines is one product: of the features of all similarities one after
the other, each over the root of its usual spread. The singular vectors of a sample make
DEPTH numbers of them; faiss goes through all of these in codes of 4 bits, 2 ms for a
million. Cells (IVF) are no use here: for a query that is none of the entries, half of
all cells held 96 % of the best ones. Nothing of faiss is saved: its index is made again
from the numbers, so that a library file holds nothing that faiss would trust.

m = library spectra, n = queries, F = features, d = DEPTH.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.extmath import randomized_svd

from spektron_jax.errors import SpektronError
from spektron_jax.identification.similarities import NAMES, ROWS, compared, prepared

DEPTH = 128  # numbers kept of each entry
SAMPLE = 4096  # entries from which spreads and directions are learnt
LEARNT_FROM = 16_384  # entries from which the codes are learnt
PROBES = 256  # of these, how many stand for queries
CODED = 1000  # entries of each query that the codes pick
CANDIDATES = 100  # of these, compared exactly
ADD_FAISS = 'pip install "spektron-jax[search]"'

Rows = Callable[[np.ndarray], np.ndarray]  # rows of the library -> spectra on the grid


@dataclass(eq=False)
class Shortlist:
    """An approximate index.

    Attributes:
      weights: of the similarities' features, (len(NAMES),)
      directions: (F, d) float32
      numbers: of the entries, (m, d) float16
    """

    weights: np.ndarray
    directions: np.ndarray
    numbers: np.ndarray

    def __post_init__(self) -> None:
        faiss = _faiss()
        depth = self.numbers.shape[1]
        self._index = faiss.IndexPQFastScan(
            depth, depth // 2, 4, faiss.METRIC_INNER_PRODUCT
        )
        count = len(self.numbers)
        some = np.unique(np.linspace(0, count - 1, LEARNT_FROM).astype(int))
        self._index.train(self.numbers[some].astype(np.float32))
        for start in range(0, count, 2**16):
            self._index.add(self.numbers[start : start + 2**16].astype(np.float32))

    @classmethod
    def learnt(
        cls, rows: Rows, count: int, step_cm1: float, seed: int = 0
    ) -> "Shortlist":
        """The index of `count` spectra on one grid."""
        _faiss()
        rng = np.random.default_rng(seed)
        drawn = np.sort(rng.permutation(count)[:SAMPLE])
        sample = prepared(rows(drawn), step_cm1, dtype=np.float32)
        some = {name: values[:PROBES] for name, values in sample.items()}
        spread = [each.std(axis=1).mean() for each in _each(some, sample, step_cm1)]
        weights = 1 / np.sqrt(np.maximum(spread, 1e-3))
        joined = _joined(sample, weights)
        found = randomized_svd(
            joined, min(DEPTH, *joined.shape) // 2 * 2, n_iter=2, random_state=seed
        )
        directions = np.ascontiguousarray(found[2].T, np.float32)
        numbers = np.empty((count, directions.shape[1]), np.float16)
        for start in range(0, count, ROWS):
            block = np.arange(start, min(start + ROWS, count))
            features = prepared(rows(block), step_cm1, dtype=np.float32)
            numbers[block] = _joined(features, weights) @ directions
        return cls(weights, directions, numbers)

    def candidates(self, features: dict[str, np.ndarray]) -> np.ndarray:
        """Rows of the library for prepared queries, (n, CANDIDATES)."""
        query = _joined(features, self.weights).astype(np.float32) @ self.directions
        coded = min(CODED, len(self.numbers))
        found = self._index.search(np.ascontiguousarray(query), coded)[1]
        found = np.where(found < 0, found[:, :1], found)  # there were fewer
        kept = []
        for one, rows in zip(query, found, strict=True):
            product = self.numbers[rows].astype(np.float32) @ one
            kept.append(rows[np.argsort(-product, kind="stable")[:CANDIDATES]])
        return np.array(kept)


def _each(query: dict, library: dict, step_cm1: float) -> list[np.ndarray]:
    found = compared(query, library, step_cm1)
    return [found[name] for name in NAMES]


def _joined(features: dict[str, np.ndarray], weights: np.ndarray) -> np.ndarray:
    """All features one after the other, (n, F)."""
    parts = [features[name] * w for name, w in zip(NAMES, weights, strict=True)]
    return np.concatenate(parts, axis=1)


def _faiss() -> Any:
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise SpektronError(
            "library: so many spectra are searched with faiss, which is not installed; "
            + ADD_FAISS
        ) from error
    return faiss
