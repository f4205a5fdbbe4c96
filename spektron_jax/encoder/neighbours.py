"""Nearest neighbours among latent codes: which known spectrum is this one?

Codes are compared by the cosine of their angle, the mean of their own set taken
away if asked: an instrument's constant offset in latent space then counts for nothing.

n = queries, m = library codes, Z = latent width, k = neighbours.
"""

import numpy as np

from spektron_jax.errors import SpektronError


def nearest(
    query: np.ndarray, library: np.ndarray, k: int = 5, centred: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k library codes nearest to each query.

    Args:
      query: codes of unknown spectra                                  (n, Z)
      library: codes of known ones                                     (m, Z)
      k: how many
      centred: take each set's mean away; the sets should then be alike in content

    Returns:
      Rows of the library, best first, and cosine similarities, both   (n, k).
    """
    query, library = (np.asarray(z, np.float64) for z in (query, library))
    if query.ndim != 2 or library.ndim != 2 or query.shape[1] != library.shape[1]:
        raise SpektronError(
            f"codes: query {query.shape} and library {library.shape} must be (n, Z) "
            "and (m, Z)"
        )
    if not 1 <= k <= len(library):
        raise SpektronError(f"k = {k}: the library has {len(library)} codes")
    if centred:
        query, library = (z - z.mean(axis=0) for z in (query, library))
    cosine = _unit(query) @ _unit(library).T
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(cosine, order, axis=1)


def neighbour_mean(
    query: np.ndarray,
    library: np.ndarray,
    y: np.ndarray,
    k: int = 5,
    centred: bool = False,
) -> np.ndarray:
    """Predict a property as the mean label of the k nearest codes, (n,)."""
    y = np.asarray(y, np.float64)
    if y.shape != (len(library),):
        raise SpektronError(f"y: {y.shape} labels for {len(library)} library codes")
    return y[nearest(query, library, k, centred)[0]].mean(axis=1)


def _unit(z: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(z, axis=1, keepdims=True)
    return z / np.where(norm > 0, norm, 1.0)
