"""CPU time of a pretraining step of nano, beside another checkout of this project.

    git worktree add OTHER 7766f8a
    python -m benchmarks.step_pairs --other=OTHER [--rounds=3] [--json=FILE]

The first phase of the command, in a process of its own, by turns; user and system time
between two lines of metrics.jsonl, after compilation and before anything is evaluated.
The ratio of a round is what counts: both meet the same machine. Only on Linux, which
tells what another process has used.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tqdm import trange

from benchmarks.result_files import ROOT, write

EVERY, FROM, TO = 10, 2, 6  # steps a line; lines between which time is taken
STEPS = EVERY * (TO - FROM)
COMMAND = [
    sys.executable,
    "-m",
    "spektron_jax.main",
    "--config=configs/pretrain.py:nano",
]
COMMAND += ["--config.train.steps=400", f"--config.log.every_steps={EVERY}"]
COMMAND += ["--config.eval.curve_every_steps=0"]
POLL_S, WAIT_S = 0.02, 600.0
TICKS = os.sysconf("SC_CLK_TCK")


def used(process: int) -> tuple[float, float]:
    """User and system seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def measured(checkout: Path) -> tuple[float, float]:
    """User and system milliseconds of a step.

    Raises:
      RuntimeError: the command ended, or wrote nothing for WAIT_S.
    """
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    with tempfile.TemporaryDirectory() as folder:
        log, seen = Path(folder) / "metrics.jsonl", dict[int, tuple[float, float]]()
        command = [*COMMAND, f"--workdir={folder}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        run = subprocess.Popen(command, cwd=checkout, env=environment, **quiet)
        end = time.monotonic() + WAIT_S
        try:
            while TO not in seen:
                if run.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{checkout}: no step {TO * EVERY} of {COMMAND}")
                lines = log.read_text().count("\n") if log.exists() else 0
                seen.setdefault(lines, used(run.pid))
                time.sleep(POLL_S)
        finally:
            run.kill()
            run.wait()
    pairs = zip(seen[FROM], seen[TO], strict=True)
    user, system = (1e3 * (after - before) / STEPS for before, after in pairs)
    return user, system


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--other", type=Path, required=True, help="a checkout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args()
    sides = {"other": given.other.resolve(), "this": ROOT}
    rounds = []
    for _ in trange(given.rounds, unit="round"):
        rounds.append({side: measured(path) for side, path in sides.items()})
    ratios = [sum(one["this"]) / sum(one["other"]) for one in rounds]
    asked = ["git", "-C", str(given.other), "rev-parse", "--short", "HEAD"]
    content = {
        "command": "python -m benchmarks.step_pairs --other=OTHER",
        "other": subprocess.check_output(asked, text=True).strip(),
        "user and system ms a step": [
            {side: [round(x) for x in each] for side, each in one.items()}
            for one in rounds
        ],
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
    }
    print(json.dumps(content, indent=1))
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main()
