"""Nearest neighbours among latent codes: which known spectrum is this one?

Codes are compared by the cosine of their angle about the source's mean. Those of the
target are first moved by the mean difference of the instruments, of the pairs if there
are any, else of all spectra known: a constant offset then counts for nothing.

n = queries, m = library codes, Z = latent width, k = neighbours, S, T = source and
target spectra, L = points.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spektron_jax.encoder.features import Features
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData


def nearest(
    query: np.ndarray, library: np.ndarray, k: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k library codes nearest to each query.

    Args:
      query: codes of unknown spectra                                  (n, Z)
      library: codes of known ones                                     (m, Z)
      k: how many

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
    cosine = _unit(query) @ _unit(library).T
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(cosine, order, axis=1)


def code_shift(
    data: TransferData, source: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """What takes target codes (T, Z) to source codes (S, Z), (Z,)."""
    if not len(target):
        return np.zeros(source.shape[1])
    pairs = data.paired >= 0
    if pairs.any():
        return (source[data.paired[pairs]] - target[pairs]).mean(axis=0)
    return source.mean(axis=0) - target.mean(axis=0)


def centred_codes(
    features: Features, data: TransferData, X: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z_chem of target spectra (n, L), of the source, and of the target's own spectra.

    All about the source's mean, those of the target moved by `code_shift`.
    """
    query, source, target = (
        features(spectra)["chem"] for spectra in (X, data.X_source, data.X_target)
    )
    centre = source.mean(axis=0)
    shift = code_shift(data, source, target) - centre
    return query + shift, source - centre, target + shift


def nearest_source(
    features: Features, data: TransferData, X: np.ndarray, k: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """The k source spectra nearest to target spectra (n, L).

    Returns:
      Rows of the source, best first, and cosines about its mean, both (n, k).
    """
    query, source, _ = centred_codes(features, data, X)
    return nearest(query, source, k)


@dataclass(frozen=True)
class Neighbours:
    """A method of the comparison: mean label of the k nearest known spectra.

    Labelled target spectra are neighbours as well.
    """

    features: Features
    k: int = 5

    def fit(self, data: TransferData) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function of target spectra (n, L), (n,); codes are looked up."""
        features, rows = self.features.adapted(data.X_target), data.labelled
        y = np.append(data.y_source, data.y_target[rows])

        def predict(X: np.ndarray) -> np.ndarray:
            query, source, target = centred_codes(features, data, X)
            library = np.vstack([source, target[rows]])
            return y[nearest(query, library, min(self.k, y.size))[0]].mean(axis=1)

        return predict


def latent_map(
    before: Features, after: Features, data: TransferData, X: np.ndarray
) -> dict[str, np.ndarray]:
    """Both instruments in z_chem, before and after the transfer, in two dimensions.

    Principal components of both instruments' codes before. After: the encoder as the
    transfer uses it, and the target moved by the mean difference of the instruments,
    which is what every transfer takes off at least.

    Args:
      before, after: the pretrained encoder, and the one in use
      data: what the transfer was fitted on
      X: target spectra to show                                        (n, L)

    Returns:
      source_before, source_after (S, 2), target_before, target_after (n, 2), and share,
      that of the variance before on both axes                         (2,)
    """
    from sklearn.decomposition import PCA

    codes = {}
    for name, features in (("before", before), ("after", after)):
        A, B, known = (features(Z)["chem"] for Z in (data.X_source, X, data.X_target))
        codes["source", name], codes["target", name] = A, B
        if name == "after":
            codes["target", name] = B + code_shift(data, A, known)
    joint = np.vstack([codes["source", "before"], codes["target", "before"]])
    pca = PCA(2).fit(joint)
    mapped = {f"{side}_{name}": pca.transform(Z) for (side, name), Z in codes.items()}
    return mapped | {"share": pca.explained_variance_ratio_}


def _unit(z: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(z, axis=1, keepdims=True)
    return z / np.where(norm > 0, norm, 1.0)
