"""First step of a pretraining and first spectrum of an encoder, in CPU seconds.

python -m benchmarks.first_step      # twice: the second run finds what was compiled
"""

import tempfile
import time
from pathlib import Path

from spektron_jax import compile_cache


def cpu(work):
    """CPU seconds of this process, and the answer."""
    begun = time.process_time()
    answer = work()
    return time.process_time() - begun, answer


def main():
    """Print the folder of the cache and four times."""
    print("compiled programs are kept in", compile_cache.use())
    compile_cache.trace_quickly()
    import jax
    import numpy as np

    from spektron_jax.commands import config_file
    from spektron_jax.encoder.load import load_encoder
    from spektron_jax.training import loop, state
    from spektron_jax.training.examples import open_training_source

    config = config_file.load("configs/pretrain.py:tiny")
    config.train.steps, config.train.head_steps = 1, 0
    config.log.tensorboard = config.log.progress = False
    config.log.shares_every_steps = config.eval.curve_every_steps = 0
    model, source = state.build_model(config), open_training_source(config)
    optimizer = state.build_optimizer(config)
    spent, _ = cpu(
        lambda: jax.block_until_ready(state.create(config, model, optimizer))
    )
    print(f"parameters and state of tiny: {spent:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        spent, _ = cpu(lambda: loop.pretrain(config, Path(folder), source))
    print(f"one step of tiny, with its checkpoint: {spent:.1f} s")
    encoder, axis = load_encoder("nano"), np.linspace(600, 3800, 800)
    spectrum = np.random.default_rng(0).random((1, 800))
    spent, _ = cpu(lambda: encoder.embed(spectrum, axis, modality="IR"))
    print(f"one spectrum, nano, the first time: {1000 * spent:.0f} ms")
    again = [cpu(lambda: encoder.embed(spectrum, axis))[0] for _ in range(9)]
    print(f"one spectrum, nano, then: {1000 * np.median(again):.1f} ms")


if __name__ == "__main__":
    main()
