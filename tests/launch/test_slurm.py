"""launch/slurm.sh with stand-ins for srun and scontrol, on this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import spektron_jax
from spektron_jax.errors import Stopped

ROOT = Path(__file__).parents[2]
# Starts the tasks with srun's variables, hands SIGTERM on, ends with the highest code.
SRUN = """#!/usr/bin/env bash
while [[ "$1" == --* ]]; do shift; done
tasks=()
for ((i = 0; i < TASKS; i++)); do
    SLURM_PROCID=$i SLURM_NTASKS=$TASKS "$@" &
    tasks+=($!)
done
trap 'kill -TERM "${tasks[@]}" 2>/dev/null' TERM
highest=0
for task in "${tasks[@]}"; do
    while :; do
        wait "$task"; code=$?
        kill -0 "$task" 2>/dev/null || break
    done
    if ((code > highest)); then highest=$code; fi
done
exit "$highest"
"""
SCONTROL = """#!/usr/bin/env bash
if [ "$1" = show ]; then echo 127.0.0.1; echo other; else echo "$*" >>"$CALLS"; fi
"""
# In place of spektron_jax.main: joins the others, is asked to end, or ends by itself.
TASK = """#!{python}
import os, signal, sys, time
from spektron_jax import partners
given = dict(word[2:].split("=", 1) for word in sys.argv[3:])
count, index = int(given["num_processes"]), int(given["process_id"])
if given["how"] == "wrong":
    sys.exit(2)
asked = []
signal.signal(signal.SIGTERM, lambda *about: asked.append(True))
others = partners.join(given["coordinator"], count, index, 60, 40)
# One write each: the tasks share a pipe, and print() may write word by word.
os.write(1, f"joined {{index}} {{os.getpid()}}\\n".encode())
begun = time.monotonic()
while not asked and given["how"] != "good" and time.monotonic() < begun + 300:
    time.sleep(0.05)
others.finish()
sys.exit(75 if asked else 0)
"""


@pytest.fixture
def job(tmp_path, free_port):
    """Starts the batch script with so many tasks; returns (process, calls)."""
    for name, text in {
        "srun": SRUN,
        "scontrol": SCONTROL,
        "python": TASK.format(python=sys.executable),
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    started = []

    def start(tasks, how):
        environment = os.environ | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHON": str(tmp_path / "python"),
            "PYTHONPATH": str(Path(spektron_jax.__file__).parents[1]),
            "TASKS": str(tasks),
            "CALLS": str(tmp_path / "calls"),
            "SLURM_JOB_ID": str(free_port - 20000),
            "SLURM_JOB_NODELIST": "n[1-2]",
            "SLURM_SUBMIT_DIR": str(ROOT),
            "SLURM_PROCID": "0",  # as in a batch script
        }
        process = subprocess.Popen(
            ["bash", str(ROOT / "launch" / "slurm.sh"), f"--how={how}"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, tmp_path / "calls"

    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


def joined(process, tasks):
    """Process ids by index, once all tasks met."""
    lines = [process.stdout.readline().split() for _ in range(tasks)]
    return {int(index): int(pid) for _, index, pid in lines}


def requeued(calls):
    return calls.exists() and calls.read_text().startswith("requeue ")


@pytest.mark.parametrize("tasks", [2, 4])
def test_tasks_find_each_other_and_end(job, tasks):
    process, calls = job(tasks, "good")
    assert sorted(joined(process, tasks)) == list(range(tasks))
    assert process.wait(60) == 0 and not requeued(calls)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGUSR1])
def test_a_preempted_job_goes_back_into_the_queue(job, sent):
    process, calls = job(2, "rests")
    joined(process, 2)
    time.sleep(0.5)  # the handlers of the shells
    process.send_signal(sent)
    assert process.wait(60) == Stopped.exit_code and requeued(calls)


def test_a_lost_task_sends_the_job_back_too(job):
    process, calls = job(4, "rests")
    os.kill(joined(process, 4)[2], signal.SIGKILL)
    assert process.wait(60) not in (0, 2)
    assert process.stderr.read().count("process 2 of 4 has ended") == 3
    assert requeued(calls)


def test_a_wrong_setting_is_not_tried_again(job):
    process, calls = job(2, "wrong")
    assert process.wait(60) == 2 and not requeued(calls)
