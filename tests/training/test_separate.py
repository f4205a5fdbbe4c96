"""The bottleneck in closed form, and the run behind it that trains the heads alone."""

import json
import shutil

import jax
import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.probes.probes import instrument_probe, molecule_probe
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training import checkpoint, loop, separate
from spektron_jax.training.examples import open_training_source
from spektron_jax.training.state import HEADS, build_model, init_params

F, R, Z = 20, 10, 12


def block(seed=0, instruments=30, molecules=60):
    """Summaries with samples in 6 directions, instruments in 4, noise in all."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(np.random.default_rng(9).normal(size=(F, F)))[0]
    sample = rng.normal(size=(1, molecules, 6)) @ directions[:6]
    # Instruments also in a direction of the samples: it cannot be in z_chem.
    instrument = 3 * rng.normal(size=(instruments, 1, 4)) @ directions[5:9]
    noise = 0.1 * rng.normal(size=(instruments, molecules, F))
    return 5 + sample + instrument + noise


def old_latent():
    dense = {"kernel": np.ones((R, Z)), "bias": np.ones(Z)}
    return {
        "centre": np.ones((4, F)),
        "kernel": np.ones((4, F, R)),
        "offset": np.ones((4, R)),
        "mean": dense,
        "log_variance": dense,
    }


def code_of(new, h, name):
    """What a latent with these parameters reads of summaries (n, F)."""
    at = MODALITIES.index(name)
    return ((h - new["centre"][at]) @ new["kernel"][at] + new["offset"][at]) @ new[
        "mean"
    ]["kernel"]


def test_latents_know_one_thing_each():
    parts = separate.parts_of([block(0), block(1)])
    B, I, W = parts.covariances  # noqa: E741
    unseen = block(2, instruments=4, molecules=50)
    instrument = np.repeat(np.arange(4), 50)
    molecule = np.tile(np.arange(50), 4)
    known = {}
    for name, kept, hidden in (("chem", B, W + 30 * I), ("inst", I, W + B)):
        directions = separate.discriminants(kept, hidden, 4)
        new = separate.latent(old_latent(), {"IR": directions}, {"IR": parts}, 0)
        z = code_of(new, unseen.reshape(-1, F), "IR")
        known[name] = (
            instrument_probe(z, instrument, molecule)["accuracy"],
            molecule_probe(z, instrument, molecule)["accuracy"],
        )
    assert known["chem"][0] < 0.4 and known["chem"][1] > 0.9
    assert known["inst"][0] > 0.9 and known["inst"][1] < 0.3


def test_directions_of_z_chem_are_uncorrelated_and_the_best_comes_first():
    blocks = [block(0), block(1)]
    parts = separate.parts_of(blocks)
    B, I, W = parts.covariances  # noqa: E741
    leading = separate.discriminants(B, W + 3 * I, 9)
    found = separate.told_apart(leading, parts, blocks, 4)
    hidden = found.T @ (W + 3 * I) @ found
    kept = found.T @ B @ found
    for one in (hidden, kept):
        assert np.abs(one - np.diag(np.diag(one))).max() < 1e-6 * np.diag(one).max()
    ratio = np.diag(kept) / np.diag(hidden)
    assert np.all(np.diff(ratio) < 0)


def test_latents_are_standard_normal_with_the_variance_of_the_rest():
    h = block()
    parts = separate.parts_of([h])
    B, I, W = parts.covariances  # noqa: E741
    directions = separate.discriminants(B, W + 30 * I, 5)
    directions = separate.scaled(directions, parts)
    new = separate.latent(old_latent(), {"NIR": directions}, {"NIR": parts}, 0)
    z = code_of(new, h.reshape(-1, F), "NIR")
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-4)
    assert np.mean(z.var(axis=0)) == pytest.approx(1, rel=1e-4)
    assert np.linalg.matrix_rank(np.cov(z.T), tol=1e-3) == 5
    rest = h - h.mean(0) - h.mean(1, keepdims=True) + h.mean((0, 1))
    left = np.var(rest.reshape(-1, F) @ directions, axis=0)
    variance = np.exp(new["log_variance"]["bias"])
    np.testing.assert_allclose(variance, np.mean(left), rtol=0.02)
    assert not new["log_variance"]["kernel"].any()
    # Distances are those in the directions, each of variance 1.
    plain = h.reshape(-1, F) @ directions
    ratio = np.linalg.norm(z[1:50] - z[0], axis=1)
    ratio /= np.linalg.norm(plain[1:50] - plain[0], axis=1)
    np.testing.assert_allclose(ratio, np.sqrt(Z / 5), rtol=1e-3)


def test_directions_of_modalities_are_turned_towards_each_other():
    rng = np.random.default_rng(0)
    samples, turn = rng.normal(size=(50, 3)), np.linalg.qr(rng.normal(size=(3, 3)))[0]
    parts = {
        "IR": separate.Parts(np.zeros(3), samples, ()),
        "NIR": separate.Parts(np.zeros(3), samples @ turn, ()),
    }
    found = separate.turned({"IR": np.eye(3), "NIR": np.eye(3)}, parts)
    np.testing.assert_allclose(found["IR"], np.eye(3), atol=1e-9)
    np.testing.assert_allclose(found["NIR"], turn.T, atol=1e-9)
    fewer = separate.turned({"IR": np.eye(3)[:, :2], "NIR": np.eye(3)}, parts)
    assert {name: np.linalg.matrix_rank(its) for name, its in fewer.items()} == {
        "IR": 2,
        "NIR": 3,
    }
    # Both of them are in three dimensions, and no distance has changed.
    z = samples @ fewer["IR"]
    np.testing.assert_allclose(z @ z.T, samples[:, :2] @ samples[:, :2].T, atol=1e-9)


def test_z_inst_tells_the_modality_and_z_chem_does_not():
    h = block()
    parts = {name: separate.parts_of([h]) for name in ("IR", "NIR")}
    directions = {name: np.eye(F)[:, :4] for name in parts}
    for tell in (False, True):
        new = separate.latent(old_latent(), directions, parts, 0, tell)
        z = {name: code_of(new, h.reshape(-1, F), name) for name in parts}
        assert np.allclose(z["IR"], z["NIR"], atol=1e-4) != tell


@pytest.mark.parametrize(("leaking", "expected"), [(0, 10), (5, 4), (9, 8)])
def test_the_rank_is_the_most_that_shows_no_instrument(monkeypatch, leaking, expected):
    """`leaking`: the direction, from 1, in which the instrument is seen."""
    rng = np.random.default_rng(0)
    draws = [rng.normal(size=(4, 30, 10)) for _ in range(2)]
    if leaking:
        for h in draws:
            h[:, :, leaking - 1] += 5 * np.arange(4)[:, None]
    monkeypatch.setattr(separate, "AT_CHANCE", 0.15)
    found = separate.at_chance(lambda rank: np.eye(10)[:, :rank], 10, draws)
    assert found.shape == (10, expected)


def test_what_an_mlp_alone_sees_is_left_out_too(monkeypatch):
    """The last directions spread unlike on the instruments: no plane parts them."""
    rng = np.random.default_rng(0)
    draws = [rng.normal(size=(4, 60, 10)) for _ in range(2)]
    for h in draws:
        h[:, :, 8:] *= np.array([0.03, 0.3, 3.0, 30.0])[:, None, None]
    monkeypatch.setattr(separate, "AT_CHANCE", 0.2)
    assert separate.above_chance(np.eye(10), draws, "linear") < 0.2
    found = separate.at_chance(lambda rank: np.eye(10)[:, :rank], 10, draws)
    assert found.shape == (10, 8)


def test_who_says_not_what_a_spectrum_is_gets_the_modalities_pooled():
    parts = {"IR": separate.parts_of([block(0)]), "NIR": separate.parts_of([block(1)])}
    found = separate.of_all(parts)
    for place in range(3):
        both = [its.covariances[place] for its in parts.values()]
        np.testing.assert_allclose(found.covariances[place], (both[0] + both[1]) / 2)
    np.testing.assert_allclose(found.mean, (parts["IR"].mean + parts["NIR"].mean) / 2)


@pytest.mark.slow
def test_a_run_moves_latents_once_and_then_only_heads(micro, tmp_path, monkeypatch):
    monkeypatch.setattr(separate, "MOLECULES", 10)
    monkeypatch.setattr(separate, "VALIDATION", 10)
    monkeypatch.setattr(separate, "DRAWS", 2)
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
            assert not np.array_equal(part["kernel"], params[name]["kernel"])
            assert part["centre"].any() and not params[name]["centre"].any()
        elif name != "regression":  # no label in pretraining: it decays alone
            assert not any(same) if name in HEADS else all(same), name
    again = loop.pretrain(config, tmp_path / "run", source)  # finished: nothing moves
    jax.tree.map(np.testing.assert_array_equal, again.params, state.params)


def test_one_command_ends_with_the_heads_on_the_closed_form(
    micro, tmp_path, monkeypatch
):
    """Two phases; a run that was stopped in the second one ends with the same."""
    monkeypatch.setattr(separate, "MOLECULES", 10)
    monkeypatch.setattr(separate, "VALIDATION", 10)
    monkeypatch.setattr(separate, "DRAWS", 2)
    changes = {"train.steps": 3, "train.head_steps": 4, "train.devices": 1}
    config = micro(changes | {"checkpoint.every_steps": 1, "checkpoint.keep": 9})
    source, workdir = open_training_source(config), tmp_path / "whole"
    workdir.mkdir()
    state = loop.pretrain(config, workdir, source)
    assert state.step == 7

    def at(step):
        return checkpoint.restore_params(workdir / "checkpoints" / f"{step:08d}")[0]

    before, first, last = at(3), at(4), state.params
    assert all(rank_of(before["chem"][name]) == 8 for name in ("mean", "log_variance"))
    assert rank_of(first["chem"]["mean"]) in (4, 6, 8)
    assert not first["chem"]["log_variance"]["kernel"].any()
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
    return np.linalg.matrix_rank(latent["kernel"], tol=1e-4)


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


def test_a_latent_reads_nothing_outside_what_its_summaries_span():
    """Catches: unit variance where training shows none, and any number elsewhere."""
    few = separate.parts_of([block(0, instruments=3)])
    B, I, W = few.covariances  # noqa: E741
    flat = np.zeros((F, F))
    flat[:10, :10] = np.eye(10)  # the last ten numbers never vary here
    parts = few._replace(
        covariances=(flat @ B @ flat, flat @ I @ flat, flat @ W @ flat)
    )
    B, I, W = parts.covariances  # noqa: E741
    found = separate.scaled(separate.discriminants(I, W + B, 16), parts)
    used = np.abs(found).max(axis=0) > 0
    assert 0 < used.sum() <= 10
    assert np.abs(found[10:]).max() < 1e-3 * np.abs(found).max()
    variance = np.einsum("fr,fg,gr->r", found, B + I + W, found)
    np.testing.assert_allclose(variance[used], 1.0, rtol=1e-6)
