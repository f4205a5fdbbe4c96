"""Means over cells and their paired differences."""

import numpy as np
import pytest

from benchmarks.cells import mean_r2, paired_difference
from spektron_jax.errors import SpektronError


def test_one_failed_cell_counts_as_minus_one():
    sse, sst = np.array([[0.0, 0.0], [900.0, 0.0]]), np.ones((2, 2))
    assert mean_r2(sse, sst) == pytest.approx((1 - 1) / 2)


def test_paired_difference_sees_a_steady_advantage():
    rng = np.random.default_rng(8)
    sst = rng.uniform(5, 10, size=(6, 15))
    sse = sst * rng.uniform(0.1, 0.6, size=(1, 15))  # hard splits are hard for all
    better = paired_difference(0.9 * sse, sse, sst)
    assert 0 < better["low"] < better["difference"] < better["high"]
    assert better["difference"] == pytest.approx(
        mean_r2(0.9 * sse, sst) - mean_r2(sse, sst)
    )
    assert paired_difference(sse, sse, sst)["high"] == 0
    alone = [mean_r2(s[:, ::2], sst[:, ::2]) for s in (0.9 * sse, sse)]
    assert better["high"] - better["low"] < abs(alone[0] - alone[1])


def test_wrong_shapes_are_named():
    with pytest.raises(SpektronError, match="cells, splits"):
        paired_difference(*[np.arange(4.0)] * 3)
