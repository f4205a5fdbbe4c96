"""The two ways to score queries: against every entry, or against a shortlist of each.

`Engines` keeps what is prepared, for the library's own grid and one more.

n = queries, m = library spectra, c = entries that a query is compared with, L = points
of the common grid.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spektron_jax.identification import combine
from spektron_jax.identification.grids import SINGLE, common_grid, resampled
from spektron_jax.identification.shortlist import Shortlist
from spektron_jax.identification.similarities import (
    CLASSICAL,
    NAMES,
    compared,
    prepared,
)

if TYPE_CHECKING:
    from spektron_jax.identification.encoded import EncoderSimilarity

COMBINATION, WITH_NETWORK = "combination, no network", "combination with network"
DOUBLE = 4096  # libraries up to this size are compared in double precision
MOST_WHOLE = SINGLE  # spectra up to which a query is compared with all
BAND_STRETCH = {"NIR": 5.0}  # bands of the NIR are wider than those of IR and Raman
REFERENCE = 1024  # entries that stand for a very large library's mean and spread


class Ranking(NamedTuple):
    """What each query was compared with, and how alike they are.

    Attributes:
      rows: of the library, (n, c)
      scores: (n, c)
      similarity: mean of all similarities, (n, c)
      methods: scores by method, (n, m) each; empty from a shortlist
    """

    rows: np.ndarray
    scores: np.ndarray
    similarity: np.ndarray
    methods: dict[str, np.ndarray]


class Whole:
    """All entries on one grid.

    Attributes:
      features: by similarity, (m, F), see `similarities.prepared`
      encoded: by depth, (m, F), see `encoded`; empty until the encoder is needed
    """

    def __init__(
        self,
        rows: Callable[[], np.ndarray],
        step_cm1: float,
        modality: str,
        encoder: "EncoderSimilarity | None" = None,
        features: dict[str, np.ndarray] | None = None,
        encoded: dict[str, np.ndarray] | None = None,
    ):
        self._rows, self.step_cm1, self._modality = rows, step_cm1, modality
        self.encoder, self.encoded = encoder, encoded or {}
        if features is None:
            spectra = rows()
            dtype = np.float64 if len(spectra) <= DOUBLE else np.float32
            features = prepared(spectra, step_cm1, dtype=dtype)
        self.features = features

    @property
    def network_decides(self) -> bool:
        """Whether the encoder has a weight in the score."""
        return any(w for name, w in self._weights().items() if name != combine.AVERAGE)

    def encode(self) -> None:
        """Encode the library, unless that is done."""
        if self.encoder is not None and not self.encoded:
            self.encoded = self.encoder.prepared(self._rows())

    def __call__(self, X: np.ndarray, with_encoder: bool = False) -> Ranking:
        """Rank all entries for queries (n, L).

        The encoder runs where it decides about the score, or `with_encoder`.
        """
        found = compared(prepared(X, self.step_cm1), self.features, self.step_cm1)
        score = average = combine.average(found)
        methods, with_network = {name: found[name] for name in CLASSICAL}, {}
        if self.encoder is not None and (with_encoder or self.network_decides):
            self.encode()
            encoded = self.encoder.compared(X, self.encoded)
            given = {combine.AVERAGE: average} | encoded
            score = combine.weighted(given, self._weights())
            methods |= encoded
            with_network = {WITH_NETWORK: score}
        methods |= {COMBINATION: average} | with_network
        similarity = combine.mean(found[name] for name in NAMES)
        rows = np.broadcast_to(np.arange(score.shape[1]), score.shape)
        return Ranking(rows, score, similarity, methods)

    def _weights(self) -> dict[str, float]:
        checksum = self.encoder.checksum if self.encoder is not None else None
        return combine.shipped(self._modality, checksum)


class Listed:
    """The best of an index, compared exactly; mean and spread are those of a sample."""

    def __init__(
        self,
        index: Shortlist,
        index_step_cm1: float,
        rows: Callable[[np.ndarray], np.ndarray],
        step_cm1: float,
    ):
        self._index, self._index_step = index, index_step_cm1
        self._rows, self._step = rows, step_cm1
        count = len(index.numbers)
        some = np.unique(np.linspace(0, count - 1, REFERENCE).astype(int))
        self._reference = prepared(rows(some), step_cm1, dtype=np.float32)

    def __call__(self, X: np.ndarray, on_index: np.ndarray) -> Ranking:
        """Rank a shortlist for queries (n, L), the same on the index's grid."""
        listed = self._index.candidates(prepared(on_index, self._index_step))
        query = prepared(X, self._step)
        own = prepared(self._rows(listed.ravel()), self._step, dtype=np.float32)
        c, scores, similarity = listed.shape[1], [], []
        for number in range(len(X)):
            one = {name: values[number : number + 1] for name, values in query.items()}
            near = {
                name: values[number * c : (number + 1) * c]
                for name, values in own.items()
            }
            found = compared(one, near, self._step)
            usual = compared(one, self._reference, self._step)
            scores.append(
                np.mean([_over(usual[name][0], found[name][0]) for name in NAMES], 0)
            )
            similarity.append(np.mean([found[name][0] for name in NAMES], axis=0))
        return Ranking(listed, np.array(scores), np.array(similarity), {})


def _over(usual: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values about a mean, over a spread."""
    return (values - usual.mean()) / max(usual.std(), 1e-12)


class Engines:
    """A library's engines, made when they are asked for.

    Attributes:
      spectra, axis_cm1: (m, p), (p,) rising
      index: of a very large library, once it is prepared
    """

    def __init__(
        self,
        spectra: np.ndarray,
        axis_cm1: np.ndarray,
        modality: str,
        weights: str | None,
    ):
        self.spectra, self.axis_cm1 = spectra, axis_cm1
        self.is_large = len(spectra) > MOST_WHOLE
        self._modality, self._weights = modality, weights
        self._own_grid = common_grid(axis_cm1, axis_cm1)
        self._whole: dict[bytes, Whole] = {}
        self._listed: tuple[bytes, Listed] | None = None
        self.index: Shortlist | None = None

    @property
    def own(self) -> Whole:
        """All entries on the library's own grid."""
        return self._engine(self._own_grid)

    def prepare(self) -> None:
        """For queries that cover the library's axis."""
        if self.is_large:
            self._listing(self._own_grid)
        elif self.own.network_decides:
            self.own.encode()

    def prepared(self, *known: dict[str, np.ndarray]) -> None:
        """Take features, and encoded ones, that were kept."""
        self._whole[self._own_grid.tobytes()] = self._made(self._own_grid, *known)

    def ranked(
        self, X: np.ndarray, axis_cm1: np.ndarray, with_encoder: bool = False
    ) -> Ranking:
        """Queries (n, q) on an axis (q,) against the library."""
        grid = common_grid(axis_cm1, self.axis_cm1)
        on_grid = resampled(X, axis_cm1, grid)
        if not self.is_large:
            return self._engine(grid)(on_grid, with_encoder)
        return self._listing(grid)(on_grid, resampled(X, axis_cm1, self._own_grid))

    def _engine(self, grid: np.ndarray) -> Whole:
        key = grid.tobytes()
        if key not in self._whole:
            own = self._own_grid.tobytes()
            self._whole = {k: v for k, v in self._whole.items() if k == own}
            self._whole[key] = self._made(grid)
        return self._whole[key]

    def _made(self, grid: np.ndarray, *known: dict[str, np.ndarray]) -> Whole:
        encoder = None
        if self._weights:
            from spektron_jax.identification.encoded import EncoderSimilarity

            encoder = EncoderSimilarity(self._weights, grid, self._modality)
        rows = functools.partial(resampled, self.spectra, self.axis_cm1, grid)
        return Whole(rows, self._step(grid), self._modality, encoder, *known)

    def _listing(self, grid: np.ndarray) -> Listed:
        own = self._own_grid
        if self.index is None:
            rows = functools.partial(self._rows, own)
            self.index = Shortlist.learnt(rows, len(self.spectra), self._step(own))
        if self._listed is None or self._listed[0] != grid.tobytes():
            rows = functools.partial(self._rows, grid)
            made = Listed(self.index, self._step(own), rows, self._step(grid))
            self._listed = grid.tobytes(), made
        return self._listed[1]

    def _rows(self, grid: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return resampled(self.spectra[rows], self.axis_cm1, grid)

    def _step(self, grid: np.ndarray) -> float:
        return float(grid[1] - grid[0]) / BAND_STRETCH.get(self._modality, 1.0)
