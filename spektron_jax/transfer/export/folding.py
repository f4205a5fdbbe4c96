"""From a spectrum on its own axis to the model's points, as weighted sums.

    z_j = constant_j + sum_k weights_jk x[first_j + k]

holds resampling (two neighbours) and every preprocessing that is affine: derivatives
and smoothing (a window), scaling (one point), projections (all points). What is not
affine is found by trying, and refused by name.

q = points as measured, L = points of the model, W = neighbours in a sum.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.transformers import transformed

MOST_WEIGHTS = 300_000  # numbers; 6 MB as text
TOLERANCE = 1e-9  # of the largest value
SIZES = (1e-3, 1.0, 30.0)  # of the spectra on which a preprocessing is tried
REPEATS = 4


@dataclass(frozen=True, eq=False)
class Points:
    """Weighted sums of neighbours; see the header.

    Attributes:
      first: the first neighbour of each point                         (L,) int
      weights: of the neighbours                                       (L, W)
      constant: added                                                  (L,)
      measured: q
    """

    first: np.ndarray
    weights: np.ndarray
    constant: np.ndarray
    measured: int

    @property
    def plain(self) -> bool:
        """Whether the points are the spectrum as it was measured."""
        same = self.first.size == self.measured and self.weights.shape[1] == 1
        same = same and (self.first == np.arange(self.measured)).all()
        return bool(same and (self.weights == 1).all() and not self.constant.any())

    def folded(self, vector: np.ndarray) -> np.ndarray:
        """Coefficients of the points (L,) as those of the spectrum, (q,)."""
        found = np.zeros(self.measured)
        rows = self.first[:, None] + np.arange(self.weights.shape[1])
        np.add.at(found, rows, self.weights * vector[:, None])
        return found

    def matrix(self) -> np.ndarray:
        """The weights as a matrix (q, L): z = x @ matrix + constant."""
        L, W = self.weights.shape
        matrix = np.zeros((self.measured, L))
        rows = self.first[:, None] + np.arange(W)
        matrix[rows, np.arange(L)[:, None]] = self.weights
        return matrix


def points(
    aligned: Callable[[np.ndarray], np.ndarray] | None,
    preprocessing: Any,
    measured: int,
) -> Points:
    """What becomes of a spectrum before the model.

    Args:
      aligned: from spectra (n, q) to the model's axis, linear; None: it is that axis
      preprocessing: a fitted transformer, or None
      measured: q

    Raises:
      SpektronError: names a preprocessing that is not affine, or too large.
    """
    if aligned is None and preprocessing is None:
        ones, zeros = np.ones((measured, 1)), np.zeros(measured)
        return Points(np.arange(measured), ones, zeros, measured)
    matrix = np.eye(measured) if aligned is None else aligned(np.eye(measured))
    constant = np.zeros(matrix.shape[1])
    for name, step in _steps(preprocessing):
        matrix, constant = _through(name, step, matrix, constant)
    used = matrix != 0
    begin = np.where(used.any(axis=0), used.argmax(axis=0), 0)
    end = measured - used[::-1].argmax(axis=0)
    width = int(np.max(np.where(used.any(axis=0), end - begin, 1)))
    if matrix.shape[1] * width > MOST_WEIGHTS:
        raise SpektronError(
            f"export: {_names(preprocessing)} mixes {width} points into each of "
            f"{matrix.shape[1]}, too many for a file; use one that works on a window"
        )
    first = np.minimum(begin, measured - width)
    rows = first[:, None] + np.arange(width)
    weights = matrix[rows, np.arange(matrix.shape[1])[:, None]]
    return Points(first, weights, constant, measured)


def _through(
    name: str, step: Any, matrix: np.ndarray, constant: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and constant after one more transformer, which must be affine."""
    points = constant.size
    refused = SpektronError(
        f"export: preprocessing {name} is no weighted sum of points, so no file can "
        "hold it without loss; fit without it (the model has SNV and derivatives of "
        "its own), or use the saved model"
    )
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        try:
            zero = transformed(step, np.zeros((1, points)))[0]
            linear = transformed(step, np.eye(points)) - zero
            for size in SIZES:
                X = size * rng.normal(0.5, 1, (REPEATS, points))
                found, expected = transformed(step, X), X @ linear + zero
                if np.abs(found - expected).max() > TOLERANCE * np.abs(found).max():
                    raise refused
        except SpektronError as error:
            raise refused from error
    return matrix @ linear, constant @ linear + zero


def _steps(preprocessing: Any) -> Iterator[tuple[str, Any]]:
    """Single transformers, in order, with their names."""
    if preprocessing is None or preprocessing == "passthrough":
        return
    if hasattr(preprocessing, "steps"):
        for _, step in preprocessing.steps:
            yield from _steps(step)
    else:
        yield type(preprocessing).__name__, preprocessing


def _names(preprocessing: Any) -> str:
    found = [name for name, _ in _steps(preprocessing)]
    return f"preprocessing {', '.join(found)}" if found else "resampling"
