"""Could a network say at which points of the axis a calibration should look?

    python -m benchmarks.learned_prior --data=corn.h5 --protocol=corn_protocol.json

With `--train` it first writes `spektron_jax/transfer/coefficient_prior.npz` anew.

A convolutional network reads, point by point, the mean spectrum and its derivatives,
the spread of either instrument's spectra and of their differences, and how a point goes
with the labels; it gives the prior standard deviation of the coefficients there: what a
linear view of spectra could at best do beside mixing points. Trained through a Gaussian
process on virtual tasks (`benchmarks.worlds`) of training molecules, n = 5 to 25 pairs;
judged as a pretreatment of the Bayesian members, against the first derivative alone, on
tasks of validation molecules and inside the calibration samples of corn's first split.
"""

import json
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from benchmarks import tables, worlds
from spektron_jax.archive import replacing
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.training.transfer_network import powder_tasks
from spektron_jax.transfer import priors
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import weighted
from spektron_jax.transfer.members import bayes_members
from spektron_jax.transfer.methods.preprocessing import FILTERS, preprocess
from spektron_jax.transfer.priors import (
    MAX_LOG_SCALE,
    PRIOR_PRETREATMENT,
    point_features,
)
from spektron_jax.transfer.selection import compressed, kennard_stone
from spektron_jax.transfer.views import preprocessed

FIRST_TRAIN, FIRST_VALIDATION = 1_000, 9_000
NUMBERS = (5, 10, 25)
INNER, SEEDS = 48, range(4)
WINDOW, POINTS = FILTERS[2][0], powder_tasks.PRESET.points
SIGNALS = np.exp(np.linspace(-2.0, 15.0, 18))
WIDTH, KERNEL, BATCH, RATE, DECAY = 16, 9, 8, 3e-3, 0.03
SHAPE, SCALE, BROAD = 1.0, 0.2, 1e3  # as in transfer/bayes.py
FLOOR = 0.01


class Prior(nn.Module):
    """Log standard deviations (tasks, L) of features (tasks, L, F)."""

    @nn.compact
    def __call__(self, x, mask):
        h = x * mask[..., None]
        for _ in range(2):
            h = nn.gelu(nn.Conv(WIDTH, (KERNEL,))(h)) * mask[..., None]
        zero = nn.initializers.zeros
        logs = nn.Dense(1, use_bias=False, kernel_init=zero)(h)[..., 0]
        logs = MAX_LOG_SCALE * jnp.tanh(logs / MAX_LOG_SCALE) * mask
        return (logs - logs.sum(-1, keepdims=True) / mask.sum(-1, keepdims=True)) * mask


def lesson(data: TransferData, X: np.ndarray, y: np.ndarray) -> dict:
    """One task for training: spectra without the mean difference, up to POINTS."""
    A, B, X = (
        preprocess(X, PRIOR_PRETREATMENT) for X in (data.X_source, data.X_target, X)
    )
    off = (B - A[data.paired]).mean(axis=0)
    A[data.paired] = (A[data.paired] + B - off) / 2
    origin, unit = A.mean(axis=0), A.std(axis=0).mean()
    mean, sd = data.y_source.mean(), data.y_source.std()
    short = POINTS - len(origin)
    pad = ((0, 0), (0, short))
    one = {
        "X": np.pad((A - origin) / unit, pad),
        "test": np.pad((X - off - origin) / unit, pad),
        "y": (data.y_source - mean) / sd,
        "true": (y - mean) / sd,
        "x": np.pad(point_features(data), ((0, short), (0, 0))),
        "mask": np.pad(np.ones(len(origin)), (0, short)),
    }
    return {key: value.astype(np.float32) for key, value in one.items()}


def missed(logs, task):
    """Log error of a Gaussian process with these prior standard deviations."""
    X, test = task["X"] * jnp.exp(logs), task["test"] * jnp.exp(logs)
    m = X.shape[0]
    root = jnp.linalg.inv(jnp.linalg.cholesky(jnp.eye(m) + BROAD))
    unit = jnp.sum(X**2) / m
    # Slightly apart, since equal eigenvalues have no derivative.
    apart = 1e-5 * jnp.diag(jnp.arange(m) / m)
    values, U = jnp.linalg.eigh(root @ (X @ X.T / unit) @ root.T + apart)
    rotated = U.T @ (root @ task["y"])
    total = 1 + SIGNALS[:, None] * jnp.maximum(values, 0.0)
    left = SCALE + jnp.sum(rotated**2 / total, axis=1) / 2
    evidence = -jnp.log(total).sum(axis=1) / 2 - (SHAPE + m / 2) * jnp.log(left)
    dual = root.T @ U @ (rotated / total).T
    found = (test @ X.T / unit) @ (dual * SIGNALS) + BROAD * dual.sum(axis=0)
    error = found @ jax.nn.softmax(evidence) - task["true"]
    return jnp.log(jnp.mean(error**2) / jnp.var(task["true"]) + FLOOR)


def train(tasks: dict, steps: int):
    """The network's weights by name."""
    inside = tasks["mask"] > 0
    mean, sd = tasks["x"][inside].mean(axis=0), tasks["x"][inside].std(axis=0)
    tasks = tasks | {"x": (tasks["x"] - mean) / sd}
    model = Prior()
    params = model.init(jax.random.key(0), tasks["x"][:1], tasks["mask"][:1])
    schedule = optax.cosine_decay_schedule(RATE, steps)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=DECAY)
    )
    state, rng = optimizer.init(params), np.random.default_rng(0)

    @jax.jit
    def step(params, state, batch):
        def loss(params):
            logs = model.apply(params, batch["x"], batch["mask"])
            plain = jax.vmap(missed)(jnp.zeros_like(logs), batch)
            return jnp.mean(jnp.clip(jax.vmap(missed)(logs, batch) - plain, -2, 2))

        slope = jax.tree.map(jnp.nan_to_num, jax.grad(loss)(params))
        updates, state = optimizer.update(slope, state, params)
        return optax.apply_updates(params, updates), state

    for _ in tqdm(range(steps), desc="training", unit="step"):
        rows = rng.choice(len(tasks["x"]), BATCH, replace=False)
        batch = {key: value[rows] for key, value in tasks.items()}
        params, state = step(params, state, batch)

    names = {f"{layer}.{name}": value
             for layer, values in params["params"].items()
             for name, value in values.items()}  # fmt: skip
    return {"mean": mean, "sd": sd} | jax.tree.map(np.asarray, names)


def log_error(data: TransferData, X, y, scales=None) -> float:
    """Of the Bayesian members on the derivative times scales, weighted as usual."""
    prior = None if scales is None else lambda spectra: spectra * scales
    own, groups = preprocessed(data, PRIOR_PRETREATMENT, prior), data.groups()
    found = weighted(bayes_members(own, groups), data, groups)(X)
    return float(np.log(np.mean((found - y) ** 2) / y.var() + worlds.LEAST_SHARE))


def virtual(corpus, split, first, count):
    """(data, spectra, true values, n) of both directions."""
    for seed in tqdm(range(first, first + count), desc=split, unit="task"):
        task = powder_tasks.draw(corpus, seed, split)
        if task is None or task[0].shape[2] < WINDOW:
            continue
        spectra, true, labels = task
        n, rest = NUMBERS[seed % len(NUMBERS)], slice(powder_tasks.CALIBRATION, None)
        for A, B in (spectra, spectra[::-1]):
            yield worlds.data_of(A, B, labels, n), B[rest], true[rest], n


def inner(study):
    """(data, spectra, labels, n) inside the calibration samples of the first split."""
    inside = study.splits[0].calibration
    pairs = [(a, b) for a in study.spectra for b in study.spectra if a != b]
    for seed in tqdm(SEEDS, desc="corn", unit="split"):
        order = np.random.default_rng(seed).permutation(inside)
        train, test = order[:INNER], order[INNER:]
        for source, target in pairs:
            A, B = study.spectra[source], study.spectra[target]
            for y in study.labels.values():
                for n in NUMBERS:
                    own = kennard_stone(compressed(A[train]), n)
                    chosen = train[own]
                    data = TransferData(A[train], y[train], B[chosen], y[chosen], own)
                    yield data, B[test], y[test], n


def main(arguments: list[str] | None = None) -> None:
    """Train, judge, print, write."""
    parser = tables.corn_arguments(__doc__)
    parser.add_argument("--tasks", type=int, default=600, help="to train on")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--train", action="store_true", help="write new weights first")
    parser.add_argument("--json", help="figures to write")
    given = parser.parse_args(arguments)
    corpus = LineCorpus.load(modalities=("NIR",))
    if given.train:
        tasks = virtual(corpus, "train", FIRST_TRAIN, given.tasks)
        lessons = [lesson(*task[:3]) for task in tasks]
        weights = train({key: np.array([one.pop(key) for one in lessons])
                         for key in list(lessons[0])}, given.steps)  # fmt: skip
        with replacing(priors.WEIGHTS) as draft, draft.open("wb") as file:
            np.savez(file, **weights)
    rows = []
    judges = {
        "virtual": virtual(corpus, "validation", FIRST_VALIDATION, 90),
        "corn": inner(tables.read_study(given.data, given.protocol)),
    }
    for name, tasks in judges.items():
        changes: dict[int, list[float]] = {}
        for data, X, y, n in tasks:
            after = log_error(data, X, y, priors.coefficient_scales(data))
            changes.setdefault(n, []).append(after - log_error(data, X, y))
        for n in NUMBERS:
            own = np.array(changes[n])
            error = own.std() / np.sqrt(own.size)
            row = {"tasks": name, "n": n, "count": own.size}
            rows.append(row | {"change": float(own.mean()), "error": float(error)})
            print(f"{name}, n = {n}: log error {own.mean():+.3f} +- {error:.3f}")
    if given.json:
        command = "python -m benchmarks.learned_prior --data=corn.h5 "
        command += "--protocol=corn_protocol.json"
        content = {"command": command, "made_with": tables.checksum()}
        Path(given.json).write_text(
            json.dumps(content | {"rows": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
