"""SIGTERM while training: the step ends, is saved, and the same command resumes."""

import os
import signal
import threading

import jax
import numpy as np
import pytest

from spektron_jax.errors import Stopped
from spektron_jax.training import checkpoint, evaluate, loop, progress
from spektron_jax.training.stopping import when_asked


def test_the_first_signal_is_an_event_and_the_second_ends_the_process():
    ended = []
    former = signal.signal(signal.SIGTERM, lambda *about: ended.append(True))
    try:
        with when_asked() as asked:
            assert not asked.is_set()
            os.kill(os.getpid(), signal.SIGTERM)
            assert asked.wait(10) and not ended
            os.kill(os.getpid(), signal.SIGTERM)
        assert ended == [True]
        os.kill(os.getpid(), signal.SIGTERM)
        assert ended == [True, True]
    finally:
        signal.signal(signal.SIGTERM, former)


def test_in_another_thread_nothing_is_changed():
    former, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with when_asked():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [former]


@pytest.mark.slow
def test_a_run_that_is_asked_to_end_goes_on_as_if_it_had_not(
    micro, tmp_path, monkeypatch
):
    monkeypatch.setattr(evaluate, "run", lambda *inputs: None)
    config, real = micro(), progress.Progress.write

    def write(self, step, row):
        real(self, step, row)
        if step == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    loop.train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(progress.Progress, "write", write)
        with pytest.raises(Stopped, match="asked to end at step 5 of 20"):
            loop.train(config, tmp_path / "parts")
    assert checkpoint.steps(tmp_path / "parts") == [5]
    loop.train(config, tmp_path / "parts")
    found, expected = (
        checkpoint.restore_params(tmp_path / name)[0] for name in ("parts", "whole")
    )
    jax.tree.map(np.testing.assert_array_equal, found, expected)
