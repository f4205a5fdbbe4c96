"""Neighbours by hand, and the offset of an instrument."""

import numpy as np
import pytest

from spektron_jax.encoder.neighbours import nearest, neighbour_mean
from spektron_jax.errors import SpektronError

LIBRARY = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])


def test_neighbours_by_hand():
    rows, cosine = nearest(np.array([[2.0, 1.0]]), LIBRARY, k=3)
    np.testing.assert_array_equal(rows, [[0, 1, 2]])
    np.testing.assert_allclose(cosine, [[2 / 5**0.5, 1 / 5**0.5, -2 / 5**0.5]])
    y = neighbour_mean(np.array([[2.0, 1.0]]), LIBRARY, np.array([1.0, 3.0, 9.0]), k=2)
    np.testing.assert_allclose(y, [2.0])


def test_centring_takes_an_offset_away():
    rng = np.random.default_rng(0)
    library = rng.normal(size=(30, 8))
    query = library + 5.0 + 0.1 * rng.normal(size=library.shape)
    found = nearest(query, library, k=1, centred=True)[0][:, 0]
    np.testing.assert_array_equal(found, np.arange(30))
    assert np.mean(nearest(query, library, k=1)[0][:, 0] == np.arange(30)) < 0.5


def test_bad_codes():
    with pytest.raises(SpektronError, match="must be"):
        nearest(LIBRARY, LIBRARY[:, :1])
    with pytest.raises(SpektronError, match="k = 4: the library has 3"):
        nearest(LIBRARY, LIBRARY, k=4)
    with pytest.raises(SpektronError, match="labels for 3"):
        neighbour_mean(LIBRARY, LIBRARY, np.ones(2))
