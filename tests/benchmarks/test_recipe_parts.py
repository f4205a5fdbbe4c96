"""Parts of the recipe by themselves, as the benchmarks take them."""

import numpy as np
import pytest

from benchmarks.averages import make
from benchmarks.corn_coverage import intervals_by
from benchmarks.harness import Study
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.ensemble import Ensemble, weighted
from spektron_jax.transfer.members import bayes_members
from spektron_jax.transfer.views import preprocessed

depth = pytest.importorskip("benchmarks.depth")
learned_prior = pytest.importorskip("benchmarks.learned_prior")


def test_features_of_the_identity_are_spectra(paired_data):
    data, X, _ = paired_data(np.random.default_rng(1), n=8)
    groups = data.groups()
    identity = np.eye(X.shape[1])
    views = depth.on_features(data, identity), preprocessed(data, "raw")
    found = [weighted(bayes_members(own, groups), data, groups)(X) for own in views]
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_depth_compares_views_in_every_cell():
    rng = np.random.default_rng(2)
    latent = rng.normal(size=(64, 3))
    A = latent @ rng.normal(size=(3, 30)) + 1e-3 * rng.normal(size=(64, 30))
    study = Study({"a": A, "b": 1.02 * A + 0.01}, {"share": latent[:, 0]}, [])
    views = {"spectra": lambda data, source: [preprocessed(data, "raw")]}
    found = depth.transfers(study, np.arange(64), views, repeats=1)
    assert found["spectra"] > 0.9


def test_scales_of_one_change_no_error(paired_data):
    data, X, y = paired_data(np.random.default_rng(3), n=8)
    plain, same, other = (
        learned_prior.log_error(data, X, y, scales)
        for scales in (None, np.ones(X.shape[1]), np.linspace(0.1, 2, X.shape[1]))
    )
    assert plain == pytest.approx(same) and plain != pytest.approx(other)


def test_our_intervals_are_around_our_predictions(paired_data):
    data, X, _ = paired_data(np.random.default_rng(4), n=12)
    for name in ("recipe", "mc/sg1"):
        intervals = intervals_by(name, data)
        low, high = intervals.interval(X, 0.8)
        assert intervals.mark(0.8) == "calibrated" and (low <= high).all()
    ours = intervals_by("recipe", data).predict(X)
    np.testing.assert_allclose(ours, Ensemble("classical").fit(data)(X))


def test_averages_without_labels(paired_data):
    data, X, _ = paired_data(np.random.default_rng(5), n=12)
    unknown = np.full(12, np.nan), np.full(12, UNPAIRED)
    data = TransferData(data.X_source, data.y_source, data.X_target, *unknown)
    for name in ("average_umc", "average_u"):
        assert np.isfinite(make(name).fit(data)(X)).all()
