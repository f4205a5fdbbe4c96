"""Few directions in place of many points: what spectra span.

With fewer spectra than points nothing changes by it. Many spectra span as many
directions as there are points, of which all but some tens hold noise.

n = spectra, L = points, r = directions.
"""

import numpy as np
from scipy.linalg import eigh, qr

RANK_TOLERANCE = 1e-9  # of the largest length
MAX_DIRECTIONS = 64


def spanned(*sets: np.ndarray) -> np.ndarray:
    """Orthonormal directions (L, r) of sets of rows (., L), each about its origin.

    All that they span, or the MAX_DIRECTIONS of largest variance, all sets alike.
    """
    rows, points = np.vstack(sets), sets[0].shape[1]
    if min(rows.shape) <= MAX_DIRECTIONS:
        return np.eye(points) if len(rows) >= points else independent(rows)
    rows = np.vstack([X / np.sqrt(len(X)) for X in sets if len(X)])
    squares = rows @ rows.T if len(rows) < points else rows.T @ rows
    wanted = len(squares) - MAX_DIRECTIONS, len(squares) - 1
    found = eigh(squares, subset_by_index=wanted, check_finite=False)[1][:, ::-1]
    return found if len(squares) == points else independent((rows.T @ found).T)


def independent(rows: np.ndarray, size: float = 0.0) -> np.ndarray:
    """Orthonormal directions (L, r) of rows (n, L), longer than a share of `size`."""
    Q, R, _ = qr(rows.T, mode="economic", pivoting=True, check_finite=False)
    lengths = np.abs(np.diag(R))
    return Q[:, lengths > RANK_TOLERANCE * max(size, lengths.max(initial=0.0))]
