"""The first parameters: drawn from the seed, whatever compiled the draws."""

import jax
import numpy as np
import pytest

from spektron_jax.training import state


@pytest.mark.slow
def test_a_quick_compilation_draws_the_same_bits(micro):
    """Of a third of the leaves other levels change the last bit."""
    model, key = state.build_model(micro()), jax.random.key(3)
    key = jax.random.fold_in(key, 17)
    whole = jax.jit(state._init, static_argnums=0)(model, key)["params"]
    jax.tree.map(np.testing.assert_array_equal, state.init_params(model, 3), whole)


def test_shapes_are_known_without_the_draws(micro):
    model = state.build_model(micro())
    drawn, shapes = state.init_params(model, 3), state.init_shapes(model)
    assert jax.tree.map(np.shape, drawn) == jax.tree.map(np.shape, shapes)
