"""Error measures against hand values, and intervals against a loop and coverage."""

import numpy as np
import pytest

from spektron_jax.evaluation.metrics import (
    hidden_error,
    kl_summary,
    mean_spectrum,
    paired_ratio,
)


def _problem(rng, molecules=40, repeats=4, points=30):
    """Spectra whose error level belongs to the molecule; returns clean, hidden, group.

    The last array is each spectrum's error level, for building predictions.
    """
    group = np.repeat(np.arange(molecules), repeats)
    clean = rng.normal(size=(group.size, points))
    hidden = np.zeros(clean.shape, bool)
    hidden[:, 5:20] = True
    level = np.exp(rng.normal(size=molecules))[group]
    return clean, hidden, group, level[:, None]


def test_hand_values():
    clean = np.zeros((3, 4))
    predicted = np.array([[1.0, 1, 9, 9], [3, 0, 9, 9], [9, 9, 9, 9]])
    hidden = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    error = hidden_error(predicted, clean, hidden, np.array([0, 1, 2]))
    assert error["mse"] == pytest.approx((1 + 9) / 2)  # third has nothing hidden
    assert error["rmse"] == pytest.approx(np.sqrt(5))
    assert error["low"] == 1 and error["high"] == 9
    assert all(type(value) is float for value in error.values())


def test_values_at_visible_points_do_not_count():
    rng = np.random.default_rng(0)
    clean, hidden, group, _ = _problem(rng)
    predicted = np.where(hidden, clean + 0.5, np.nan)
    error = hidden_error(predicted, clean, hidden, group)
    assert error["mse"] == pytest.approx(0.25)


def test_interval_agrees_with_a_plain_bootstrap_loop():
    rng = np.random.default_rng(1)
    clean, hidden, group, level = _problem(rng)
    predicted = clean + level
    each = np.mean((predicted - clean)[:, 5:20] ** 2, axis=1)
    loop = []
    for _ in range(2000):
        drawn = rng.integers(0, 40, size=40)
        loop.append(np.mean([each[group == molecule].mean() for molecule in drawn]))
    error = hidden_error(predicted, clean, hidden, group)
    spread = np.std(loop)
    assert error["low"] == pytest.approx(np.percentile(loop, 2.5), abs=0.3 * spread)
    assert error["high"] == pytest.approx(np.percentile(loop, 97.5), abs=0.3 * spread)


def test_copies_of_a_spectrum_do_not_narrow_the_interval():
    rng = np.random.default_rng(2)
    clean, hidden, group, level = _problem(rng, repeats=1)
    once = hidden_error(clean + level, clean, hidden, group)
    copies = [np.tile(array, (8, 1)) for array in (clean + level, clean, hidden)]
    many = hidden_error(*copies, np.tile(group, 8))
    assert many == pytest.approx(once)
    naive = hidden_error(*copies, np.arange(320))
    assert naive["high"] - naive["low"] < 0.6 * (once["high"] - once["low"])


def test_interval_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        level = rng.uniform(0.5, 1.5, size=60)
        predicted = np.repeat(np.sqrt(level), 2)[:, None] * np.ones((120, 3))
        error = hidden_error(
            predicted,
            np.zeros((120, 3)),
            np.ones((120, 3), bool),
            np.repeat(np.arange(60), 2),
            seed=trial,
        )
        covered += error["low"] <= 1.0 <= error["high"]
    assert 175 <= covered <= 199


def test_seed_decides_the_interval():
    clean, hidden, group, level = _problem(np.random.default_rng(4))
    first, again, other = (
        hidden_error(clean + level, clean, hidden, group, seed=s) for s in (7, 7, 8)
    )
    assert first == again
    assert first["mse"] == other["mse"] and first["low"] != other["low"]


def test_pairing_keeps_a_small_steady_advantage_visible():
    rng = np.random.default_rng(5)
    clean, hidden, group, level = _problem(rng)
    model, baseline = clean + 0.9 * level, clean + level
    ratio = paired_ratio(model, baseline, clean, hidden, group)
    assert ratio["ratio"] == pytest.approx(0.81)
    assert ratio["high"] < 0.82
    # Unpaired intervals overlap widely here.
    ours = hidden_error(model, clean, hidden, group)
    theirs = hidden_error(baseline, clean, hidden, group)
    assert ours["high"] > theirs["low"]


def test_equal_methods_have_a_ratio_interval_around_one():
    rng = np.random.default_rng(6)
    clean, hidden, group, level = _problem(rng)
    noise = rng.normal(size=(2, *clean.shape))
    ratio = paired_ratio(
        clean + level * noise[0], clean + level * noise[1], clean, hidden, group
    )
    assert ratio["low"] < 1 < ratio["high"]


def test_ratio_without_any_error():
    ones, hidden, group = np.ones((4, 3)), np.ones((4, 3), bool), np.arange(4)
    draw = paired_ratio(ones, ones, ones, hidden, group)
    assert draw == {"ratio": 1.0, "low": 1.0, "high": 1.0}
    assert paired_ratio(0 * ones, ones, ones, hidden, group)["low"] == np.inf


def test_kl_summary_counts_dead_dimensions():
    summary = kl_summary(np.array([0.0, 0.009, 0.011, 2.0]))
    assert summary == {"mean": pytest.approx(0.505), "collapsed": 0.5}
    with pytest.raises(ValueError, match="kl must be"):
        kl_summary(np.ones((2, 2)))


def test_mean_spectrum():
    np.testing.assert_allclose(mean_spectrum(np.array([[1, 2], [3, 6]])), [2, 4])
    with pytest.raises(ValueError, match="train_spectra"):
        mean_spectrum(np.ones(3))


def test_wrong_input_is_named():
    ones, hidden = np.ones((2, 3)), np.ones((2, 3), bool)
    with pytest.raises(ValueError, match="must all be"):
        hidden_error(ones, ones[:, :2], hidden, np.arange(2))
    with pytest.raises(ValueError, match="group must be"):
        hidden_error(ones, ones, hidden, np.arange(3))
    with pytest.raises(ValueError, match="no spectrum has a hidden point"):
        hidden_error(ones, ones, ~hidden, np.arange(2))
    with pytest.raises(ValueError, match="finite at hidden"):
        hidden_error(ones * np.nan, ones, hidden, np.arange(2))
    with pytest.raises(ValueError, match="hidden must be bool"):
        hidden_error(ones, ones, ones, np.arange(2))
