"""Both instruments after one pretreatment, in coordinates of the space they span.

With fewer spectra than points little outside that space has a part in a model. So
every member is fitted on as many coordinates as there are spectra and terms of the
prior of differences (`priors.py`), made once; samples are left out by leaving out rows.

S, T = source and target spectra, L = points, r = coordinates, F = features.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigvalsh

from spektron_jax.transfer.bayes import Coordinates
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.directions import MAX_DIRECTIONS, independent, spanned
from spektron_jax.transfer.methods.preprocessing import (
    preprocess,
    split_name,
    transposed_filter,
)
from spektron_jax.transfer.priors import difference_terms

# Added to C_A, share of its trace: a derivative leaves more of it to noise.
COVARIANCE_RIDGE = {"raw": 5e-5, "sg1": 3e-4, "sg2": 3e-4}
THIRD_DIFFERENCE = np.array([1.0, -3.0, 3.0, -1.0])
ROUNDING = 1e-12  # of the largest value: features that differ by less are all alike

Linear = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class View:
    """A pretreatment of both instruments: (features - origin) @ span = coordinates.

    Attributes:
      name: of the pretreatment
      scatter: correction before the linear features, "raw" or "snv"
      space: spectra, prior terms and noise as coordinates
      spectral: number of the first coordinates, which the spectra alone span
      origin: mean features of the source                              (F,)
      span: from features to coordinates                               (F, r)
      back: coefficients of features as those of spectra     (F, .) -> (L, .)
      moved: what was taken away from spectra before                   (L,) or ()
      alike: whether source spectra differ in the features by rounding alone
    """

    name: str
    scatter: str
    space: Coordinates
    spectral: int
    origin: np.ndarray
    span: np.ndarray
    back: Linear
    moved: np.ndarray | float = 0.0
    alike: bool = False

    @property
    def spectra(self) -> TransferData:
        """The coordinates that spectra span, (S, spectral) and (T, spectral)."""
        data, kept = self.space.data, self.spectral
        return data.on(data.X_source[:, :kept], data.X_target[:, :kept])

    def without(self, rows: np.ndarray) -> "View":
        """The same without some target samples, on both instruments."""
        return replace(self, space=self.space.without(rows))

    def labelled(self, data: TransferData) -> "View":
        """The same samples with the labels of these data."""
        seen = self.space.data
        data = data.on(seen.X_source, seen.X_target)
        return replace(self, space=replace(self.space, data=data))

    def on_spectra(self, vector: np.ndarray) -> tuple[np.ndarray, float]:
        """Coefficients (r,) as those of scatter-corrected spectra, and a constant."""
        coefficients = self.span[:, : vector.size] @ vector
        on_spectra = self.back(coefficients)
        constant = self.origin @ coefficients + np.sum(on_spectra * self.moved)
        return on_spectra, -float(constant)


def preprocessed(data: TransferData, name: str, prior: Linear | None = None) -> View:
    """View of spectra after a pretreatment.

    Args:
      data: both instruments
      name: of the pretreatment
      prior: root of the coefficients' prior covariance, a symmetric matrix, as a
        function of rows: (n, L) -> (n, L); None: spherical
    """
    scatter, derivative = split_name(name)
    data = data.on(*(preprocess(X, scatter) for X in (data.X_source, data.X_target)))
    white = transposed_filter(data.X_source.shape[1], derivative)

    def features(X: np.ndarray) -> np.ndarray:
        X = preprocess(X, derivative)
        return X if prior is None else prior(X)

    def back(vectors: np.ndarray) -> np.ndarray:
        return white @ (vectors if prior is None else prior(vectors.T).T)

    own = view(data, name, features, COVARIANCE_RIDGE[derivative], back)
    return replace(own, scatter=scatter)


def view(
    data: TransferData,
    name: str,
    features: Linear,
    ridge: float,
    back: Linear,
    centre: np.ndarray | None = None,
    white: np.ndarray | None = None,
) -> View:
    """View of any linear features.

    Args:
      data: both instruments
      name: of the view
      features: (n, L) -> (n, F)
      ridge: see `Coordinates`
      back: the transpose of `features`                      (F, .) -> (L, .)
      centre: spectrum whose differences between instruments are the prior; None: the
        mean of the source                                             (L,)
      white: rows (., L) whose squares sum up to unit white noise; None: all of it
    """
    A, B = features(data.X_source), features(data.X_target)
    centre = data.X_source.mean(axis=0) if centre is None else centre
    origin, unit = A.mean(axis=0), float(A.std(axis=0).mean()) or 1.0
    alike = bool(A.std(axis=0).max() <= ROUNDING * np.abs(data.X_source).max())
    A, B, J = A - origin, B - origin, features(difference_terms(centre))
    span = spanned(A, B)
    spectral = span.shape[1]
    # Labels tell what matters of the rest; without, the prior's own directions count.
    if spectral < A.shape[1] and not data.labelled.size:
        size = float(np.linalg.norm(J))
        outside = J - (J @ span) @ span.T
        outside -= (outside @ span) @ span.T
        span = np.hstack([span, independent(outside, size)])
    span = span / unit
    T = back(span) if white is None else features(white) @ span
    unit_noise = T.T @ T
    source, target = (
        white_noise(X) * unit_noise for X in (data.X_source, data.X_target)
    )
    spectra = data.on(A @ span, B @ span)
    space = Coordinates(spectra, J @ span, (source, target), ridge)
    return View(name, "raw", space, spectral, origin, span, back, alike=alike)


def white_noise(X: np.ndarray) -> float:
    """Variance of noise that differs from point to point and spectrum to spectrum.

    (m, L) -> (). The lesser of two, which signals make larger: of third differences,
    and of the lesser half of the principal components.
    """
    m, L = X.shape
    if m < 2:
        return 0.0
    X = X - X.mean(axis=0)
    rest = min(m - 1, L)
    kept = rest // 2
    if rest > MAX_DIRECTIONS:
        squares = X @ X.T if m < L else X.T @ X
        values = eigvalsh(squares, check_finite=False)[::-1][kept:rest]
        values = np.maximum(values, 0.0)  # of noise below rounding
    else:
        values = np.linalg.svd(X, compute_uv=False)[kept:rest] ** 2
    variance = values.sum() / ((m - 1 - kept) * (L - kept))
    if L > THIRD_DIFFERENCE.size:
        fine = np.sum(np.diff(X, 3, axis=1) ** 2, axis=0) / (m - 1)
        variance = min(variance, np.median(fine) / np.sum(THIRD_DIFFERENCE**2))
    return float(variance)
