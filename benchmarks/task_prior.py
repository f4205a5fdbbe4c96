"""A network that says, for one transfer without labels, the priors of its models.

    python -m benchmarks.task_prior --data=shared/data [--json=FILE]
        [--weights=spektron_jax/transfer/sample_prior.npz]

Target spectra, 5, 10 or all, and no label. In front of the exact models
(`prior_lessons.py`) the network says how large each kind of difference between the
instruments is, of the mean and from sample to sample, the target's noise, what is added
to the log weights of the models, and how much of a mean prediction unlike the labels'
mean is taken back. It starts as the recipe, and is trained through the closed form on
the log error of test samples, on semi-real tasks of the open sets. Three of them:

    everything   that says all of this
    samples      that says only how differences vary from sample to sample; it ships
                 (`--weights` writes it)
    axis         that says all of it, and reads the spectra's means and variances point
                 by point too: a D-LinOSS layer in both directions

The table holds the change of the mean log error, with the standard error over tasks,
step by step: tasks trained on; other tasks of the same materials, and of other
materials (half of the tasks, and of the sets, learned from and half left out); sets
that judge; and pairs of real instruments, by the number of target spectra.
"oracle" is the best of `ladder` for each task, chosen with its test labels: what the
outputs could give at most, one at a time, chance included.

V = views, R = terms, P = points, K = kinds of differences, M = members.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from tqdm import trange

from benchmarks import tables
from benchmarks.prior_lessons import lessons
from benchmarks.result_files import write
from benchmarks.task_sets import MEASURED, tasks
from spektron_jax.archive import replacing
from spektron_jax.models.dlinoss import Backbone
from spektron_jax.training.transfer_network.lessons import semi_real_task
from spektron_jax.training.transfer_network.measured_sets import set_files
from spektron_jax.training.transfer_network.semi_real import TASKS
from spektron_jax.training.transfer_network.transfer_task import REGIMES, Task
from spektron_jax.transfer.bayes import SAMPLE_DIFFERENCE
from spektron_jax.transfer.priors import KINDS, kinds_of_terms
from spektron_jax.transfer.sample_prior import LIMIT, POINTS, REACH
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.transfer_network import LEAST_SHARE
from spektron_jax.transfer.unlabelled import AGREEMENT, EXCESS, STANDARD_ERRORS

MEMBERS = 6  # four views, centring on two
WEIGHT_REACH, PENALTY, HIDDEN = 2.0, 2e-3, 32
BATCH, STEPS, RATE, DECAY, NOISE = 16, 240, 3e-3, 0.02, 0.2
BLOCKS, AXIS_WIDTH = 8, 16
READ = {"numbers": (0,), "axis": (0, 1)}  # what is read, axes of which it is scaled
UNLABELLED = tuple(one for one in REGIMES if one.kind == "unlabelled")
Known = Mapping[str, np.ndarray]
Said = Mapping[str, Any]
NOTHING = {"mean": np.zeros(len(KINDS)), "sample": np.zeros(len(KINDS))}
NOTHING |= {"noise": np.zeros(()), "weights": np.zeros(MEMBERS), "back": np.zeros(())}

FORMS = {
    "everything": (tuple(NOTHING), False),
    "samples": (("sample",), False),
    "axis": (tuple(NOTHING), True),
}
Seen = tuple[Any, Any]  # numbers of a task (F,), inputs along its axis (POINTS, C)


def log_error(one: Mapping[str, Any], said: Said):
    """Of one lesson with these priors; zeros are the recipe."""
    kinds = kinds_of_terms()

    def predicted(view: Mapping[str, Any]):
        mean = view["J"] * jnp.exp(said["mean"])[kinds, None]
        sample = view["J"] * jnp.exp(said["sample"])[kinds, None]
        prior = view["size"] * mean.T @ mean
        whole = prior + view["sampling"] * jnp.eye(POINTS)
        kept = jax.scipy.linalg.solve(whole, prior, assume_a="pos")
        noise = SAMPLE_DIFFERENCE * sample.T @ sample + view["sampling"] * kept
        noise += jnp.diag(view["signal"] + view["noise"] * jnp.exp(said["noise"]))
        loading = jax.scipy.linalg.solve(noise, view["loading"], assume_a="pos")
        difference = view["observed"] @ kept
        return [(view[name] - difference) @ loading for name in ("target", "test")]

    names = ("J", "size", "sampling", "signal", "noise", "loading", "observed")
    views = {name: one[name] for name in (*names, "target", "test")}
    target, test = jax.vmap(predicted)(views)
    target = jnp.concatenate([target, one["simple"]])
    test = jnp.concatenate([test, one["simple_test"]])
    # As `transfer/unlabelled.py` does.
    shown, rows = one["shown"], one["shown"].sum()
    centre = target @ shown / rows
    square = (target - centre[:, None]) ** 2 @ shown / (rows - 1)
    part = jnp.minimum(1.0, one["limit"] / jnp.sqrt(square + 1e-12))
    allowed = STANDARD_ERRORS**2 / one["count"] / jnp.maximum(centre**2, 1e-30)
    taken = centre * jnp.maximum(0.0, 1 - allowed)
    taken += said["back"] * (centre - taken)
    own = jax.nn.softmax(one["log_weights"])
    about = (target - centre[:, None]) * shown
    together = own @ about
    apart = (own @ (about - together) ** 2).sum()
    scale = (1 - (own**2).sum()) * (together**2).sum()
    agreed = 1 - AGREEMENT * apart / jnp.maximum(scale, 1e-300)
    left = jnp.where(part * EXCESS >= 1, jnp.maximum(part**2, agreed), part**2)
    test = (test - centre[:, None]) * left[:, None] + (centre - taken)[:, None]
    weights = jax.nn.softmax(one["log_weights"] + jnp.log(part) + said["weights"])
    squares = one["known"] * (weights @ test - one["y"]) ** 2
    share = squares.sum() / one["known"].sum() / one["variance"]
    return jnp.log(share + LEAST_SHARE)


class Network(nn.Module):
    """What is said of a task; what is not in `outputs` stays 0."""

    outputs: tuple[str, ...]
    reads_axis: bool

    @nn.compact
    def __call__(self, seen: Seen):
        numbers, along = seen
        zeros, count = nn.initializers.zeros, 2 * len(KINDS) + MEMBERS + 2
        if self.reads_axis:
            tokens = nn.Dense(AXIS_WIDTH)(along)[None]
            read = Backbone(1, AXIS_WIDTH // 2)(
                tokens, jnp.ones((1, len(along), 1)), jnp.ones(()), train=True
            )[0]
            numbers = jnp.concatenate([numbers, read.mean(axis=0), read.std(axis=0)])
        h = nn.silu(nn.Dense(HIDDEN)(numbers))
        h = h + nn.silu(nn.Dense(HIDDEN)(h))
        o = nn.Dense(count, kernel_init=zeros)(h)
        o = REACH * jnp.tanh(o / REACH)
        mean, sample, weights, noise, back = jnp.split(
            o, np.cumsum([len(KINDS), len(KINDS), MEMBERS, 1])
        )
        said = {
            "mean": mean,
            "sample": sample,
            "weights": WEIGHT_REACH * jnp.tanh(weights / WEIGHT_REACH),
            "noise": noise[0],
            "back": jax.nn.sigmoid(back[0] - REACH) - jax.nn.sigmoid(-REACH),
        }
        return {key: x * (key in self.outputs) for key, x in said.items()}


class Trained:
    """A network and the scales of what it reads."""

    def __init__(self, form: str, known: Known, steps: int = STEPS):
        self.scales = [
            (
                known[name].mean(axis=axes, dtype=float),
                known[name].std(axis=axes, dtype=float) + 1e-3,
            )
            for name, axes in READ.items()
        ]
        self.form, self.model = form, Network(*FORMS[form])
        self.params = self._fit(known, self.scaled(known), steps)

    def scaled(self, known: Known) -> Seen:
        """What the network reads in its units."""
        return tuple(
            np.clip((known[name] - mean) / sd, -LIMIT, LIMIT)
            for name, (mean, sd) in zip(READ, self.scales, strict=True)
        )

    def errors(self, known: Known) -> np.ndarray:
        """Log errors of lessons with what it says of them."""
        each = jax.vmap(self.model.apply, (None, 0))
        said = each(self.params, self.scaled(known))
        return errors(known, jax.tree.map(np.asarray, said))

    def write(self, path: Path) -> None:
        """What `transfer/sample_prior.py` reads."""
        (mean, sd), layers = self.scales[0], self.params["params"]
        found = {"mean": mean, "sd": sd}
        for name, layer in layers.items():
            found |= {f"{name}.{part}": np.asarray(x) for part, x in layer.items()}
        said = slice(len(KINDS), 2 * len(KINDS))
        for part in ("kernel", "bias"):
            found[f"Dense_2.{part}"] = found[f"Dense_2.{part}"][..., said]
        with replacing(path) as draft, draft.open("wb") as file:
            np.savez(file, **{k: v.astype(np.float32) for k, v in found.items()})

    def _fit(self, known: Known, seen: Seen, steps: int):
        count, rng = len(known["y"]), np.random.default_rng(0)
        before = errors(known, NOTHING)
        params = self.model.init(jax.random.key(0), jax.tree.map(lambda x: x[0], seen))
        schedule = optax.cosine_decay_schedule(RATE, steps)
        optimizer = optax.chain(
            optax.clip_by_global_norm(0.5), optax.adamw(schedule, weight_decay=DECAY)
        )

        def change(params, one, before, seen, key):
            numbers, along = seen
            numbers = numbers + NOISE * jax.random.normal(key, numbers.shape)
            said = self.model.apply(params, (numbers, along))
            penalty = sum(jnp.mean(x**2) for x in jax.tree.leaves(said))
            gain = jnp.clip(log_error(one, said) - before, -2, 2)
            return gain + PENALTY * penalty

        @jax.jit
        def step(params, state, batch, before, seen, key):
            def loss(params):
                keys = jax.random.split(key, len(before))
                own = jax.vmap(change, (None, 0, 0, 0, 0))
                return own(params, batch, before, seen, keys).mean()

            value, slope = jax.value_and_grad(loss)(params)
            slope = jax.tree.map(jnp.nan_to_num, slope)
            updates, state = optimizer.update(slope, state, params)
            return optax.apply_updates(params, updates), state, value

        state = optimizer.init(params)
        for number in trange(steps, desc=self.form, unit="step"):
            rows = rng.choice(count, BATCH, replace=False)
            some = jax.tree.map(lambda x, rows=rows: x[rows], seen)
            given = before[rows], some, jax.random.key(number)
            params, state, _ = step(params, state, part(known, rows), *given)
        return params


_errors = jax.jit(jax.vmap(log_error))


def errors(known: Known, said: Said) -> np.ndarray:
    """Log errors of lessons, (n,); what is said is of all or has an axis of n."""
    count, found = len(known["y"]), []
    each = {
        name: np.broadcast_to(x, (count, *NOTHING[name].shape))
        for name, x in said.items()
    }
    for first in range(0, count, 2 * BATCH):
        rows = np.arange(first, min(first + 2 * BATCH, count))
        found.append(_errors(part(known, rows), part(each, rows)))
    return np.concatenate(found)


def ladder() -> list[Said]:
    """Priors that differ from the recipe's in one thing."""
    found = []
    for name, sizes in (("mean", (0.2, 5.0)), ("sample", (0.2, 5.0, 20.0))):
        for kinds in (*np.arange(len(KINDS)).reshape(-1, 3), np.arange(len(KINDS))):
            for size in sizes:
                own = np.zeros(len(KINDS))
                own[kinds] = np.log(size)
                found.append({**NOTHING, name: own})
    for number in range(MEMBERS):
        for step in (-2.0, 2.0):
            own = step * (np.arange(MEMBERS) == number)
            found.append({**NOTHING, "weights": own})
    found += [{**NOTHING, "noise": np.log(np.array(x))} for x in (0.1, 10.0)]
    return found + [{**NOTHING, "back": np.array(x)} for x in (0.5, 1.0)]


def training_tasks(data: Path, blocks: int = BLOCKS) -> Iterator[tuple[Task, Regime]]:
    """Of the open sets; of a soil, of which there are many, four kinds of ten.

    Each in one regime, by turns: kinds and regimes meet all over the blocks.
    """
    for name, judge, path in set_files(data):
        if judge:
            continue
        soil = "soil" in name or name.startswith("limesoda")
        for block in range(blocks):
            kinds = (4 * block + 3 * len(name) + np.arange(4)) % TASKS
            for kind in kinds if soil else range(TASKS):
                number = TASKS * (1 + block) + int(kind)
                task = semi_real_task(name, judge, path, number)
                yield task, UNLABELLED[(block + int(kind)) % len(UNLABELLED)]


def stacked(
    found: Iterable[Mapping[str, np.ndarray]],
) -> tuple[Known, np.ndarray, np.ndarray]:
    """Lessons as arrays, and set and regime of each."""
    found = list(found)
    about = ([str(one[name]) for one in found] for name in ("set", "regime"))
    names = [name for name in found[0] if name not in ("set", "regime")]
    known = {x: np.stack([one[x] for one in found]) for x in names}
    return known, *map(np.array, about)


def judging(data: Path, records: Path) -> tuple[Known, np.ndarray, np.ndarray]:
    """Lessons of sets that judge and of real pairs, set and regime of each."""
    judges = [t for t in tasks(data, True, splits=1) if t.set != "virtual"]
    judges = [t for t in judges if t.judge or t.set in MEASURED]
    asked = [(task, regime) for task in judges for regime in UNLABELLED]
    judged, of, regimes = stacked(lessons(asked, records))
    return judged, np.where(np.isin(of, list(MEASURED)), of, "judge sets"), regimes


def part(known: Known, rows: np.ndarray) -> Known:
    """Some of the lessons, in double precision."""
    return {name: value[rows].astype(float) for name, value in known.items()}


def summary(values: np.ndarray) -> list[float]:
    """Mean, its standard error, number."""
    error = values.std(ddof=1) / np.sqrt(values.size)
    return [round(float(values.mean()), 3), round(float(error), 3), values.size]


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--records", default="runs/prior_lessons")
    parser.add_argument("--json", help="summary to write")
    parser.add_argument("--weights", help="file for the network that ships")
    given = parser.parse_args(arguments)
    data, records = Path(given.data), Path(given.records)
    known, sets, _ = stacked(lessons(training_tasks(data), records))
    judged, of, regimes = judging(data, records)
    of = np.char.add(np.char.add(of, ", "), regimes)
    # Only now: instruments are drawn in single precision, as everywhere.
    jax.config.update("jax_enable_x64", True)
    names = [
        f"{name}, {regime}"
        for name in ("judge sets", *MEASURED)
        for regime in UNLABELLED
    ]

    def rows_of(changes: np.ndarray) -> list[np.ndarray]:
        return [changes[of == name] for name in names]

    rng = np.random.default_rng(0)
    half = np.isin(sets, rng.permutation(np.unique(sets))[::2])
    kept = rng.permutation(len(sets)) % 2 == 0, half
    before, theirs = errors(known, NOTHING), errors(judged, NOTHING)
    steps = ["trained on", "same materials", "other materials", *names]
    best = np.min([errors(judged, said) for said in ladder()], axis=0)
    best = np.minimum(best - theirs, 0.0)
    found = {
        "recipe": [before, *(before[~one] for one in kept), *rows_of(theirs)],
        "oracle": [None] * 3 + rows_of(best),
    }
    for form in FORMS:
        network = Trained(form, known)
        if given.weights and form == "samples":
            network.write(Path(given.weights))
        found[form] = [network.errors(known) - before]
        for one in kept:
            halved = Trained(form, part(known, one)).errors(part(known, ~one))
            found[form].append(halved - before[~one])
        found[form] += rows_of(network.errors(judged) - theirs)
    rows = [
        {"step": step}
        | {name: summary(x[i]) for name, x in found.items() if x[i] is not None}
        for i, step in enumerate(steps)
    ]
    content = {
        "command": "python -m benchmarks.task_prior --data=shared/data",
        "made_with": tables.checksum(),
        "rows": rows,
    }
    print(json.dumps(content, indent=1))
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
