"""could a network weight the members of the recipe better? Learnt on virtual tasks.

    python -m benchmarks.learned_weights --data=corn.h5 --protocol=corn_protocol.json

The network sees of each member (the plain average and twelve Bayesian ones) the error
of left-out labels, the evidence, and how its predictions of the transfer samples' two
spectra differ, vary and fit, and changes the recipe's weights; it starts from them and
is trained on the error of other samples, over virtual tasks (`benchmarks.worlds`) of
training molecules. Judged on tasks of validation molecules, and inside the calibration
samples of corn's first split (48 to calibrate with, 16 to test on).
"""

import json
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.special import softmax
from tqdm import tqdm

from benchmarks import tables, worlds
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.transfer.bayes import scores
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import bayes_share
from spektron_jax.transfer.members import bayes_members, classical_members
from spektron_jax.transfer.methods.preprocessing import FILTERS, preprocess
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.selection import compressed, kennard_stone

FIRST_TRAIN, FIRST_VALIDATION = 1_000, 9_000
NUMBERS = (5, 10, 25)
INNER, SEEDS = 48, range(4)
WIDTH, BATCH, RATE, DECAY = 16, 256, 2e-3, 0.3
LEAST = 1e-6
FLOOR = 0.02  # of the variance: errors below it count alike


class Weigher(nn.Module):
    """What is added to the log weights (tasks, M) by features (tasks, M, F)."""

    @nn.compact
    def __call__(self, x):
        h = nn.gelu(nn.Dense(WIDTH)(x))
        h = nn.gelu(nn.Dense(WIDTH)(h))
        mean = jnp.broadcast_to(h.mean(axis=1, keepdims=True), h.shape)
        h = nn.gelu(nn.Dense(WIDTH)(jnp.concatenate([h, mean], axis=-1)))
        zero = nn.initializers.zeros
        return nn.Dense(1, use_bias=False, kernel_init=zero)(h)[..., 0]


def seen(data: TransferData, X: np.ndarray, y: np.ndarray) -> dict:
    """Features (M, F), log weights (M,), second moments of errors (M, M) over SD^2."""
    average = classical_members(Workspace(data), beside_bayes=False)
    bayes = bayes_members(data)
    fits = [fit for _, fit in bayes]
    A, B = data.pairs()

    def predictions(X):
        def each(members):
            return [
                preprocess(X, m.pretreatment) @ m.vector + m.intercept for m in members
            ]

        rows = [np.mean(each(average), axis=0), *each(m for m, _ in bayes)]
        return (np.array(rows) - data.y_source.mean()) / data.y_source.std()

    def log(x):
        return np.log(np.maximum(x, LEAST))

    known = (data.y_target - data.y_source.mean()) / data.y_source.std()
    on_a, on_b = predictions(A), predictions(B)
    left_out = log(np.array([fit.loo_mse for fit in fits]))
    left_out = np.append(left_out.mean(), left_out)
    evidence = np.array([fit.evidence for fit in fits])
    features = [
        left_out - left_out.min(),
        left_out,
        np.append(0.0, np.tanh((evidence - evidence.max()) / 10)),
        log(np.mean((on_b - known) ** 2, axis=1)),
        log(np.mean((on_a - known) ** 2, axis=1)),
        log(np.mean((on_b - on_a) ** 2, axis=1)),
        log(on_b.var(axis=1)) - log(known.var()),
        np.full(len(on_b), np.log(known.size / 10)),
    ]
    share = bayes_share(data)
    weights = np.append(1 - share, share * softmax(scores(fits)))
    scale = data.y_source.mean(), data.y_source.std()
    error = predictions(X) - (y - scale[0]) / scale[1]
    return {
        "x": np.column_stack([*features, np.eye(len(on_b))]),
        "logs": log(weights),
        "moments": error @ error.T / y.size / (y.var() / scale[1] ** 2),
    }


def virtual(corpus, split, first, count, numbers) -> dict:
    """Tasks in both directions, stacked."""
    rows = []
    for seed in tqdm(range(first, first + count), desc=split, unit="task"):
        task = worlds.draw(corpus, seed, split)
        if task is None or task[0].shape[2] < FILTERS[2][0]:
            continue
        spectra, true, labels = task
        n = numbers[seed % len(numbers)]
        for A, B in (spectra, spectra[::-1]):
            data = worlds.data_of(A, B, labels, n)
            rest = slice(worlds.CALIBRATION, None)
            rows.append(seen(data, B[rest], true[rest]) | {"n": n})
    return stacked(rows)


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


def stacked(rows: list[dict]) -> dict:
    """One array for each key."""
    return {key: np.array([row[key] for row in rows], np.float32) for key in rows[0]}


def missed(logs, moments):
    """Squared error over variance of each task, (tasks,)."""
    w = jax.nn.softmax(logs, axis=-1)
    return jnp.einsum("ti,tij,tj->t", w, moments, w)


def train(tasks: dict, steps: int):
    """A function of features: what to add to log weights."""
    mean, sd = tasks["x"].mean((0, 1)), tasks["x"].std((0, 1)) + 1e-3
    model = Weigher()
    x = jnp.asarray((tasks["x"] - mean) / sd)
    logs, moments = jnp.asarray(tasks["logs"]), jnp.asarray(tasks["moments"])
    params = model.init(jax.random.key(0), x[:1])
    optimizer = optax.adamw(
        optax.cosine_decay_schedule(RATE, steps), weight_decay=DECAY
    )
    state, rng = optimizer.init(params), np.random.default_rng(0)

    @jax.jit
    def step(params, state, rows):
        def loss(params):
            new = logs[rows] + model.apply(params, x[rows])
            return jnp.mean(jnp.log(missed(new, moments[rows]) + FLOOR))

        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    for _ in tqdm(range(steps), desc="training", unit="step"):
        params, state = step(params, state, rng.choice(len(x), BATCH))
    return lambda x: np.asarray(model.apply(params, (x - mean) / sd))


def main(arguments: list[str] | None = None) -> None:
    """Train, judge, print, write."""
    parser = tables.corn_arguments(__doc__)
    parser.add_argument("--tasks", type=int, default=600, help="to train on")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--json", help="figures to write")
    given = parser.parse_args(arguments)
    corpus = LineCorpus.load(modalities=("NIR",))
    teach = virtual(corpus, "train", FIRST_TRAIN, given.tasks, NUMBERS)
    judges = {"virtual": virtual(corpus, "validation", FIRST_VALIDATION, 90, NUMBERS)}
    cells = inner(tables.read_study(given.data, given.protocol))
    judges["corn"] = stacked([seen(*cell[:3]) | {"n": cell[3]} for cell in cells])
    learnt, rows = train(teach, given.steps), []
    for name, tasks in judges.items():
        before = np.asarray(missed(tasks["logs"], tasks["moments"]))
        after = np.asarray(missed(tasks["logs"] + learnt(tasks["x"]), tasks["moments"]))
        gain = np.log(after + worlds.LEAST_SHARE) - np.log(before + worlds.LEAST_SHARE)
        for n in NUMBERS:
            own = gain[tasks["n"] == n]
            error = own.std() / np.sqrt(own.size)
            row = {"tasks": name, "n": n, "count": own.size}
            rows.append(row | {"change": float(own.mean()), "error": float(error)})
            print(f"{name}, n = {n}: log error {own.mean():+.3f} +- {error:.3f}")
    if given.json:
        command = "python -m benchmarks.learned_weights --data=corn.h5 "
        command += f"--protocol=corn_protocol.json --tasks={given.tasks}"
        content = {"command": command, "made_with": tables.checksum()}
        Path(given.json).write_text(
            json.dumps(content | {"rows": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
