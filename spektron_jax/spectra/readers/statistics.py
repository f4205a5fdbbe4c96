"""Rows of a table that are no samples but statistics of the others: "Mean", "SD".

A row named so is left out if its values are that statistic of the other rows, and kept
if they are not ("max" may be a name); either is said.

Sizes: n spectra, p points.
"""

import re
import warnings

import numpy as np

from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

_NAMES = {
    "mean": r"mean|average|avg|av|mittelwert|moyenne",
    "SD": r"sd|s\.d\.|std|std\.? ?dev\.?|st\.? ?dev\.?|standard deviation|sigma",
    "median": r"median",
    "minimum": r"min|minimum",
    "maximum": r"max|maximum",
    "relative SD": r"rsd|cv|%? ?rsd ?%?|cv ?%?",
    "variance": r"var|variance",
    "standard error": r"sem|se|standard error",
    "sum": r"sum|total",
    "count": r"n|count",
}
_BESIDE = r"\W*(?:spectrum|spectra|all|of all|samples)?\W*"
_ANY = re.compile(
    _BESIDE + "(?:" + "|".join(_NAMES.values()) + ")" + _BESIDE, re.IGNORECASE
)
_LONGEST = 40  # letters of a name that may be one
TOLERANCE = 2e-3  # of the range of the statistic: tables are rounded


def without_statistics(part: ParsedSpectra, log: Log) -> None:
    """Leave out rows that are statistics of the others; see the top."""
    kinds = [_kind(name) for name in part.sample_ids]
    named = [i for i, kind in enumerate(kinds) if kind]
    others = [i for i, kind in enumerate(kinds) if not kind]
    if not named or len(others) < 2:
        return
    computed = _statistics(part.spectra[others])
    dropped = []
    for i in named:
        name, kind = part.sample_ids[i], str(kinds[i])
        if any(_is_close(part.spectra[i], found) for found in computed[kind]):
            dropped.append(i)
            log.note(part.places[i], f"{name!r} is the {kind} of the others; left out")
        else:
            text = f"{name!r} is kept as a sample; it is not the {kind} of the others"
            log.note(part.places[i], text)
    if dropped:
        part.keep([i for i in range(len(kinds)) if i not in dropped])


def _kind(name: str) -> str | None:
    if len(name) > _LONGEST or not _ANY.fullmatch(name.strip()):
        return None
    for kind, words in _NAMES.items():
        if re.fullmatch(_BESIDE + f"(?:{words})" + _BESIDE, name.strip(), re.I):
            return kind
    return None


def _statistics(values: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Kind -> what it may be, (p,) each."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # columns without any value
        mean = np.nanmean(values, axis=0)
        deviations = [np.nanstd(values, axis=0, ddof=ddof) for ddof in (1, 0)]
        count = np.isfinite(values).sum(axis=0)
        return {
            "mean": [mean],
            "SD": deviations,
            "median": [np.nanmedian(values, axis=0)],
            "minimum": [np.nanmin(values, axis=0)],
            "maximum": [np.nanmax(values, axis=0)],
            "relative SD": [f * d / mean for d in deviations for f in (1, 100)],
            "variance": [deviation**2 for deviation in deviations],
            "standard error": [d / np.sqrt(count) for d in deviations],
            "sum": [np.nansum(values, axis=0)],
            "count": [count.astype(np.float64)],
        }


def _is_close(values: np.ndarray, found: np.ndarray) -> bool:
    known = np.isfinite(values) & np.isfinite(found)
    if not known.any():
        return False
    values, found = values[known], found[known]
    scale = max(float(np.ptp(found)), 1e-3 * float(np.abs(found).max()), 1e-12)
    return bool(np.abs(values - found).max() <= TOLERANCE * scale + 1e-5)
