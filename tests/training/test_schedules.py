"""Learning rate, beta and alpha at the points that define them."""

import jax
import numpy as np
import pytest

from spektron_jax.config import get_default
from spektron_jax.training import schedules


def config(**changes):
    settings = get_default()
    settings.update_from_flattened_dict(
        {name.replace("__", "."): value for name, value in changes.items()}
    )
    return settings


@pytest.mark.parametrize(
    ("steps", "wanted"), [(50_000, 1000), (20_000, 1000), (3000, 150), (10, 0)]
)
def test_warmup_is_a_thousand_steps_or_five_percent(steps, wanted):
    assert schedules.warmup_steps(get_default().optim, steps) == wanted


def test_learning_rate_warms_up_then_falls_to_one_percent():
    steps = 2000
    rate = jax.jit(schedules.learning_rate(get_default().optim, steps))
    values = np.array([rate(step) for step in range(0, steps + 100, 50)])
    assert values[0] == 0.0
    np.testing.assert_allclose(rate(50), 1.5e-4, rtol=1e-5)  # half of warm-up
    np.testing.assert_allclose(rate(100), 3e-4, rtol=1e-5)  # its end
    middle = 3e-4 * (0.01 + 0.99 * 0.5)
    np.testing.assert_allclose(rate(1050), middle, rtol=1e-4)
    np.testing.assert_allclose(rate(2000), 3e-6, rtol=1e-4)
    np.testing.assert_allclose(values[-1], 3e-6, rtol=1e-4)  # and stays
    assert (np.diff(values[2:]) <= 0).all() and values.max() <= 3.001e-4


def test_learning_rate_without_warmup_starts_at_its_peak():
    rate = schedules.learning_rate(get_default().optim, 10)
    np.testing.assert_allclose(rate(0), 3e-4, rtol=1e-5)
    np.testing.assert_allclose(rate(10), 3e-6, rtol=1e-4)


def test_cosine_beta():
    """0.1 to 0.001 over 60 % of the run, then constant."""
    beta = jax.jit(schedules.beta(get_default().losses, 1000))
    for step, wanted in (
        (0, 0.1),
        (150, 1e-3 + 0.099 * (1 + np.cos(np.pi / 4)) / 2),
        (300, 0.0505),
        (600, 1e-3),
        (601, 1e-3),
        (1000, 1e-3),
    ):
        np.testing.assert_allclose(beta(step), wanted, rtol=1e-5, atol=1e-8)


def test_cyclical_beta():
    """Four cycles of 150 steps: up over 75, level over 75; after 600 the end value."""
    losses = config(losses__beta_schedule="cyclical").losses
    beta = jax.jit(schedules.beta(losses, 1000))
    for cycle in range(4):
        start = 150 * cycle
        for within, wanted in ((0, 1e-3), (37.5, 0.0505), (75, 0.1), (149, 0.1)):
            np.testing.assert_allclose(beta(start + within), wanted, rtol=1e-3)
    for step in (600, 675, 1000):
        np.testing.assert_allclose(beta(step), 1e-3, rtol=1e-5)


def test_constant_beta():
    losses = config(losses__beta_schedule="constant").losses
    beta = jax.jit(schedules.beta(losses, 1000))
    for step in (0, 300, 1000):
        value = beta(np.int32(step))
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, 1e-3, rtol=1e-6)


def test_every_kind_of_beta_gives_float32_for_a_traced_step():
    for kind in ("cosine", "cyclical", "constant"):
        losses = config(losses__beta_schedule=kind).losses
        value = jax.jit(schedules.beta(losses, 1000))(np.int32(7))
        assert value.shape == () and value.dtype == np.float32


def test_reversal_strength():
    """2 / (1 + exp(-10 p)) - 1: 0 at first, never falling, close to 1 at the end."""
    alpha = jax.jit(schedules.alpha(get_default().losses, 1000))
    steps = np.arange(0, 1001, 50)
    values = np.array([alpha(step) for step in steps])
    assert values[0] == 0.0 and (np.diff(values) > 0).all()
    np.testing.assert_allclose(
        values, 2 / (1 + np.exp(-10 * steps / 1000)) - 1, atol=1e-6
    )
    assert 0.999 < values[-1] < 1.0
