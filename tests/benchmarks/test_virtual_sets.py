"""Sets that look measured, and their transfers."""

import numpy as np
import pytest

from benchmarks.prior_sources import VIRTUAL_SETS, VIRTUAL_TASKS, virtual_tasks
from benchmarks.virtual_sets import MODALITIES, virtual_set, virtual_task
from spektron_jax.training.transfer_network.semi_real import KINDS

SEEDS = (2, 3, 4)  # Raman, NIR, IR


@pytest.mark.parametrize("seed", SEEDS)
def test_contents_can_be_read_from_the_spectra(seed):
    one = virtual_set(seed)
    assert one.modality == MODALITIES[seed % 3] and one.linear == (seed == 2)
    rows = np.arange(len(one.spectra))
    X = np.column_stack([one.spectra, np.ones(len(rows))])
    known = []
    for y in one.targets.values():
        b = np.linalg.lstsq(X[rows < 150], y[rows < 150], rcond=1e-4)[0]
        known.append(np.corrcoef(X[rows >= 150] @ b, y[rows >= 150])[0, 1])
    assert max(known) > 0.5


def test_a_set_is_told_by_its_seed():
    first = virtual_set(3).spectra
    virtual_set.cache_clear()
    assert np.array_equal(virtual_set(3).spectra, first)
    assert not np.array_equal(virtual_set(6).spectra, first)


def test_a_task_is_the_same_samples_on_two_instruments():
    task = virtual_task(4, 12)
    assert task.kind == KINDS[2] and task.modality == "IR" and not task.judge
    A, B = task.pair.common
    A, B = (X - X.mean(axis=0) for X in (A, B))
    spread = A - A.mean(axis=1, keepdims=True), B - B.mean(axis=1, keepdims=True)
    assert np.corrcoef(spread[0].ravel(), spread[1].ravel())[0, 1] > 0.5
    assert not np.allclose(A, B)


def test_kinds_modalities_and_regimes_all_meet():
    asked = list(virtual_tasks())
    assert len({task.name for task, _ in asked}) == VIRTUAL_SETS * VIRTUAL_TASKS
    met = {(task.kind, task.modality, str(regime)) for task, regime in asked}
    assert len(met) == len(KINDS) * 3 * 3
