"""One run at a time in a workdir, and a lock that ends with its process."""

import multiprocessing
import os
import signal

import pytest

from spektron_jax import SpektronError
from spektron_jax.commands import workdir_lock
from spektron_jax.main import main

pytest.importorskip("fcntl")


def hold(workdir, held):
    with workdir_lock.held(workdir):
        held.set()
        signal.pause()


@pytest.fixture
def holder(tmp_path):
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    process = context.Process(target=hold, args=(tmp_path, held))
    process.start()
    assert held.wait(60)
    yield process
    process.kill()
    process.join()


def test_a_second_run_is_refused_and_told_of_the_first(holder, tmp_path, capsys):
    with (
        pytest.raises(
            SpektronError, match=f"in use by process {holder.pid} on .* since"
        ),
        workdir_lock.held(tmp_path),
    ):
        pass
    config = "--config=configs/lab.py"
    assert main([config, f"--workdir={tmp_path}"]) == 2
    assert "choose another --workdir" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == [workdir_lock.NAME]


def test_a_killed_run_leaves_no_lock(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert os.listdir(tmp_path) == [workdir_lock.NAME]
    for _ in range(2):
        with workdir_lock.held(tmp_path):
            assert os.listdir(tmp_path) == [workdir_lock.NAME]
        assert os.listdir(tmp_path) == []


def test_a_damaged_note_is_no_obstacle(holder, tmp_path):
    (tmp_path / workdir_lock.NAME).write_text("[")
    with (
        pytest.raises(SpektronError, match="in use by another run"),
        workdir_lock.held(tmp_path),
    ):
        pass
