"""Averages of methods: better than none, with weights that sum to 1."""

import numpy as np
import pytest

from benchmarks.averages import make, weights_of


@pytest.mark.parametrize("name", ["average", "weighted", "shrunk20", "stacked"])
def test_combinations_beat_no_transfer(name, paired_data):
    data, X_test, y_test = paired_data(np.random.default_rng(1), n=8)
    error = make(name).fit(data)(X_test) - y_test
    floor = make("none/raw").fit(data)(X_test) - y_test
    assert np.mean(error**2) < 0.25 * np.mean(floor**2)


def test_weights_of_combinations():
    errors = np.random.default_rng(12).normal(size=(10, 4)) * [1, 1, 1, 3]
    inverse = weights_of(errors, "inverse")
    mse = np.mean(errors**2, axis=0)
    np.testing.assert_allclose(inverse * mse / (inverse[0] * mse[0]), 1)
    stacked, shrunk = (weights_of(errors, w) for w in ("stacked", "shrunk"))
    np.testing.assert_allclose(shrunk / shrunk[0], (inverse / inverse[0]) ** 0.5)
    for weights in (inverse, stacked, shrunk):
        assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
        assert weights[3] < weights[:3].min()
    mixed = [np.mean((errors @ w) ** 2) for w in (stacked, np.full(4, 0.25))]
    assert mixed[0] < mixed[1]


def test_averages_are_blind_to_the_order_of_test_spectra(paired_data):
    data, X_test, _ = paired_data(np.random.default_rng(3))
    predict = make("average").fit(data)
    single = np.concatenate([predict(row[None]) for row in X_test[::-1]])
    np.testing.assert_allclose(single[::-1], predict(X_test), rtol=1e-9)


def test_fewer_points_than_components_and_fewer_samples_than_groups(paired_data):
    data, X_test, _ = paired_data(np.random.default_rng(11), n=5, points=16)
    for name in ("average", "weighted"):
        assert np.isfinite(make(name).fit(data)(X_test)).all()
