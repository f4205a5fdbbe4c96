"""The choice of samples to label."""

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.transfer.selection import compressed, kennard_stone


@pytest.fixture
def pool(instruments):
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(weights=None).fit(X_s[:20], y[:20], axis, X_t[20:])
    return ct, X_s, axis, X_t, y


def test_without_labels_it_is_kennard_stone(pool, tmp_path):
    ct, X_t = pool[0], pool[3][15:]
    rows = ct.next_samples(X_t, 4)
    assert rows.tolist() == kennard_stone(compressed(X_t), 4).tolist()
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    assert loaded.next_samples(X_t, 4).tolist() == rows.tolist()


def test_what_has_a_label_is_not_chosen_again(pool):
    """Nor its neighbours, and in parts it is the choice at once."""
    ct, X_s, axis, X_t, y = pool
    P = X_t[20:]
    first = ct.next_samples(P, 6)
    known = np.full(10, np.nan)
    known[first[:3]] = y[20:][first[:3]]
    ct.fit(X_s[:20], y[:20], axis, P, y_target=known)
    rest = np.setdiff1d(np.arange(10), first[:3])
    then = rest[ct.next_samples(P[rest], 3)]
    assert then.tolist() == first[3:].tolist()
    assert not set(ct.next_samples(P, 7)) & set(first[:3])


def test_how_many(pool):
    ct, P = pool[0], pool[3][20:]
    assert np.unique(ct.next_samples(P, 10)).size == 10
    assert ct.next_samples(P[:1], 1).tolist() == [0]
    for k in (0, 11):
        with pytest.raises(SpektronError, match="choose 1 to 10"):
            ct.next_samples(P, k)
    with pytest.raises(SpektronError, match="call fit"):
        CalibrationTransfer().next_samples(P, 2)
