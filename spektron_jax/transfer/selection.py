"""Which samples to measure on both instruments, chosen before any target spectrum.

Kennard & Stone, Technometrics 11 (1969) 137; SPXY: Galvao et al., Talanta 67 (2005)
736; DUPLEX: Snee, Technometrics 19 (1977) 415. All return rows in the order in which
they are taken, so that the first n are the choice for n.

N = candidates, L = points.
"""

import numpy as np
from scipy.spatial.distance import cdist

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.methods.preprocessing import preprocess

COMPONENTS = 10


def compressed(X: np.ndarray, components: int = COMPONENTS) -> np.ndarray:
    """Scores on the first principal components after SNV and first derivative.

    Args:
      X: source spectra                                                (N, L)
      components: number of components

    Returns:
      Unscaled scores                                                  (N, components)
    """
    X = preprocess(X, "snv+sg1")
    U, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    return U[:, :components] * s[:components]


def kennard_stone(X: np.ndarray, n: int) -> np.ndarray:
    """The two most distant samples, then always the one farthest from those taken."""
    _check(X, n)
    return _farthest_first(cdist(X, X), n)


def spxy(X: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    """Kennard-Stone on distances in X and in y, each divided by its maximum.

    Args:
      X: spectra or scores                                             (N, L)
      y: property, known for all candidates                            (N,)
      n: how many samples

    Returns:
      Rows of X in the order in which they are taken                   (n,)
    """
    _check(X, n)
    y = np.asarray(y, dtype=np.float64)
    if y.shape != X.shape[:1] or not np.isfinite(y).all():
        raise SpektronError("spxy: needs a label for every candidate")
    in_x, in_y = cdist(X, X), np.abs(y[:, None] - y[None, :])
    return _farthest_first(in_x / (in_x.max() or 1.0) + in_y / (in_y.max() or 1.0), n)


def duplex(X: np.ndarray, n: int) -> np.ndarray:
    """First set of DUPLEX: it and a second set take the farthest samples in turn."""
    _check(X, n)
    distance = cdist(X, X)
    free = np.ones(len(X), dtype=bool)
    sets: tuple[list[int], list[int]] = ([], [])
    while len(sets[0]) < n:
        for members in sets:
            left = np.flatnonzero(free)
            if not left.size:
                break
            if not members and left.size > 1:
                inside = distance[np.ix_(left, left)]
                taken = left[list(np.unravel_index(inside.argmax(), inside.shape))]
            elif not members:
                taken = left
            else:
                gap = distance[np.ix_(left, members)].min(axis=1)
                taken = left[[gap.argmax()]]
            members.extend(int(row) for row in taken)
            free[taken] = False
        if not free.any():
            # The second set gives back its last samples, the least distant ones.
            missing = n - len(sets[0])
            sets[0].extend(sets[1][::-1][: max(missing, 0)])
    return np.array(sets[0][:n])


def at_random(X: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Samples drawn without replacement."""
    _check(X, n)
    return np.random.default_rng(seed).permutation(len(X))[:n]


def _farthest_first(distance: np.ndarray, n: int) -> np.ndarray:
    first = np.unravel_index(distance.argmax(), distance.shape)
    taken = [int(row) for row in dict.fromkeys(first)]
    while len(taken) < n:
        gap = distance[:, taken].min(axis=1)
        gap[taken] = -1.0
        taken.append(int(gap.argmax()))
    return np.array(taken[:n], dtype=int)


def _check(X: np.ndarray, n: int) -> None:
    if X.ndim != 2 or not np.isfinite(X).all():
        raise SpektronError("selection: spectra must be finite and (samples, points)")
    if not 1 <= n <= len(X):
        raise SpektronError(
            f"n = {n}: more transfer samples than the {len(X)} candidates"
            if n > 0
            else f"n = {n}: at least 1 transfer sample is needed"
        )
