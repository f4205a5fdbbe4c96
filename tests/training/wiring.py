"""Checks of how the training is wired, against `plain.py`.

They import the package themselves, so that `test_faults.py` can have them judge a copy
with a fault in it. All of it computes in float64: a gradient is compared with
differences of losses, which rounding would hide.

B molecules of a step, on 2 devices (by vmap) in 2 microbatches of 2 spectra each.
"""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tests.training import plain, toy_model

MODALITIES = ("NIR", "IR", "Raman", "unknown")
STEP, STEPS = 6, 20
DEVICES, PARTS, EACH = 2, 2, 2
BATCH = DEVICES * PARTS * EACH
SETTINGS = {
    "data": {"points": 64},
    "model": {
        "width": 8,
        "stride": 8,
        "oscillators": 4,
        "layers": 1,
        "expert_width": 8,
        "blocks": 1,
        "heads": 1,
        "ff_width": 8,
        "z_chem": 6,
        "z_inst": 4,
        "dtype": "float64",
        "dropout": 0.0,
        "remat": False,
        "scan": "sequential",
    },
    # No two weights alike, none zero: what is exchanged or left out is seen.
    "losses": {
        "reconstruction": 1.0,
        "contrastive": 0.31,
        "denoising": 0.23,
        "physics": 0.17,
        "transport": 0.7,
        "bottleneck": 0.15,
        "balance": 0.41,
        "swap": 1.3,
        "reversal": 0.9,
        "beta_start": 0.1,
        "beta_end": 1e-3,
        "ema": 0.9,
    },
    "optim": {"clip": 1e9},
    "train": {"steps": STEPS, "batch_size": BATCH, "accumulate": PARTS},
}
ENCODER = ("embedding", "backbone", "moe", "transformer_0", "summary", "chem", "inst")


def settings():
    from spektron_jax.config import get_default

    config = get_default()
    with config.ignore_type():
        config.update(SETTINGS)
    return config


@functools.cache
def molecules(accumulate=PARTS):
    """A batch as devices get it, and the same in the order of the step, (B, ...)."""
    from spektron_jax.training.examples import ExampleStream, open_source

    stream = ExampleStream(open_source("lines"), "train", BATCH, 0)
    return stream.batch(3, (0, 1), accumulate, DEVICES), stream.batch(3)


def network(config, toy):
    """The model of a config, or its stand-in, and parameters of it."""
    from spektron_jax.training.instrument_pool import INSTRUMENT_EMBEDDING
    from spektron_jax.training.state import build_model, init_params

    if toy:
        made = toy_model.parameters(config.data.points, INSTRUMENT_EMBEDDING)
        return toy_model.ToyModel(), made
    model = build_model(config)
    return model, init_params(model, 0)


def fresh_state(config, params, optimizer):
    """A state in mid-run whose target network is another one."""
    from spektron_jax.training.state import TrainState

    def drawn(seed):
        rng = np.random.default_rng(seed)  # biases start at 0, some heads nearly so
        return jax.tree.map(
            lambda x: jnp.asarray(x + 0.1 * rng.normal(size=x.shape), jnp.float64),
            params,
        )

    params = drawn(0)
    return TrainState(
        step=jnp.int32(STEP),
        params=params,
        target_params=drawn(1),
        opt_state=optimizer.init(params),
        seed=jax.random.key_data(jax.random.key(config.seed)),
    )


def direction(params, part, seed):
    """A random direction in one part of the parameters, of length 1."""
    rng = np.random.default_rng(seed)
    drawn = jax.tree.map(lambda x: rng.normal(size=x.shape), params)
    drawn = {
        name: jax.tree.map(lambda x, on=(name == part): x * on, tree)
        for name, tree in drawn.items()
    }
    norm = np.sqrt(sum(np.sum(x**2) for x in jax.tree.leaves(drawn)))
    return jax.tree.map(lambda x: x / norm, drawn)


def difference(expected, params, way, length=1e-5):
    """Change of every term along a direction, and of the adversary's errors."""

    def at(step):
        return expected(jax.tree.map(lambda x, d: x + step * d, params, way))

    (up, up_each), (down, down_each) = at(length), at(-length)
    slope = {name: (up[name] - down[name]) / (2 * length) for name in up}
    return slope, (np.array(up_each) - down_each) / (2 * length)


class Run:
    """One step: what goes in, what the package makes of it, what plain.py does."""

    def __init__(self, toy=False):
        """toy: with the stand-in of `toy_model.py`, for what is not of the network."""
        from spektron_jax.training.simulator import make_simulator

        self.config, self.optimizer = settings(), optax.sgd(1.0)
        self.model, params = network(self.config, toy)
        self.state = fresh_state(self.config, params, self.optimizer)
        self.batch, self.whole = molecules()
        self.simulator = make_simulator(self.config)

    @functools.cached_property
    def pool(self):
        from spektron_jax.lab.instruments import training_pool

        return self.simulator.instruments(training_pool, self.config.lab.pool)

    @functools.cached_property
    def seen(self):
        """What the encoder sees, of all examples in order."""
        inputs = jax.jit(functools.partial(self.simulator.inputs, self.pool))(
            self.state.seed, STEP, self.whole
        )
        a, b = slice(0, BATCH), slice(BATCH, 2 * BATCH)
        mixed = slice(2 * BATCH, None)
        return SimpleNamespace(
            rows={
                kind: (inputs.values[at], inputs.modality[at], inputs.hidden[at], at)
                for kind, at in (("a", a), ("b", b), ("mixture", mixed))
            },
            keys=inputs.keys,
            plain={
                "a": np.asarray(inputs.values[a]),
                "b": np.asarray(inputs.values[b]),
                "mixture": np.asarray(inputs.values[mixed]),
                "hidden_a": np.asarray(inputs.hidden[a]),
                "hidden_b": np.asarray(inputs.hidden[b]),
                "hidden_mixture": np.asarray(inputs.hidden[mixed]),
                "modality": np.asarray(inputs.modality),
                "clean": np.asarray(inputs.clean),
                "share": np.asarray(inputs.share),
                "instrument": np.asarray(inputs.instrument).tolist(),
            },
        )

    @functools.cached_property
    def say(self):
        """params -> what the networks say, kind by kind, each asked by itself."""
        axis, rows, keys = self.simulator.axis, self.seen.rows, self.seen.keys
        apply = self.model.apply
        table = self.simulator.instrument_table(self.pool)

        @jax.jit
        def ask(params, target, values, modality, hidden, keys):
            valid = jnp.ones_like(hidden)
            spectra, out = apply(
                {"params": params},
                *(values, axis, valid, modality, hidden, keys),
                rngs={"dropout": jax.random.key(0)},
            )
            said = {name: x for name, x in out.items() if name != "routing"}
            z, _ = apply(
                {"params": target}, *(values, axis, valid, modality), method="encode"
            )
            said["target"] = apply({"params": target}, z, method="project")
            for latent in ("chem", "inst"):
                said[f"{latent}_logits"] = out[f"{latent}_instrument"] @ table.T
            return said | {"spectra": spectra}

        @jax.jit
        def swap(params, z_chem, z_inst):
            return apply({"params": params}, z_chem, z_inst, axis, method="transfer")

        def say(params):
            said = {}
            for kind, (*given, at) in rows.items():
                given.append(keys[at])
                count = len(given[0])  # mixtures are fewer: all come twice
                order = np.arange(BATCH) % count
                found = ask(
                    params, self.state.target_params, *(x[order] for x in given)
                )
                said[kind] = {name: x[:count] for name, x in found.items()}
            for view, other in ("ab", "ba"):
                z = said[other]["z_chem"], said[view]["z_inst"]
                said[view]["swapped"] = swap(params, *z)
            return jax.tree.map(np.asarray, said)

        return say

    @functools.cached_property
    def said(self):
        return self.say(self.state.params)

    @functools.cached_property
    def load(self):
        return np.concatenate(
            [self.said[kind]["load"] for kind in ("a", "b", "mixture")]
        ).mean(0)

    def expected(self, params):
        """The ten terms by plain.py, and the adversary's errors by example."""
        said = self.say(params)
        return plain.terms(self.seen.plain, said, self.load), plain.named(
            self.seen.plain, said, "chem"
        )

    @functools.cached_property
    def known(self):
        """`expected` at the state's parameters."""
        return self.expected(self.state.params)

    @functools.cached_property
    def slopes(self):
        """Part, a direction in it, and how everything expected changes along it."""
        params, found = self.state.params, []
        for seed, part in enumerate(params):
            if part != "regression":  # no label in pretraining
                way = direction(params, part, seed)
                found.append((part, way, *difference(self.expected, params, way)))
        return found

    def expect(self, other):
        """Expect of the step what was found, and checked, of another run's terms."""
        self.found = other.found

    def on_devices(self, function):
        """function(state, batch) on every device; the first one's answer."""
        from spektron_jax.training import parallel

        mapped = jax.vmap(function, (None, 0), axis_name=parallel.AXIS)
        return jax.tree.map(lambda x: x[0], jax.jit(mapped)(self.state, self.batch))

    @functools.cached_property
    def found(self):
        """Values and gradients of the package's own terms."""
        from spektron_jax.losses.objective import TERMS
        from spektron_jax.training import parallel
        from spektron_jax.training.steps import make_objective

        objective = make_objective(self.config, self.model)

        def each(state, batch):
            def values(params):
                terms = objective.terms(params, state, batch)
                return jnp.stack([jnp.mean(terms[name][0]) for name in TERMS])

            raw, pull = jax.vjp(values, state.params)
            (gradient,) = jax.vmap(pull)(jnp.eye(len(TERMS)))
            return parallel.mean((raw, gradient))

        raw, gradient = self.on_devices(each)
        return SimpleNamespace(
            raw=dict(zip(TERMS, np.asarray(raw).tolist(), strict=True)),
            gradient={
                name: jax.tree.map(lambda x, k=k: np.asarray(x[k]), gradient)
                for k, name in enumerate(TERMS)
            },
        )

    @functools.cached_property
    def stepped(self):
        """State and log after one step of plain gradient descent at rate 1."""
        from spektron_jax.training.steps import make_pretrain_step

        step = make_pretrain_step(self.config, self.model, self.optimizer)
        return self.on_devices(step)


def close(found, wanted, what, relative=1e-6, absolute=1e-9):
    np.testing.assert_allclose(
        found, wanted, rtol=relative, atol=absolute, err_msg=str(what)
    )


def check_values(run):
    """Every term is what the plain loops give."""
    wanted, _ = run.known
    assert set(wanted) == set(run.found.raw)
    for name, value in wanted.items():
        # Sinkhorn's iteration ends within a tolerance of its own.
        limit = 2e-3 if name == "transport" else 1e-6
        assert abs(value) > 1e-5, name
        close(run.found.raw[name], value, name, limit)


def check_log(run):
    """Log, weights and schedules of the step."""
    _, log = run.stepped
    losses = run.config.losses.to_dict()
    weights = plain.weights(losses, STEP, STEPS)
    total = 0.0
    for name, raw in run.found.raw.items():
        close(log[f"loss/{name}"], raw, name)
        close(log[f"weighted/{name}"], weights[name] * raw, name)
        total += weights[name] * raw
    close(log["loss/total"], total, "total")
    close(log["alpha"], plain.reversal_strength(losses, STEP, STEPS), "alpha")
    close(log["beta"], weights["kl"] / losses["bottleneck"], "beta")


def check_step(run):
    """Parameters go down the weighted sum of gradients; the target follows."""
    state, log = run.stepped
    weights = plain.weights(run.config.losses.to_dict(), STEP, STEPS)
    wanted = jax.tree.map(
        lambda *each: sum(
            weights[name] * x for name, x in zip(weights, each, strict=True)
        ),
        *(run.found.gradient[name] for name in weights),
    )
    moved = jax.tree.map(lambda a, b: a - b, run.state.params, state.params)
    jax.tree.map(lambda a, b: close(a, b, "step", 1e-5, 1e-7), moved, wanted)
    norm = np.sqrt(sum(np.sum(x**2) for x in jax.tree.leaves(wanted)))
    close(log["norm/gradient"], norm, "norm of the gradient", 1e-5)
    ema = SETTINGS["losses"]["ema"]
    jax.tree.map(
        lambda old, new, found: close(found, ema * old + (1 - ema) * new, "target"),
        *(run.state.target_params, state.params, state.target_params),
    )
    assert int(state.step) == STEP + 1


def check_gradients(run):
    """Every term pulls every part as differences of the plain losses say.

    The adversary is another matter in the encoder: there its gradient is reversed, at
    a strength, and only for examples that it names better than chance.
    """
    _, errors = run.known
    better = np.array(errors) < np.log(run.config.lab.pool)
    assert 0 < better.sum() < len(better)  # so that both cases are there
    alpha = plain.reversal_strength(run.config.losses.to_dict(), STEP, STEPS)
    for part, way, slope, each in run.slopes:
        wanted = dict(slope)
        if part in ENCODER:
            wanted["adversary"] = -alpha * np.mean(np.where(better, each, 0.0))
        for name, value in wanted.items():
            parts = jax.tree.map(np.vdot, run.found.gradient[name], way)
            found = sum(jax.tree.leaves(parts))
            limit = 2e-2 if name == "transport" else 1e-4
            close(found, value, (name, part), limit, 3e-5 if limit > 1e-3 else 1e-7)


def check_inputs(run):
    """Two instruments' views of every molecule, its clean spectrum, and mixtures."""
    seen, batch, settings = run.seen.plain, run.whole, run.config
    first, second = seen["instrument"]
    assert first != second and {first, second} <= set(range(settings.lab.pool))
    axis = np.linspace(500.0, 4000.0, settings.data.points)
    pool = jax.tree.map(np.asarray, run.pool)
    paths = []
    for i in range(BATCH):
        raman = MODALITIES[batch["modality"][i]] == "Raman"
        lines = batch["position_cm1"][i], batch["strength"][i]
        width = 10.0 if raman else 15.0
        clean = plain.spectrum(*lines, axis, width)
        path = 0.1 * seen["clean"][i].max()
        paths.append(path)
        close(seen["clean"][i], path / 0.1 * clean / clean.max(), "clean", 1e-5)
        for view, k in (("a", first), ("b", second)):
            shift, sigma = pool.shift[k], pool.sigma[k]
            band = plain.spectrum(lines[0] + shift, lines[1], axis, width, sigma)
            ideal = path * band / clean.max() + plain.legendre(pool.baseline[k], axis)
            noise = 0.1 * seen[view][i] - ideal
            size = path * band.max() / clean.max() * 10 ** (-pool.snr_db[k] / 20)
            # The package's line shape is an approximation, good to 1.2 % of a band.
            assert np.abs(noise).max() < 5 * size + 0.012 * path * 3, (i, view)
            rough = np.diff(noise, 2).std() / np.sqrt(6)
            assert rough > 0.6 * size, (i, view)
    assert 0.5 <= min(paths) < 0.8 < 1.1 < max(paths) <= 1.5
    check_rows(seen, batch)


def check_rows(seen, batch):
    """What is hidden, what is mixed with what, and the order of the rows."""
    for kind in ("hidden_a", "hidden_b"):
        for hidden in seen[kind]:
            edges = np.flatnonzero(np.diff(np.r_[0, hidden, 0]))
            assert (edges[1::2] - edges[::2] == 3).all()
            assert hidden.sum() == 3 * round(0.2 * len(hidden) / 3)
    assert len(np.unique(np.r_[seen["hidden_a"], seen["hidden_b"]], axis=0)) > BATCH
    for k, share in enumerate(seen["share"]):
        one, two = seen["a"][2 * k], seen["a"][2 * k + 1]
        close(seen["mixture"][k], share * one + (1 - share) * two, "mixture")
        either = seen["hidden_a"][2 * k] | seen["hidden_a"][2 * k + 1]
        np.testing.assert_array_equal(seen["hidden_mixture"][k], either)
    assert 0 < min(seen["share"]) < 0.4 < 0.6 < max(seen["share"]) < 1
    code = batch["modality"]
    np.testing.assert_array_equal(seen["modality"], np.r_[code, code, code[::2]])


def check_keys(run):
    """No two rows share their noise, and another step draws everything anew."""
    keys = np.asarray(jax.random.key_data(run.seen.keys))
    assert len(np.unique(keys, axis=0)) == len(keys) == 5 * BATCH // 2
    draw = jax.jit(functools.partial(run.simulator.inputs, run.pool, run.state.seed))
    ones = [draw(step, run.whole) for step in range(STEP, STEP + 12)]
    again = np.concatenate([run.seen.plain[kind] for kind in ("a", "b", "mixture")])
    close(ones[0].values, again, "the same step once more")
    for one in ones[1:]:
        assert not np.array_equal(one.hidden, ones[0].hidden)
        assert np.abs(one.clean - ones[0].clean).max() > 1e-3
    drawn = {tuple(np.asarray(one.instrument).tolist()) for one in ones}
    assert len(drawn) > 5 and {k for pair in drawn for k in pair} == {0, 1, 2, 3}
