"""Error measures against hand values, and intervals against a loop and coverage."""

import numpy as np
import pytest
from sklearn.metrics import r2_score, root_mean_squared_error

from spektron_jax.errors import SpektronError
from spektron_jax.metrics import (
    agreement,
    dimensions,
    group_mean,
    hidden_error,
    interval,
    kl_summary,
    paired_ratio,
    pooled_errors,
    resampled_counts,
    resampled_scores,
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


def test_property_errors_are_scikit_learns():
    rng = np.random.default_rng(7)
    y = rng.normal(10, 2, size=30)
    p = y + rng.normal(0.3, 0.5, size=30)
    errors = pooled_errors([y], [p])
    assert errors["r2"] == pytest.approx(r2_score(y, p))
    assert errors["rmsep"] == pytest.approx(root_mean_squared_error(y, p))
    assert errors["bias"] == pytest.approx(np.mean(p - y))
    assert errors["sep"] == pytest.approx(np.std(p - y, ddof=1))
    assert errors["rpd"] == pytest.approx(1 / np.sqrt(1 - errors["r2"]))
    quartiles = np.percentile(y, [25, 75])
    assert errors["rpiq"] == pytest.approx(np.ptp(quartiles) / errors["rmsep"])
    assert errors["n"] == 30 and errors["r2_sd"] == 0


def test_pooling_adds_sums_before_dividing():
    measured = [np.array([0.0, 2.0]), np.array([10.0, 14.0])]
    predicted = [np.array([1.0, 2.0]), np.array([10.0, 13.0])]
    errors = pooled_errors(measured, predicted)
    assert errors["r2"] == pytest.approx(1 - (1 + 1) / (2 + 8))
    assert errors["r2_sd"] == pytest.approx(np.std([0.5, 1 - 1 / 8], ddof=1))


def test_wrong_labels_and_predictions_are_named():
    y = np.arange(4.0)
    for measured, predicted, message in (
        ([y], [y, y], "1 test sets of labels, 2 of predictions"),
        ([y], [y[:3]], "must both be"),
        ([y], [y * np.nan], "must be finite"),
    ):
        with pytest.raises(SpektronError, match=message):
            pooled_errors(measured, predicted)


def test_what_equal_labels_and_perfect_predictions_leave_undefined():
    y = np.arange(4.0)
    errors = pooled_errors([np.ones(4)], [y])
    assert errors["r2"] is None and errors["rpd"] == 0 and errors["rmsep"] > 1
    assert pooled_errors([np.ones(4), y], [y, y + 1])["r2_sd"] is None
    exact = pooled_errors([y], [y])
    assert exact["r2"] == 1 and exact["rpd"] is None and exact["rpiq"] is None


def test_group_means_and_scores_on_the_same_resamples():
    rng = np.random.default_rng(9)
    values, group = rng.normal(size=40), np.repeat(np.arange(10), 4)
    found = group_mean(values, group)
    values[3] = np.nan
    assert group_mean(values, group)["n"] == 39 and found["n"] == 40
    sums = np.nan_to_num(values).reshape(10, 4).sum(axis=1)
    counts, sizes = resampled_counts(10), np.array([3, *[4] * 9])
    means = (counts @ sums) / (counts @ sizes)
    assert group_mean(values, group) == pytest.approx(
        {"mean": np.nanmean(values), "n": 39} | interval(means)
    )
    y = np.array([1.0, 2.0, 2.0, 2.0])
    drawn = resampled_scores(r2_score, y, [y, y + 1], seed=1, resamples=50)
    assert drawn.shape == (50, 2) and (drawn[:, 0] == 1).all()
    assert np.isfinite(drawn).all() and (drawn[:, 1] < 1).all()


def test_agreement_by_hand():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.5, 3.5])
    found = agreement(a, b)
    assert found["bias"] == 0.5 and found["sd"] == 0.0 and found["n"] == 3
    # 2 cov / (var + var + bias^2) with population moments: 4/3 / (4/3 + 1/4).
    assert found["concordance"] == pytest.approx((4 / 3) / (4 / 3 + 0.25))
    assert agreement(a, a)["concordance"] == 1.0
    assert agreement(a, a[::-1])["concordance"] == pytest.approx(-1.0)
    wide = agreement(a, b + [0.0, 0.3, -0.3])
    assert wide["high"] - wide["low"] == pytest.approx(2 * 1.96 * wide["sd"])
    with pytest.raises(SpektronError, match="must both be"):
        agreement(a, b[:2])


def test_effective_rank_counts_directions_and_not_dimensions():
    rng = np.random.default_rng(0)
    few = rng.normal(size=(4000, 3))
    turned = few @ np.linalg.qr(rng.normal(size=(10, 3)))[0].T
    assert dimensions(few) == pytest.approx(3, rel=0.01)
    assert dimensions(turned) == pytest.approx(dimensions(few), rel=1e-9)
    assert dimensions(few * [1, 1e-3, 1e-3]) == pytest.approx(1, rel=0.01)
    assert dimensions(np.ones((5, 4))) == 0.0
