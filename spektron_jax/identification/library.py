"""A library of known spectra, searched with spectra of another instrument.

    library = SpectralLibrary(spectra, axis, names, unit="cm-1", modality="Raman")
    library.calibrate(precision=0.95)
    hits = library.search(queries, axis_of_queries)
    hits.names[:, 0], hits.accepted

Scores come from `combine`, whether to believe the best hit from `confidence`. A library
is prepared for a grid of points at the first search there, or by `prepare`, and `save`
keeps that; above `engines.MOST_WHOLE` spectra an index picks what is compared.

n = queries, m = library spectra, p, q = points, L = points in common.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from spektron_jax.errors import SpektronError
from spektron_jax.identification import engines, library_file
from spektron_jax.identification.confidence import Confidence, learnt
from spektron_jax.identification.engines import Ranking
from spektron_jax.identification.grids import common_grid, resampled, rising
from spektron_jax.spectra.axis import QUANTITIES
from spektron_jax.spectra.grid import check_name

QUERIES = 50  # scored at a time


@dataclass(frozen=True, eq=False)
class Hits:
    """Best library entries of each query, best first.

    Attributes:
      rows: of the library, (n, k)
      names: of these, (n, k)
      score: (n, k), in spreads above the library's mean
      p_correct: estimated probability that the first is right, (n,); NaN where the
        library is not calibrated
      accepted: (n,) bool, whether `p_correct` reaches the threshold
    """

    rows: np.ndarray
    names: np.ndarray
    score: np.ndarray
    p_correct: np.ndarray
    accepted: np.ndarray


class SpectralLibrary:
    """Known spectra of one instrument.

    Args:
      spectra: (m, p), finite.
      axis: (p,) strictly rising or falling.
      names: (m,); several spectra may share one.
      unit: of the axis, "cm-1", "nm" or "um".
      modality: "Raman", "IR" or "NIR".
      weights: of an encoder, or None: without the network, and faster; None is needed
        above MOST_WHOLE spectra.
      quantity: of the spectra, such as "absorbance", which `save` keeps; "unknown":
        not known. Queries have to be of the same, see `spectra.axis.convert_quantity`.

    Examples:
      >>> from spektron_jax import demo
      >>> import spektron_jax
      >>> old, new = (spektron_jax.read(path) for path in demo.paths()[:2])
      >>> (a,), (b,) = old.instruments.values(), new.instruments.values()
      >>> library = spektron_jax.SpectralLibrary(
      ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
      ... )
      >>> hits = library.search(b.spectra, b.axis, k=3)
      >>> hits.names.shape
      (10, 3)
    """

    def __init__(
        self,
        spectra: ArrayLike,
        axis: ArrayLike,
        names: ArrayLike,
        unit: str = "cm-1",
        modality: str = "Raman",
        weights: str | None = None,
        quantity: str = "unknown",
    ):
        check_name("quantity", quantity, (*QUANTITIES, "unknown"))
        self.names, self.quantity = np.asarray(names, dtype=str), quantity
        self.unit, self.modality, self.weights = unit, modality, weights
        self.axis = np.array(axis, np.float64)
        self.spectra, self.axis_cm1 = rising(spectra, axis, unit, modality, "library")
        if self.names.shape != (len(self.spectra),) or not len(self.spectra):
            raise SpektronError(
                f"library: {len(self.spectra)} spectra and {self.names.size} names; "
                "give one name for each spectrum"
            )
        if weights and len(self.spectra) > engines.MOST_WHOLE:
            raise SpektronError(
                f"library: more than {engines.MOST_WHOLE:,} spectra are searched "
                "without the network; give weights=None"
            )
        self._codes = np.unique(self.names, return_inverse=True)[1]
        self._engines = engines.Engines(self.spectra, self.axis_cm1, modality, weights)
        self._confidence: Confidence | None = None

    @property
    def threshold_(self) -> float | None:
        """Probability from which hits are accepted; None: not calibrated.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old = spektron_jax.read(demo.paths()[0])
          >>> (a,) = old.instruments.values()
          >>> library = spektron_jax.SpectralLibrary(
          ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
          ... )
          >>> library.threshold_ is None
          True
        """
        return self._confidence.threshold if self._confidence else None

    @property
    def calibration_(self) -> dict[str, np.ndarray]:
        """ "p_correct" and "truth" of the virtual searches it rests on.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old = spektron_jax.read(demo.paths()[0])
          >>> (a,) = old.instruments.values()
          >>> library = spektron_jax.SpectralLibrary(
          ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
          ... )
          >>> library.calibration_
          {}
        """
        if self._confidence is None:
            return {}
        return {
            "p_correct": self._confidence.p_correct,
            "truth": self._confidence.truth,
        }

    def prepare(self) -> "SpectralLibrary":
        """Do now what the first search would do, and return the library.

        For queries that cover its axis and are no coarser; others need a preparation of
        their own, which is kept too, until the next of these.

        Raises:
          SpektronError: above MOST_WHOLE spectra, where faiss is not installed.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old = spektron_jax.read(demo.paths()[0])
          >>> (a,) = old.instruments.values()
          >>> library = spektron_jax.SpectralLibrary(
          ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
          ... ).prepare()
        """
        self._engines.prepare()
        return self

    def save(self, path: str | Path) -> Path:
        """Write the library, prepared and calibrated as it is, to one checksummed file.

        Raises:
          SpektronError: the file cannot be written.

        Examples:
          >>> import os, tempfile
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old = spektron_jax.read(demo.paths()[0])
          >>> (a,) = old.instruments.values()
          >>> library = spektron_jax.SpectralLibrary(
          ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
          ... )
          >>> path = library.save(os.path.join(tempfile.mkdtemp(), "known.npz"))
          >>> spektron_jax.SpectralLibrary.load(path).search(a.spectra[:1]).names.shape
          (1, 5)
        """
        return library_file.write(Path(path), self, self._engines, self._confidence)

    @classmethod
    def load(cls, path: str | Path) -> "SpectralLibrary":
        """A library that `save` wrote; nothing in it is run.

        Raises:
          SpektronError: no such file, damaged, or prepared with other weights than are
            installed.

        Examples:
          >>> import spektron_jax
          >>> try:
          ...     spektron_jax.SpectralLibrary.load("absent.npz")
          ... except spektron_jax.SpektronError as error:
          ...     print(error)
          absent.npz: cannot be read (No such file or directory)
        """
        with library_file.opened(Path(path)) as saved:
            library = cls(*saved.arguments)
            saved.fill(library._engines)
            library._confidence = saved.confidence()
        return library

    def search(
        self,
        query: ArrayLike,
        axis: ArrayLike | None = None,
        k: int = 5,
        unit: str | None = None,
    ) -> Hits:
        """Find the k best entries for each query.

        Args:
          query: (n, q).
          axis: (q,) in `unit`; the library's if None.
          k: how many; the whole library if it is smaller.
          unit: of the axis; the library's if None.

        Raises:
          SpektronError: the axes have too little in common, or values are missing.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old, new = (spektron_jax.read(path) for path in demo.paths()[:2])
          >>> (a,), (b,) = old.instruments.values(), new.instruments.values()
          >>> library = spektron_jax.SpectralLibrary(
          ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
          ... )
          >>> hits = library.search(a.spectra[:2])
          >>> hits.names[:, 0].tolist() == old.sample_ids[:2].tolist()
          True
        """
        X, axis_cm1 = self._query(query, axis, unit)
        blocks = [
            self._hits(self._engines.ranked(X[start : start + QUERIES], axis_cm1), k)
            for start in range(0, len(X), QUERIES)
        ]
        fields = ("rows", "names", "score", "p_correct", "accepted")
        return Hits(*(np.concatenate([getattr(b, f) for b in blocks]) for f in fields))

    def search_and_compare(
        self,
        query: ArrayLike,
        axis: ArrayLike | None = None,
        k: int = 5,
        unit: str | None = None,
    ) -> tuple[Hits, dict[str, np.ndarray]]:
        """`search`, and the scores of every method, all computed once.

        Returns:
          Hits, and scores (n, m) by method: classical, encoder, combinations.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old, new = (spektron_jax.read(path) for path in demo.paths()[:2])
          >>> (a,), (b,) = old.instruments.values(), new.instruments.values()
          >>> library = spektron_jax.SpectralLibrary(
          ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
          ... )
          >>> hits, scores = library.search_and_compare(b.spectra, b.axis)
          >>> scores["cosine"].shape
          (10, 50)
        """
        if len(self.spectra) > engines.MOST_WHOLE:
            raise SpektronError(
                f"library: with more than {engines.MOST_WHOLE:,} spectra "
                "methods are not compared; use search"
            )
        found = self._engines.ranked(*self._query(query, axis, unit), with_encoder=True)
        return self._hits(found, k), found.methods

    def calibrate(self, precision: float = 0.95, seed: int = 0) -> float:
        """Learn when to reject a hit; see the top of this file.

        Args:
          precision: share of accepted hits that shall be right, in virtual searches
            half of which are for something that the library does not hold.
          seed: of the virtual instruments.

        Returns:
          The threshold; above 1 if nothing reaches the precision.

        Raises:
          SpektronError: fewer than 3 names, or JAX, in which the virtual instruments
            are written, is not installed.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old, new = (spektron_jax.read(path) for path in demo.paths()[:2])
          >>> (a,), (b,) = old.instruments.values(), new.instruments.values()
          >>> library = spektron_jax.SpectralLibrary(
          ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
          ... )
          >>> 0 < library.calibrate(precision=0.9)  # needs the virtual laboratory
          True
        """
        if np.unique(self.names).size < 3:
            raise SpektronError(
                "library: fewer than 3 different names; rejecting hits cannot be "
                "learnt from so few"
            )
        self._confidence = learnt(
            self._engines, self._codes, self.modality, precision, seed
        )
        return self._confidence.threshold

    def aligned(
        self, query: ArrayLike, axis: ArrayLike | None = None, unit: str | None = None
    ) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Queries (n, L) and library (m, L) on one even axis, and the axis (L,).

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old, new = (spektron_jax.read(path) for path in demo.paths()[:2])
          >>> (a,), (b,) = old.instruments.values(), new.instruments.values()
          >>> library = spektron_jax.SpectralLibrary(
          ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
          ... )
          >>> (queries, own), axis_cm1 = library.aligned(b.spectra, b.axis)
          >>> queries.shape[1] == own.shape[1] == axis_cm1.size
          True
        """
        X, axis_cm1 = self._query(query, axis, unit)
        grid = common_grid(axis_cm1, self.axis_cm1)
        own = resampled(self.spectra, self.axis_cm1, grid)
        return (resampled(X, axis_cm1, grid), own), grid

    @property
    def has_encoder_weights(self) -> bool:
        """Whether the encoder's similarities have weights; without, it has no part.

        Examples:
          >>> from spektron_jax import demo
          >>> import spektron_jax
          >>> old, new = (spektron_jax.read(path) for path in demo.paths()[:2])
          >>> (a,), (b,) = old.instruments.values(), new.instruments.values()
          >>> library = spektron_jax.SpectralLibrary(
          ...     a.spectra, a.axis, old.sample_ids, unit="nm", modality="NIR"
          ... )
          >>> library.has_encoder_weights
          False
        """
        if not self.weights:
            return False
        return self._engines.own.network_decides

    def _query(
        self, query: ArrayLike, axis: ArrayLike | None, unit: str | None
    ) -> tuple[np.ndarray, np.ndarray]:
        if axis is None:
            axis, unit = self.axis, self.unit
        return rising(query, axis, unit or self.unit, self.modality, "query")

    def _hits(self, found: Ranking, k: int) -> Hits:
        scores, k = found.scores, min(k, found.scores.shape[1])
        # The k best and what equals the last of them, in order, the first row first.
        least = np.partition(scores, -k, axis=1)[:, -k]
        best = np.empty((len(scores), k), int)
        for number, row in enumerate(scores):
            some = np.flatnonzero(row >= least[number])
            best[number] = some[np.argsort(-row[some], kind="stable")][:k]
        p_correct = np.full(len(scores), np.nan)
        accepted = np.ones(len(scores), bool)
        if self._confidence is not None:
            codes = self._codes[found.rows]
            p_correct = self._confidence.probability(scores, found.similarity, codes)
            accepted = p_correct >= self._confidence.threshold
        score = np.take_along_axis(scores, best, axis=1)
        rows = np.take_along_axis(found.rows, best, axis=1)
        return Hits(rows, self.names[rows], score, p_correct, accepted)
