"""Whether two instruments show the same samples in the same quantity.

S, T = spectra of source and target, n = pairs, L = points.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import linear_sum_assignment

from spektron_jax.transfer.spectrum_checks import differences, middle

LEAST_CORRELATION = -0.2  # of the median spectra
REVERSED = (0.5, 0.95)  # of the median spectra, as they are and reversed
LEAST_PAIR_CORRELATION = 0.0  # of what tells samples apart
MOST_SCALE, LEAST_SCALE = 25.0, 1 / 25  # target / source
LEAST_PAIRS = 4
BETTER, TYPICAL = 0.3, 3.0  # of squared distances, when pairs are exchanged
SHUFFLED = 0.75  # of the squared distance of strangers
NAMING, NEAR = 0.9, 2.0  # correlation and distance at which a conversion is named
TOP, TOP_SHARE, TOP_SPREAD = 0.02, 0.03, 0.25  # of range, of points, of the usual
CENTRED, SCALED = 1e-2, 1e-6
DISAGREE, ALL_DISAGREE, LEAST_DISAGREE = 8.0, 0.5, 0.02

CONVERSIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "X_target looks like reflectance or transmittance, X_source like its -log10": (
        lambda x: -np.log10(np.maximum(x, 1e-4))
    ),
    "X_target looks like per cent reflectance or transmittance, X_source like -log10 "
    "of the share": lambda x: -np.log10(np.maximum(x / 100, 1e-4)),
    "X_target looks like -log10 of what X_source holds (absorbance or log(1/R) "
    "against a share)": lambda x: 10.0 ** -np.clip(x, -4, 4),
    "X_target looks like -log10 of what X_source holds in per cent": (
        lambda x: 100 * 10.0 ** -np.clip(x, -4, 4)
    ),
    "X_target looks like per cent, X_source like a share": lambda x: x / 100,
    "X_target looks like a share, X_source like per cent": lambda x: x * 100,
    "X_target looks reversed along the axis": lambda x: x[..., ::-1],
}


def scale(A: np.ndarray, B: np.ndarray) -> float:
    """How much more the target's spectra differ than the source's; 1: unknown."""
    if len(B) < LEAST_PAIRS:
        return 1.0
    own, other = (
        float(np.median(np.linalg.norm(X - middle(X), axis=1))) for X in (A, B)
    )
    return other / own if own > 0 else 1.0


def pair_correlation(A: np.ndarray, B: np.ndarray) -> float:
    """Of what tells n samples apart on both instruments, (n, L) each; 1: unknown."""
    if len(A) < LEAST_PAIRS:
        return 1.0
    return max(
        _cosine(X - X.mean(axis=0), Y - Y.mean(axis=0))
        for X, Y in zip(_views(A), _views(B), strict=True)
    )


def strange(A: np.ndarray, B: np.ndarray, P: np.ndarray, Q: np.ndarray) -> str:
    """Why both instruments can hardly show the same quantity, in words; "": nothing.

    Args:
      A, B: spectra of source and target                         (S, L), (T, L)
      P, Q: of them, those of pairs                                    (n, L) each
    """
    by_pairs = len(P) >= LEAST_PAIRS
    if by_pairs and (r := pair_correlation(P, Q)) < LEAST_PAIR_CORRELATION:
        return f"what tells samples apart does not correlate in the pairs (r = {r:.2f})"
    a, b = (_centred(middle(X)) for X in (A, B))
    r, back = _cosine(a, b), _cosine(a, b[::-1])
    if (r < LEAST_CORRELATION and not by_pairs) or (
        r < REVERSED[0] < REVERSED[1] < back
    ):
        return f"the mean spectra of both instruments do not correlate (r = {r:.2f})"
    for what, ratio in (("vary", scale(A, B)), ("are", level(A, B))):
        if ratio > MOST_SCALE:
            return f"target spectra {what} {ratio:.3g} times as much as source spectra"
        if ratio < LEAST_SCALE:
            return (
                f"target spectra {what} {1 / ratio:.3g} times less than source spectra"
            )
    return ""


def levelled(A: np.ndarray, B: np.ndarray) -> bool:
    """Whether target spectra end at one level, with noise on it: a full detector.

    Near the top of their median they hardly differ, though the source's do there.
    """
    if min(len(A), len(B)) < LEAST_PAIRS:
        return False
    median = middle(B)
    top = median >= median.max() - TOP * np.ptp(median)
    spread = B.std(axis=0) / np.maximum(A.std(axis=0), np.finfo(float).tiny)
    return bool(
        top.mean() > TOP_SHARE
        and np.median(spread[top]) < TOP_SPREAD * np.median(spread)
    )


def level(A: np.ndarray, B: np.ndarray) -> float:
    """Size of the median target spectrum in that of the source; 1: unknown."""
    own, other = (float(np.linalg.norm(middle(X))) for X in (A, B))
    return other / own if own > 0 else 1.0


def treated(A: np.ndarray, B: np.ndarray) -> str:
    """What was done to one instrument's spectra alone, in words; "": nothing seen.

    Args:
      A, B: spectra of both instruments, each on its own axis    (S, p), (T, q)
    """
    if len(A) < LEAST_PAIRS or len(B) < LEAST_PAIRS:
        return ""
    kinds = {"columns centred": _columns_centred, "rows centred": _rows_centred}
    for what, seen in kinds.items():
        sides = seen(A), seen(B)
        if sides[0] != sides[1]:
            return f"{'X_source' if sides[0] else 'X_target'} has its {what}"
    return ""


def conversion(A: np.ndarray, B: np.ndarray) -> str:
    """What would bring the target's spectra near the source's, in words, or ""."""
    a, b = middle(A), middle(B)
    if _cosine(_centred(a), _centred(b)) > NAMING and 0.05 < _ratio(a, b) < 20:
        return ""
    found = {}
    for name, convert in CONVERSIONS.items():
        changed = convert(b)
        if _cosine(_centred(a), _centred(changed)) > NAMING:
            found[name] = float(np.linalg.norm(changed - a))
    name = min(found, key=lambda one: found[one], default="")
    return name if name and found[name] < NEAR * np.linalg.norm(a) else ""


def exchanged(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Rows whose spectra fit better with one another's partner, (n, L) each."""
    n = len(A)
    if n < LEAST_PAIRS:
        return np.empty(0, dtype=int)
    cost = _costs(A, B)
    _, partner = linear_sum_assignment(cost)
    moved = np.flatnonzero(partner != np.arange(n))
    own = np.diag(cost)
    now, then = own[moved].sum(), cost[moved, partner[moved]].sum()
    if moved.size and moved.size > n / 2:
        # Nearly all are strangers to their partners.
        return moved if then < BETTER * now and own.mean() > SHUFFLED else moved[:0]
    kept = np.setdiff1d(np.arange(n), moved)
    found = []
    for cycle in _cycles(partner, moved):
        now, then = own[cycle].sum(), cost[cycle, partner[cycle]].sum()
        strange = now / cycle.size > TYPICAL * np.median(own[kept])
        if then < BETTER * now and strange:
            found.append(cycle)
    return np.sort(np.concatenate(found)) if found else moved[:0]


def disagreeing(y: np.ndarray, of_pair: np.ndarray, sd: float) -> np.ndarray:
    """Pairs whose two labels contradict each other, rows of (n,).

    Where most are the same number, all that differ by 2 % of the SD of the labels;
    where each was measured twice, those beyond the spread of the differences; all of
    them where the median difference is half an SD.
    """
    off = np.abs(y - of_pair)
    known = np.isfinite(off)
    if not known.any():
        return np.empty(0, dtype=int)
    typical = float(np.median(off[known]))
    if known.sum() >= LEAST_PAIRS - 1 and typical > ALL_DISAGREE * sd:
        return np.flatnonzero(known & (off > LEAST_DISAGREE * sd))
    differ = known & (off > LEAST_DISAGREE * sd)
    rows = np.flatnonzero(differ)
    permuted = np.array_equal(np.sort(y[rows]), np.sort(of_pair[rows]))
    if rows.size >= 2 and permuted:
        return rows
    if known.sum() < LEAST_PAIRS:
        return np.flatnonzero(known & (off > 3 * ALL_DISAGREE * sd))
    return np.flatnonzero(differ & (off > DISAGREE * 1.4826 * typical))


def _costs(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Squared distances of all partners, 1 for strangers, the mean of two views."""
    total = np.zeros((len(A), len(A)))
    for X, Y in zip(_views(A), _views(B), strict=True):
        X, Y = X - middle(X), Y - middle(Y)
        length = np.linalg.norm(X), np.linalg.norm(Y)
        if min(length) == 0:
            return np.eye(len(A)) - 1
        X, Y = X / length[0], Y / length[1]
        squares = np.sum(X**2, axis=1)[:, None] + np.sum(Y**2, axis=1) - 2 * X @ Y.T
        total += squares / squares.mean() / 2
    return total


def _cycles(partner: np.ndarray, moved: np.ndarray) -> list[np.ndarray]:
    left, found = set(moved.tolist()), []
    while left:
        cycle = [left.pop()]
        while (following := int(partner[cycle[-1]])) != cycle[0]:
            left.discard(following)
            cycle.append(following)
        found.append(np.array(cycle))
    return found


def _views(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return X, differences(X)


def _columns_centred(X: np.ndarray) -> bool:
    spread = np.linalg.norm(X.std(axis=0))
    return bool(np.linalg.norm(X.mean(axis=0)) < CENTRED * spread)


def _rows_centred(X: np.ndarray) -> bool:
    return bool((np.abs(X.mean(axis=1)) <= SCALED * X.std(axis=1)).all())


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean()


def _ratio(a: np.ndarray, b: np.ndarray) -> float:
    tiny = np.finfo(float).tiny
    return max(float(np.ptp(b)), tiny) / max(float(np.ptp(a)), tiny)


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.sum(a * b)) / length if length > 0 else 1.0
