"""What it gives to know what is measured: the analyte's bands in the models' prior.

    python -m benchmarks.analyte --data=shared/data [--json=FILE]

Science-based calibration (Marbach, Journal of Biomedical Optics 7 (2002) 130) predicts
along S^-1 g, g the analyte's spectrum and S the covariance of spectra, the net analyte
signal (Lorber, Analytical Chemistry 58 (1986) 1167) if S is all that interferes. Here
every Bayesian member has a twin whose coefficients have, beside the spherical prior,
this direction, with SIZE times the variance that all others give to labels. Both share
the prior weight, and left-out samples, or evidence, decide. S is of both instruments
and of the pairs' differences, plus RIDGE of its trace. Ways to know g:

    with        bands of the literature
    mirrored    a control: the same bands, the axis reversed
    slope       regression of all target spectra, test samples too, on true values: no
                user can know more; virtual tasks, and corn's moisture towards m5

SIZE and RIDGE were chosen, by "with", on tecator, leaf water, cassava and virtual tasks
with the analyte's own spectrum, other draws than below; the other sets only show.

L = points.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import tables
from benchmarks.analyte_bands import signature
from benchmarks.result_files import write
from benchmarks.task_sets import r2, score
from benchmarks.task_sets import tasks as all_tasks
from spektron_jax.training.transfer_network import semi_real
from spektron_jax.training.transfer_network.measured_sets import read_set, set_files
from spektron_jax.training.transfer_network.transfer_task import Pair, Task
from spektron_jax.transfer import ensemble
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.domain import fit_domain
from spektron_jax.transfer.inputs import overlap
from spektron_jax.transfer.members import VIEWS, Member, bayes_members
from spektron_jax.transfer.methods.preprocessing import preprocess
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.new_spectra import Known, limited
from spektron_jax.transfer.sample_prior import sample_sizes
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.threads import one_blas_thread
from spektron_jax.transfer.views import preprocessed

KIND = "analyte"
SIZE, RIDGE = 30.0, 1e-4
REGIMES = (
    *(Regime("paired", n) for n in (5, 10, 25)),
    *(Regime("unpaired", n) for n in (5, 10)),
    *(Regime("unlabelled", n) for n in (10, None)),
)
WAYS = ("without", "with", "mirrored", "slope")
BEYOND = "with minus mirrored"
# Set -> property -> analyte.
ANALYTES = {
    "corn": dict(moisture="water", oil="fat", protein="protein", starch="starch"),
    "sugarcane": dict(CP="protein", ADF="cellulose", TS="sucrose"),
    "cookie": dict(fat="fat", sucrose="sucrose", dry_flour="starch", water="water"),
    "fermentation_nir": dict(ethanol="ethanol", glucose="glucose"),
    "tecator": dict(water="water", fat="fat", protein="protein"),
}
TWO_INSTRUMENTS = {"corn": 3, "sugarcane": 1}  # splits
TOWARDS_M5 = tuple(f"corn: {one} -> m5, moisture" for one in ("mp5", "mp6"))
CHOSE = "tecator"
DERIVATIVES = ("fermentation_nir",)  # preprocessed at the source


def direction(data: TransferData, name: str, g: np.ndarray) -> np.ndarray:
    """v of the header in a view's linear features, unit length, (L,)."""
    mean = data.X_source.mean(axis=0)
    step = 1e-3 * data.X_source.std() / np.abs(g).max()
    moved = preprocess(np.stack([mean, mean + step * g]), name)
    A, B = (preprocess(X, name) for X in (data.X_source, data.X_target))
    pair = data.paired != UNPAIRED
    sets = [A, B, B[pair] - A[data.paired[pair]]]
    sets = [(X - X.mean(axis=0)) / np.sqrt(len(X) - 1) for X in sets if len(X) > 1]
    root, g = np.vstack(sets), moved[1] - moved[0]  # S = root' root + ridge
    ridge = RIDGE * np.sum(root**2)
    small = root @ root.T + ridge * np.eye(len(root))
    v = g - root.T @ np.linalg.solve(small, root @ g)
    return v / np.linalg.norm(v)


def informed_members(
    data: TransferData, groups: Sequence[np.ndarray], g: np.ndarray, modality: str
) -> list[Member]:
    """The twins of all Bayesian members: prior I + (more^2 + 2 more) v v'."""
    members = []
    sizes = None if data.labelled.size else sample_sizes(data, modality)
    for name in VIEWS:
        v = direction(data, name, g)
        A, B = (preprocess(X, name) for X in (data.X_source, data.X_target))
        along = max(np.var(X @ v) if len(X) > 1 else 0.0 for X in (A, B))
        more = np.sqrt(1 + SIZE * A.var(axis=0).sum() / along) - 1

        def prior(X: np.ndarray, v: np.ndarray = v, more: float = more) -> np.ndarray:
            return X + more * (X @ v)[..., None] * v

        own = preprocessed(data, name, prior)
        ridge = own.space.ridge / (1 + SIZE)  # of a trace that is larger by that
        own = replace(own, space=replace(own.space, ridge=ridge, sizes=sizes))
        members += bayes_members(own, groups, KIND)
    return members


def fitted(members: Sequence[Member], data: TransferData, groups):
    """The ensemble; twins share the prior weight of a member."""
    alone = ensemble._priors
    twins = any(member.kind == KIND for member in members)

    def shared(given: Sequence[Member]) -> np.ndarray:
        half = np.array([twins and m.kind in ("bayes", KIND) for m in given])
        return alone(given) * np.where(half, 0.5, 1.0)

    ensemble._priors = shared
    try:
        return ensemble.weighted(members, data, groups)
    finally:
        ensemble._priors = alone


@one_blas_thread
def trials(task: Task, analyte: str | None) -> Iterator[dict[str, Any]]:
    """ln error and R2 of every regime and split, each way."""
    known = signatures(task, analyte)
    for regime, split in product(REGIMES, range(task.splits)):
        trial = task.trial(regime, split)
        if trial is None:
            continue
        data, groups = trial.data, trial.data.groups()
        recipe = ensemble.Ensemble("combination", task.modality)
        members = recipe.members(Workspace.of(data), groups)
        limits = Known.of(data), fit_domain(data)
        row: dict[str, Any] = {"task": task.name, "set": task.set}
        row |= {"property": task.parameters.get("property", "shares")}
        row |= {"regime": str(regime)}
        for way, g in known.items():
            more = [] if g is None else informed_members(data, groups, g, task.modality)
            predicted = fitted([*members, *more], data, groups)(trial.X)
            predicted = limited(predicted, trial.X, *limits)
            row[way] = [score(trial.y, predicted), r2(trial.y, predicted)]
        yield row


def signatures(task: Task, analyte: str | None) -> dict[str, np.ndarray | None]:
    """Way -> g, (L,) each; the bands of a virtual analyte are not known."""
    pair, found = task.pair, dict[str, np.ndarray | None](without=None)
    if analyte is not None:
        axis = pair.axis_source[overlap(pair.axis_source, pair.axis_target, pair.unit)]
        g = signature(analyte, axis, task.set in DERIVATIVES)
        found |= {"with": g, "mirrored": g[::-1]}
    if task.set == "virtual" or task.name in TOWARDS_M5:
        X = pair.common[1]
        rows = np.isfinite(X).all(axis=1) & np.isfinite(pair.truth)
        y = pair.truth[rows] - pair.truth[rows].mean()
        found["slope"] = (X[rows] - X[rows].mean(axis=0)).T @ y / (y @ y)
    return found


def chosen_tasks(data: Path) -> Iterator[tuple[Task, str | None]]:
    """Tasks and their analytes: real pairs, virtual ones, ten simulated instruments.

    The latter are those of `benchmarks.task_sets`, all with measured values.
    """
    for name, splits in TWO_INSTRUMENTS.items():
        for task in all_tasks(data, sets=(name,), splits=splits):
            if task.parameters["property"] in ANALYTES[name]:
                yield task, ANALYTES[name][task.parameters["property"]]
    for task in all_tasks(data, subset=True, sets=("virtual",)):
        yield task, None
    files = {name: (name, judge, path) for name, judge, path in set_files(data)}
    for name in [one for one in ANALYTES if one not in TWO_INSTRUMENTS]:
        for number, known in product(range(semi_real.TASKS), ANALYTES[name].items()):
            yield semi_real_task(files[name], known[0], number), known[1]


def semi_real_task(file: tuple[str, bool, Path], prop: str, number: int) -> Task:
    """A property as measured, on a simulated instrument."""
    name, judge, _ = file
    drawn = semi_real.draw(name, number) | {"measured_property": True}
    kind, way, about = drawn["kind"], drawn["direction"], {**drawn, "property": prop}
    make = partial(semi_real_pair, file, prop, drawn)
    label, modality = f"{name}: {kind}, {prop}", read_set(*file).modality
    return Task(label, name, kind, way, judge, modality, about, 1, make)


def semi_real_pair(file, prop: str, drawn: dict[str, Any]) -> Pair:
    """Both instruments and the values of one property."""
    measured = read_set(*file)
    targets = {prop: measured.targets[prop]}
    return semi_real.render(drawn, replace(measured, targets=targets))


def row_of(name: str, own: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean R2 each way, and changes of the ln error."""
    row: dict[str, Any] = {"name": name, "regime": own[0]["regime"]}
    row["tasks"] = len({one["task"] for one in own})
    ways = [way for way in WAYS if all(way in one for one in own)]
    for way in ways:
        r2s = [one[way][1] for one in own]
        row[way] = {"r2": round(float(np.mean(r2s)), 3), **change(own, way)}
    if "mirrored" in ways:
        row[BEYOND] = change(own, "with", "mirrored")
    return row


def change(own: Sequence[dict], way: str, of: str = "without") -> dict[str, float]:
    """ln error minus that of another way, and its standard error over tasks."""
    each: dict[str, list[float]] = {}
    for one in own:
        each.setdefault(one["task"], []).append(one[way][0] - one[of][0])
    means = np.array([np.mean(values) for values in each.values()])
    found = {"change": round(float(means.mean()), 3)}
    if means.size > 1:
        found["error"] = round(float(means.std(ddof=1) / np.sqrt(means.size)), 3)
    return found


def rows_of(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of cells towards corn's m5, of properties, of sets, of sets that show."""
    names: dict[str, Callable[[dict[str, Any]], bool]] = {
        name: lambda one, name=name: one["task"] == name for name in TOWARDS_M5
    }
    for name, prop in dict.fromkeys((one["set"], one["property"]) for one in found):
        names[f"{name}, {prop}"] = lambda one, key=(name, prop): (
            (one["set"], one["property"]) == key
        )
    for name in dict.fromkeys(one["set"] for one in found):
        names[name] = lambda one, name=name: one["set"] == name
    names["all but " + CHOSE] = lambda one: one["set"] not in (CHOSE, "virtual")
    each = (
        (n, [one for one in found if names[n](one)], r) for n in names for r in REGIMES
    )
    kept = ((n, [one for one in own if one["regime"] == str(r)]) for n, own, r in each)
    return [row_of(name, own) for name, own in kept if own]


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    chosen = list(chosen_tasks(Path(given.data)))
    rows = rows_of([r for t in tqdm(chosen, unit="task") for r in trials(*t)])
    for row in rows:
        print(json.dumps(row))
    if given.json:
        command = "python -m benchmarks.analyte --data=shared/data"
        content = {"command": command, "made_with": tables.checksum(), "rows": rows}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
