"""What is wrong with the data of a transfer, named before anybody relies on it.

Every finding is a sentence with rows and what to do. A transfer with findings predicts,
but its intervals are not called calibrated. Limits were set on half of the measured
sets, that of distances between spectra on all (`benchmarks/data_checks.py` counts
hits and false alarms on both halves).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from spektron_jax.transfer import label_checks, pair_checks, spectrum_checks
from spektron_jax.transfer.arguments import Arguments
from spektron_jax.transfer.data import UNPAIRED
from spektron_jax.transfer.replicates import Scans

CODES, FLAT, CLIPPED, UNLIKE = "codes", "flat", "clipped", "unlike"
COPIES, QUANTITY, TREATED = "copies", "quantity", "preprocessing"
PAIRS, PAIR_LABELS = "pairs", "labels of pairs"
LABEL_CODES, SLIPS, RANGE = "codes as labels", "label slips", "range of labels"
NAMES = (
    *(CODES, FLAT, CLIPPED, UNLIKE, COPIES, QUANTITY, TREATED, PAIRS, PAIR_LABELS),
    *(LABEL_CODES, SLIPS, RANGE),
)
SAME_LABEL = 0.02  # SD of the labels: copies of a spectrum may differ by so much
_NONE = np.empty(0, dtype=int)
Both = tuple[np.ndarray, np.ndarray]  # of source and target


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
      name: of the check, one of NAMES
      text: a sentence: where, what, and what to do
      source, target: samples with a spectrum that was not measured well
    """

    name: str
    text: str
    source: np.ndarray = field(default_factory=lambda: _NONE)
    target: np.ndarray = field(default_factory=lambda: _NONE)


def of_spectra(given: Arguments) -> list[Finding]:
    """All that is wrong with the spectra and their pairs, whatever the labels are."""
    found = list(_spectra(given))
    data, good = given.inputs.data, _good(given, found)
    sides = data.X_source[good[0]], data.X_target[good[1]]
    rows = good[1][np.isin(data.paired[good[1]], good[0])]
    if all(map(len, sides)):
        whole = given.source.X, given.target.X
        pairs = data.X_source[data.paired[rows]], data.X_target[rows]
        found += _instruments(whole, sides, pairs, CLIPPED in {f.name for f in found})
    return [*found, *_pairs(given, rows)]


def of_labels(given: Arguments, found: list[Finding]) -> list[Finding]:
    """All that is wrong with the labels, where `of_spectra` found this."""
    good = _good(given, found)
    return [*_copies(given), *_pair_labels(given), *_labels(given, *good)]


def _good(given: Arguments, found: list[Finding]) -> tuple[np.ndarray, np.ndarray]:
    """Samples of source and target whose spectra were measured well."""
    data, bad = given.inputs.data, unusable(found)
    return (
        np.setdiff1d(np.arange(len(data.X_source)), bad[0]),
        np.setdiff1d(np.arange(len(data.X_target)), bad[1]),
    )


def unusable(found: list[Finding]) -> tuple[np.ndarray, np.ndarray]:
    """Samples of source and target whose spectra were not measured well."""
    return (
        np.unique(np.concatenate([_NONE, *(one.source for one in found)])),
        np.unique(np.concatenate([_NONE, *(one.target for one in found)])),
    )


def spectrum_sentences(X: np.ndarray, usual: float) -> dict[str, tuple]:
    """Check -> rows of spectra (n, p), what they are, and what to do."""
    if spectrum_checks.unsuspicious(X):
        return {}
    return {
        CODES: (
            spectrum_checks.coded(X),
            "hold codes such as -999 in place of values",
            "leave those spectra or points out",
        ),
        FLAT: (
            spectrum_checks.flat(X),
            "have one value at every point (shutter closed, no sample?)",
            "measure again, or leave them out",
        ),
        CLIPPED: (
            spectrum_checks.clipped(X, usual),
            "stay at one value over many points: saturated or clipped, flat there",
            "measure with less light or a thinner sample, or leave that range out",
        ),
    }


def _spectra(given: Arguments) -> Iterator[Finding]:
    usual = float(np.median(spectrum_checks.stuck(given.source.X)))
    for side, scans, others in (
        ("source", given.source, given.target.X),
        ("target", given.target, given.source.X),
    ):
        X = scans.X
        if not len(X):
            continue
        named = spectrum_sentences(X, usual)
        told = np.unique(
            np.concatenate([_NONE, *(rows for rows, *_ in named.values())])
        )
        rest = np.setdiff1d(np.arange(len(X)), told)
        named[UNLIKE] = (
            rest[spectrum_checks.unlike(X[rest], others)],
            "differ from all others of this instrument in size or shape",
            "look at them, and leave out what was measured wrongly",
        )
        for name, (rows, what, advice) in named.items():
            if len(rows):
                text = f"X_{side}: {scans.scans_named(rows)} {_verb(what, rows)}"
                samples = np.unique(scans.sample[rows])
                yield Finding(name, f"{text}; {advice}", **{side: samples})


def _verb(what: str, rows: np.ndarray) -> str:
    """The singular where one row is meant."""
    verb, rest = what.split(" ", 1)
    singular = {"hold": "holds", "have": "has", "stay": "stays", "differ": "differs"}
    return f"{singular[verb] if len(rows) == 1 else verb} {rest}"


def _copies(given: Arguments) -> Iterator[Finding]:
    data = given.inputs.data
    for side, scans, X, y in (
        ("source", given.source, data.X_source, data.y_source),
        ("target", given.target, data.X_target, data.y_target),
    ):
        known = np.flatnonzero(np.isfinite(y))
        if known.size < 2:
            continue
        _, number = np.unique(X[known], axis=0, return_inverse=True)
        number = number.reshape(-1)
        rows = [known[number == n] for n in np.flatnonzero(np.bincount(number) > 1)]
        rows = [r for r in rows if np.ptp(y[r]) > SAME_LABEL * data.y_source.std()]
        if rows:
            yield Finding(
                COPIES,
                f"X_{side}: {scans.named(np.concatenate(rows))} have the same spectrum "
                "as another row but different labels; check how the file was made",
            )


def _instruments(
    whole: Both, sides: Both, pairs: Both, clipped: bool
) -> Iterator[Finding]:
    """Of spectra on their own axes, of good ones on one axis, and of pairs of these."""
    if not clipped and pair_checks.levelled(*sides):
        yield Finding(
            CLIPPED,
            "X_target: spectra end at one level where the source's differ: saturated "
            "or clipped; measure with less light or a thinner sample, or leave that "
            "range out",
        )
    if text := pair_checks.treated(*whole):
        yield Finding(
            TREATED,
            f"preprocessing: {text} and the other instrument has not; treat both "
            "alike (a step in front of this one in a Pipeline sees the source alone: "
            "give preprocessing=... instead)",
        )
    elif text := pair_checks.strange(*sides, *pairs):
        guess = pair_checks.conversion(*sides)
        yield Finding(
            QUANTITY,
            f"quantity: {text}; "
            + (f"{guess}: convert one of them" if guess else "check that both hold "
            "the same quantity (absorbance or log(1/R), reflectance, per cent) on the "
            "right axis, and who is whose pair"),
        )  # fmt: skip


def _pair_labels(given: Arguments) -> Iterator[Finding]:
    data, named = given.inputs.data, given.target.named
    rows = np.flatnonzero(data.paired != UNPAIRED)
    if not rows.size:
        return
    own, theirs = data.y_target[rows], data.y_source[data.paired[rows]]
    sd = stats.median_abs_deviation(data.y_source, scale="normal")
    off = rows[pair_checks.disagreeing(own, theirs, sd or data.y_source.std())]
    if off.size:
        first = off[0]
        yield Finding(
            PAIR_LABELS,
            f"pairs: the label of {named(off)} of X_target contradicts that of its "
            f"pair (first {data.y_target[first]:g} against "
            f"{data.y_source[data.paired[first]]:g}); check paired and both labels",
        )


def _pairs(given: Arguments, good: np.ndarray) -> Iterator[Finding]:
    data, named = given.inputs.data, given.target.named
    if not good.size:
        return
    A, B = data.X_source[data.paired[good]], data.X_target[good]
    moved = good[pair_checks.exchanged(A, B)]
    if moved.size:
        yield Finding(
            PAIRS,
            f"pairs: {named(moved)} of X_target look exchanged: their spectra fit "
            "one another's source spectrum better than their own; check paired",
        )


def _labels(
    given: Arguments, good_source: np.ndarray, good_target: np.ndarray
) -> Iterator[Finding]:
    data = given.inputs.data
    kept = []
    for side, scans, y, good in (
        ("source", given.source, data.y_source, good_source),
        ("target", given.target, data.y_target, good_target),
    ):
        rows = label_checks.coded(y)
        kept.append(good[np.isfinite(y[good]) & ~np.isin(good, rows)])
        if rows.size:
            yield Finding(
                LABEL_CODES,
                f"y_{side}: the label of {scans.named(rows)} is {y[rows[0]]:g}, a code "
                "for a missing value; leave the source sample out, give NaN for a "
                "target label",
            )
    source, target = kept
    found = label_checks.slips_of_both(
        *(data.X_source[source], data.y_source[source]),
        *(data.X_target[target], data.y_target[target]),
    )
    for side, scans, y, rows, (off, told) in (
        ("source", given.source, data.y_source, source, found[0]),
        ("target", given.target, data.y_target, target, found[1]),
    ):
        if off.size:
            yield Finding(SLIPS, _slip(side, scans, y[rows], rows, off, told))
    y, known = data.y_source[source], data.y_target[target]
    outside = (known < y.min(initial=np.inf)) | (known > y.max(initial=-np.inf))
    if outside.sum() > known.size / 2 and outside.sum() > 1:
        yield Finding(
            RANGE,
            f"y_target: {int(outside.sum())} of {known.size} labels lie outside the "
            f"labels of the source ({y.min():g} to {y.max():g}); check that both are "
            "the same property in the same unit",
        )


def _slip(side: str, scans: Scans, y, rows, off, told) -> str:
    first = off[0]
    return (
        f"y_{side}: the label of {scans.named(rows[off])} is far from what all other "
        f"samples say (first {y[first]:g}, expected about {told[first]:.3g}); look for "
        "a slip of the decimal point, exchanged samples or a bad spectrum, and correct "
        "it or leave it out"
    )
