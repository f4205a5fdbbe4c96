"""The cells that are lost, and what could have been seen there."""

import numpy as np
import pytest

from benchmarks import worst_cells
from benchmarks.set_records import Errors
from spektron_jax.training.transfer_network.transfer_task import Pair, Task, one_split
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.splits import Regime

PAIRED = Regime("paired", 10)


def task_of(two_instruments, name):
    A, B, y = two_instruments(np.random.default_rng(0), samples=60)
    axis = np.arange(A.shape[1], dtype=float)
    pair = Pair(A, axis, B, axis, "nm", y, y, [one_split(A, 40)])
    facts = ("a set", "twin", "to simulated", False, "NIR", {"name": name}, 1)
    return Task(name, *facts, make=lambda: pair)


@pytest.fixture
def lost_and_kept(two_instruments, monkeypatch):
    """Two tasks and their errors: the best recipe of the set halves ours in one."""
    monkeypatch.setattr(worst_cells, "recipe_names", lambda regime: ("good", "bad"))
    monkeypatch.setattr(worst_cells, "our_label", lambda: "ours")
    monkeypatch.setattr(worst_cells, "REGIMES", (PAIRED,))
    error = np.random.default_rng(1).normal(size=40).astype(np.float32)
    tasks = [task_of(two_instruments, name) for name in ("lost", "kept")]
    errors = (
        {"ours": error, "good": 0.5 * error, "bad": 0.4 * error},
        {"ours": error, "good": error, "bad": 9 * error},
    )
    found = {
        (task.checksum, 0, str(PAIRED)): Errors(np.arange(40), 2.0, own)
        for task, own in zip(tasks, errors, strict=True)
    }
    return tasks, found, error


def test_the_rival_is_one_recipe_for_the_set_and_the_oracle_is_not(lost_and_kept):
    tasks, found, error = lost_and_kept
    (one,) = worst_cells.lost_cells(tasks, found)
    assert one["task"].name == "lost" and one["regime"] == PAIRED
    assert one["rival"] == "good" and one["best"] == "bad"
    share = np.mean(error.astype(float) ** 2) / 2.0
    assert one["r2"]["ours"] == pytest.approx(1 - share, abs=1e-3)
    expected = np.log(share + 0.003) - np.log(share / 4 + 0.003)
    assert one["change"] == pytest.approx(expected, rel=1e-5)


def test_what_is_seen_are_the_errors_of_refits_without_each_sample(two_instruments):
    task = task_of(two_instruments, "one")
    found = worst_cells.seen(task, PAIRED, "sbc/raw")
    trial = task.trial(PAIRED)
    data, fitted = trial.data, Ensemble("combination", "NIR").fit(trial.data)
    weight = sum(p.weight for p in fitted.members if p.name == "sbc/raw")
    assert found["weight"] == pytest.approx(weight, abs=1e-3) and weight > 0
    squares = []
    for rows, without in zip(fitted.groups, fitted.without, strict=True):
        squares += list((without(data.X_target[rows]) - data.y_target[rows]) ** 2)
    ours = np.sqrt(np.mean(squares)) / data.y_source.std()
    assert found["left_out"][0] == pytest.approx(ours, abs=2e-3)
    assert len(found["left_out"]) == 2


def test_without_labels_nothing_is_left_out(two_instruments):
    found = worst_cells.seen(
        task_of(two_instruments, "one"), Regime("unlabelled", 10), "umc/raw"
    )
    assert found["left_out"] is None and found["weight"] > 0
