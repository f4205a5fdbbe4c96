"""The limit of BLAS threads: one inside, the caller's own before and after."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from spektron_jax import CalibrationTransfer
from spektron_jax.transfer import estimator
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.threads import one_blas_thread


def threads():
    """BLAS threads of every library that is loaded."""
    return {e["num_threads"] for e in threadpool_info() if e["user_api"] == "blas"}


@pytest.fixture(params=[1, 2])
def limit(request):
    """A limit that the caller has set."""
    np.zeros((2, 2)) @ np.zeros((2, 2))
    with threadpool_limits(request.param, user_api="blas"):
        assert threads() == {request.param}
        yield request.param


def test_the_callers_limit_holds_again_afterwards(limit):
    assert one_blas_thread(threads)() == {1}
    assert threads() == {limit}
    with pytest.raises(ZeroDivisionError):
        one_blas_thread(lambda: 1 / 0)()
    assert threads() == {limit}


def test_a_call_inside_a_call_lifts_nothing(limit):
    inner = one_blas_thread(threads)
    assert one_blas_thread(lambda: (inner(), threads()))() == ({1}, {1})
    assert threads() == {limit}


def test_calls_of_eight_threads_leave_the_limit_as_it_was():
    """Whichever begins or ends first; each waits until all have begun."""
    before = threads()
    started, ends = threading.Barrier(9), [threading.Event() for _ in range(8)]

    @one_blas_thread
    def work(number):
        started.wait(timeout=60)
        ends[number].wait(timeout=60)

    workers = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(8)]
    for worker in workers:
        worker.start()
    started.wait(timeout=60)
    inside = threads()
    for number in (3, 0, 7, 1, 2, 6, 5, 4):
        ends[number].set()
        workers[number].join(timeout=60)
    assert inside == {1} and threads() == before


def test_fits_and_intervals_run_with_one(instruments, monkeypatch):
    seen = []

    def noting(name, inner):
        def noted(*args, **kwargs):
            seen.append((name, threads()))
            return inner(*args, **kwargs)

        return noted

    for owner, name in ((Ensemble, "fit"), (estimator, "intervals_of")):
        monkeypatch.setattr(owner, name, noting(name, getattr(owner, name)))
    X, axis, Z, _, y = instruments(24)
    rows = np.arange(6)
    with threadpool_limits(2, user_api="blas"):
        ct = CalibrationTransfer(weights=None)
        ct.fit(X, y, axis, Z[rows], axis, None, rows)
        assert seen == [("fit", {1})]
        ct.predict_interval(Z)
        assert threads() == {2}
    assert seen[1:] == [("intervals_of", {1})]
