"""Workers that fail, die or hang end their own task and no other."""

import os
import time

from pool_jobs import job

from spektron_jax.corpus.builder import worker_pool


def test_nothing_stops_the_rest():
    tasks = [1, "die", 2, "raise", "hang", "left out", 3, "die"]
    started = time.monotonic()
    before = os.environ.get("OMP_NUM_THREADS")
    ended = {}
    for task, done, answer in worker_pool.run(job, tasks, processes=2, timeout_s=2.0):
        ended.setdefault(task, []).append((done, answer))
    assert time.monotonic() - started < 60
    assert os.environ.get("OMP_NUM_THREADS") == before
    assert all(ended[k] == [(True, (k, "1"))] for k in (1, 2, 3))
    assert ended["die"] == [(False, "its process ended (exit code 7)")] * 2
    assert ended["raise"] == [(False, "ValueError: no such molecule")]
    assert ended["hang"] == [(False, "not finished in 2 s")]
    assert ended["left out"] == [(False, "a reason")]


def test_no_tasks_and_more_workers_than_tasks():
    assert list(worker_pool.run(job, [], 2, 10.0)) == []
    assert list(worker_pool.run(job, ["x"], 3, 60.0)) == [("x", True, ("x", "1"))]


def test_workers_end_with_the_caller():
    results = worker_pool.run(job, ["x", "hang"], 2, 600.0)
    assert next(results)[0] == "x"
    started = time.monotonic()
    results.close()
    assert time.monotonic() - started < 10
