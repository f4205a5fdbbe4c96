"""Whether to believe the best hit of a search, learnt inside the library.

Each of its spectra is measured again on virtual instruments and searched, once with its
own entry there and once without; a logistic regression tells right hits from wrong ones
by the mean similarity of the best hit and its lead over the next name.

n = queries, c = entries that a query is compared with, v = virtual searches.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from spektron_jax.errors import SpektronError, network_for
from spektron_jax.identification.engines import Engines

VIRTUAL_SEARCHES = 6  # virtual instruments on which a library is measured again
MOST_VIRTUAL = 1000  # entries that are searched on each
AT_A_TIME = 50  # of these
NEVER_ACCEPTED = 1.01  # threshold of a library in which no hit can be trusted


@dataclass(frozen=True, eq=False)
class Confidence:
    """A probability that a hit is right, and from which on it is accepted.

    Attributes:
      logistic: intercept and two slopes
      threshold: of the probability
      p_correct, truth: of the virtual searches, (v,) each
    """

    logistic: np.ndarray
    threshold: float
    p_correct: np.ndarray
    truth: np.ndarray

    def probability(
        self, scores: np.ndarray, similarity: np.ndarray, codes: np.ndarray
    ) -> np.ndarray:
        """That each best hit is right, (n,), by what is (n, c) each."""
        return _probability(self.logistic, _evidence(scores, similarity, codes))


def learnt(
    engines: Engines, codes: np.ndarray, modality: str, precision: float, seed: int
) -> Confidence:
    """From virtual searches; `codes`: number of each entry's name, (m,).

    Raises:
      SpektronError: no search succeeds, or JAX is not installed.
    """
    evidence, truth = _virtual_searches(engines, codes, modality, seed)
    if truth.all() or not truth.any():
        raise SpektronError(
            "library: no virtual search for its own spectra succeeds; check that "
            "its names are right and its spectra not constant"
        )
    fitted = LogisticRegression().fit(evidence, truth)
    logistic = np.array([fitted.intercept_[0], *fitted.coef_[0]])
    p_correct = _probability(logistic, evidence)
    order = np.argsort(-p_correct, kind="stable")
    share = np.cumsum(truth[order]) / np.arange(1, truth.size + 1)
    enough = np.flatnonzero(share >= precision)
    threshold = float(p_correct[order[enough[-1]]]) if enough.size else NEVER_ACCEPTED
    return Confidence(logistic, threshold, p_correct, truth)


def _virtual_searches(
    engines: Engines, codes: np.ndarray, modality: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Evidence (v, 2), and which hits were right."""
    with network_for("the virtual instruments on which a library is calibrated"):
        from spektron_jax.identification.virtual import Severity, measured_again

    evidence, truth = [], []
    kind = "IR" if modality in ("IR", "NIR") else "Raman"
    drawn = np.random.default_rng(seed).permutation(len(codes))[:MOST_VIRTUAL]
    drawn = np.sort(drawn)
    for number in range(VIRTUAL_SEARCHES):
        rng = np.random.default_rng([seed, number])
        X, axis_cm1 = measured_again(
            engines.spectra[drawn], engines.axis_cm1, kind, rng, Severity.draw(rng)
        )
        for start in range(0, len(X), AT_A_TIME):
            some = slice(start, start + AT_A_TIME)
            found = engines.ranked(X[some], axis_cm1)
            names, own = codes[found.rows], codes[drawn[some]][:, None]
            for absent in (False, True):
                shown = np.where((names == own) & absent, -np.inf, found.scores)
                evidence.append(_evidence(shown, found.similarity, names))
                best = np.take_along_axis(names, shown.argmax(1)[:, None], axis=1)
                truth.append((best == own)[:, 0] & (not absent))
    return np.concatenate(evidence), np.concatenate(truth)


def _probability(logistic: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    return expit(logistic[0] + evidence @ logistic[1:])


def _evidence(
    scores: np.ndarray, similarity: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Mean similarity of the best hit, and its lead over the next name, (n, 2)."""
    best = scores.argmax(axis=1)[:, None]
    same = codes == np.take_along_axis(codes, best, axis=1)
    others = np.where(same, -np.inf, scores).max(axis=1)
    lead = np.take_along_axis(scores, best, axis=1)[:, 0] - others
    return np.column_stack([np.take_along_axis(similarity, best, axis=1)[:, 0], lead])
