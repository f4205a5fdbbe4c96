"""How risky is a transfer? A forecast from spectra alone, before any label is measured.

Three comparisons of the target's spectra with the source's, all in the space of the
source's principal components or its complement:

- distance: the energy coefficient, 0 for equal distributions, 1 for disjoint points
  (Szekely & Rizzo, Journal of Statistical Planning and Inference 143 (2013) 1249),
  beside the value that exchanging spectra between the sets exceeds in 5 % of cases;
- how well a linear classifier tells the instruments apart, beside chance;
- shares of target spectra beyond the source's limits of T2 and Q.

S, T = source and target spectra, L = points, a = components.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from spektron_jax.errors import SpektronError
from spektron_jax.probes.probes import instrument_probe
from spektron_jax.transfer.applicability import UNLIKE, fit_applicability
from spektron_jax.transfer.threads import one_blas_thread

EXCHANGES = 199
MIN_PROBE_SPECTRA = 5  # target spectra, one for each fold of the probe
HIGH_RISK_SHARE = 0.5  # share of target spectra beyond a limit that makes the risk high
ADVICE = {
    "high": "High risk: most target spectra lie outside what the source model "
    "knows. Do not use it without transfer; plan transfer samples.",
    "moderate": "Moderate risk: the instruments differ, but mostly within the "
    "source's own variation. Correct at least the mean, and check with labels.",
    "low": "Low risk: the spectra give no sign of a difference between the "
    "instruments. A few labelled samples can confirm it.",
}


@dataclass(frozen=True)
class Forecast:
    """What a forecast rests on; shares are of target spectra."""

    spectra: int
    distance: float
    distance_chance: float
    probe_accuracy: float | None  # None: too few spectra
    probe_chance: float | None  # upper end of the 95 % interval at chance
    beyond_t2: float
    beyond_q: float
    unlike: float

    @property
    def level(self) -> str:
        """The risk: "low", "moderate" or "high"; rules fixed before any data."""
        if max(self.beyond_q, self.beyond_t2) >= HIGH_RISK_SHARE:
            return "high"
        apart = self.distance > self.distance_chance
        if self.probe_accuracy is not None and self.probe_chance is not None:
            apart |= self.probe_accuracy > self.probe_chance
        return "moderate" if apart else "low"

    @property
    def text(self) -> str:
        """Advice, and the numbers behind it, in a few sentences."""
        seen = (
            f"{self.beyond_q:.0%} of {self.spectra} spectra beyond the Q limit and "
            f"{self.beyond_t2:.0%} beyond that of T2; distance {self.distance:.2f} "
            f"(chance: up to {self.distance_chance:.2f})"
        )
        if self.probe_accuracy is not None:
            seen += (
                "; a classifier tells the instruments apart in "
                f"{self.probe_accuracy:.0%} of cases (chance: up to "
                f"{self.probe_chance:.0%})"
            )
        return f"{ADVICE[self.level]} {seen}."


@one_blas_thread
def forecast(X_source: np.ndarray, X_target: np.ndarray, seed: int = 0) -> Forecast:
    """Forecast what the source model does on the target instrument.

    Args:
      X_source: calibration spectra                                    (S, L)
      X_target: unlabelled spectra of the target, on the same axis     (T, L)
      seed: of the exchanges and of the probe's folds

    Returns:
      The numbers, with a level and a text.
    """
    X_source, X_target = (np.asarray(X, dtype=np.float64) for X in (X_source, X_target))
    if X_target.ndim != 2 or len(X_target) < 1:
        raise SpektronError("X_target: at least 1 spectrum is needed for a forecast")
    model = fit_applicability(X_source)
    t2, q = model.distances(X_target)
    both = np.vstack([X_source, X_target])
    # The complement counts as one more axis: what the source never varied in matters.
    scores = (both - model.mean) @ model.loadings.T / np.sqrt(model.variances)
    rest = np.sqrt(model.distances(both)[1] / model.q_limit)
    z = np.column_stack([scores, rest])
    is_target = np.arange(len(z)) >= len(X_source)
    distance, chance = energy_coefficient(z, is_target, seed)
    accuracy = highest = None
    if len(X_target) >= MIN_PROBE_SPECTRA:
        probe = instrument_probe(z, is_target, np.arange(len(z)), seed)
        accuracy, highest = probe["accuracy"], probe["high"]
    return Forecast(
        len(X_target),
        distance,
        chance,
        accuracy,
        highest,
        float(np.mean(t2 > model.t2_limit)),
        float(np.mean(q > model.q_limit)),
        float(np.mean(model.flags(X_target) == UNLIKE)),
    )


def energy_coefficient(
    z: np.ndarray, is_target: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Energy coefficient of two sets, and its 95 % point when sets are exchanged.

    H = (2 E|x - y| - E|x - x'| - E|y - y'|) / (2 E|x - y|).

    Args:
      z: points of both sets                                           (n, a)
      is_target: which belong to the second set                        (n,) bool
      seed: of the exchanges
    """
    between = cdist(z, z)
    rng = np.random.default_rng(seed)
    masks = [is_target, *(rng.permutation(is_target) for _ in range(EXCHANGES))]
    B = np.array(masks, dtype=np.float64)
    A = 1.0 - B
    n_a, n_b = A[0].sum(), B[0].sum()
    to_b = B @ between
    cross = np.sum(A * to_b, axis=1) / (n_a * n_b)
    in_b = np.sum(B * to_b, axis=1) / n_b**2
    in_a = np.sum(A * (A @ between), axis=1) / n_a**2
    safe = np.where(cross > 0, cross, 1.0)
    values = np.where(cross > 0, (2 * cross - in_a - in_b) / (2 * safe), 0.0)
    return float(values[0]), float(np.percentile(values[1:], 95))
