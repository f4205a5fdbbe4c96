"""Virtual transfer tasks: reproducible, paired, labelled, and as hard as they say."""

import jax
import numpy as np
import pytest

from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.errors import SpektronError
from spektron_jax.lab.tasks import DIFFICULTIES, transfer_task

NAMES = ("ethanol", "hexane", "benzene", "water")


@pytest.fixture(scope="module")
def bonds():
    corpus = LineCorpus.load()
    return corpus.bonds(corpus.rows_of(["CCO", "CCCCCC", "c1ccccc1", "O"]))


@pytest.fixture(scope="module")
def tasks(bonds):
    return {name: transfer_task(bonds, 0, name, NAMES) for name in DIFFICULTIES}


def regress(task, spectra):
    """RMSE over standard deviation on the test rows, by ridge on 12 components."""
    x, y = task.spectra_a[task.calibration], task.targets[task.calibration]
    mean = x.mean(0)
    basis = np.linalg.svd(x - mean, full_matrices=False)[2][:12].T
    scores = np.c_[(x - mean) @ basis, np.ones(len(x))]
    weights = np.linalg.lstsq(scores, y, rcond=None)[0]
    tested = spectra[task.test]
    predicted = np.c_[(tested - mean) @ basis, np.ones(len(tested))] @ weights
    truth = task.targets[task.test]
    return np.sqrt(np.mean((predicted - truth) ** 2, 0)) / truth.std(0)


def test_a_task_is_plain_arrays_of_stated_shapes(tasks):
    task = tasks["typical"]
    assert all(
        isinstance(value, np.ndarray)
        for name, value in task._asdict().items()
        if name not in ("names", "units")
    )
    assert task.spectra_a.shape == task.spectra_b.shape == (80, 700)
    assert task.axis_a[[0, -1]].tolist() == [1100.0, 2498.0]
    assert task.names == NAMES and task.units == ("mol %",) * 4
    assert (len(task.calibration), len(task.test)) == (64, 16)
    assert not np.intersect1d(task.calibration, task.test).size
    np.testing.assert_allclose(task.targets.sum(1), 100, atol=1e-3)
    assert 5 <= task.targets[:, 3].min() and task.targets[:, 3].max() <= 20
    assert np.isfinite(task.spectra_a).all() and np.isfinite(task.spectra_b).all()
    assert 0.3 < task.spectra_a.max() < 2.5


def test_the_same_seed_gives_the_same_task_and_compiles_nothing(bonds, tasks):
    compiled = []

    def note(event, seconds, **_):
        if "compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    jax.jit(lambda x: x + 0.25)(np.ones(3))  # shows that the listener hears
    assert compiled
    compiled.clear()
    again = transfer_task(bonds, 0, "typical", NAMES)
    assert compiled == []
    np.testing.assert_array_equal(again.spectra_b, tasks["typical"].spectra_b)
    other = transfer_task(bonds, 1, "typical", NAMES)
    assert not np.isclose(other.targets, again.targets).all()


def test_a_calibration_works_on_its_instrument_and_suffers_on_the_other(tasks):
    own = {name: regress(task, task.spectra_a) for name, task in tasks.items()}
    other = {name: regress(task, task.spectra_b) for name, task in tasks.items()}
    for name in tasks:
        assert own[name].max() < 0.5, name
    assert other["easy"].mean() < other["typical"].mean() < other["hard"].mean()
    assert other["typical"].mean() > 1.3 * own["typical"].mean()


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_the_pair_differs_by_the_stated_offset(tasks, difficulty):
    task, stated = tasks[difficulty], DIFFICULTIES[difficulty]
    flat = (task.axis_a > 1280) & (task.axis_a < 1330)  # next to no bands
    difference = np.abs(np.median((task.spectra_b - task.spectra_a)[:, flat]))
    ripple = 4 * stated.ripple + 0.004
    assert stated.offset - ripple < difference < stated.offset + ripple


def test_bad_input_is_named(bonds):
    with pytest.raises(SpektronError, match="'brutal': unknown; use one of easy"):
        transfer_task(bonds, 0, "brutal")
    one = {name: value[:1] for name, value in bonds.items()}
    with pytest.raises(SpektronError, match="give 2 components or more"):
        transfer_task(one, 0)
    mute = {**bonds, "dmu_dr_debye_per_a": 0 * bonds["dmu_dr_debye_per_a"]}
    with pytest.raises(SpektronError, match="no X-H bond"):
        transfer_task(mute, 0)
