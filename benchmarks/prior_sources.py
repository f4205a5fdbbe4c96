"""What a prior of the instruments' difference learns from which tasks, and how many.

    python -m benchmarks.prior_sources --data=shared/data [--json=FILE]

Networks of `benchmarks.task_prior`, without labels, trained on semi-real tasks of the
open sets, a few hundred to thousands; on as many tasks of virtual sets, IR, Raman and
NIR (`benchmarks.virtual_sets`); and on both. Every task is seen four times or more. The
table: change of the log error on sets that judge and on pairs of real instruments, with
standard errors over tasks. "samples" is what ships, made anew; whatever is chosen here
would be chosen on the sets that judge, so that nothing is.

n = tasks.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import tables
from benchmarks.prior_lessons import lessons
from benchmarks.result_files import load, markdown, write
from benchmarks.task_prior import (
    BATCH,
    NOTHING,
    STEPS,
    UNLABELLED,
    Known,
    Trained,
    errors,
    judging,
    stacked,
    summary,
    training_tasks,
)
from benchmarks.task_sets import MEASURED
from benchmarks.virtual_sets import virtual_task
from spektron_jax.training.transfer_network.semi_real import TASKS
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.splits import Regime

BLOCKS = (2, 8, 16, 82)  # of tasks of every set; the last are 4.8 GB of lessons
VIRTUAL_SETS, VIRTUAL_TASKS = 195, 5
PASSES = 4
JUDGES = ("judge sets", *MEASURED)


def virtual_tasks() -> Iterator[tuple[Task, Regime]]:
    """Five tasks of each virtual set, kinds and regimes by turns."""
    for seed in range(VIRTUAL_SETS):
        for each in range(VIRTUAL_TASKS):
            kind = (VIRTUAL_TASKS * (seed // 3) + each) % TASKS
            regime = UNLABELLED[(seed // 6 + each) % len(UNLABELLED)]
            yield virtual_task(seed, TASKS + kind), regime


def joined(*some: Known) -> Known:
    """Lessons of all of them."""
    return {name: np.concatenate([one[name] for one in some]) for name in some[0]}


def sources(data: Path, records: Path) -> Iterator[tuple[str, Known]]:
    """Name and lessons, the smallest first."""
    virtual, *_ = stacked(lessons(virtual_tasks(), records))
    middle: Known = {}
    for blocks in BLOCKS:
        known, *_ = stacked(lessons(training_tasks(data, blocks), records))
        middle = known if blocks == BLOCKS[1] else middle
        yield "semi-real", known
    yield "virtual", virtual
    yield "both", joined(middle, virtual)


def prior_sources() -> str:
    """The table of the documentation."""
    rows = [
        [
            row["source"],
            f"{row['tasks']:,}",
            row["form"],
            *("{:+.3f} ± {:.3f}".format(*row[name]) for name in JUDGES),
        ]
        for row in load("prior_sources")["rows"]
    ]
    return markdown(["learned from", "tasks", "says", *JUDGES], rows)


MAKERS = (prior_sources,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--records", default="runs/prior_lessons")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    data, records = Path(given.data), Path(given.records)
    judged, of, _ = judging(data, records)
    rows: list[dict[str, Any]] = []
    # First all lessons: instruments are drawn in single precision, as everywhere.
    learned = list(sources(data, records))
    jax.config.update("jax_enable_x64", True)
    before = errors(judged, NOTHING)
    for source, known in learned:
        count = len(known["y"])
        for form in ("samples", "everything"):
            network = Trained(form, known, max(STEPS, PASSES * count // BATCH))
            change = network.errors(judged) - before
            row = {"source": source, "tasks": count, "form": form}
            rows.append(row | {x: summary(change[of == x]) for x in JUDGES})
            print(json.dumps(rows[-1]), flush=True)
    if given.json:
        command = "python -m benchmarks.prior_sources --data=shared/data"
        content = {"command": command, "made_with": tables.checksum(), "rows": rows}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
