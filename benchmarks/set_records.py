"""Errors of methods on tasks, kept in a file: what is there is not run again.

One line of JSON for each (task, split, regime) and the methods that were run together.
It is found again by the checksum of the task's parameters and the method's label, which
the caller gives: other code needs another label.

m = test samples.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import append
from spektron_jax.errors import SpektronError
from spektron_jax.training.transfer_network.transfer_task import REGIMES, Task
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.threads import one_blas_thread

DIGITS = 5  # of stored errors
CHUNK = 3  # tasks that a process takes at once: those of a set share their spectra

# From a regime and a modality to what to fit, by label.
Methods = Callable[[Regime, str], Mapping[str, Any]]
Key = tuple[str, int, str]  # checksum of a task, split, regime


@dataclass
class Errors:
    """Predicted minus true of one test set.

    Attributes:
      rows: which samples they are                                     (m,)
      variance: of the true values
      of: method -> errors                                             (m,)
    """

    rows: np.ndarray
    variance: float
    of: dict[str, np.ndarray] = field(default_factory=dict)


def read(path: str | Path) -> dict[Key, Errors]:
    """All errors of a file; a last line cut off by a stopped run is left out."""
    found: dict[Key, Errors] = {}
    path = Path(path)
    if not path.exists():
        return found
    with path.open("rb+") as file:
        for line in file:
            try:
                record = json.loads(line)
                key = record["task"], record["split"], record["regime"]
                new = Errors(np.array(record["rows"]), record["variance"])
                errors = record["errors"]
            except (ValueError, KeyError, TypeError):
                if not line.endswith(b"\n"):
                    file.write(b"\n")  # the next line begins afresh
                continue
            old = found.setdefault(key, new)
            old.of |= {name: np.array(e, np.float32) for name, e in errors.items()}
    return found


def evaluate(
    tasks: Iterable[Task],
    methods: Methods,
    path: str | Path,
    *,
    regimes: Sequence[Regime] = REGIMES,
    workers: int = 1,
    watch: Callable[[Iterable, int], Iterable] = lambda results, total: results,
) -> dict[Key, Errors]:
    """Run what the file does not hold yet, and return all that it then holds.

    Args:
      tasks: to run
      methods: from a regime and a modality to objects with `fit(Workspace)`, by label;
        a function of a module when workers > 1
      path: file of records, created if missing
      regimes: to run
      workers: processes; 1 runs here
      watch: wraps the stream of finished tasks, for a progress bar
    """
    found, path = read(path), Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    work = []
    for task in tasks:
        missing = [
            (regime, split, tuple(names))
            for regime in regimes
            for split in range(task.splits)
            if (names := _missing(found, task, regime, split, methods))
        ]
        if missing:
            work.append((task, missing))
    for _ in watch(_finished(partial(_run, methods, path), work, workers), len(work)):
        pass
    return read(path) if work else found


def _missing(
    found: Mapping[Key, Errors],
    task: Task,
    regime: Regime,
    split: int,
    methods: Methods,
) -> list[str]:
    there = found.get((task.checksum, split, str(regime)))
    asked = methods(regime, task.modality)
    return [name for name in asked if there is None or name not in there.of]


def _finished(run: Callable, work: list, workers: int) -> Iterator[None]:
    if workers <= 1:
        yield from map(run, work)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, work, chunksize=CHUNK)


@one_blas_thread
def _run(methods: Methods, path: Path, part: tuple[Task, list]) -> None:
    """Append the records of one task, each as soon as it is there.

    A regime that needs more samples has a record without errors.
    """
    task, missing = part
    for regime, split, names in missing:
        trial = task.trial(regime, split)
        record: dict[str, Any] = {
            "task": task.checksum,
            "name": task.name,
            "split": split,
            "regime": str(regime),
            "rows": [] if trial is None else trial.rows.tolist(),
            "variance": 0.0 if trial is None else float(trial.y.var()),
        }
        errors: dict[str, list[float]] = {name: [] for name in names}
        if trial is not None:
            space, asked = Workspace(trial.data), methods(regime, task.modality)
            for name in names:
                predicted = asked[name].fit(space)(trial.X)
                errors[name] = _plain(predicted, trial.y, f"{name}, {task.name}")
        append(path, record | {"errors": errors})


def _plain(predicted: np.ndarray, y: np.ndarray, place: str) -> list[float]:
    predicted = np.asarray(predicted, np.float64)
    if predicted.shape != y.shape or not np.isfinite(predicted).all():
        raise SpektronError(
            f"{place}: {y.size} finite predictions expected, got {predicted.shape}"
        )
    return [float(f"{e:.{DIGITS}g}") for e in predicted - y]
