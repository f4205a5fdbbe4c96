"""Fixed pretreatments of single spectra before a calibration: raw, SNV, derivatives.

SNV: Barnes, Dhanoa & Lister, Applied Spectroscopy 43 (1989) 772. Derivatives: Savitzky
& Golay, Analytical Chemistry 36 (1964) 1627, window 15, second order; for the second
derivative, which is noisier, window 25, third order. Each works on one spectrum at a
time, so test spectra cannot influence one another.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from spektron_jax.errors import SpektronError

if TYPE_CHECKING:
    from scipy import sparse

FILTERS = {1: (15, 2), 2: (25, 3)}  # derivative -> window, order of the polynomial
WINDOW = FILTERS[1][0]


def snv(X: np.ndarray) -> np.ndarray:
    """Standard normal variate: each spectrum to mean 0 and SD 1, (n, L) -> (n, L)."""
    centred = X - X.mean(axis=1, keepdims=True)
    centred -= centred.mean(axis=1, keepdims=True)  # a flat spectrum's rounding, to 0
    squares = np.einsum("ij,ij->i", centred, centred)
    spread = np.sqrt(squares / max(X.shape[1] - 1, 1))[:, None]
    centred /= np.where(spread > 0, spread, 1.0)
    return centred


def derivative(X: np.ndarray, order: int) -> np.ndarray:
    """Savitzky-Golay first or second derivative per point, (n, L) -> (n, L)."""
    from scipy.signal import savgol_filter  # takes a fifth of a second

    window, polynomial = FILTERS[order]
    if X.shape[1] < window:
        raise SpektronError(
            f"spectra: {X.shape[1]} points are too few for a derivative over {window}"
        )
    if not len(X):  # a regime without target spectra; scipy refuses an empty array
        return X
    return savgol_filter(X, window, polynomial, deriv=order, axis=1)


@functools.lru_cache(maxsize=8)
def transposed_filter(points: int, name: str) -> "sparse.csr_array":
    """The matrix (L, L) from coefficients of filtered spectra to those of spectra."""
    from scipy import sparse

    return sparse.csr_array(preprocess(np.eye(points), name))


def split_name(name: str) -> tuple[str, str]:
    """Scatter correction and linear filter of a pretreatment, "raw" for none."""
    scatter, _, filtered = name.partition("+")
    if scatter != "snv":
        return "raw", scatter
    return scatter, filtered or "raw"


PRETREATMENTS = {
    "raw": lambda X: X,
    "snv": snv,
    "sg1": lambda X: derivative(X, 1),
    "sg2": lambda X: derivative(X, 2),
    "snv+sg1": lambda X: derivative(snv(X), 1),
}


def preprocess(X: np.ndarray, pretreatment: str) -> np.ndarray:
    """Apply a pretreatment by name, (n, L) -> (n, L) float64."""
    if pretreatment not in PRETREATMENTS:
        raise SpektronError(
            f"pretreatment {pretreatment!r}: unknown; use one of "
            + ", ".join(PRETREATMENTS)
        )
    return PRETREATMENTS[pretreatment](np.asarray(X, dtype=np.float64))
