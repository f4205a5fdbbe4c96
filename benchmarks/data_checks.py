"""How often checks of the data are right: hits on planted faults, false alarms.

    python -m benchmarks.data_checks --data=shared/data [--json=FILE]

Clean are tasks as they come (`benchmarks.task_sets`, the subset): measured sets, some
of them with unusual samples, which count as false alarms. Sets that were published
with SNV are left out, since a simulated instrument undoes it on one side. Half of the
sets, by their names, set the limits of the checks; the table tells both halves apart.
Every fault of `benchmarks.planted_faults` is planted into each task with 10 pairs, and
into the same without pairs where that makes sense. New spectra are test spectra; a
false alarm is a warning of whatever kind for a whole test set.
"""

import argparse
import warnings
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from tqdm import tqdm

from benchmarks import check_tables
from benchmarks.planted_faults import FAULTS, NEW
from benchmarks.result_files import write
from benchmarks.tables import checksum
from benchmarks.task_sets import tasks
from spektron_jax import CalibrationTransfer
from spektron_jax.errors import SpektronError, SpektronWarning
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer import checks
from spektron_jax.transfer.arguments import read
from spektron_jax.transfer.pair_checks import treated
from spektron_jax.transfer.splits import Regime

CLEAN = tuple(Regime("paired", n) for n in (5, 10, 25))
CLEAN += tuple(Regime("unpaired", n) for n in (5, 10, 25))
CLEAN += (Regime("unlabelled", 10), Regime("none"))
PLANTED = (Regime("paired", 10), Regime("unpaired", 10))
NO_MORE = dict.fromkeys(("axis", "groups", "groups_target", "instrument"))


def named(given: dict) -> set[str]:
    """Names of the checks that fail; "refused" where `fit` would raise."""
    try:
        arguments = read(**given, **NO_MORE)
        found = checks.of_spectra(arguments)
        found += checks.of_labels(arguments, found)
        return {one.name for one in found}
    except SpektronError:
        return {"refused"}


def arguments(task: Task, regime: Regime) -> tuple[dict, np.ndarray] | None:
    """Of `fit`, and test spectra; None: the task has too few samples."""
    if regime.kind == "none":
        given, X = task.original(Regime("unlabelled", 5))
        target = dict.fromkeys(("X_target", "y_target", "paired"))
        return given | target | {"axis_target": None}, X
    pair = task.pair
    if pair.possible(regime, 0) is None:
        return None
    order = pair.splits[0].transfer_order[pair.order]
    if regime.n is not None and order.size < regime.n:
        return None
    return task.original(regime)


def warned(ct: CalibrationTransfer, X: np.ndarray) -> str:
    """What predicting spectra warns of: "spectra", "domain", "range"; "": nothing."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            ct.predict(X)
        except SpektronError:
            return "refused"
    texts = [str(one.message) for one in told if one.category is SpektronWarning]
    kinds = {"domain": "unlike anything", "range": "far outside the labels"}
    found = {k for text in texts for k, words in kinds.items() if words in text}
    found |= {"spectra"} if len(texts) > len(found) else set()
    return ", ".join(sorted(found))


def records(data: str, sets: list[str] | None, predict: bool) -> Iterator[dict]:
    """One record for each trial: what was planted, and what was named."""
    for task in tqdm(list(tasks(data, subset=True, sets=sets, splits=1))):
        if treated(task.pair.X_source, task.pair.X_target):
            continue
        rng = np.random.default_rng(zlib.crc32(task.name.encode()))
        chose = zlib.crc32(task.set.encode()) % 2 == 0
        for regime in CLEAN:
            if found := arguments(task, regime):
                yield {"chose": chose, "fault": None, "named": named(found[0])}
        for regime in PLANTED:
            if not (found := arguments(task, regime)):
                continue
            given, X = found
            for name, (_, fault) in FAULTS.items():
                if changed := fault(given, rng):
                    yield {"chose": chose, "fault": name, "named": named(changed)}
            if predict and regime.kind == "paired" and len(X):
                ct = CalibrationTransfer(weights=None).fit(**given)
                yield {"chose": chose, "new": None, "warned": warned(ct, X)}
                for name, change in NEW.items():
                    told = warned(ct, change(X[:1]))
                    yield {"chose": chose, "new": name, "warned": told}


def share(found: Iterable[bool]) -> float:
    """Of those that are true."""
    return float(np.mean(list(found)))


def summary(found: list[dict]) -> dict[str, list[dict]]:
    """Shares, JSON-ready: of checks, of faults, of new spectra."""
    clean = [one for one in found if one.get("fault", "") is None]
    halves = {half: [one for one in clean if one["chose"] == half] for half in (1, 0)}
    alarms = [
        {
            "check": name,
            "chose": float(np.mean([name in one["named"] for one in halves[1]])),
            "others": float(np.mean([name in one["named"] for one in halves[0]])),
        }
        for name in checks.NAMES
    ]
    faults = []
    for name, (may, _) in FAULTS.items():
        each = [one["named"] for one in found if one.get("fault") == name]
        if each:
            hits = [bool(one & (may | {"refused"})) for one in each]
            some = [bool(one) for one in each]
            row = {"fault": name, "n": len(each), "right": float(np.mean(hits))}
            faults.append(row | {"any": float(np.mean(some))})
    fresh = []
    for name in (None, *NEW):
        each = [one["warned"] for one in found if one.get("new", "") == name]
        if each:
            row = {"new": name, "n": len(each), "warned": share(map(bool, each))}
            kinds = ("spectra", "domain", "range")
            fresh.append(row | {k: share(k in one for one in each) for k in kinds})
    sizes = {"chose": len(halves[1]), "others": len(halves[0])}
    return {"alarms": alarms, "faults": faults, "new": fresh, "fits": [sizes]}


def main() -> None:
    """Plant, count, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="the folder of shared data sets")
    parser.add_argument("--sets", nargs="*", help="names of sets; all by default")
    parser.add_argument("--no-predict", action="store_true", help="fits only, faster")
    parser.add_argument("--json", help="figures to write")
    given = parser.parse_args()
    found = list(records(given.data, given.sets, not given.no_predict))
    content = {
        "command": "python -m benchmarks.data_checks --data=shared/data",
        "made_with": checksum(),
        **summary(found),
    }
    print(check_tables.alarm_rows(content), check_tables.fault_rows(content), sep="\n")
    print(check_tables.new_rows(content))
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main()
