"""The pretraining step: live losses, optimiser, target network, accumulation.

Most tests share one compiled step whose weights are traced values that ride in
the batch, and whose optimiser also keeps the gradient before clipping.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax.traverse_util import flatten_dict

from spektron_jax.lab.instruments import training_pool
from spektron_jax.losses.objective import TERMS, weights_of
from spektron_jax.training import draws, parallel, schedules
from spektron_jax.training.instrument_pool import draw_two
from spektron_jax.training.simulator import make_simulator
from spektron_jax.training.state import build_model, build_optimizer, create
from spektron_jax.training.steps import (
    encoder_of,
    make_objective,
    make_share_step,
    make_step,
)

LEARNING_STEPS, MIDDLE = 150, np.int32(40)
# The first step's log with all weights as in the config. A change is a decision: what
# was trained before no longer resumes as it would have gone on.
FIRST_ROW = {
    "loss/reconstruction": 0.3277235,
    "loss/contrastive": 2.07979,
    "loss/denoising": 0.1251545,
    "loss/physics": 0.2501818,
    "loss/transport": 0.005485892,
    "weighted/bottleneck": 2.628647,
    "loss/balance": 1.155401,
    "loss/total": 3.642459,
    "loss/adversary": 1.571928,
    "loss/swap": 2.333881,
    "norm/gradient": 23.59415,
    "norm/parameter": 36.66245,
}


class Harness:
    """A compiled step on one device, with its state on the host between steps."""

    def __init__(self, config):
        self.config, self.model, self.traces = config, build_model(config), 0
        record = optax.GradientTransformation(
            lambda params: jax.tree.map(jnp.zeros_like, params),
            lambda gradient, _, params=None: (gradient, gradient),
        )
        self.optimizer = optax.chain(record, build_optimizer(config))
        self.devices = parallel.local_devices(1)
        self._step = parallel.data_parallel(self._traced, self.devices)

    def _traced(self, state, batch):
        self.traces += 1
        weights, number = batch.pop("weights")[0], batch.pop("number")[0]
        objective = make_objective(self.config, self.model)
        given = dict(zip(TERMS, weights, strict=True))
        objective = objective._replace(weights=lambda step: given)
        step = make_step(self.config, objective, self.optimizer)
        return step(state.replace(step=number), batch)

    def fresh(self):
        return jax.device_get(create(self.config, self.model, self.optimizer))

    def load(self, stream, number):
        return stream.batch(number, (0, 1), self.config.train.accumulate, 1)

    def run(self, state, batches, weights=None, pinned=False):
        """Steps through the batches; returns the state and a row for each step.

        pinned: every step draws the noise, masks and instruments of the first.
        """
        number = int(state.step)
        if weights is None:
            beta = schedules.beta(self.config.losses, self.config.train.steps)(number)
            weights = weights_of(self.config.losses, beta)
        values = np.array([weights.get(name, 0.0) for name in TERMS], np.float32)
        state, rows = parallel.replicate(state, self.devices), []
        for batch in batches:
            shape = batch["index"].shape[:2]
            extra = {"weights": values, "number": np.int32(number)}
            extra = {k: np.broadcast_to(v, shape + v.shape) for k, v in extra.items()}
            state, row = self._step(state, batch | extra)
            number += not pinned
            rows.append(row)
        return parallel.unreplicate(state), parallel.unreplicate(rows)

    def gradient(self, state, batch, weights=None):
        state, (row,) = self.run(state, [batch], weights)
        return state.opt_state[0], row


@pytest.fixture(scope="module")
def harness(micro):
    return Harness(micro({"train.steps": LEARNING_STEPS}))


@pytest.fixture(scope="module")
def accumulating(micro):
    """Four microbatches of 2 examples where the other has one of 8."""
    return Harness(micro({"train.steps": LEARNING_STEPS, "train.accumulate": 4}))


@pytest.fixture(scope="module")
def alone(harness, stream):
    """Gradient and log of every loss on its own, weight 1, in mid-run: alpha > 0."""
    state, batch = harness.fresh().replace(step=MIDDLE), harness.load(stream, 0)
    return {name: harness.gradient(state, batch, {name: 1.0}) for name in TERMS}


@pytest.fixture(scope="module")
def learned(harness, stream):
    """The state after learning one batch by heart, and the log of every step."""
    batches = [harness.load(stream, 0)] * LEARNING_STEPS
    return harness.run(harness.fresh(), batches, pinned=True)


def leaves(tree):
    return {"/".join(path): leaf for path, leaf in flatten_dict(tree).items()}


def close(value):
    """Equal to a scalar of JAX or numpy, nearly."""
    return pytest.approx(float(value), rel=1e-4, abs=1e-9)


def assert_trees_close(found, expected, share=1e-4):
    """Every leaf agrees to a share of its largest value."""
    found, expected = leaves(found), leaves(expected)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        size = np.abs(value).max()
        np.testing.assert_allclose(
            found[name], value, rtol=0, atol=share * size + 1e-7, err_msg=name
        )


# Losses


@pytest.mark.parametrize("name", TERMS)
def test_every_loss_alone_has_a_gradient_into_the_encoder(alone, name):
    gradient, row = alone[name]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    for part in ("embedding", "backbone"):
        assert optax.tree.norm(gradient[part]) > 1e-6, part
    # Also through what is deepest in there: the oscillators and the convolution.
    for leaf in ("log_decay", "angle_logit", "into"):
        assert np.abs(gradient["backbone"]["layers"]["ssm"][leaf]).max() > 0, leaf
    assert np.abs(gradient["embedding"]["conv"]["kernel"]).max() > 0
    assert row["norm/gradient"] == close(optax.tree.norm(gradient))


def test_every_loss_is_logged_raw_and_weighted(harness, alone, stream):
    weights = {name: 0.5 + 0.1 * place for place, name in enumerate(TERMS)}
    state, batch = harness.fresh().replace(step=MIDDLE), harness.load(stream, 0)
    gradient, row = harness.gradient(state, batch, weights)
    for name in TERMS:
        raw = row[f"loss/{name}"]
        assert np.isfinite(raw) and raw > 0, name
        assert row[f"weighted/{name}"] == close(weights[name] * raw)
        assert alone[name][1][f"loss/{name}"] == close(raw)
        assert alone[name][1]["loss/total"] == close(raw)
    total = sum(row[f"weighted/{name}"] for name in TERMS)
    assert row["loss/total"] == close(float(total))
    summed = jax.tree.map(
        lambda *parts: sum(map(np.multiply, weights.values(), parts)),
        *(alone[name][0] for name in TERMS),
    )
    assert_trees_close(gradient, summed, 1e-3)


def test_shares_are_those_of_the_norms_in_the_encoder(harness, alone, stream):
    state, batch = harness.fresh().replace(step=MIDDLE), harness.load(stream, 0)
    shares = parallel.data_parallel(
        make_share_step(harness.config, harness.model), harness.devices, donate=False
    )
    found = parallel.unreplicate(
        shares(parallel.replicate(state, harness.devices), batch)
    )
    losses = harness.config.losses
    beta = schedules.beta(losses, LEARNING_STEPS)(MIDDLE)
    norms = {
        name: weight * optax.tree.norm(encoder_of(alone[name][0]))
        for name, weight in weights_of(losses, beta).items()
    }
    total = sum(norms.values())
    assert found.pop("share/norm") == close(float(total))
    assert set(found) == {f"share/{name}" for name in TERMS}
    for name, norm in norms.items():
        assert found[f"share/{name}"] == pytest.approx(float(norm / total), rel=2e-3), (
            name
        )


def test_the_first_step_gives_the_numbers_it_always_gave(harness, stream):
    _, (row,) = harness.run(harness.fresh(), [harness.load(stream, 0)])
    for name, value in FIRST_ROW.items():
        # The divergence is a difference of costs near 1.
        limit = {"rel": 0, "abs": 1e-6} if "transport" in name else {"rel": 1e-5}
        assert float(row[name]) == pytest.approx(value, **limit), name


@pytest.mark.parametrize("name", ["total", "reconstruction", "contrastive"])
def test_a_small_batch_is_learned(learned, name):
    values = np.array([row[f"loss/{name}"] for row in learned[1]])
    assert values[59] < 0.7 * values[0]


def test_latents_carry_the_sample(harness, learned, stream):
    """Another sample's z_chem spoils the transfer and changes the reconstruction.

    So small a model, so briefly trained, reconstructs from its tokens in the main.
    """
    state, _ = learned
    config, model = harness.config, harness.model
    batch = {key: value[0, 0] for key, value in harness.load(stream, 0).items()}
    # Neighbours share a modality; two places on is another sample.
    order = jnp.roll(jnp.arange(len(batch["index"])), 2)
    width = config.model.z_chem

    def exchange(head, inputs, keywords, context):
        if context.method_name == "__call__" and context.module.name in places:
            inputs = list(inputs)
            place = places[context.module.name]
            z = inputs[place]
            inputs[place] = z.at[:, :width].set(z[order, :width])
        return head(*inputs, **keywords)

    places = {"reconstruction": 2, "transfer_head": 0}

    @jax.jit
    def errors(params, seed):
        simulator = make_simulator(config)
        keys = draws.example_keys(seed, 0, batch["index"])
        clean, top = simulator.clean(batch)
        path = simulator.path_lengths(keys)
        first, _ = draw_two(seed, 0, config.lab.pool)
        instrument = training_pool(config.seed, config.lab.pool).at(first)
        keys = draws.fold(keys, draws.VIEW)  # the first view of the pinned step
        seen = simulator.view(batch, instrument, clean, top, path, keys)
        valid = jnp.ones_like(seen.hidden)
        inputs = seen.measured, simulator.axis, valid, batch["modality"], seen.hidden

        def judge():
            spectra, out = model.apply({"params": params}, *inputs)
            error = jnp.mean((out["transfer"] - seen.measured) ** 2)
            return error, spectra[..., 0] * seen.hidden

        own = judge()
        with nn.intercept_methods(exchange):
            return own, judge()

    (own, decoded), (exchanged, other) = errors(state.params, state.seed)
    # How much worse is asked of the shipped weights, in tests/test_encoder.py.
    assert exchanged > own
    assert np.abs(other - decoded).max() > 1e-3


# One compile, accumulation


def test_one_trace_for_five_steps(harness, accumulating, stream):
    for each in (harness, accumulating):
        each.run(each.fresh(), [each.load(stream, number) for number in range(5)])
        assert each.traces == 1


def test_accumulation_changes_neither_losses_nor_gradient(
    harness, accumulating, stream
):
    """Nor the log: no statistic is of one microbatch only.

    Every loss has weight 1, so that none is lost among the others.
    """
    weights = dict.fromkeys(TERMS, 1.0)
    state = harness.fresh().replace(step=np.int32(7))  # so that alpha is not 0
    found = []
    for each in (harness, accumulating):
        batch = each.load(stream, 3)
        assert batch["index"].shape[1] == each.config.train.accumulate
        found.append(each.gradient(state, batch, weights))
    (whole, row), (parts, row_parts) = found
    assert_trees_close(parts, whole)
    assert row_parts.keys() == row.keys()
    for name, value in row.items():
        assert row_parts[name] == close(value), name


# Optimiser and target network


def test_only_weight_matrices_decay(harness, stream):
    """With all weights 0 the gradient is 0, and what changes is the decay."""
    before = harness.fresh()
    batches = [harness.load(stream, number) for number in range(5)]
    after, rows = harness.run(before, batches, {})
    assert all(row["norm/gradient"] == 0 for row in rows)
    optim = harness.config.optim
    rate = optim.weight_decay * sum(float(row["lr"]) for row in rows)
    assert rate > 1e-5
    before, after = leaves(before.params), leaves(after.params)
    kept = {name for name in before if np.array_equal(before[name], after[name])}
    for name in before.keys() - kept:
        np.testing.assert_allclose(
            after[name], (1 - rate) * before[name], rtol=1e-6, err_msg=name
        )
    assert {name.split("/")[-1] for name in before.keys() - kept} == {
        "kernel",
        "into",
        "out",
    }
    assert {name.split("/")[-1] for name in kept} == {
        *("bias", "scale", "log_decay", "angle_logit", "skip"),
        *("mask_token", "cls", "embedding", "centre", "offset"),
    }


def test_target_follows_by_the_configured_factor(harness, stream):
    state, _ = harness.run(harness.fresh(), [harness.load(stream, 0)] * 3)
    after, _ = harness.run(state, [harness.load(stream, 1)])
    ema = harness.config.losses.ema
    moved = 0.0
    for old, new, target in zip(
        *map(
            jax.tree.leaves,
            (state.target_params, after.params, after.target_params),
        ),
        strict=True,
    ):
        expected = ema * old.astype(np.float64) + (1 - ema) * new
        np.testing.assert_allclose(target, expected, rtol=1e-6, atol=1e-7)
        moved = max(moved, np.abs(target - old).max())
    assert ema == 0.996 and moved > 1e-6


def test_log_shows_the_schedules_of_the_step(harness, stream):
    config, steps = harness.config, 8
    batches = [harness.load(stream, number) for number in range(steps)]
    state, rows = harness.run(harness.fresh(), batches)
    assert int(state.step) == steps
    rate = schedules.learning_rate(config.optim, LEARNING_STEPS)
    beta = schedules.beta(config.losses, LEARNING_STEPS)
    alpha = schedules.alpha(config.losses, LEARNING_STEPS)
    for step, row in enumerate(rows):
        assert row["lr"] == close(rate(step))
        assert row["beta"] == close(beta(step))
        assert row["alpha"] == close(alpha(step))
        assert row["norm/gradient"] > 0 and row["norm/parameter"] > 0
        assert (row["norm/update"] > 0) == (row["lr"] > 0)
