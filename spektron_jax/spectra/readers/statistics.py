"""Rows of a table that are no samples but statistics of the others: "Mean", "SD".

A row named so is left out if its values are that statistic of the other rows, and kept
if they are not ("max" may be a name); either is said. So is a row of any name among the
first or last ones that has the values of the others' mean or SD; it is kept.

Sizes: n spectra, p points.
"""

import re
import warnings

import numpy as np

from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra
from spektron_jax.spectra.spectra_set import Problem

_NAMES = {
    "mean": r"mean|average|avg|av|mittelwert|mw|moyenne|media|promedio|gemiddelde"
    r"|medel(?:värde)?",
    "SD": r"sd|s\.d\.|std|std\.? ?dev\.?|st\.? ?dev\.?|standard deviation|sigma"
    r"|standardabweichung|stabwn?|[ée]cart[- ]type|desviaci[oó]n est[aá]ndar"
    r"|deviazione standard|standaardafwijking|standardavvikelse",
    "median": r"median",
    "minimum": r"min|minimum",
    "maximum": r"max|maximum",
    "relative SD": r"rsd|cv|%? ?rsd ?%?|cv ?%?",
    "variance": r"var|variance",
    "standard error": r"sem|se|standard error",
    "sum": r"sum|total",
    "count": r"n|count",
}
_BESIDE = (
    r"[\W_]*(?:spectrum|spectra|all|of all|of \d+|n ?= ?\d+|samples|abs|absorbance"
    r"|spektrum)?[\W_]*"
)
_ANY = re.compile(
    _BESIDE + "(?:" + "|".join(_NAMES.values()) + ")" + _BESIDE, re.IGNORECASE
)
_LONGEST = 40  # letters of a name that may be one
ENDS = 4  # rows at either end that may be statistics whatever their name
MOST_ROWS = 5000  # of a table that is looked through for them
ROUNDED = 0.6  # of the unit of the last decimal: half, and what sums of floats add
LEAST_NAMED = 5  # SD of other rows, in the same units, for a row that is named so
KEPT = "is kept as a sample"
LEAST_SD = 50  # of other rows, in units of what rounding hides
MOST_DECIMALS = 8
TOLERANCE = 2e-3  # of the range of the statistic: tables are rounded


def without_statistics(part: ParsedSpectra, log: Log) -> None:
    """Leave out rows that are statistics of the others; see the top."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # columns without any value
        _drop_named(part, log)
        if len(part.sample_ids) <= MOST_ROWS:
            _say_unnamed(part, log)


def _drop_named(part: ParsedSpectra, log: Log) -> None:
    kinds = [_kind(name) for name in part.sample_ids]
    named = [i for i, kind in enumerate(kinds) if kind]
    others = [i for i, kind in enumerate(kinds) if not kind]
    if not named or len(others) < 2:
        return
    computed = _statistics(part.spectra[others])
    near = ROUNDED * _resolution(part.spectra)
    if not np.nanmedian(computed["SD"][0]) > LEAST_NAMED * near:
        near = 0.0
    dropped = []
    for i in named:
        name, kind = part.sample_ids[i], str(kinds[i])
        if any(_is_close(part.spectra[i], found, near) for found in computed[kind]):
            dropped.append(i)
            log.note(part.places[i], f"{name!r} is the {kind} of the others; left out")
        else:
            text = f"{name!r} {KEPT}; it is not the {kind} of the others"
            log.note(part.places[i], text)
    if dropped:
        part.keep([i for i in range(len(kinds)) if i not in dropped])


def _say_unnamed(part: ParsedSpectra, log: Log) -> None:
    """Note rows at the ends that are, as printed, the mean or SD of all but those."""
    n = len(part.sample_ids)
    near = ROUNDED * _resolution(part.spectra)
    for size in range(1, min(ENDS, n - 3) + 1):
        for rows in (range(n - size, n), range(size)):
            values = part.spectra[np.setdiff1d(np.arange(n), rows)]
            (mean,), deviations = _mean_and_sd(values).values()
            if not np.nanmedian(deviations[0]) > LEAST_SD * near:
                continue  # repeated scans of one sample, which all are the mean
            computed = {"mean": [mean], "SD": deviations}
            computed["mean and SD"] = [
                mean + s * d for s in (1, -1) for d in deviations
            ]
            alike = {
                i: kind
                for i in rows
                for kind, found in computed.items()
                if any(np.nanmax(np.abs(part.spectra[i] - f)) <= near for f in found)
            }
            if len(alike) < size:
                continue
            for i, kind in alike.items():
                text = f"{part.sample_ids[i]!r} has the values of the {kind} of the "
                text += "others; leave it out if it is no sample"
                log.notes[:] = [one for one in log.notes if not _is_kept(one, part, i)]
                log.note(part.places[i], text)
            return


def _is_kept(note: Problem, part: ParsedSpectra, row: int) -> bool:
    """Whether a note says that a row is none of the statistics."""
    return note.place == part.places[row] and KEPT in note.text


def _resolution(values: np.ndarray) -> float:
    """The unit of the last decimal that numbers were printed with."""
    known = values[np.isfinite(values)][:1000].astype(np.float64)
    largest = float(np.abs(known).max(initial=0.0)) or 1.0
    for digits in range(MOST_DECIMALS):
        scaled = known * 10.0**digits
        if (np.abs(scaled - np.rint(scaled)) < 1e-6 * largest * 10.0**digits).all():
            return 10.0**-digits
    return 1e-6 * largest


def _kind(name: str) -> str | None:
    if len(name) > _LONGEST or not _ANY.fullmatch(name.strip()):
        return None
    for kind, words in _NAMES.items():
        if re.fullmatch(_BESIDE + f"(?:{words})" + _BESIDE, name.strip(), re.I):
            return kind
    return None


def _mean_and_sd(values: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Kind -> what it may be, (p,) each."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # columns without any value
        deviations = [np.nanstd(values, axis=0, ddof=ddof) for ddof in (1, 0)]
        return {"mean": [np.nanmean(values, axis=0)], "SD": deviations}


def _statistics(values: np.ndarray) -> dict[str, list[np.ndarray]]:
    """All kinds."""
    found = _mean_and_sd(values)
    (mean,), deviations = found["mean"], found["SD"]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        count = np.isfinite(values).sum(axis=0)
        return found | {
            "median": [np.nanmedian(values, axis=0)],
            "minimum": [np.nanmin(values, axis=0)],
            "maximum": [np.nanmax(values, axis=0)],
            "relative SD": [f * d / mean for d in deviations for f in (1, 100)],
            "variance": [deviation**2 for deviation in deviations],
            "standard error": [d / np.sqrt(count) for d in deviations],
            "sum": [np.nansum(values, axis=0)],
            "count": [count.astype(np.float64)],
        }


def _is_close(values: np.ndarray, found: np.ndarray, near: float) -> bool:
    """Whether values are a statistic, to within `near` or a share of its range."""
    known = np.isfinite(values) & np.isfinite(found)
    if not known.any():
        return False
    values, found = values[known], found[known]
    scale = max(float(np.ptp(found)), 1e-3 * float(np.abs(found).max()), 1e-12)
    return bool(np.abs(values - found).max() <= max(TOLERANCE * scale + 1e-5, near))
