"""Balance: 1 when even, E when collapsed, averages before the product."""

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.losses.balance import balance

EVEN = jnp.full(4, 0.25)


def test_even_is_one_and_collapsed_is_the_number_of_experts():
    assert balance(EVEN, EVEN)[0] == 1.0
    one = jnp.eye(4)[2]
    assert balance(one, one)[0] == 4.0
    two = jnp.array([0.5, 0.5, 0.0, 0.0])
    np.testing.assert_allclose(balance(two, two)[0], 2.0)


def test_averages_come_before_the_product():
    """Halves collapsed on different experts are even together: 1, not 2."""
    halves = jnp.eye(2)
    np.testing.assert_allclose(balance(halves.mean(0), halves.mean(0))[0], 1.0)
    apart = np.mean([balance(half, half)[0] for half in halves])
    np.testing.assert_allclose(apart, 2.0)


def test_share_of_every_expert_is_logged():
    load = jnp.array([0.4, 0.3, 0.2, 0.1])
    _, diagnostics = balance(load, EVEN)
    assert diagnostics == {f"expert_{e}": load[e] for e in range(4)}


def test_gradient_pushes_the_busiest_experts_gate_down_through_importance_only():
    load = jnp.array([0.4, 0.3, 0.2, 0.1])
    by_load, by_importance = jax.grad(lambda x, y: balance(x, y)[0], argnums=(0, 1))(
        load, EVEN
    )
    np.testing.assert_array_equal(by_load, 0.0)
    np.testing.assert_allclose(by_importance, 4 * load)
