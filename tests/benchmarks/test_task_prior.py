"""Predictions with a network's priors, against the package's own."""

import jax
import numpy as np
import pytest

from benchmarks import prior_lessons, task_prior
from spektron_jax.training.transfer_network.transfer_task import Pair, Task, one_split
from spektron_jax.transfer import bayes, members, sample_prior, views
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.splits import Regime

REGIME = Regime("unlabelled", 10)


@pytest.fixture
def task():
    """60 samples of three components on 70 points; the target has a baseline."""
    rng = np.random.default_rng(3)
    t = np.linspace(-1, 1, 70)
    bands = np.exp(-0.5 * ((t - np.array([[-0.5], [0.0], [0.4]])) / 0.15) ** 2)
    amounts = rng.uniform(0, 1, (60, 3))
    A = amounts @ bands + 0.002 * rng.normal(size=(60, 70))
    gains = 1 + 0.02 * rng.normal(size=(60, 1))
    B = gains * (amounts @ bands) + 0.05 + 0.02 * t + 0.002 * rng.normal(size=(60, 70))
    axis = np.linspace(1100, 1800, 70)
    sides = A, axis, B, axis, "nm"
    pair = Pair(*sides, amounts[:, 0], amounts[:, 0], [one_split(A, 40)])
    about = "made", "made", "made", "a -> b", False, "NIR", {}, 1
    return Task(*about, lambda: pair)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """The package before a network says anything."""
    monkeypatch.setattr(members, "sample_sizes", lambda data, modality: None)


@pytest.fixture
def found(task):
    with jax.enable_x64(True):
        yield prior_lessons.lesson(task, REGIME)


def package(task, found, regime=REGIME):
    """Log error of the recipe, as the package fits it."""
    trial = task.trial(regime)
    predicted = Ensemble("classical").fit(trial.data)(trial.X)
    share = np.mean((predicted - trial.y) ** 2) / trial.y.var()
    return np.log(share + task_prior.LEAST_SHARE)


@pytest.mark.parametrize("regime", task_prior.UNLABELLED)
def test_said_nothing_it_is_the_recipe(task, regime):
    with jax.enable_x64(True):
        found = prior_lessons.lesson(task, regime)
        mine = float(task_prior.log_error(found, task_prior.NOTHING))
    assert abs(mine - package(task, found, regime)) < 1e-8


@pytest.mark.parametrize("size", [0.1, 30.0])
def test_what_is_said_of_samples_is_the_package_with_that_prior(
    task, found, size, monkeypatch
):
    logs = np.full(len(task_prior.KINDS), np.log(size) / 2)
    mine = task_prior.log_error(found, {**task_prior.NOTHING, "sample": logs})
    monkeypatch.setattr(bayes, "SAMPLE_DIFFERENCE", size * bayes.SAMPLE_DIFFERENCE)
    assert abs(mine - package(task, found)) < 1e-8
    assert abs(mine - task_prior.log_error(found, task_prior.NOTHING)) > 1e-3


def test_the_size_of_the_mean_difference_can_be_said(task, found, monkeypatch):
    # Both: the size by evidence takes back what all terms have in common.
    monkeypatch.setattr(bayes, "DIFFERENCE_SIZES", np.array([1.0]))
    monkeypatch.setattr(sample_prior, "DIFFERENCE_SIZES", np.array([1.0]))
    plain = prior_lessons.lesson(task, REGIME)
    terms = views.difference_terms
    kinds = task_prior.kinds_of_terms()
    logs = np.linspace(-2, 2, len(task_prior.KINDS))
    both = {"mean": logs, "sample": logs}
    mine = task_prior.log_error(plain, {**task_prior.NOTHING, **both})
    scale = np.exp(logs)[kinds, None]
    monkeypatch.setattr(views, "difference_terms", lambda m: scale * terms(m))
    assert abs(mine - package(task, found)) < 1e-8


@pytest.mark.slow
def test_all_outputs_have_a_finite_slope_at_the_recipe(found):
    said = {key: np.asarray(x, float) for key, x in task_prior.NOTHING.items()}
    slopes = jax.grad(lambda said: task_prior.log_error(found, said))(said)
    for name, slope in slopes.items():
        assert np.isfinite(slope).all(), name
    assert all(np.abs(slopes[name]).max() > 0 for name in ("mean", "sample", "weights"))


def test_a_network_starts_as_the_recipe_and_says_no_more_than_its_outputs():
    seen = np.ones(131), np.ones((prior_lessons.POINTS, 12))
    model = task_prior.Network(("sample",), False)
    params = model.init(jax.random.key(1), seen)
    assert all(np.abs(x).max() < 1e-7 for x in model.apply(params, seen).values())
    said = model.apply(jax.tree.map(lambda x: x + 0.1, params), seen)
    assert {name for name, x in said.items() if np.abs(x).max() > 0} == {"sample"}


@pytest.mark.slow
def test_a_network_that_reads_the_axis_knows_where_instruments_differ(found):
    seen = np.ones(131), found["axis"]
    model = task_prior.Network(("sample",), True)
    params = model.init(jax.random.key(1), seen)
    params = jax.tree.map(lambda x: x + 0.01, params)
    moved = seen[0], found["axis"] + 3.0 * (np.arange(96) // 10 == 3)[:, None]
    said, other = (model.apply(params, one)["sample"] for one in (seen, moved))
    assert np.abs(said - other).max() > 1e-4


def test_along_the_axis_the_difference_is_in_standard_errors(task, found):
    trial = task.trial(REGIME)
    A, B = trial.data.X_source, trial.data.X_target
    least = 1e-6 * A.var(axis=0).mean()
    parts = ((X.var(axis=0) + least) / len(X) for X in (A, B))
    error = np.sqrt(sum(parts))
    expected = np.arcsinh((B.mean(axis=0) - A.mean(axis=0)) / error)
    found = found["axis"]
    assert found.shape == (prior_lessons.POINTS, 12)
    assert np.allclose(found[: A.shape[1], 1], expected, rtol=1e-6)
    assert not found[A.shape[1] :].any()


def test_what_the_network_says_is_what_the_package_takes(task, found, monkeypatch):
    logs = np.linspace(-2, 2, len(task_prior.KINDS))
    mine = task_prior.log_error(found, {**task_prior.NOTHING, "sample": logs})
    sizes = np.exp(logs)[task_prior.kinds_of_terms()]
    monkeypatch.setattr(members, "sample_sizes", lambda data, modality: sizes)
    assert abs(mine - package(task, found)) < 1e-8


def test_the_file_of_a_network_says_what_it_says(task, found, tmp_path, monkeypatch):
    network = object.__new__(task_prior.Trained)
    network.model = task_prior.Network(("sample",), False)
    seen = found["numbers"], found["axis"]
    params = network.model.init(jax.random.key(1), seen)
    keys = jax.random.split(jax.random.key(2), len(jax.tree.leaves(params)))
    keys = jax.tree.unflatten(jax.tree.structure(params), keys)
    network.params = jax.tree.map(
        lambda x, key: x + 0.1 * jax.random.normal(key, x.shape), params, keys
    )
    network.scales = [(found["numbers"] - 0.5, np.full(seen[0].shape, 2.0))] * 2
    network.write(tmp_path / "prior.npz")
    monkeypatch.setattr(sample_prior, "WEIGHTS", tmp_path / "prior.npz")
    sample_prior._weights.cache_clear()
    said = network.model.apply(network.params, (np.full(seen[0].shape, 0.25), seen[1]))
    sizes = sample_prior.sample_sizes(task.trial(REGIME).data, "NIR")
    sample_prior._weights.cache_clear()
    logs = sample_prior.TAKEN * said["sample"]
    expected = np.exp(logs)[task_prior.kinds_of_terms()]
    assert np.abs(np.log(expected)).max() > 0.02
    assert np.allclose(sizes, expected, rtol=1e-5)  # stored in single precision
