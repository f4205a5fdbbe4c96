"""Spectra that a fitted model should not be asked about, and what it may not answer.

m = spectra, q = points as measured, L = points of the model.
"""

from dataclasses import dataclass

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.applicability import UNLIKE, Applicability
from spektron_jax.transfer.checks import spectrum_sentences
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.replicates import listed

MARGIN = 0.25  # of the range of the labels: errors of measurement reach so far


@dataclass(frozen=True)
class Known:
    """What a calibration has seen.

    Attributes:
      low, high: ends of its labels
      target: spectra of the target that its domain was fitted to; with fewer than 2
        that says nothing of the instrument
      stuck: neighbours of the same value in a spectrum, see `spectrum_checks.stuck`
    """

    low: float = -np.inf
    high: float = np.inf
    target: int = 0
    stuck: float = 0.0

    @classmethod
    def of(cls, data: TransferData, stuck: float = 0.0) -> "Known":
        """Of what a model is fitted to."""
        y = np.concatenate([data.y_source, data.y_target[data.labelled]])
        count = len(data.pairs()[0]) or len(data.X_target)
        return cls(float(y.min()), float(y.max()), count, stuck)

    @property
    def limits(self) -> bool:
        """Whether `limited` changes predictions at all."""
        return self.target > 1 and bool(np.isfinite(self.high - self.low))


def limited(
    predicted: np.ndarray,
    aligned: np.ndarray,
    known: Known,
    domain: Applicability | None,
) -> np.ndarray:
    """Predictions (m,), none beyond the labels for a spectrum unlike anything known.

    What a spectrum has outside the space of the calibration's, a linear model answers
    with any number. A sample beyond the labels whose spectrum lies in that space, or
    near it, is extrapolated as ever.

    Args:
      predicted: by the model                                          (m,)
      aligned: spectra as the model takes them                         (m, L)
      known, domain: of the model; None: it has none
    """
    if domain is None or not known.limits:
        return predicted
    kept = np.clip(predicted, known.low, known.high)
    beyond = np.flatnonzero(kept != predicted)
    if not beyond.size:
        return predicted
    usual = beyond[domain.flags(aligned[beyond]) != UNLIKE]
    kept[usual] = predicted[usual]
    return kept


def sentences(
    X: np.ndarray,
    aligned: np.ndarray,
    predicted: np.ndarray,
    kept: np.ndarray,
    known: Known,
    domain: Applicability | None,
) -> list[str]:
    """What is strange about new spectra, a sentence each.

    Args:
      X: as measured                                                   (m, q)
      aligned: as the model takes them                                 (m, L)
      predicted, kept: what it says of them, and the same `limited`    (m,) each
      known: of the model
      domain: of the model; None: it has none
    """
    found, told = [], np.zeros(len(X), dtype=bool)
    for rows, what, advice in spectrum_sentences(X, known.stuck).values():
        if len(rows):
            told[rows] = True
            found.append(f"X: {listed(rows, 'row')}: {what}; {advice}")
    if domain is not None and known.target > 1:
        rows = np.flatnonzero(~told & (domain.flags(aligned) == UNLIKE))
        if rows.size:
            found.append(
                f"X: {listed(rows, 'row')}: unlike anything that the model knows; do "
                "not use these predictions (is the quantity right, the axis, the "
                "sample?)"
            )
    margin = MARGIN * (known.high - known.low)
    if np.isfinite(margin):
        low, high = known.low - margin, known.high + margin
        rows = np.flatnonzero((kept < low) | (kept > high))
        if rows.size:
            found.append(
                f"X: {listed(rows, 'row')}: predicted far outside the labels of the "
                f"calibration ({known.low:g} to {known.high:g}): extrapolation; "
                "measure such samples by the reference method"
            )
    rows = np.flatnonzero(kept != predicted)
    if rows.size:
        found.append(
            f"X: {listed(rows, 'row')}: predicted outside the labels of the "
            f"calibration from a spectrum unlike them all: set to {known.low:g} or "
            f"{known.high:g}, the end of the labels"
        )
    return found


def finite(predicted: np.ndarray) -> np.ndarray:
    """Predictions (m,) as they are.

    Raises:
      SpektronError: one of them is no number.
    """
    bad = np.flatnonzero(~np.isfinite(predicted))
    if bad.size:
        raise SpektronError(
            f"X: {listed(bad, 'row')}: the prediction is not a finite number; check "
            "the spectra and the scale of labels and spectra at fit"
        )
    return predicted
