"""Parameters for the tests of modules, without compiling any initialiser."""

import jax
import numpy as np
import pytest


@pytest.fixture(scope="session")
def random_parameters():
    """draw(module, *inputs, seed=0, **static): {"params": ...} with random leaves.

    Of the sizes that the initialisers give, but no bias is 0 and no scale 1.
    """

    def draw(module, *inputs, seed=0, **static):
        rng = np.random.default_rng(seed)

        def leaf(path, leaf):
            name, shape = path[-1].key, leaf.shape
            values = rng.normal(size=shape)
            if name == "scale":
                values = 1 + 0.2 * values
            elif name == "bias":
                values = 0.2 * values
            elif name == "log_decay":  # 4 to 4096 points
                values = -rng.uniform(np.log(4), np.log(4096), shape)
            elif name == "angle_logit":  # the whole band
                share = rng.uniform(0.01, 0.99, shape)
                values = np.log(share / (1 - share))
            elif name == "kernel" and path[-2].key == "conv":
                values = values / np.sqrt(np.prod(shape[:-1]))
            elif name == "out" and len(shape) > 2:  # (..., oscillators, 2, width)
                values = values / np.sqrt(np.prod(shape[-3:-1]))
            elif name in ("kernel", "into", "out"):
                values = values / np.sqrt(shape[-2])
            return values.astype(leaf.dtype)

        def init(*inputs):
            return module.init(jax.random.key(0), *inputs, **static)

        shapes = jax.eval_shape(init, *inputs)
        return jax.tree_util.tree_map_with_path(leaf, shapes)

    return draw
