"""Two processes of one device each, started by the command line, make the same run.

A stand-in takes the network's place, which is compiled in every process; losses, means
over processes and optimiser are the run's own. The real network is trained on two
devices in tests/multidevice.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

import spektron_jax
from spektron_jax import partners
from spektron_jax.commands import config_file
from spektron_jax.losses.objective import TERMS
from spektron_jax.training import checkpoint, evaluate, loop
from tests.training import toy_model

MICRO_CONFIG = Path(__file__).parents[1] / "training" / "micro_config.py"
# The command line, without the evaluation, which is the business of other tests, and
# in a process whose clock is as slow as the last argument says.
PROGRAM = """
import sys, time, types
import numpy as np
from spektron_jax import main
from spektron_jax.commands.report import pretrain_page
from spektron_jax.commands.result import Result
from spektron_jax.training import evaluate, progress
from tests.training import toy_model
toy_model.take_its_place(setattr, {points})
rate = float(sys.argv.pop())
progress.time = types.SimpleNamespace(monotonic=lambda: rate * time.monotonic())
def evaluated(config, model, state, source, workdir, shares):
    print("evaluated")
    np.savez(workdir / "evaluation.npz")
    return {{}}
evaluate.run = evaluated
pretrain_page.pretrain_result = lambda *parts: Result("run")
sys.exit(main.main())
"""


def train_alone(workdir):
    """The same run in this process, on one device."""
    config = config_file.load(str(MICRO_CONFIG))
    config.train.devices = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "run", lambda *inputs: None)
        toy_model.take_its_place(patch.setattr, config.data.points)
        loop.train(config, workdir)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Workdir of the run on one device."""
    workdir = tmp_path_factory.mktemp("one")
    train_alone(workdir)
    return workdir


def start(workdir, port, index, *arguments, rate=1.0):
    flags = os.environ["XLA_FLAGS"].replace("device_count=2", "device_count=1")
    package = str(Path(spektron_jax.__file__).parents[1])
    points = config_file.load(str(MICRO_CONFIG)).data.points
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": package}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(points=points)]
    command += [f"--config={MICRO_CONFIG}", f"--workdir={workdir}", *arguments]
    command += [f"--coordinator=127.0.0.1:{port}", "--num_processes=2"]
    return subprocess.Popen(
        [*command, f"--process_id={index}", str(rate)],
        cwd=workdir,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_lost_process_ends_the_other_and_one_alone_resumes(
    reference, tmp_path, free_port
):
    first, second = (
        start(tmp_path, free_port, index, "--heartbeat_s=10") for index in (0, 1)
    )
    deadline = time.monotonic() + 500
    while checkpoint.steps(tmp_path) != [10]:
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    second.kill()
    second.communicate()
    _, said = first.communicate(timeout=60)
    if first.returncode:  # it may have been done by then
        assert first.returncode == partners.LOST
        last = said.splitlines()[-1]
        assert last.startswith("error: process 1 of 2 has ended")
    train_alone(tmp_path)
    found, expected = (checkpoint.restore_params(w)[0] for w in (tmp_path, reference))
    found = flatten_dict(found, sep="/")
    for path, b in flatten_dict(expected, sep="/").items():
        np.testing.assert_allclose(found[path], b, rtol=1e-4, atol=1e-5)


def run_both(workdir, port, *arguments, rates=(1.0, 1.0)):
    """Exit code, stdout and stderr of both processes."""
    processes = [
        start(workdir, port, index, *arguments, rate=rate)
        for index, rate in enumerate(rates)
    ]
    try:
        texts = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return [
        (process.returncode, *text)
        for process, text in zip(processes, texts, strict=True)
    ]


def rows(workdir):
    return [json.loads(x) for x in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_two_processes_agree_with_one(reference, tmp_path, free_port):
    first, second = run_both(tmp_path, free_port)
    assert first[0] == second[0] == 0, first[2] + second[2]
    # Only the first one speaks and evaluates.
    assert "evaluated" in first[1] and "report: " in first[1]
    lines = second[1].splitlines()
    assert all(line.startswith("[Gloo]") for line in lines), lines

    assert checkpoint.steps(tmp_path) == checkpoint.steps(reference)
    found, _ = checkpoint.restore_params(tmp_path)
    expected, _ = checkpoint.restore_params(reference)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    found = flatten_dict(found, sep="/")
    for path, b in flatten_dict(expected, sep="/").items():
        np.testing.assert_allclose(found[path], b, rtol=1e-4, atol=1e-5, err_msg=path)
    for row, expected_row in zip(rows(tmp_path), rows(reference), strict=True):
        assert row["step"] == expected_row["step"]
        for name in (*TERMS, "total"):
            name = f"loss/{name}"
            assert row[name] == pytest.approx(expected_row[name], rel=1e-3), name


@pytest.mark.slow
def test_a_time_limit_stops_both_at_the_same_step(tmp_path, free_port):
    """The second one's clock has hardly moved when the first one's time is up."""
    limit = "--config.train.max_minutes=0.001"
    first, second = run_both(tmp_path, free_port, limit, rates=(1.0, 1e-6))
    assert first[0] == second[0] == 0, first[2] + second[2]
    assert "stopped by train.max_minutes at step 4 of 20" in first[1]
    assert "stopped" not in second[1]
    assert checkpoint.steps(tmp_path) == [4]
