"""The tasks of all sets, and how a method is scored on them.

    from benchmarks.task_sets import REGIMES, score, tasks

    for task in tasks(data, subset=True, sets=("corn", "beer")):
        for regime in REGIMES:
            trial = task.trial(regime)                 # split 0; None: too few samples
            predict = method.fit(trial.data)           # a TransferData
            error = score(trial.y, predict(trial.X))   # mean it over tasks

Three sources. Measured on both instruments: corn, tablets and sugarcane with fixed
splits. Virtual: `benchmarks.worlds`, other seeds than settings were chosen on.
Semi-real: every measured set, ten tasks each (`semi_real` of the transfer network's
training).

The subset holds three semi-real tasks of each set, so that all kinds of instruments
and both directions occur, every fourth virtual task, and all measured cells but four
of corn's six directions.

m = test samples.
"""

import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

import h5py
import numpy as np

from benchmarks.protocol import read_splits
from spektron_jax.errors import SpektronError
from spektron_jax.training.transfer_network import semi_real
from spektron_jax.training.transfer_network.lessons import powder_task, semi_real_task
from spektron_jax.training.transfer_network.measured_sets import set_files
from spektron_jax.training.transfer_network.transfer_task import (
    REGIMES,
    Pair,
    Task,
)

__all__ = ["MEASURED", "REGIMES", "r2", "score", "tasks"]

LEAST_SHARE = 3e-3  # of the variance; smaller errors count alike
FLOOR = -1.0  # of R2
PAIRS = (("m5", "mp5"), ("mp5", "m5"), ("m5", "mp6"), ("mp6", "m5"))
PAIRS += (("mp5", "mp6"), ("mp6", "mp5"))
TABLETS = ("spectrometer_1", "spectrometer_2")
PORTABLE = ("MicroNIR1700", "NIRscanNano", "TellSpec")
# set -> file, (source, target)s, properties, range of the axis, judges only.
MEASURED = {
    "corn": ("corn.h5", PAIRS, ("moisture", "oil", "protein", "starch"), None, False),
    "tablets": (
        "measured/judge/tablets.h5",
        (TABLETS, TABLETS[::-1]),
        ("assay",),
        (600.0, 1792.0),
        True,
    ),
    "sugarcane": (
        "measured/judge/sugarcane.h5",
        (
            *((a, b) for a in PORTABLE for b in PORTABLE if a != b),
            ("F750", "SCiO"),
            ("SCiO", "F750"),
        ),
        ("TS", "CP", "ADF", "IVOMD"),
        None,
        True,
    ),
}
SUBSET_PAIRS = 2  # of corn
FIRST_VIRTUAL, VIRTUAL = 50_000, 24
SUBSET_TASKS, SUBSET_VIRTUAL = 3, 4


def score(y: np.ndarray, predicted: np.ndarray) -> float:
    """ln(mean squared error / variance of the test labels + 0.003), (m,), (m,)."""
    y, predicted = np.asarray(y, np.float64), np.asarray(predicted, np.float64)
    return float(np.log(np.mean((predicted - y) ** 2) / y.var() + LEAST_SHARE))


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """Coefficient of determination, -1 at least."""
    y, predicted = np.asarray(y, np.float64), np.asarray(predicted, np.float64)
    return max(float(1 - np.mean((predicted - y) ** 2) / y.var()), FLOOR)


def tasks(
    data: str | Path,
    subset: bool = False,
    sets: Sequence[str] | None = None,
    splits: int = 3,
) -> Iterator[Task]:
    """Yield tasks, those of a set one after the other.

    Args:
      data: the folder of the shared data sets
      subset: a third of the tasks
      sets: names of sets, "virtual" among them; None: all
      splits: of the sets with fixed splits, at most
    """
    data, known = Path(data), set()
    for name, found in _sources(data, subset, splits):
        known.add(name)
        if sets is None or name in sets:
            yield from found()
    missing = set(sets or ()) - known
    if missing:
        raise SpektronError(f"sets: no {', '.join(sorted(missing))} in {data}")


def _sources(data: Path, subset: bool, splits: int):
    for name in MEASURED:
        yield name, partial(_measured_tasks, data, name, subset, splits)
    yield "virtual", partial(_virtual_tasks, subset)
    for name, judge, path in set_files(data):
        # The semi-real tasks of a set that is measured twice have a name of their own.
        label = f"{name} semi-real" if name in MEASURED else name
        yield label, partial(_semi_real_tasks, label, name, judge, path, subset)


def _measured_tasks(data: Path, name: str, subset: bool, splits: int):
    file, pairs, properties, _, judge = MEASURED[name]
    protocol = data / f"{name}_protocol.json"
    if subset and name == "corn":
        pairs = pairs[:SUBSET_PAIRS]
    number = min(splits, len(read_splits(protocol)))
    for source, target in pairs:
        for prop in properties:
            direction = f"{source} -> {target}"
            yield Task(
                name=f"{name}: {direction}, {prop}",
                set=name,
                kind="measured",
                direction=direction,
                judge=judge,
                modality="NIR",
                parameters={"set": name, "direction": direction, "property": prop},
                splits=number,
                make=partial(
                    _measured_pair, data / file, protocol, name, source, target, prop
                ),
            )


@lru_cache(maxsize=2)
def _measured_pair(
    path: Path, protocol: Path, name: str, source: str, target: str, prop: str
) -> Pair:
    low, high = MEASURED[name][3] or (-np.inf, np.inf)
    sides = []
    with h5py.File(path) as file:
        for one in (source, target):
            group = file["instruments"][one]
            axis = group["axis"][:].astype(np.float64)
            inside = (axis >= low) & (axis <= high)
            X = group["spectra"][:].astype(np.float64)
            sides += [X[:, inside], axis[inside]]
        unit = str(group["axis"].attrs["unit"])
        names = [str(each) for each in file["targets"].attrs["names"]]
        y = file["targets"][:, names.index(prop)].astype(np.float64)
    splits = read_splits(protocol)
    direction = f"{source} -> {target}"
    order = direction if direction in splits[0].transfer_order else source
    return Pair(*sides, unit, y, y, splits, order)


def _virtual_tasks(subset: bool):
    for number in range(0, VIRTUAL, SUBSET_VIRTUAL if subset else 1):
        for back in (False, True):
            yield powder_task(FIRST_VIRTUAL + number, back, "validation")


def _semi_real_tasks(label: str, name: str, judge: bool, path: Path, subset: bool):
    numbers = range(semi_real.TASKS)
    if subset:
        first = zlib.crc32(name.encode()) % semi_real.TASKS
        step = semi_real.TASKS // SUBSET_TASKS
        numbers = [(first + step * i) % semi_real.TASKS for i in range(SUBSET_TASKS)]
    for number in numbers:
        yield semi_real_task(name, judge, path, number, label)
