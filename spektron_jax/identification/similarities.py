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

n = queries, m = library spectra, L = points.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks, savgol_filter

Feature = Callable[[np.ndarray, float], np.ndarray]

WINDOW_CM1, MAX_SHIFT_CM1, SHIFT_SIGMA_CM1 = 100.0, 6.0, 8.0  # of `windows`
PEAK_SIGMA_CM1, PEAK_BLUR_CM1, PROMINENCE = 5.0, 4.0, 0.02
CLASSICAL = ("cosine", "derivative")


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
    found = {}
    for name in names or NAMES:
        if name in PAIRWISE:
            found[name] = PAIRWISE[name](query, library, step_cm1)
        else:
            feature = FEATURES[name]
            found[name] = _unit(feature(query, step_cm1)) @ (
                _unit(feature(library, step_cm1)).T
            )
    return found


def slope(sigma_cm1: float, order: int = 1) -> Feature:
    """Gaussian derivative of a width in cm-1."""

    def feature(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
        return gaussian_filter1d(spectra, sigma_cm1 / step_cm1, axis=1, order=order)

    return feature


def root(feature: Feature) -> Feature:
    """The feature with the square root of its size, and its sign."""

    def rooted(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
        values = feature(spectra, step_cm1)
        return np.sign(values) * np.sqrt(np.abs(values))

    return rooted


def local(width_cm1: float) -> Feature:
    """What stands out of the neighbourhood, over its RMS there."""

    def feature(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
        sigma = width_cm1 / step_cm1
        out = spectra - gaussian_filter1d(spectra, sigma, axis=1)
        square = gaussian_filter1d(out**2, sigma, axis=1)
        # A hundredth of the overall RMS: flat stretches are not blown up to noise.
        return out / np.sqrt(square + 1e-4 * np.mean(out**2, axis=1, keepdims=True))

    return feature


def centred(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
    """Each spectrum about its own mean."""
    return spectra - spectra.mean(axis=1, keepdims=True)


def first_derivative(spectra: np.ndarray, step_cm1: float) -> np.ndarray:
    """Savitzky-Golay, 11 points, order 2."""
    return savgol_filter(spectra, 11, 2, 1, axis=1)


def peaks(query: np.ndarray, library: np.ndarray, step_cm1: float) -> np.ndarray:
    """Cosine of two peak lists, each peak a Gaussian of height prominence^(1/4)."""
    lists = [_peaks(X, step_cm1) for X in (query, library)]
    # exp(-d^2 / 4 sigma^2): the overlap of two Gaussians of width sigma.
    grid = np.arange(0.0, query.shape[1] * step_cm1, PEAK_SIGMA_CM1 / 2)
    drawn = []
    for found in lists:
        rows = [
            height @ np.exp(-0.5 * ((grid - place[:, None]) / PEAK_SIGMA_CM1) ** 2)
            for place, height in found
        ]
        drawn.append(_unit(np.stack(rows)))
    return drawn[0] @ drawn[1].T


def _peaks(spectra: np.ndarray, step_cm1: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions in cm-1 and heights of each row's peaks."""
    smooth = gaussian_filter1d(spectra, PEAK_BLUR_CM1 / step_cm1, axis=1)
    found = []
    for row in smooth:
        place, about = find_peaks(row, prominence=PROMINENCE * np.ptp(row))
        found.append((place * step_cm1, about["prominences"] ** 0.25))
    return found


def windows(query: np.ndarray, library: np.ndarray, step_cm1: float) -> np.ndarray:
    """Sum over windows of the best product among small shifts of the library."""
    feature = root(slope(6.0, 2))
    query = _unit(feature(query, step_cm1))
    library = _unit(feature(library, step_cm1))
    half = max(2, round(WINDOW_CM1 / 2 / step_cm1))
    reach = round(MAX_SHIFT_CM1 / step_cm1)
    pause = max(1, round(2.0 / step_cm1))
    shifts = sorted({*range(0, reach + 1, pause), *range(0, -reach - 1, -pause)})
    stride = max(1, round(3.0 / step_cm1))
    ramp = np.concatenate([np.arange(half), np.arange(half, 0, -1)]) / half
    padded = np.pad(library, ((0, 0), (reach, reach)))
    last = query.shape[1]
    total = np.zeros((len(query), len(library)))
    for start in range(-half, last, half):
        points = np.arange(max(start, 0), min(start + 2 * half, last))[::stride]
        if not points.size:
            continue
        part = query[:, points] * ramp[points - start]
        best = [
            np.exp(-0.5 * (shift * step_cm1 / SHIFT_SIGMA_CM1) ** 2)
            * (part @ padded[:, points + reach + shift].T)
            for shift in shifts
        ]
        total = total + stride * np.max(best, axis=0)
    return total


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
}
PAIRWISE = {"peaks": peaks, "windows": windows}
NAMES = (*FEATURES, *PAIRWISE)
