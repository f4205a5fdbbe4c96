"""A library of known spectra, searched with spectra of another instrument.

    library = SpectralLibrary(spectra, axis, names, unit="cm-1", modality="Raman")
    library.calibrate(precision=0.95)
    hits = library.search(queries, axis_of_queries)
    hits.names[:, 0], hits.accepted

Scores come from `combine`. Whether to believe the best hit is learnt inside the
library: each of its spectra is measured again on virtual instruments and searched,
once with its own entry there and once without; a logistic regression tells right hits
from wrong ones by the mean similarity of the best hit and its lead over the next name.

n = queries, m = library spectra, p, q = points, L = points in common.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression

from spektron_jax.errors import SpektronError, network_for
from spektron_jax.identification import combine
from spektron_jax.identification.similarities import CLASSICAL, NAMES, similarities
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.grid import to_cm1

if TYPE_CHECKING:
    from spektron_jax.identification.encoded import EncoderSimilarity

MIN_COMMON_POINTS = 30
BAND_STRETCH = {"NIR": 5.0}  # bands of the NIR are wider than those of IR and Raman
VIRTUAL_SEARCHES = 6  # virtual instruments on which a library is measured again
NEVER_ACCEPTED = 1.01  # threshold of a library in which no hit can be trusted
COMBINATION, WITH_NETWORK = "combination, no network", "combination with network"


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
      weights: of an encoder, or None: without the network, and faster.

    Attributes:
      threshold_: of the probability from which hits are accepted, once calibrated.
      calibration_: dict of arrays, "p_correct" and "truth" of the virtual searches it
        rests on.

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
    ):
        self.names = np.asarray(names, dtype=str)
        self.unit, self.modality, self.weights = unit, modality, weights
        self._axis = np.array(axis, np.float64)
        self.spectra, self.axis_cm1 = _rising(spectra, axis, unit, modality, "library")
        if self.names.shape != (len(self.spectra),) or not len(self.spectra):
            raise SpektronError(
                f"library: {len(self.spectra)} spectra and {self.names.size} names; "
                "give one name for each spectrum"
            )
        self.threshold_: float | None = None
        self.calibration_: dict[str, np.ndarray] = {}
        self._calibrator: LogisticRegression | None = None
        self._encoders: dict[bytes, EncoderSimilarity] = {}

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
        (X, library), axis_cm1 = self.aligned(query, axis, unit)
        scores, similarity, _ = self._scored(X, library, axis_cm1)
        return self._hits(scores, similarity, k)

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
        (X, library), axis_cm1 = self.aligned(query, axis, unit)
        scores, similarity, methods = self._scored(
            X, library, axis_cm1, with_encoder=True
        )
        return self._hits(scores, similarity, k), methods

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
        features, truth = self._virtual_searches(seed)
        if truth.all() or not truth.any():
            raise SpektronError(
                "library: no virtual search for its own spectra succeeds; check that "
                "its names are right and its spectra not constant"
            )
        self._calibrator = LogisticRegression().fit(features, truth)
        p_correct = self._calibrator.predict_proba(features)[:, 1]
        order = np.argsort(-p_correct, kind="stable")
        share = np.cumsum(truth[order]) / np.arange(1, truth.size + 1)
        enough = np.flatnonzero(share >= precision)
        self.threshold_ = NEVER_ACCEPTED
        if enough.size:
            self.threshold_ = float(p_correct[order[enough[-1]]])
        self.calibration_ = {"p_correct": p_correct, "truth": truth}
        return self.threshold_

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
        if axis is None:
            axis, unit = self._axis, self.unit
        values, axis_cm1 = _rising(
            query, axis, unit or self.unit, self.modality, "query"
        )
        return self._common(values, axis_cm1)

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
        encoder = self._encoder(self.weights, self.axis_cm1)
        return len(combine.shipped(self.modality, encoder.checksum)) > 1

    def _common(
        self, X: np.ndarray, axis_cm1: np.ndarray
    ) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        low = max(axis_cm1[0], self.axis_cm1[0])
        high = min(axis_cm1[-1], self.axis_cm1[-1])
        steps = [np.median(np.diff(each)) for each in (axis_cm1, self.axis_cm1)]
        # Denser than the coarser of both, or than 1 cm-1, there is nothing to see.
        step = max(1.0, *steps)
        grid = low + step * np.arange(int((high - low) / step * (1 + 1e-9)) + 1)
        if high <= low or grid.size < MIN_COMMON_POINTS:
            raise SpektronError(
                f"query ({axis_cm1[0]:g} to {axis_cm1[-1]:g} cm-1) and library "
                f"({self.axis_cm1[0]:g} to {self.axis_cm1[-1]:g} cm-1) have fewer than "
                f"{MIN_COMMON_POINTS} points in common; search in another library"
            )
        both = (
            np.stack([np.interp(grid, axis_cm1, row) for row in X]),
            np.stack([np.interp(grid, self.axis_cm1, row) for row in self.spectra]),
        )
        return both, grid

    def _scored(
        self,
        X: np.ndarray,
        library: np.ndarray,
        axis_cm1: np.ndarray,
        with_encoder: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Score and mean similarity, (n, m) each, and scores by method.

        The encoder runs where it decides about the score, or `with_encoder`.
        """
        step = (axis_cm1[1] - axis_cm1[0]) / BAND_STRETCH.get(self.modality, 1.0)
        found = similarities(X, library, step)
        score = average = combine.average(found)
        methods = {name: found[name] for name in CLASSICAL}
        with_network = {}
        if self.weights:
            encoder = self._encoder(self.weights, axis_cm1)
            weights = combine.shipped(self.modality, encoder.checksum)
            decides = any(w for name, w in weights.items() if name != combine.AVERAGE)
            if with_encoder or decides:
                encoded = encoder(X, library)
                score = combine.weighted({combine.AVERAGE: average} | encoded, weights)
                methods |= encoded
                with_network = {WITH_NETWORK: score}
        methods |= {COMBINATION: average} | with_network
        return score, np.mean([found[name] for name in NAMES], axis=0), methods

    def _hits(self, scores: np.ndarray, similarity: np.ndarray, k: int) -> Hits:
        order = np.argsort(-scores, axis=1, kind="stable")
        best = order[:, : min(k, len(self.names))]
        p_correct = np.full(len(scores), np.nan)
        if self._calibrator is not None:
            features = self._confidence_features(scores, similarity)
            p_correct = self._calibrator.predict_proba(features)[:, 1]
        accepted = np.ones(len(scores), bool)
        if self.threshold_ is not None:
            accepted = p_correct >= self.threshold_
        score = np.take_along_axis(scores, best, axis=1)
        return Hits(best, self.names[best], score, p_correct, accepted)

    def _virtual_searches(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Confidence features (v, 2) of v virtual searches, and which were right."""
        with network_for("the virtual instruments on which a library is calibrated"):
            from spektron_jax.identification.virtual import Severity, measured_again

        features, truth = [], []
        kind = "IR" if self.modality in ("IR", "NIR") else "Raman"
        same = self.names[:, None] == self.names[None, :]
        for number in range(VIRTUAL_SEARCHES):
            rng = np.random.default_rng([seed, number])
            X, axis_cm1 = measured_again(
                self.spectra, self.axis_cm1, kind, rng, Severity.draw(rng)
            )
            (X, library), axis_cm1 = self._common(X, axis_cm1)
            scores, similarity, _ = self._scored(X, library, axis_cm1)
            for absent in (False, True):
                shown = np.where(same & absent, -np.inf, scores)
                features.append(self._confidence_features(shown, similarity))
                best = shown.argmax(axis=1)
                truth.append((self.names[best] == self.names) & (not absent))
        return np.concatenate(features), np.concatenate(truth)

    def _confidence_features(
        self, scores: np.ndarray, similarity: np.ndarray
    ) -> np.ndarray:
        """Mean similarity of the best hit, and its lead over the next name, (n, 2)."""
        best = scores.argmax(axis=1)
        same = self.names[best][:, None] == self.names[None, :]
        others = np.where(same, -np.inf, scores).max(axis=1)
        lead = scores[np.arange(len(scores)), best] - others
        return np.column_stack([similarity[np.arange(len(scores)), best], lead])

    def _encoder(self, weights: str, axis_cm1: np.ndarray) -> "EncoderSimilarity":
        from spektron_jax.identification.encoded import EncoderSimilarity

        key = axis_cm1.tobytes()
        if key not in self._encoders:
            encoder = EncoderSimilarity(weights, axis_cm1, self.modality)
            self._encoders = {key: encoder}  # one at a time: each holds features
        return self._encoders[key]


def _rising(
    spectra: ArrayLike, axis: ArrayLike, unit: str, modality: str, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Spectra (n, p) float64 and their axis (p,), rising, in cm-1."""
    spectra = np.atleast_2d(np.asarray(spectra, np.float64))
    axis = np.asarray(axis, np.float64)
    if spectra.ndim != 2 or spectra.shape[1:] != axis.shape:
        raise SpektronError(
            f"{what}: spectra {spectra.shape} and axis {axis.shape} do not fit; give "
            "one position for each point"
        )
    axes.check(axis, unit, modality, f"{what}, axis")
    bad = np.flatnonzero(~np.isfinite(spectra).all(axis=1))
    if bad.size:
        raise SpektronError(
            f"{what}: row {bad[0]} has missing or infinite values; leave it out or cut "
            "the axis"
        )
    place = to_cm1(axis, unit)
    order = np.argsort(place)
    return spectra[:, order], place[order]
