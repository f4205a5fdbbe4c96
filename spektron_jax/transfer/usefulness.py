"""What a transferred calibration is good for, in a word and a sentence.

RPD, the SD of the labels over the RMSE, says it (Williams & Norris, Near-Infrared
Technology, 2001): below 1.5 nothing, below 2 telling high from low, below 3 screening,
from 3 quantification. Without labels the probability of a poor transfer does
(`unlabelled.py`).

n = labelled target samples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spektron_jax.transfer.comparison import COMBINATION, FLOOR, WITHOUT, Comparison
from spektron_jax.transfer.ensemble import LIKELY

USES = ((1.5, "no use yet"), (2.0, "telling high from low"), (3.0, "screening"))
QUANTIFICATION = "quantification"


class Verdict(NamedTuple):
    """Shown as "label: text"."""

    label: str
    text: str

    def __str__(self) -> str:
        return f"{self.label}: {self.text}"


def use_of(rpd: float | None) -> str:
    """What an RPD is good for; None: no error at all."""
    if rpd is None:
        return QUANTIFICATION
    return next((use for limit, use in USES if rpd < limit), QUANTIFICATION)


def _untold(labels: np.ndarray) -> str:
    """Why there are no errors of left-out samples."""
    if not labels.size:
        return "no target label tells the error"
    if labels.size == 1:
        return (
            "one target label cannot tell the error, since a fit without it has none; "
            "measure 2 or more"
        )
    return (
        f"{labels.size} target labels cannot tell the error: all are equal, or too "
        "little stays to fit without some; measure samples with other values"
    )


def verdict(
    errors: np.ndarray,
    labels: np.ndarray,
    poor: float | None,
    failed: Sequence[str] = (),
    comparison: Comparison | None = None,
) -> Verdict:
    """The most important thing first.

    Args:
      errors: of labelled target samples, each by a fit without it      (n,)
      labels: of the same samples; there may be some, though no errors  (n,)
      poor: probability of a poor transfer without labels; None: not known
      failed: names of the checks of the data that failed
      comparison: with other methods, if there is one
    """
    if failed:
        names = ", ".join(failed)
        return Verdict("mend the data", f"checks that failed: {names}; see warnings_")
    if comparison is not None:
        ours = COMBINATION if COMBINATION in comparison.predicted else WITHOUT
        floor = FLOOR in comparison.predicted
        if floor and comparison.difference(ours, FLOOR)["low"] > 0:
            text = "on held-out samples the source's model as it is errs less"
            return Verdict("do not transfer", text)
    if errors.size:
        rmse = float(np.sqrt(np.mean(errors**2)))
        rpd = float(np.std(labels)) / rmse if rmse else None
        use = use_of(rpd)
        text = (
            f"RMSE {rmse:.3g}, RPD {'not defined' if rpd is None else f'{rpd:.2f}'} by "
            f"cross-validated errors of {errors.size} labelled target samples: good "
            f"for {use}"
        )
        useful = use != USES[0][1]
        return Verdict("use this model" if useful else "not good enough", text)
    text = _untold(labels)
    if poor is not None:
        text += f"; R2 is below 0.5 with a probability of {poor:.2f}"
    return Verdict(
        "not checked" if poor is None or poor < LIKELY else "measure labels", text
    )
