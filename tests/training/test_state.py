"""The first parameters: drawn from the seed, whatever compiled the draws."""

import jax
import numpy as np
import pytest

from spektron_jax.training import state


@pytest.mark.slow
def test_a_quick_compilation_draws_the_same_bits(micro):
    """Of a third of the leaves other levels change the last bit."""
    model, key = state.build_model(micro()), jax.random.key(3)
    whole = jax.jit(state._init.__wrapped__, static_argnums=0)(model, key)
    jax.tree.map(np.testing.assert_array_equal, state._init(model, key), whole)
