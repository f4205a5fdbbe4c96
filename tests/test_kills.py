"""A hundred processes killed at random moments: nothing is lost, or taken half-written.

Three of four by SIGKILL, one by SIGTERM, at a moment drawn evenly over the time that
the job takes unbroken. After each kill all that stands under a final name must load;
in the end the result is that of the unbroken job, bit for bit. A job that ends before
its kill is compared and begun anew. SPEKTRON_FUZZ_SEED repeats the draws, though not
the speed of the machine.
"""

import multiprocessing
import os
import secrets
import shutil
import signal
import time

import kill_jobs
import numpy as np
import pytest

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("SPEKTRON_FUZZ_SEED") or secrets.randbits(31))


IMPORTED = ["spektron_jax.main", "spektron_jax.training.loop", "sklearn.linear_model"]
IMPORTED += ["spektron_jax.training.evaluate", "spektron_jax.identification.library"]
IMPORTED += ["spektron_jax.transfer.estimator", "orbax.checkpoint"]


@pytest.fixture(scope="module")
def context():
    """Processes that begin with everything imported and nothing started."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("no forkserver on this system")
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(IMPORTED)
    first = made.Process(target=int)  # its start is not to be timed
    first.start()
    first.join()
    return made


def start(context, work, folder):
    folder.mkdir(parents=True, exist_ok=True)
    process = context.Process(target=quiet, args=(work, folder))
    process.start()
    return process


def quiet(work, folder):
    """What the child runs; what it says goes to a file."""
    with open(folder.with_suffix(".log"), "ab", buffering=0) as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        work(folder)


def ended(process, folder):
    process.join(600)
    said = folder.with_suffix(".log").read_text(errors="replace")[-2000:]
    assert process.exitcode == 0, said


@pytest.mark.parametrize("name", kill_jobs.JOBS)
def test_killed_at_random_moments(name, context, tmp_path, monkeypatch):
    job = kill_jobs.JOBS[name]
    rng = np.random.default_rng([SEED, *name.encode()])
    monkeypatch.chdir(tmp_path)
    if job.work is kill_jobs.save_models:
        kill_jobs.prepare_models(tmp_path / "any")
    begun = time.monotonic()
    ended(start(context, job.work, tmp_path / "unbroken"), tmp_path / "unbroken")
    takes = time.monotonic() - begun
    expected = job.result(tmp_path / "unbroken")
    folder, killed, whole = tmp_path / "killed", 0, 0
    while killed < job.kills:
        process = start(context, job.work, folder)
        process.join(rng.uniform(0, takes))
        if process.is_alive():
            sent = signal.SIGTERM if rng.random() < 0.25 else signal.SIGKILL
            os.kill(process.pid, sent)
            process.join(600)
        if process.exitcode == 0:
            assert job.result(folder) == expected
            shutil.rmtree(folder)
            whole += 1
            continue
        killed += 1
        job.look(folder)
    ended(start(context, job.work, folder), folder)
    assert job.result(folder) == expected
    drafts = [path for path in folder.rglob(".unfinished-*")]
    print(f"| {name} | {killed} | {whole + 1} | 0 | {len(drafts)} | seed {SEED}")
