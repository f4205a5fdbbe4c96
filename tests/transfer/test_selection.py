"""Selection of transfer samples: the textbook rule, written out slowly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.selection import compressed, kennard_stone


def slow_kennard_stone(distance, n):
    pairs = [(distance[i, j], -i, -j) for i in range(len(distance)) for j in range(i)]
    _, i, j = max(pairs)
    taken = sorted([-i, -j])
    while len(taken) < n:
        free = [i for i in range(len(distance)) if i not in taken]
        taken.append(max(free, key=lambda i: min(distance[i, j] for j in taken)))
    return taken[:n]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 9))
def test_kennard_stone_against_a_slow_loop(seed, n):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(9, 3))
    in_x = np.sqrt(((X[:, None] - X[None]) ** 2).sum(-1))
    assert kennard_stone(X, n).tolist() == slow_kennard_stone(in_x, n)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 12), data=st.data())
def test_n_different_samples_are_taken(seed, count, data):
    n = data.draw(st.integers(1, count))
    X = np.random.default_rng(seed).normal(size=(count, 2))
    rows = kennard_stone(X, n)
    assert rows.shape == (n,)
    assert np.unique(rows).size == n and 0 <= rows.min() and rows.max() < count


def test_more_samples_than_there_are():
    X = np.zeros((3, 2))
    with pytest.raises(SpektronError, match="n = 4: more transfer samples than the 3"):
        kennard_stone(X, 4)
    with pytest.raises(SpektronError, match="n = 0"):
        kennard_stone(X, 0)
    with pytest.raises(SpektronError, match="must be finite"):
        kennard_stone(X * np.nan, 2)


def test_scores_ignore_offset_and_gain_of_a_spectrum():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 40)).cumsum(axis=1)
    changed = X * rng.uniform(0.5, 2, size=(12, 1)) + rng.normal(size=(12, 1))
    first, second = compressed(X), compressed(changed)
    np.testing.assert_allclose(np.abs(first), np.abs(second), atol=1e-9)
    assert first.shape == (12, 10)
