"""The weighted sum and its log."""

import jax
import numpy as np
import pytest

from spektron_jax.config import get_default
from spektron_jax.losses.objective import NAMES, combine


def terms():
    """Per-example values for six losses, a scalar for one; a diagnostic each."""
    return {
        name: (
            np.float32(i) if name == "transport" else np.array([i, i + 2], np.float32),
            {"part": 10.0 * i},
        )
        for i, name in enumerate(NAMES)
    }


WEIGHTS = {name: 0.5**i for i, name in enumerate(NAMES)}


def test_seven_losses_with_a_weight_each_in_the_config():
    assert len(NAMES) == len(set(NAMES)) == 7
    weights = {name: get_default().losses[name] for name in NAMES}
    assert weights == {
        "reconstruction": 1.0,
        "contrastive": 0.3,
        "denoising": 0.2,
        "physics": 0.1,
        "transport": 0.1,
        "bottleneck": 0.15,
        "balance": 0.01,
    }


def test_total_is_the_weighted_sum_of_the_means():
    total, log = combine(terms(), WEIGHTS)
    wanted = 0.0
    for i, name in enumerate(NAMES):
        mean = i if name == "transport" else i + 1
        assert log[f"loss/{name}"] == mean
        np.testing.assert_allclose(log[f"weighted/{name}"], 0.5**i * mean)
        assert log[f"{name}/part"] == 10.0 * i
        wanted += 0.5**i * mean
    np.testing.assert_allclose(total, wanted, rtol=1e-6)
    assert log["loss/total"] == total
    assert len(log) == 3 * 7 + 1


def test_a_missing_loss_is_an_error():
    some = terms()
    del some["physics"]
    with pytest.raises(KeyError, match="physics"):
        combine(some, WEIGHTS)


def test_every_loss_pulls_with_its_weight():
    def loss(values):
        return combine({n: (values[n], {}) for n in NAMES}, WEIGHTS)[0]

    gradient = jax.grad(loss)({name: np.ones(4, np.float32) for name in NAMES})
    for name in NAMES:
        np.testing.assert_allclose(gradient[name], WEIGHTS[name] / 4)
