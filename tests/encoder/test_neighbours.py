"""Neighbours by hand, and the offset of an instrument."""

import numpy as np
import pytest

from spektron_jax.encoder.neighbours import Neighbours, nearest, nearest_source
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData

LIBRARY = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])


class Codes:
    """Spectra as their own codes."""

    def __call__(self, X):
        return {"chem": X}

    def adapted(self, X_target):
        return self


def test_neighbours_by_hand():
    rows, cosine = nearest(np.array([[2.0, 1.0]]), LIBRARY, k=3)
    np.testing.assert_array_equal(rows, [[0, 1, 2]])
    np.testing.assert_allclose(cosine, [[2 / 5**0.5, 1 / 5**0.5, -2 / 5**0.5]])


def test_a_prediction_is_the_mean_label_of_the_neighbours():
    source = np.vstack([LIBRARY, [[0.0, -1.0]]])  # of mean 0
    data = TransferData(
        source, [1.0, 3.0, 9.0, 27.0], source[:0], [], np.empty(0, dtype=int)
    )
    y = Neighbours(Codes(), k=2).fit(data)(np.array([[2.0, 1.0]]))
    np.testing.assert_allclose(y, [2.0])


def test_an_offset_of_the_target_is_taken_away():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(30, 8))
    target = source + 5.0 + 0.1 * rng.normal(size=source.shape)
    data = TransferData(
        source, np.arange(30.0), target, np.full(30, np.nan), np.full(30, -1)
    )
    rows, _ = nearest_source(Codes(), data, target, k=1)
    np.testing.assert_array_equal(rows[:, 0], np.arange(30))
    assert np.mean(nearest(target, source, k=1)[0][:, 0] == np.arange(30)) < 0.5


def test_bad_codes():
    with pytest.raises(SpektronError, match="must be"):
        nearest(LIBRARY, LIBRARY[:, :1])
    with pytest.raises(SpektronError, match="k = 4: the library has 3"):
        nearest(LIBRARY, LIBRARY, k=4)
