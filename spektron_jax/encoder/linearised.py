"""The linearised encoder: its Jacobian at one spectrum as linear features.

    features(x - c) = J (x - c),   J = d steps / d x at c, the mean of the source

where steps are the differences of neighbouring tokens (of one token, itself): as the
first derivative does for spectra, they take out what changes slowly along the axis.

Features as they are do not add up: through norms and gates, a baseline of 0.1
absorbance changes what 0.001 of an analyte contributes, and no regression on 64 spectra
takes that apart (`benchmarks/depth.py`). The derivative keeps sums and differences, so
that the difference of two instruments is the same for all samples, as on spectra; and
its coefficients go back to points of the spectrum, J' v, so that what was fitted on it
needs no network to predict.

J x is taken by central differences along x, J' v by reverse differentiation.

L = points, F = features, n = spectra.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from spektron_jax.spectra.grid import to_tokens

if TYPE_CHECKING:
    from spektron_jax.encoder.features import Features

STEP = 3e-3  # absorbance, of the largest change along x
ABSORBANCE = 5.0  # a mean spectrum beyond it is counts, and divided by its maximum
MAX_KEPT_BYTES = 512e6  # of derivatives
_kept: "OrderedDict[tuple, LinearisedEncoder]" = OrderedDict()


def linearised(features: "Features", centre: np.ndarray) -> "LinearisedEncoder":
    """The linear map of an encoder at a spectrum (L,); looked up if known."""
    key = features, np.asarray(centre, np.float64).tobytes()
    known = _kept.pop(key, None) or LinearisedEncoder(features, centre)
    _kept[key] = known
    while len(_kept) > 1 and sum(each.size for each in _kept.values()) > MAX_KEPT_BYTES:
        _kept.popitem(last=False)
    return known


class LinearisedEncoder:
    """See the header; each spectrum is encoded once.

    Attributes:
      centre: c                                                        (L,)
    """

    def __init__(self, features: "Features", centre: np.ndarray):
        self._features = features
        self.centre = np.asarray(centre, np.float64)
        top = np.abs(self.centre).max()
        self._unit = top if top > ABSORBANCE else 1.0
        self._images: dict[bytes, np.ndarray] = {}
        # A token that changed its experts half-way would make the derivative jump.
        self._routing = features.encode(self.centre[None] / self._unit)["routing"][0]

    @property
    def size(self) -> int:
        """Bytes kept."""
        return sum(image.nbytes for image in self._images.values())

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """J x of differences of spectra (n, L), (n, F)."""
        X = np.ascontiguousarray(X, np.float64)
        keys = [row.tobytes() for row in X]
        new = {key: i for i, key in enumerate(keys) if key not in self._images}
        if new:
            tokens = self._derivative(X[list(new.values())])
            steps = np.diff(tokens, axis=1) if tokens.shape[1] > 1 else tokens
            images = steps.reshape(len(tokens), -1)
            self._images.update(zip(new, images.astype(np.float32), strict=True))
        width = next(iter(self._images.values())).size if self._images else 0
        found = np.empty((len(X), width))
        for row, key in enumerate(keys):
            found[row] = self._images[key]
        return found

    def back(self, vector: np.ndarray) -> np.ndarray:
        """J' v: coefficients of features (F,) as those of spectra, (L,)."""
        encoder, features = self._features.encoder, self._features
        points = encoder.config.data.points
        grid = to_tokens(self.centre / self._unit, features.axis, features.unit, points)
        valid = features.valid_tokens(self.centre[None] / self._unit)
        tokens = vector.reshape(max(valid.sum() - 1, 1), -1)
        if valid.sum() > 1:  # the transpose of taking differences
            tokens = -np.diff(tokens, axis=0, prepend=0.0, append=0.0)
        weights = np.zeros((valid.size, tokens.shape[1]), np.float32)
        weights[valid] = tokens
        slope = encoder.gradient(
            grid, features.modality, {"tokens": weights}, self._routing
        )
        spread = to_tokens(
            np.eye(self.centre.size), features.axis, features.unit, points
        )
        return spread.values.astype(np.float64) @ slope / self._unit

    def _derivative(self, X: np.ndarray) -> np.ndarray:
        largest = np.abs(X).max(axis=1, keepdims=True)
        step = STEP * self._unit / np.where(largest > 0, largest, 1.0)
        ends = [self.centre + step * X, self.centre - step * X]
        both = self._features.encoded(np.vstack(ends) / self._unit, self._routing)
        up, down = np.split(both["tokens"].astype(np.float64), 2)
        width = self._features.encoder.config.model.width
        return ((up - down) / (2 * step)).reshape(len(X), -1, width)
