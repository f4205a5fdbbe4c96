"""Tasks of the measured sets, where the files are at hand."""

import hashlib

import numpy as np
import pytest

from benchmarks import task_sets
from benchmarks.protocol import check_duplicates
from benchmarks.task_sets import REGIMES, tasks
from spektron_jax.errors import SpektronError
from spektron_jax.training.transfer_network.measured_sets import read_set, set_files
from spektron_jax.training.transfer_network.semi_real import KINDS
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.splits import Regime

ALL = "a6a453b481fede30"  # checksum of all tasks' parameters


@pytest.fixture(scope="module")
def data(shared_data):
    if not (shared_data / "measured").is_dir():
        pytest.skip("the folder of real spectra has no measured sets")
    return shared_data


@pytest.fixture(scope="module")
def every(data):
    return list(tasks(data, splits=15))


def test_the_benchmark_is_what_it_was(every):
    marks = "".join(sorted(task.checksum for task in every))
    assert len({task.checksum for task in every}) == len(every) == 576
    assert len({task.name for task in every}) == len(every)
    assert hashlib.sha256(marks.encode()).hexdigest()[:16] == ALL
    corn = [task for task in every if task.set == "corn"]
    assert len(corn) == 24 and {task.splits for task in corn} == {15}


def test_the_subset_has_every_kind_and_both_directions(data):
    own = list(tasks(data, subset=True))
    assert {task.kind for task in own} == {*KINDS, "measured", "virtual"}
    assert {"to simulated", "from simulated"} <= {task.direction for task in own}
    assert 150 < len(own) < 200


def test_unknown_sets_are_named(data):
    with pytest.raises(SpektronError, match="sets: no wine"):
        list(tasks(data, sets=("wine",)))


def test_samples_of_a_set_are_different(data):
    for name, judge, path in set_files(data):
        measured = read_set(name, judge, path)
        X = measured.spectra
        assert np.isfinite(X).all() and X.shape == (len(X), measured.axis.size)
        assert len(np.unique(X, axis=0)) == len(X)
        assert np.allclose(np.diff(measured.axis), measured.axis[1] - measured.axis[0])
        assert 30 <= len(X) and 60 <= X.shape[1] <= 700


@pytest.mark.parametrize("name", ["sugarcane", "beer", "tablets"])
def test_test_samples_are_never_seen(data, name):
    own = tasks(data, subset=True, sets=[name])
    for task, regime in ((task, regime) for task in own for regime in REGIMES):
        pair, trial = task.pair, task.trial(regime)
        if trial is None:
            continue
        check_duplicates(pair.splits[0], pair.X_source, np.arange(len(pair.y)))
        sides = zip(
            pair.common, (trial.data.X_source, trial.data.X_target), strict=True
        )
        for X, seen in sides:
            test = {x.tobytes() for x in X[trial.rows]}
            assert test and not test & {x.tobytes() for x in seen}


@pytest.mark.parametrize(
    "regime", [Regime("unlabelled", 5), Regime("paired", 10)], ids=str
)
def test_the_estimator_gives_the_same_numbers(data, regime):
    task = next(t for t in tasks(data, sets=["cookie"]) if t.kind == "range")
    trial = task.trial(regime)
    given, X = task.original(regime)
    assert given["X_source"].shape[1] != X.shape[1]
    theirs = CalibrationTransfer(weights=None).fit(**given).predict(X)
    ours = Ensemble("combination", task.modality).fit(trial.data)(trial.X)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6)


def test_portable_instruments_meet_on_common_points(data):
    task = next(t for t in tasks(data, sets=["sugarcane"]) if "F750" in t.direction)
    A, B = task.pair.common
    assert A.shape == B.shape and task.pair.X_source.shape[1] != A.shape[1]
    assert task.trial(Regime("unlabelled")).data.X_target.shape[0] == 48


def test_missing_values_leave_fewer_transfer_samples(data):
    """Three of sugarcane's samples have no dry matter; the order holds 25 samples."""
    task = next(t for t in tasks(data, sets=["sugarcane"], splits=6) if "TS" in t.name)
    for k in range(task.splits):
        order = task.pair.splits[k].transfer_order[task.pair.order]
        known = np.isfinite(task.pair.y[order]).sum()
        trial = task.trial(Regime("paired", 25), k)
        assert trial.data.labelled.size == known >= 22
        assert np.isfinite(trial.y).all()


def test_virtual_tasks_judge_by_true_values():
    task = next(iter(task_sets._virtual_tasks(subset=True)))
    pair = task.pair
    assert np.std(pair.y - pair.truth) > 0
    trial = task.trial(Regime("unpaired", 5))
    assert len(trial.data.X_source) == 59 and len(trial.y) == 100
    np.testing.assert_array_equal(trial.y, pair.truth[64:])
