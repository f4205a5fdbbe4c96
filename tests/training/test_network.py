"""What a step asks of the networks, part by part: reversal, microbatches, layout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.losses.bottleneck import cross_entropy
from spektron_jax.training.network import (
    map_microbatches,
    merge_inputs,
    merge_microbatches,
    reversal,
)
from spektron_jax.training.simulator import Inputs


def test_only_an_adversary_better_than_chance_is_reversed():
    logits = jnp.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.1, 0.0]])
    label = jnp.array([0, 0, 1])
    error = cross_entropy(logits, label)
    assert error[1] > np.log(3) > error[2]
    np.testing.assert_allclose(reversal(logits, label, 0.7), [0.7, 0.0, 0.7])


def test_no_gradient_passes_through_the_strength_of_the_reversal():
    label = jnp.array([0, 1])
    gradient = jax.grad(lambda x: jnp.sum(x * reversal(x, label, 1.0)[:, None]))(
        jnp.eye(2)
    )
    np.testing.assert_array_equal(gradient, np.ones((2, 2)))


def test_views_stay_together_when_microbatches_merge():
    """Two microbatches of 2: rows a, a, b, b and one mixture each."""
    rows = np.array([[10, 11, 20, 21, 30], [12, 13, 22, 23, 31]])
    merged = merge_microbatches({"x": rows[..., None]}, 2)["x"][:, 0]
    expected = [10, 11, 12, 13, 20, 21, 22, 23, 30, 31]
    np.testing.assert_array_equal(merged, expected)


def test_inputs_of_two_microbatches_are_one_batch():
    rows, points = np.arange(10).reshape(2, 5), 3
    inputs = Inputs(
        values=np.repeat(rows[..., None], points, -1).astype(np.float32),
        hidden=np.repeat(rows[..., None] > 6, points, -1),
        modality=rows,
        keys=np.zeros((2, 5)),
        clean=np.arange(12.0).reshape(2, 2, 3),
        share=np.array([[0.1], [0.2]]),
        instrument=np.array([[3, 1], [3, 1]]),
        dropout=np.zeros(2),
    )
    merged = merge_inputs(inputs)
    order = [0, 1, 5, 6, 2, 3, 7, 8, 4, 9]
    np.testing.assert_array_equal(merged.modality, order)
    np.testing.assert_array_equal(merged.values[:, 0], order)
    np.testing.assert_array_equal(merged.hidden[:, 0], np.array(order) > 6)
    np.testing.assert_array_equal(merged.clean, np.arange(12.0).reshape(4, 3))
    np.testing.assert_array_equal(merged.share, [0.1, 0.2])
    np.testing.assert_array_equal(merged.instrument, [3, 1])


@pytest.mark.parametrize("count", [1, 3])
def test_mapping_is_one_call_after_the_other_with_the_same_gradient(count):
    x = jnp.arange(4.0 * count).reshape(count, 4)

    def total(scale):
        return jnp.sum(map_microbatches(lambda part: jnp.sin(scale * part), x))

    np.testing.assert_allclose(total(0.3), np.sin(0.3 * x).sum(), rtol=1e-6)
    expected = np.sum(x * np.cos(0.3 * x))
    np.testing.assert_allclose(jax.grad(total)(0.3), expected, rtol=1e-5)
