"""How alike are two spectra? Classical similarities, each blind to something else.

All are cosines between features of the spectra, on one even axis:

    cosine            of spectra, each about its own mean
    derivative        of Savitzky-Golay first derivatives (11 points, order 2)
    slope, wide slope of Gaussian first derivatives; no background
    curve             of Gaussian second derivatives; bands alone
    root ...          the same with sign(f) sqrt(|f|): strong bands no longer decide
    local             after division by the local RMS; blind to the response
    peaks             of the positions of peaks, matched within some cm-1
    windows           of root curve in windows of 100 cm-1, each moved by up to 6 cm-1

The first two are the classical searches. Gaussian derivatives have widths in cm-1,
so that they mean the same on any axis.

A library is prepared once: `prepared` turns spectra into the features that `compared`
sets against those of queries.

n = queries, m = library spectra, L = points.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks, savgol_filter

Feature = Callable[[np.ndarray, float], np.ndarray]
_Key = tuple[int, float, int, np.dtype]
_OPERATORS: dict[_Key, "_Operator"] = {}  # of `smoothed`

WINDOW_CM1, MAX_SHIFT_CM1, SHIFT_SIGMA_CM1 = 100.0, 6.0, 8.0  # of `windows`
WINDOW_STRIDE_CM1, SHIFT_STRIDE_CM1 = 3.0, 2.0
PEAK_SIGMA_CM1, PEAK_BLUR_CM1, PROMINENCE = 5.0, 4.0, 0.02
PEAK_REACH = 6.0  # of a drawn peak, in its sigmas: what is beyond is 1e-8 of it
CLASSICAL = ("cosine", "derivative")
ROWS = 2048  # spectra prepared at a time
MOST_OPERATORS = 8
STRETCH = 128  # points of a spectrum that one product of a filter makes
BEST_OF = 2**18  # products of a window at a time: a megabyte, which a cache holds


def similarities(
    query: np.ndarray,
    library: np.ndarray,
    step_cm1: float,
    names: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Every similarity of every query with every library spectrum.

    Args:
      query: (n, L) on the same axis as
      library: (m, L).
      step_cm1: distance of neighbouring points.
      names: which ones; all if None.

    Returns:
      {name: (n, m)}.
    """
    known = prepared(library, step_cm1, names)
    return compared(prepared(query, step_cm1, names), known, step_cm1)


def prepared(
    spectra: np.ndarray,
    step_cm1: float,
    names: Sequence[str] | None = None,
    dtype: type = np.float64,
) -> dict[str, np.ndarray]:
    """Features of spectra (m, L) by similarity, (m, F) of unit length each.

    Each lies in memory feature by feature: twice as fast to compare as by spectrum.
    They are computed in `dtype`: single precision takes half the time.
    """
    found: dict[str, np.ndarray] = {}
    for start in range(0, max(len(spectra), 1), ROWS):
        block: np.ndarray = np.asarray(spectra[start : start + ROWS], dtype)
        for name in names or NAMES:
            values = _unit(FEATURES[name](block, step_cm1))
            if name not in found:
                shape = len(spectra), values.shape[1]
                found[name] = np.empty(shape, dtype, order="F")
            found[name][start : start + len(block)] = values
    return found


def compared(
    query: Mapping[str, np.ndarray], library: Mapping[str, np.ndarray], step_cm1: float
) -> dict[str, np.ndarray]:
    """Similarities of prepared queries and library, {name: (n, m)}."""
    return {
        name: windows(query[name], own, step_cm1)
        if name == "windows"
        else query[name].astype(own.dtype) @ own.T
        for name, own in library.items()
    }


def smoothed(spectra: np.ndarray, sigma: float, order: int = 0) -> np.ndarray:
    """Gaussian derivative of each row; of many rows at once as products."""
    points = spectra.shape[1]
    key = points, sigma, order, spectra.dtype
    if len(spectra) < points and key not in _OPERATORS:
        return gaussian_filter1d(spectra, sigma, axis=1, order=order)
    if key not in _OPERATORS:
        while len(_OPERATORS) >= MOST_OPERATORS:
            del _OPERATORS[next(iter(_OPERATORS))]
        _OPERATORS[key] = _Operator(points, sigma, order, spectra.dtype)
    return _OPERATORS[key](spectra)


class _Operator:
    """A Gaussian derivative as products with the band of its matrix that is not zero.

    Applied about each row's first point: what is level comes out level, and not as
    rounding errors.
    """

    def __init__(self, points: int, sigma: float, order: int, dtype: np.dtype):
        matrix = gaussian_filter1d(np.eye(points), sigma, axis=1, order=order)
        self._of_one = gaussian_filter1d(np.ones(points), sigma, order=order)
        self._of_one = self._of_one.astype(dtype)
        self._band = []
        reach = int(4 * sigma + 0.5)  # where gaussian_filter1d cuts its kernel off
        for start in range(0, points, STRETCH):
            made = slice(start, min(start + STRETCH, points))
            met = slice(max(start - reach, 0), min(made.stop + reach, points))
            part = np.ascontiguousarray(matrix[met, made], dtype)
            self._band.append((met, made, part))

    def __call__(self, spectra: np.ndarray) -> np.ndarray:
        first = spectra[:, :1]
        out, rest = first * self._of_one, spectra - first
        for met, made, part in self._band:
            out[:, made] += rest[:, met] @ part
        return out


def slope(sigma_cm1: float, order: int = 1) -> Feature:
    """Gaussian derivative of a width in cm-1."""

    def feature(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
        return smoothed(spectra, sigma_cm1 / step_cm1, order)

    return feature


def root(feature: Feature) -> Feature:
    """The feature with the square root of its size, and its sign."""

    def rooted(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
        values = feature(spectra, step_cm1)
        return np.copysign(np.sqrt(np.abs(values)), values)

    return rooted


def local(width_cm1: float) -> Feature:
    """What stands out of the neighbourhood, over its RMS there."""

    def feature(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
        sigma = width_cm1 / step_cm1
        out = spectra - smoothed(spectra, sigma)
        square = np.maximum(smoothed(out**2, sigma), 0)
        # A hundredth of the overall RMS: flat stretches are not blown up to noise.
        floor = 1e-4 * np.mean(out**2, axis=1, keepdims=True)
        scale = np.sqrt(square + floor)
        return out / np.where(scale > 0, scale, 1.0)

    return feature


def centred(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
    """Each spectrum about its own mean."""
    return spectra - spectra.mean(axis=1, keepdims=True)


def first_derivative(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
    """Savitzky-Golay, 11 points, order 2."""
    return savgol_filter(spectra, 11, 2, 1, axis=1)


def peaks(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
    """Each peak as a Gaussian of height prominence^(1/4), on a grid of its own.

    The cosine of two such drawings matches peaks within some cm-1.
    """
    smooth = smoothed(spectra, PEAK_BLUR_CM1 / step_cm1)
    rows, points = smooth.shape
    spacing = PEAK_SIGMA_CM1 / 2
    length = int(np.ceil(points * step_cm1 / spacing))
    reach = int(PEAK_REACH * PEAK_SIGMA_CM1 / spacing)
    near = np.arange(-reach, reach + 1)
    # All rows in one search, with a wall after each that no peak's foot goes beyond.
    walled = np.full((rows, points + 1), np.inf)
    walled[:, :points] = smooth
    place, about = find_peaks(
        walled.ravel(),
        height=(None, np.finfo(float).max),
        prominence=np.repeat(PROMINENCE * np.ptp(smooth, axis=1), points + 1),
    )
    row, place = np.divmod(place, points + 1)
    height = about["prominences"] ** 0.25
    exact = place * (step_cm1 / spacing)
    first = np.rint(exact).astype(int)
    away = (first - exact)[:, None] + near
    bells = height[:, None] * np.exp(-0.5 * (away * spacing / PEAK_SIGMA_CM1) ** 2)
    width = length + 2 * reach
    into = (row * width + first + reach)[:, None] + near
    drawn = np.bincount(into.ravel(), bells.ravel(), rows * width)
    return drawn.reshape(rows, width)[:, reach : reach + length]


def windows(query: np.ndarray, library: np.ndarray, step_cm1: float) -> np.ndarray:
    """Sum over windows of the best product among small shifts of the library.

    Of features (n, L) and (m, L): a window's points of the query, at all its shifts,
    are columns that are multiplied with that stretch of the library at once.
    """
    reach = round(MAX_SHIFT_CM1 / step_cm1)
    pause = max(1, round(SHIFT_STRIDE_CM1 / step_cm1))
    shifts = np.unique([*range(0, reach + 1, pause), *range(0, -reach - 1, -pause)])
    moved = _moved_windows(query.astype(library.dtype), step_cm1, shifts)
    found = np.zeros((len(query), len(library)), library.dtype)
    rows = max(1, BEST_OF // (max(len(query), 1) * shifts.size))
    for start in range(0, len(library), rows):
        some = library[start : start + rows]
        for window in moved:
            best = None
            for columns, stretch in window:
                products = columns.reshape(-1, columns.shape[2]) @ some[:, stretch].T
                products = products.reshape(len(columns), len(query), -1).max(axis=0)
                best = products if best is None else np.maximum(best, products)
            found[:, start : start + rows] += best
    return found


def _moved_windows(
    query: np.ndarray, step_cm1: float, shifts: np.ndarray
) -> list[list[tuple[np.ndarray, slice]]]:
    """Of each window: weighted points of the query at some shifts, (s, n, K), and the
    K points of the library that they meet; shifts that meet the same are together."""
    n, last = query.shape
    half = max(2, round(WINDOW_CM1 / 2 / step_cm1))
    stride = max(1, round(WINDOW_STRIDE_CM1 / step_cm1))
    ramp = np.concatenate([np.arange(half), np.arange(half, 0, -1)]) / half
    near = np.exp(-0.5 * (shifts * step_cm1 / SHIFT_SIGMA_CM1) ** 2)
    found = []
    for start in range(-half, last, half):
        points = np.arange(max(start, 0), min(start + 2 * half, last))[::stride]
        part = query[:, points] * (ramp[points - start] * stride)
        window = []
        for phase in range(stride if points.size else 0):
            moves = shifts[shifts % stride == phase]
            if not moves.size:
                continue
            places = points[None, :] + moves[:, None]
            low = places.min() + stride * -(min(places.min(), 0) // stride)
            high = min(places.max() + 1, last)
            stretch = slice(low, high, stride)
            columns = np.zeros(
                (moves.size, n, len(range(low, high, stride))), query.dtype
            )
            for column, place, move in zip(columns, places, moves, strict=True):
                inside = (place >= low) & (place < high)
                at = (place[inside] - low) // stride
                column[:, at] = part[:, inside] * near[shifts == move]
            window.append((columns, stretch))
        if window:
            found.append(window)
    return found


def _unit(z: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(z, axis=1, keepdims=True)
    return z / np.where(norm > 0, norm, 1.0)


FEATURES: dict[str, Feature] = {
    "cosine": centred,
    "derivative": first_derivative,
    "slope": slope(6.0),
    "wide slope": slope(16.0),
    "curve": slope(10.0, 2),
    "root slope": root(slope(6.0)),
    "root wide slope": root(slope(12.0)),
    "root curve": root(slope(10.0, 2)),
    "local": local(40.0),
    "wide local": local(150.0),
    "peaks": peaks,
    "windows": root(slope(6.0, 2)),
}
NAMES = tuple(FEATURES)
