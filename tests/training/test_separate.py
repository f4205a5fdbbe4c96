"""The bottleneck in closed form, and the run behind it that trains the heads alone."""

import json
import shutil

import jax
import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.probes.probes import instrument_probe, molecule_probe
from spektron_jax.training import checkpoint, loop, separate
from spektron_jax.training.examples import open_training_source
from spektron_jax.training.state import HEADS, build_model, init_params

F, Z = 20, 12


def parts_of(seed=0, instruments=30, molecules=60):
    """Summaries with samples in 6 directions, instruments in 4, noise in all."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(np.random.default_rng(9).normal(size=(F, F)))[0]
    sample = rng.normal(size=(1, molecules, 6)) @ directions[:6]
    # Instruments also in a direction of the samples: it cannot be in z_chem.
    instrument = 3 * rng.normal(size=(instruments, 1, 4)) @ directions[5:9]
    noise = 0.1 * rng.normal(size=(instruments, molecules, F))
    return 5 + sample + instrument + noise


def old_latent():
    return {
        name: {"kernel": np.ones((F, Z), np.float32), "bias": np.ones(Z, np.float32)}
        for name in ("mean", "log_variance")
    }


def test_latents_know_one_thing_each():
    parts = [parts_of(0), parts_of(1)]
    B, I, W = separate.scatter(parts)  # noqa: E741
    h = np.concatenate([part.reshape(-1, F) for part in parts])
    unseen = parts_of(2, instruments=4, molecules=50)
    instrument = np.repeat(np.arange(4), 50)
    molecule = np.tile(np.arange(50), 4)
    known = {}
    for name, kept, hidden in (("chem", B, W + 30 * I), ("inst", I, W + B)):
        directions = separate.discriminants(kept, hidden, 4)
        new = separate.latent(old_latent(), directions, h, W, 0)["mean"]
        z = unseen.reshape(-1, F) @ new["kernel"] + new["bias"]
        known[name] = (
            instrument_probe(z, instrument, molecule)["accuracy"],
            molecule_probe(z, instrument, molecule)["accuracy"],
        )
    assert known["chem"][0] < 0.4 and known["chem"][1] > 0.9
    assert known["inst"][0] > 0.9 and known["inst"][1] < 0.3


def test_latents_are_standard_normal_with_the_variance_of_the_rest():
    part = parts_of()
    B, I, W = separate.scatter([part])  # noqa: E741
    h = part.reshape(-1, F)
    directions = separate.discriminants(B, W + 30 * I, 5)
    new = separate.latent(old_latent(), directions, h, W, 0)
    z = h @ new["mean"]["kernel"] + new["mean"]["bias"]
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-4)
    assert np.mean(z.var(axis=0)) == pytest.approx(1, rel=1e-4)
    assert np.linalg.matrix_rank(np.cov(z.T), tol=1e-3) == 5
    rest = part - part.mean(0) - part.mean(1, keepdims=True) + part.mean((0, 1))
    left = np.var(rest.reshape(-1, F) @ new["mean"]["kernel"], axis=0)
    variance = np.exp(new["log_variance"]["bias"])
    np.testing.assert_allclose(variance, np.mean(left), rtol=0.02)
    assert not new["log_variance"]["kernel"].any()
    # Distances are those in the directions, each of variance 1.
    plain = h @ (directions / np.std(h @ directions, axis=0))
    ratio = np.linalg.norm(z[1:50] - z[0], axis=1)
    ratio /= np.linalg.norm(plain[1:50] - plain[0], axis=1)
    np.testing.assert_allclose(ratio, np.sqrt(Z / 5), rtol=1e-3)


def test_a_run_moves_latents_once_and_then_only_heads(micro, tmp_path, monkeypatch):
    monkeypatch.setattr(separate, "MOLECULES", 10)
    config = micro({"train.steps": 2, "train.devices": 1})
    params = init_params(build_model(config), 0)
    start = checkpoint.save_params(tmp_path / "start", params, config.to_dict())
    config.train.start, config.train.separate = str(start), True
    (tmp_path / "run").mkdir()
    source = open_training_source(config)
    state = loop.pretrain(config, tmp_path / "run", source)
    for name, part in state.params.items():
        same = [
            np.array_equal(a, b)
            for a, b in zip(*map(jax.tree.leaves, (part, params[name])), strict=True)
        ]
        if name in ("chem", "inst"):
            assert not any(same)
        elif name != "regression":  # no label in pretraining: it decays alone
            assert not any(same) if name in HEADS else all(same), name
    again = loop.pretrain(config, tmp_path / "run", source)  # finished: nothing moves
    jax.tree.map(np.testing.assert_array_equal, again.params, state.params)


def test_one_command_ends_with_the_heads_on_the_closed_form(
    micro, tmp_path, monkeypatch
):
    """Two phases; a run that was stopped in the second one ends with the same."""
    monkeypatch.setattr(separate, "MOLECULES", 10)
    changes = {"train.steps": 3, "train.head_steps": 4, "train.devices": 1}
    config = micro(changes | {"checkpoint.every_steps": 1, "checkpoint.keep": 9})
    source, workdir = open_training_source(config), tmp_path / "whole"
    workdir.mkdir()
    state = loop.pretrain(config, workdir, source)
    assert state.step == 7

    def at(step):
        return checkpoint.restore_params(workdir / "checkpoints" / f"{step:08d}")[0]

    before, first, last = at(3), at(4), state.params
    assert rank_of(before["chem"]) > rank_of(first["chem"]) == 6
    for name, part in last.items():
        encoder = name not in HEADS
        same = [
            np.array_equal(a, b)
            for a, b in zip(*map(jax.tree.leaves, (part, first[name])), strict=True)
        ]
        assert all(same) if encoder else name == "regression" or not any(same), name
    rows = [
        json.loads(line)
        for line in (workdir / "metrics.jsonl").read_text().splitlines()
    ]
    rates = [row["lr"] for row in rows if row["step"] > 3]
    assert rates[0] > rates[-1] > 0  # a schedule of its own

    shutil.copytree(workdir, tmp_path / "stopped")
    for step in (6, 7):
        shutil.rmtree(tmp_path / "stopped" / "checkpoints" / f"{step:08d}")
    again = loop.pretrain(config, tmp_path / "stopped", source)
    jax.tree.map(np.testing.assert_array_equal, again.params, state.params)


def rank_of(latent):
    return np.linalg.matrix_rank(latent["mean"]["kernel"], tol=1e-4)


def test_what_cannot_be_separated_is_refused_before_the_run(micro, tmp_path):
    config = micro({"train.head_steps": 2, "lab.pool": 2, "train.devices": 1})
    with pytest.raises(SpektronError, match="lab.pool = 2: must be 3 or more"):
        loop.pretrain(config, tmp_path, open_training_source(config))


def test_what_cannot_be_separated_is_refused(micro):
    config = micro({"lab.pool": 2})
    source = open_training_source(config)
    model = build_model(config)
    with pytest.raises(SpektronError, match="on 2 instruments: the bottleneck"):
        separate.separated(init_params(model, 0), config, model, source, False)
