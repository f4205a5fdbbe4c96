"""Settings of test-time training are judged on sets that did not choose them."""

import numpy as np
import pytest

from benchmarks import test_time as study

RECORDS = [
    {"set": "a", "errors": {"off": 1.0, "x": 0.0, "y": 1.0}},
    {"set": "a", "errors": {"off": 1.0, "x": 0.0, "y": 0.8}},
    {"set": "b", "errors": {"off": 2.0, "x": 2.5, "y": 1.9}},
    {"set": "c", "errors": {"off": 0.0, "x": 0.1, "y": 0.2}},
]


def test_changes_are_means_of_a_set_and_the_set_itself_does_not_choose():
    records = [
        one | {"errors": {k: {"encoder": v} for k, v in one["errors"].items()}}
        for one in RECORDS
    ]
    found = study.changes(records, "encoder")
    np.testing.assert_allclose(found["x"], [-1.0, 0.5, 0.1])
    np.testing.assert_allclose(found["y"], [-0.1, -0.1, 0.2])
    # Without a: x 0.6, y 0.1. Without b: -0.9, 0.1. Without c: -0.5, -0.2.
    names, values = study.left_out(found)
    assert names == ["y", "x", "x"]
    np.testing.assert_allclose(values, [-0.1, 0.5, 0.1])


def test_the_interval_is_that_of_a_mean_over_sets():
    values = np.random.default_rng(0).normal(1.0, 2.0, 400)
    mean, low, high = study.bounded(values)
    # 1,000 resamples: the ends of the interval are known to 0.1 standard errors or so.
    error = values.std() / 20
    assert mean == pytest.approx(values.mean(), abs=1e-4)
    assert low == pytest.approx(mean - 1.96 * error, abs=0.4 * error)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.4 * error)
