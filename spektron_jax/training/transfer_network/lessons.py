"""Lessons of the transfer network: transfers, with the members that the recipe fitted.

Fitting takes a third of a second and does not depend on the network, so it is done
once: a lesson holds what the network reads, and how far each member's predictions of
test samples are from the truth. Then an epoch takes seconds.

Tasks are semi-real ones (`semi_real.py`) of measured sets and virtual powders
(`powder_tasks.py`). A material with many sets is not drawn in proportion: the root of
their number counts.

M = members, m = test samples, P = lessons.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spektron_jax.archive import replacing
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.errors import SpektronError
from spektron_jax.training.transfer_network import powder_tasks, semi_real
from spektron_jax.training.transfer_network.measured_sets import read_set, set_files
from spektron_jax.training.transfer_network.transfer_task import Pair, Task, one_split
from spektron_jax.transfer.ensemble import Ensemble, recipe
from spektron_jax.transfer.members import combined
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.network_inputs import inputs_of
from spektron_jax.transfer.splits import Regime, Trial
from spektron_jax.transfer.task_inputs import task_inputs
from spektron_jax.transfer.threads import one_blas_thread

MOST_TEST = 40  # test samples that are kept
DRAWN = (("unlabelled", 2), ("paired", 3), ("unpaired", 1))  # regimes of a task
NUMBERS = {"unlabelled": (5, 40), "paired": (3, 25), "unpaired": (3, 25)}
MOST_CHOSEN = 25  # samples: more of them are all
POWDERS = 0.2  # share of the tasks
POWDER_SEED = 200_000  # the first; benchmarks have smaller ones


class Lesson(NamedTuple):
    """One transfer.

    Attributes:
      members, task, base: see `network_inputs.Inputs`
      errors: of each member's predictions of test samples, in the SD of their values
                                                                       (M, m)
      about: JSON-ready: set, kind, regime, n
    """

    members: np.ndarray
    task: np.ndarray
    base: np.ndarray
    errors: np.ndarray
    about: dict[str, Any]


@one_blas_thread
def lesson_of(trial: Trial, modality: str, about: dict[str, Any]) -> Lesson:
    """What a network can learn of one trial."""
    data = trial.data
    groups = data.groups()
    fitted = Ensemble("combination", modality).members(Workspace.of(data), groups)
    members, weights, (left, _), _ = recipe(fitted, data, groups)
    inputs = inputs_of(members, data, task_inputs(data, modality), weights[0], left)
    X, y = trial.X[:MOST_TEST], trial.y[:MOST_TEST]
    predicted = np.array([combined([one], np.ones(1))(X) for one in members])
    return Lesson(*inputs, (predicted - y) / trial.y.std(), about)


def training_tasks(data: str, count: int, seed: int) -> list[Task]:
    """Tasks to learn from, each of its own seed.

    Args:
      data: folder of measured sets (`open/*.h5` in its `measured/`); "": virtual alone
      count: how many
      seed: of the draws

    Raises:
      SpektronError: no sets in the folder.
    """
    rng = np.random.default_rng([seed, 7])
    sets = [x for x in set_files(Path(data)) if not x[1]] if data else []
    if data and not sets:
        raise SpektronError(
            f"config.transfer_network.data = {data!r}: holds no measured/open/*.h5; "
            "leave it empty to train on virtual powders alone"
        )
    material = [_material(name) for name, *_ in sets]
    odds = np.array([material.count(one) ** -0.5 for one in material])
    numbers = dict.fromkeys(range(len(sets)), 0)
    tasks = []
    for number in range(count):
        if not sets or rng.random() < POWDERS:
            tasks.append(powder_task(POWDER_SEED + number, bool(rng.integers(2))))
            continue
        place = int(rng.choice(len(sets), p=odds / odds.sum()))
        numbers[place] += 1
        tasks.append(semi_real_task(*sets[place], semi_real.TASKS + numbers[place]))
    return tasks


def _material(name: str) -> str:
    return "soil" if "soil" in name or name.startswith("limesoda") else name


def semi_real_task(
    name: str, judge: bool, path: Path, number: int, label: str = ""
) -> Task:
    """Task `number` of a measured set."""
    parameters = semi_real.draw(name, number)
    return Task(
        name=f"{label or name}: {parameters['kind']}",
        set=label or name,
        kind=parameters["kind"],
        direction=parameters["direction"],
        judge=judge,
        modality=read_set(name, judge, path).modality,
        parameters=parameters,
        splits=1,
        make=partial(_semi_real_pair, name, judge, path, number),
    )


def _semi_real_pair(name: str, judge: bool, path: Path, number: int) -> Pair:
    return semi_real.render(semi_real.draw(name, number), read_set(name, judge, path))


def powder_task(seed: int, back: bool, split: str = "train") -> Task:
    """A virtual task, molecules of a split of the shipped corpus."""
    direction = "b -> a" if back else "a -> b"
    return Task(
        name=f"virtual: {seed}, {direction}",
        set="virtual",
        kind="virtual",
        direction=direction,
        judge=False,
        modality="NIR",
        parameters={"set": "virtual", "seed": seed, "back": back},
        splits=1,
        make=partial(_powder_pair, seed, back, split),
    )


@lru_cache(maxsize=1)
def _corpus() -> LineCorpus:
    return LineCorpus.load(modalities=("NIR",))


@lru_cache(maxsize=1)
def _powders(seed: int, split: str):
    # A molecule without an X-H bond absorbs nothing: the next seed.
    found = (powder_tasks.draw(_corpus(), seed + 10**7 * k, split) for k in range(9))
    return next(x for x in found if x is not None)


def _powder_pair(seed: int, back: bool, split: str) -> Pair:
    (A, B), truth, labels = _powders(seed, split)
    if back:
        A, B = B, A
    # The part of the axis is not told; methods see points alone.
    axis = powder_tasks.AXIS[: A.shape[1]]
    split_ = one_split(A, powder_tasks.CALIBRATION)
    return Pair(A, axis, B, axis, "nm", labels, truth, [split_])


def lessons_of(task: Task, regimes: Iterable[Regime], split: int = 0) -> list[Lesson]:
    """A lesson for each regime that has samples enough."""
    found = []
    samples = task.pair.splits[split].transfer_order[task.pair.order].size
    for regime in regimes:
        if regime.kind == "unlabelled" and (regime.n or 0) > samples:
            regime = Regime(regime.kind)
        trial = task.trial(regime, split)
        if trial is not None and trial.y.std() > 0:
            about = {"set": task.set, "task": task.name, "judge": task.judge}
            about |= {"kind": regime.kind, "n": regime.n, "split": split}
            found.append(lesson_of(trial, task.modality, about))
    return found


def drawn_regimes(task: Task, seed: int) -> list[Regime]:
    """As many of each kind as DRAWN says, numbers of samples log-uniform."""
    rng = np.random.default_rng([seed, int(task.checksum, 16) % 2**32])
    found = []
    for kind, count in DRAWN:
        low, high = NUMBERS[kind]
        for _ in range(count):
            n = int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))
            found.append(Regime(kind, n if n <= MOST_CHOSEN else None))
    return found


def collect(
    tasks: Sequence[Task], seed: int, folder: Path, workers: int = 1
) -> Iterator[list[Lesson]]:
    """Lessons of every task; those that lie in the folder are read from there."""
    folder.mkdir(parents=True, exist_ok=True)
    work = partial(_one, seed, folder)
    numbered = list(enumerate(tasks))
    if workers == 1:
        yield from map(work, numbered)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, numbered)


def _one(seed: int, folder: Path, numbered: tuple[int, Task]) -> list[Lesson]:
    number, task = numbered
    path = folder / f"{number:06d}-{task.checksum}.npz"
    if not path.exists():
        lessons = lessons_of(task, drawn_regimes(task, seed))
        with replacing(path) as draft:
            write(draft, lessons)
    return read(path)


def write(path: Path, lessons: Sequence[Lesson]) -> None:
    """As one .npz; the texts of `about` as JSON."""
    arrays = {
        f"{number}/{name}": np.asarray(getattr(lesson, name), np.float32)
        for number, lesson in enumerate(lessons)
        for name in ("members", "task", "base", "errors")
    }
    about = json.dumps([lesson.about for lesson in lessons])
    np.savez_compressed(path, about=np.array(about), **arrays)  # type: ignore[arg-type]


def read(path: Path) -> list[Lesson]:
    """What `write` wrote."""
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        parts = ("members", "task", "base", "errors")
        rows = [[file[f"{n}/{part}"] for part in parts] for n in range(len(about))]
    return [
        Lesson(members, task, base, errors, one)
        for (members, task, base, errors), one in zip(rows, about, strict=True)
    ]


def stacked(lessons: Sequence[Lesson]) -> dict[str, np.ndarray]:
    """Arrays of all lessons, as `transfer_network.gain_on` takes probes.

    Missing members have a base of -inf, missing test samples an error of NaN.
    """
    P, most = len(lessons), max(len(lesson.members) for lesson in lessons)
    M, F, K = most, lessons[0].members.shape[1], lessons[0].task.size
    arrays = {
        "members": np.zeros((P, M, F), np.float32),
        "task": np.zeros((P, K), np.float32),
        "base": np.full((P, M), -np.inf, np.float32),
        "errors": np.full((P, M, MOST_TEST), np.nan, np.float32),
    }
    for p, lesson in enumerate(lessons):
        count, m = lesson.errors.shape
        arrays["members"][p, :count] = lesson.members
        arrays["task"][p] = lesson.task
        arrays["base"][p, :count] = lesson.base
        arrays["errors"][p, :count, :m] = lesson.errors
    return arrays


def flat(lists: Iterable[list[Lesson]]) -> list[Lesson]:
    """All lessons of all tasks."""
    return list(itertools.chain.from_iterable(lists))
