"""The risk forecast: quiet on the same instrument, loud on another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.risk import energy_coefficient, forecast


def test_the_same_instrument_is_low_risk_mostly(two_instruments):
    levels = []
    for seed in range(10):
        X, _, _ = two_instruments(np.random.default_rng(seed), samples=60)
        levels.append(forecast(X[:40], X[40:]).level)
    assert levels.count("low") >= 8 and "high" not in levels


def test_another_instrument_is_high_risk(two_instruments):
    A, B, _ = two_instruments(np.random.default_rng(0), samples=60)
    result = forecast(A[:40], B[40:])
    assert result.level == "high" and result.beyond_q > 0.9
    assert result.probe_accuracy > result.probe_chance
    assert result.distance > 2 * result.distance_chance
    for part in ("High risk", "100% of 20 spectra beyond the Q", "(chance: up to"):
        assert part in result.text


def test_a_shift_inside_the_known_variation_is_moderate(two_instruments):
    A, _, _ = two_instruments(np.random.default_rng(1), samples=80, tilt=0)
    order = np.argsort(A.sum(axis=1))
    result = forecast(A[order[np.arange(80) % 4 != 0]], A[order[60:]])
    assert result.level == "moderate" and result.beyond_q < 0.5


def test_two_spectra_give_a_forecast_without_a_probe(two_instruments):
    A, B, _ = two_instruments(np.random.default_rng(2))
    result = forecast(A, B[:2])
    assert result.probe_accuracy is None and "classifier" not in result.text
    with pytest.raises(SpektronError, match="at least 1 spectrum"):
        forecast(A, B[:0])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(2, 6), m=st.integers(1, 6))
def test_energy_coefficient_against_loops(seed, n, m):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + rng.normal()

    def mean_distance(a, b):
        return np.mean([np.linalg.norm(i - j) for i in a for j in b])

    cross = mean_distance(x, y)
    expected = 1 - (mean_distance(x, x) + mean_distance(y, y)) / (2 * cross)
    mask = np.arange(n + m) >= n
    value, _ = energy_coefficient(np.vstack([x, y]), mask)
    assert value == pytest.approx(expected) and -1e-12 <= value <= 1


def test_energy_coefficient_of_points_apart():
    z = np.repeat([[0.0], [5.0]], 4, axis=0)
    value, chance = energy_coefficient(z, np.arange(8) >= 4)
    assert value == 1 and chance < 1
    assert energy_coefficient(np.ones((6, 2)), np.arange(6) > 2) == (0, 0)
