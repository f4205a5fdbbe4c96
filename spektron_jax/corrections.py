"""Corrections of spectra that scikit-learn and chemotools do not offer, row by row.

For `CalibrationTransfer(preprocessing=...)` and any other scikit-learn pipeline:

    Baseline       AsLS, arPLS, airPLS and SNIP, by pybaselines
    Despike        spikes of cosmic rays in Raman spectra
    AtrCorrection  penetration depth of attenuated total reflection

Nothing is fitted but the number of points. docs/preprocessing.md has all methods.

n = spectra, L = points.
"""

from typing import Any, Self

import numpy as np
from scipy import ndimage, stats
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from spektron_jax.errors import InputError, SpektronError

BASELINES = ("asls", "arpls", "airpls", "snip")


class _RowWise(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A transformer that checks its parameters at `fit` and keeps the points."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check parameters against spectra (n, L); InputError if they do not fit.

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import corrections
          >>> axis = np.linspace(0, 1, 200)
          >>> X = np.exp(-(((axis - 0.5) / 0.02) ** 2))[None] + axis
          >>> corrections.Despike().fit(X).n_features_in_
          200
        """
        X = validate_data(self, X, dtype=np.float64)
        self._check(X.shape[1])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Corrected spectra, (n, L) -> (n, L) float64.

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import corrections
          >>> axis = np.linspace(0, 1, 200)
          >>> X = np.exp(-(((axis - 0.5) / 0.02) ** 2))[None] + axis
          >>> corrections.Despike().fit(X).transform(X).shape
          (1, 200)
        """
        check_is_fitted(self, "n_features_in_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.array([self._row(x) for x in X]).reshape(X.shape)

    def _check(self, points: int) -> None:
        raise NotImplementedError

    def _row(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class Baseline(_RowWise):
    """Subtracts a baseline under the bands; points are taken as evenly spaced.

    Attributes:
      method: "asls" (Eilers & Boelens 2005), "arpls" (Baek et al., Analyst 140 (2015)
        250), "airpls" (Zhang et al., Analyst 135 (2010) 1138) or "snip" (Ryan et al.,
        Nucl. Instrum. Methods B 34 (1988) 396).
      lam: stiffness of the first three; 100 times for 3 times as many points.
      p: weight of points above the baseline, of "asls".
      half_window: of "snip", in points: wider than half of the widest band.

    Examples:
      >>> import numpy as np
      >>> from spektron_jax import corrections
      >>> axis = np.linspace(0, 1, 200)
      >>> X = np.exp(-(((axis - 0.5) / 0.02) ** 2))[None] + axis
      >>> flat = corrections.Baseline("snip", half_window=30).fit_transform(X)
      >>> bool(abs(flat[0, :50]).max() < 0.05)
      True
    """

    def __init__(
        self,
        method: str = "arpls",
        lam: float = 1e5,
        p: float = 0.01,
        half_window: int = 40,
    ):
        self.method, self.lam, self.p = method, lam, p
        self.half_window = half_window

    def _check(self, points: int) -> None:
        if self.method not in BASELINES:
            raise InputError(
                f"Baseline: method {self.method!r}: use one of {', '.join(BASELINES)}"
            )
        if not (self.lam > 0 and 0 < self.p < 1):
            raise InputError("Baseline: lam must be above 0, p between 0 and 1")
        if not 1 <= self.half_window <= (points - 1) // 2:
            if self.method == "snip":
                raise InputError(
                    f"Baseline: half_window {self.half_window} for {points} points; "
                    f"give 1 to {(points - 1) // 2}"
                )

    def _row(self, x: np.ndarray) -> np.ndarray:
        try:
            import pybaselines
        except ImportError as error:
            raise SpektronError(
                "Baseline needs pybaselines: install it with "
                "`pip install spektron_jax[preprocessing]`"
            ) from error
        options: dict[str, Any] = {"lam": self.lam}
        if self.method == "asls":
            options["p"] = self.p
        elif self.method == "snip":
            options = {"max_half_window": self.half_window, "decreasing": True}
            # A line through a band that the axis cuts off would run away beyond it.
            options["pad_kwargs"] = {"mode": "edge"}
        return x - getattr(pybaselines.Baseline(), self.method)(x, **options)[0]


class Despike(_RowWise):
    """Replaces spikes by the line between their neighbours.

    A point is a spike where the step to or from it is `threshold` robust SDs of steps
    from the median step (Whitaker & Hayes, Chemom. Intell. Lab. Syst. 179 (2018) 82)
    and the point stands out as far from the median of its window.

    Attributes:
      threshold: in robust SDs (by the median absolute deviation).
      window: points, odd, at least twice as wide as a spike.

    Examples:
      >>> import numpy as np
      >>> from spektron_jax import corrections
      >>> axis = np.linspace(0, 1, 200)
      >>> X = np.exp(-(((axis - 0.5) / 0.02) ** 2))[None] + axis
      >>> X[0, 20] += 5
      >>> bool(corrections.Despike().fit_transform(X)[0, 20] < 1)
      True
    """

    def __init__(self, threshold: float = 8.0, window: int = 7):
        self.threshold, self.window = threshold, window

    def _check(self, points: int) -> None:
        odd = self.window % 2 == 1 and 3 <= self.window <= points
        if not (odd and self.threshold > 0):
            raise InputError(
                f"Despike: window {self.window} must be odd, 3 to {points}, and "
                "threshold above 0"
            )

    def _row(self, x: np.ndarray) -> np.ndarray:
        steep = np.zeros(x.size, bool)
        steps = np.diff(x)
        limit = self.threshold * stats.median_abs_deviation(steps, scale="normal")
        found = np.abs(steps - np.median(steps)) > limit
        steep[1:] |= found
        steep[:-1] |= found
        above = x - ndimage.median_filter(x, self.window, mode="mirror")
        spikes = steep & (above > limit)
        if not spikes.any() or spikes.all():
            return x
        at = np.arange(x.size)
        return np.where(spikes, np.interp(at, at[~spikes], x[~spikes]), x)


class AtrCorrection(_RowWise):
    """Absorbance of ATR times wavenumber / reference: as of one penetration depth.

    The depth is proportional to the wavelength (Harrick, J. Phys. Chem. 64 (1960)
    1110) as long as the refractive index of the sample is constant.

    Attributes:
      wavenumbers: (L,) cm-1, of the points that a model uses (`ct.axis_`).
      reference: cm-1 at which spectra stay as they are.

    Examples:
      >>> import numpy as np
      >>> from spektron_jax import corrections
      >>> axis = np.linspace(0, 1, 200)
      >>> X = np.exp(-(((axis - 0.5) / 0.02) ** 2))[None] + axis
      >>> atr = corrections.AtrCorrection(np.linspace(600, 4000, 200), reference=1000)
      >>> bool(atr.fit_transform(X)[0, 0] < X[0, 0] + 1e-9)
      True
    """

    def __init__(self, wavenumbers: Any = None, reference: float = 1000.0):
        self.wavenumbers, self.reference = wavenumbers, reference

    def _check(self, points: int) -> None:
        axis = np.asarray(self.wavenumbers, np.float64)
        if axis.shape != (points,) or not (axis > 0).all() or not self.reference > 0:
            raise InputError(
                f"AtrCorrection: give wavenumbers above 0 cm-1 of the {points} points, "
                "and a reference above 0"
            )

    def _row(self, x: np.ndarray) -> np.ndarray:
        return x * np.asarray(self.wavenumbers, np.float64) / self.reference
