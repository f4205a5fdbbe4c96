"""Where the time of a pretraining step goes, part by part.

    python -m benchmarks.step_profile [--variant base] [--batch 4] [--json FILE]

Each part runs forward and backward on inputs of the sizes that it meets in the step,
compiled by itself; the whole step is measured beside the sum. CPU time, median of
`ROUNDS`. The encoder takes 2.5 rows a spectrum (two views and half a mixture); the
moving-average network runs forward over two of them.
"""

import argparse
import json
import statistics
import time

import jax
import jax.numpy as jnp

from configs.pretrain import get_config
from spektron_jax.models.spektron import REFERENCE_SPACING_CM1
from spektron_jax.training import parallel, state, steps
from spektron_jax.training.examples import ExampleStream, open_training_source
from spektron_jax.training.simulator import make_simulator

ROUNDS = 5


def milliseconds(run, *arguments):
    """Median CPU milliseconds of a compiled call."""
    run = jax.jit(run).lower(*arguments).compile()
    jax.block_until_ready(run(*arguments))
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        jax.block_until_ready(run(*arguments))
        spent.append(1e3 * (time.process_time() - begun))
    return statistics.median(spent)


def both_ways(function):
    """Forward and backward, with the output as its own cotangent."""

    def run(params, *inputs):
        out, pull = jax.vjp(function, params, *inputs)
        return pull(out)

    return run


def parts(config, model, params, rows, batch):
    """(name, milliseconds) of the parts, on `rows` encoder rows."""
    axis = make_simulator(config).axis
    tokens = -(-len(axis) // config.model.stride) + 2
    x = jax.random.normal(jax.random.key(0), (rows, tokens, config.model.width))
    values = jax.random.normal(jax.random.key(1), (rows, len(axis)))
    alive = jnp.ones((rows, tokens, 1))
    keys = jax.random.split(jax.random.key(2), rows)
    code = jnp.ones(rows, int)
    hidden = jax.random.bernoulli(jax.random.key(3), 0.2, values.shape)
    step = jnp.asarray((axis[1] - axis[0]) / REFERENCE_SPACING_CM1)
    rngs = {"dropout": keys[0]}

    def part(function):
        def bound(params, *inputs):
            return model.apply({"params": params}, *inputs, method=function, rngs=rngs)

        return both_ways(bound)

    def embed(module, values):
        valid = jnp.ones_like(hidden)
        return module.embedding(values, axis, valid, code, hidden)[0]

    def run_backbone(module, x):
        return module.backbone(x, alive, step, train=True)

    def mix(module, x):
        return module.moe(x, alive, keys)[0]

    def attend(module, x):
        for block in module.transformer:
            x = block(x, alive, True)
        return x

    def decode(module, x, values):
        z = jnp.ones((rows, config.model.z_chem + config.model.z_inst))
        return module.reconstruction(x[:, 2:], z, values)

    yield "embedding", milliseconds(part(embed), params, values)
    yield "D-LinOSS backbone", milliseconds(part(run_backbone), params, x)
    yield "experts", milliseconds(part(mix), params, x)
    yield "transformer", milliseconds(part(attend), params, x)
    yield "reconstruction head", milliseconds(part(decode), params, x, values)

    def target(params, values):
        valid = jnp.ones_like(hidden[: 2 * batch])
        inputs = (values, axis, valid, code[: 2 * batch])
        return model.apply({"params": params}, *inputs, method="encode")[0]

    yield "target network", milliseconds(target, params, values[: 2 * batch])


def step_milliseconds(config, model):
    """The whole optimiser step, data included."""
    source = open_training_source(config)
    stream = ExampleStream(source, "train", config.train.batch_size, config.seed)
    devices = parallel.local_devices(1)
    optimizer = state.build_optimizer(config)
    step = parallel.data_parallel(
        steps.make_pretrain_step(config, model, optimizer), devices
    )
    now = parallel.replicate(state.create(config, model, optimizer), devices)
    spent = []
    for number in range(ROUNDS + 1):
        batch = stream.batch(number, (0, 1), 1, 1)
        begun = time.process_time()
        now, metrics = step(now, batch)
        jax.block_until_ready(metrics)
        spent.append(1e3 * (time.process_time() - begun))
    return statistics.median(spent[1:])


def main():
    """Print the table; --json FILE also writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", default="base")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--json")
    options = parser.parse_args()
    config = get_config(options.variant)
    config.train.update({"batch_size": options.batch, "accumulate": 1})
    rows = 2 * options.batch + options.batch // 2
    model = state.build_model(config)
    params = state.init_params(model, 0)
    found = dict(parts(config, model, params, rows, options.batch))
    whole = step_milliseconds(config, model)
    found["losses, rendering, optimiser, the rest"] = whole - sum(found.values())
    print(f"{options.variant}, {options.batch} spectra a step: {whole:.0f} ms CPU\n")
    print("| part | ms a spectrum | share |\n|---|---|---|")
    for name, spent in found.items():
        print(f"| {name} | {spent / options.batch:.1f} | {spent / whole:.0%} |")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"whole": whole, **found}, file, indent=1)


if __name__ == "__main__":
    main()
