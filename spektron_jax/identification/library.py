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

import numpy as np
from sklearn.linear_model import LogisticRegression

from spektron_jax.errors import SpektronError
from spektron_jax.identification import combine
from spektron_jax.identification.measures import CLASSICAL, NAMES, similarities
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.grid import to_cm1

LEAST_POINTS = 30  # in common
STRETCH = {"NIR": 5.0}  # bands of the NIR are wider than those of IR and Raman
REPEATS = 6  # virtual instruments on which a library is measured again
COMBINATION, WITH_NETWORK = "combination, no network", "combination with network"


@dataclass(frozen=True, eq=False)
class Hits:
    """Best library entries of each query, best first.

    Attributes:
      rows: of the library, (n, k)
      names: of these, (n, k)
      score: (n, k), in spreads above the library's mean
      right: estimated probability that the first is right, (n,); NaN: not calibrated
      accepted: (n,) bool, whether `right` reaches the threshold
    """

    rows: np.ndarray
    names: np.ndarray
    score: np.ndarray
    right: np.ndarray
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
      calibration_: dict of arrays, "right" (probabilities) and "truth" of the virtual
        searches it rests on.
    """

    def __init__(
        self, spectra, axis, names, unit="cm-1", modality="Raman", weights=None
    ):
        self.names = np.asarray(names, dtype=str)
        self.unit, self.modality, self.weights = unit, modality, weights
        self.spectra, self.axis_cm1 = _rising(spectra, axis, unit, modality, "library")
        if self.names.shape != (len(self.spectra),) or not len(self.spectra):
            raise SpektronError(
                f"library: {len(self.spectra)} spectra and {self.names.size} names; "
                "give one name for each spectrum"
            )
        self.threshold_, self.calibration_, self._judge = None, {}, None
        self._encoders = {}

    def search(self, query, axis=None, k=5, unit=None) -> Hits:
        """Find the k best entries for each query.

        Args:
          query: (n, q).
          axis: (q,) in `unit`; the library's if None.
          k: how many; the whole library if it is smaller.
          unit: of the axis; the library's if None.

        Raises:
          SpektronError: the axes have too little in common, or values are missing.
        """
        both, axis_cm1 = self.aligned(query, axis, unit)
        scores, evidence = self._scored(*both, axis_cm1)
        order = np.argsort(-scores, axis=1, kind="stable")
        best = order[:, : min(k, len(self.names))]
        right = np.full(len(scores), np.nan)
        if self._judge is not None:
            right = self._judge.predict_proba(self._clues(scores, evidence))[:, 1]
        accepted = np.ones(len(scores), bool)
        if self.threshold_ is not None:
            accepted = right >= self.threshold_
        return Hits(
            best,
            self.names[best],
            np.take_along_axis(scores, best, axis=1),
            right,
            accepted,
        )

    def methods(self, query, axis=None, unit=None) -> dict[str, np.ndarray]:
        """Scores (n, m) of every method: classical, encoder, combinations."""
        (X, library), axis_cm1 = self.aligned(query, axis, unit)
        found = similarities(X, library, self._step(axis_cm1))
        table = {name: found[name] for name in CLASSICAL}
        score = combine.average(found)
        if self.weights:
            encoder = self._encoder(axis_cm1)
            encoded = encoder(X, library)
            table |= encoded
            weights = combine.shipped(self.modality, encoder.checksum)
            both = combine.weighted({combine.AVERAGE: score} | encoded, weights)
            return table | {COMBINATION: score, WITH_NETWORK: both}
        return table | {COMBINATION: score}

    def calibrate(self, precision=0.95, seed=0) -> float:
        """Learn when to reject a hit; see the top of this file.

        Args:
          precision: share of accepted hits that shall be right, in virtual searches
            half of which are for something that the library does not hold.
          seed: of the virtual instruments.

        Returns:
          The threshold; above 1 if nothing reaches the precision.

        Raises:
          SpektronError: fewer than 3 names.
        """
        from spektron_jax.identification.virtual import Severity, measured_again

        if np.unique(self.names).size < 3:
            raise SpektronError(
                "library: fewer than 3 different names; rejecting hits cannot be "
                "learnt from so few"
            )
        clues, truth = [], []
        kind = "IR" if self.modality in ("IR", "NIR") else "Raman"
        for number in range(REPEATS):
            rng = np.random.default_rng([seed, number])
            X, axis_cm1 = measured_again(
                self.spectra, self.axis_cm1, kind, rng, Severity.draw(rng)
            )
            (X, library), axis_cm1 = self._common(X, axis_cm1)
            scores, evidence = self._scored(X, library, axis_cm1)
            same = self.names[:, None] == self.names[None, :]
            for absent in (False, True):
                shown = np.where(same & absent, -np.inf, scores)
                clues.append(self._clues(shown, evidence))
                best = shown.argmax(axis=1)
                truth.append((self.names[best] == self.names) & (not absent))
        clues, truth = np.concatenate(clues), np.concatenate(truth)
        if truth.all() or not truth.any():
            raise SpektronError(
                "library: no virtual search for its own spectra succeeds; check that "
                "its names are right and its spectra not constant"
            )
        self._judge = LogisticRegression().fit(clues, truth)
        right = self._judge.predict_proba(clues)[:, 1]
        order = np.argsort(-right, kind="stable")
        share = np.cumsum(truth[order]) / np.arange(1, truth.size + 1)
        enough = np.flatnonzero(share >= precision)
        self.threshold_ = float(right[order[enough[-1]]]) if enough.size else 1.01
        self.calibration_ = {"right": right, "truth": truth}
        return self.threshold_

    def aligned(self, query, axis=None, unit=None):
        """Queries (n, L) and library (m, L) on one even axis, and the axis (L,)."""
        if axis is None:
            axis, unit = self.axis_cm1, "cm-1"
        values, axis_cm1 = _rising(
            query, axis, unit or self.unit, self.modality, "query"
        )
        return self._common(values, axis_cm1)

    def _common(self, X, axis_cm1):
        low = max(axis_cm1[0], self.axis_cm1[0])
        high = min(axis_cm1[-1], self.axis_cm1[-1])
        steps = [np.median(np.diff(each)) for each in (axis_cm1, self.axis_cm1)]
        # Denser than the coarser of both, or than 1 cm-1, there is nothing to see.
        step = max(1.0, *steps)
        grid = low + step * np.arange(int((high - low) / step * (1 + 1e-9)) + 1)
        if high <= low or grid.size < LEAST_POINTS:
            raise SpektronError(
                f"query ({axis_cm1[0]:g} to {axis_cm1[-1]:g} cm-1) and library "
                f"({self.axis_cm1[0]:g} to {self.axis_cm1[-1]:g} cm-1) have fewer than "
                f"{LEAST_POINTS} points in common; search in another library"
            )
        both = [
            np.stack([np.interp(grid, place, row) for row in rows])
            for rows, place in ((X, axis_cm1), (self.spectra, self.axis_cm1))
        ]
        return both, grid

    @property
    def weighted(self):
        """Whether the encoder's similarities have weights; without, it has no part."""
        encoder = self._encoder(self.axis_cm1)
        return len(combine.shipped(self.modality, encoder.checksum)) > 1

    def _step(self, axis_cm1):
        return (axis_cm1[1] - axis_cm1[0]) / STRETCH.get(self.modality, 1.0)

    def _scored(self, X, library, axis_cm1):
        """Score and mean similarity, (n, m) each."""
        found = similarities(X, library, self._step(axis_cm1))
        score = combine.average(found)
        if self.weights:
            encoder = self._encoder(axis_cm1)
            weights = combine.shipped(self.modality, encoder.checksum)
            if any(w for name, w in weights.items() if name != combine.AVERAGE):
                encoded = encoder(X, library)
                score = combine.weighted({combine.AVERAGE: score} | encoded, weights)
        return score, np.mean([found[name] for name in NAMES], axis=0)

    def _clues(self, scores, evidence):
        """Mean similarity of the best hit, and its lead over the next name, (n, 2)."""
        best = scores.argmax(axis=1)
        same = self.names[best][:, None] == self.names[None, :]
        others = np.where(same, -np.inf, scores).max(axis=1)
        lead = scores[np.arange(len(scores)), best] - others
        return np.column_stack([evidence[np.arange(len(scores)), best], lead])

    def _encoder(self, axis_cm1):
        key = axis_cm1.tobytes()
        if key not in self._encoders:
            from spektron_jax.identification.encoded import EncoderSimilarity

            self._encoders = {
                key: EncoderSimilarity(self.weights, axis_cm1, self.modality)
            }
        return self._encoders[key]


def _rising(spectra, axis, unit, modality, what):
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
