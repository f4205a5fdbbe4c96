"""Parameters for the tests of modules, without compiling any initialiser."""

import jax
import numpy as np
import pytest


@pytest.fixture(scope="session")
def random_parameters():
    """draw(module, *inputs, seed=0, **static): {"params": ...} with random leaves.

    Unlike fresh parameters no bias is 0, no scale is 1 and no layer equals another.
    """

    def draw(module, *inputs, seed=0, **static):
        rng = np.random.default_rng(seed)

        def leaf(path, shape):
            values = rng.normal(size=shape.shape)
            match path[-1].key:
                case "scale":
                    values = 1 + 0.2 * values
                case "log_decay":
                    values = values - 3
                case "kernel" | "into" | "out":
                    values = values / np.sqrt(shape.shape[-2])
                case "bias":
                    values = 0.2 * values
            return values.astype(shape.dtype)

        def init(*inputs):
            return module.init(jax.random.key(0), *inputs, **static)

        shapes = jax.eval_shape(init, *inputs)
        return jax.tree_util.tree_map_with_path(leaf, shapes)

    return draw
