"""The ablation runner: equal budgets, one exam for all, resumable, an honest table."""

import json

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from spektron_jax import SpektronError
from spektron_jax.commands import ablate as ablation
from spektron_jax.commands import config_file
from spektron_jax.config import validate
from spektron_jax.training import checkpoint
from spektron_jax.training.state import build_model, build_optimizer, create


def evaluation(molecule):
    probe = {"instrument": {"accuracy": 0.5, "chance": 0.25}}
    return {
        "probes": {
            "z_chem": probe | {"molecule": {"accuracy": molecule}},
            "z_inst": probe,
        },
        "kl": {"z_chem": {"collapsed": 0.0}},
        "reconstruction": {"long": {"ratio": {"linear": {"ratio": 0.9}}}},
    }


@pytest.fixture
def planted(monkeypatch, micro, corpus):
    """Runs that cost nothing: `trained` lists (bottleneck weight, steps, seed)."""
    trained, examined = [], []

    def pretrain(config, folder, source):
        trained.append(
            (config.losses.bottleneck, config.train.steps, config.seed, config.lab.pool)
        )
        return config

    def exam(config, model, state, source, folder):
        examined.append((config.losses.bottleneck, config.lab.pool, config.eval.split))
        return evaluation(state.losses.bottleneck * (1 + state.seed))

    monkeypatch.setattr(ablation.loop, "pretrain", pretrain)
    monkeypatch.setattr(ablation.evaluate, "run", exam)
    monkeypatch.setattr(ablation, "seconds_per_step", lambda config: 2.0)
    monkeypatch.setattr(ablation, "open_training_source", lambda config: corpus)
    config = ConfigDict({"task": "ablate", "cpu_minutes": 1.0, "repeats": 2})
    config.pretrain = micro({"eval.split": "validation"})
    config.variants = {
        "low": {"losses": {"bottleneck": 0.1}},
        "high": {"losses": {"bottleneck": 0.2}, "lab": {"pool": 9}},
    }
    config.trained, config.examined = trained, examined
    return config


def prepared(planted):
    trained, examined = planted.trained, planted.examined
    config = ConfigDict(
        {k: v for k, v in planted.items() if k not in ("trained", "examined")}
    )
    return config, trained, examined


def test_every_run_has_its_settings_and_all_sit_the_same_exam(planted, tmp_path):
    config, trained, examined = prepared(planted)
    ablation.run(config, tmp_path)
    assert sorted(trained) == [
        (0.1, 30, 0, config.pretrain.lab.pool),
        (0.1, 30, 1, config.pretrain.lab.pool),
        (0.2, 30, 0, 9),
        (0.2, 30, 1, 9),
    ]
    usual = config.pretrain.losses.bottleneck, config.pretrain.lab.pool, "validation"
    assert set(examined) == {usual}


def test_the_table_has_means_and_ranges_and_the_best_first(planted, tmp_path, capsys):
    config, _, _ = prepared(planted)
    ablation.run(config, tmp_path)
    lines = (tmp_path / "ablation.md").read_text().splitlines()
    assert lines[2].startswith("| high | 2 | 30 |") and "0.300 (0.20-0.40)" in lines[2]
    assert lines[3].startswith("| low | 2 | 30 |") and "0.150 (0.10-0.20)" in lines[3]
    assert lines[2] in capsys.readouterr().out
    assert len(json.loads((tmp_path / "ablation.json").read_text())["runs"]) == 4


def test_what_is_done_is_not_done_again_unless_settings_changed(planted, tmp_path):
    config, trained, _ = prepared(planted)
    ablation.run(config, tmp_path)
    before = (tmp_path / "ablation.md").read_text()
    (tmp_path / "low-seed1" / "result.json").unlink()
    trained.clear()
    ablation.run(config, tmp_path)
    assert [run[0] for run in trained] == [0.1]
    assert (tmp_path / "ablation.md").read_text().split()[:40] == before.split()[:40]
    config.cpu_minutes = 2.0
    with pytest.raises(SpektronError, match="other settings; choose another --workdir"):
        ablation.run(config, tmp_path)


def test_a_budget_below_one_step_is_refused(planted, tmp_path):
    config, _, _ = prepared(planted)
    config.cpu_minutes = 0.01
    with pytest.raises(SpektronError, match="0.01: a step takes 2.0 s"):
        ablation.run(config, tmp_path)


@pytest.mark.parametrize("name", ["", "methods", "weight", "losses", "laboratory"])
def test_every_variant_that_ships_is_valid(name):
    config = config_file.load(f"configs/ablate.py:{name}")
    assert len(config.variants) >= 4
    for changes in config.variants.values():
        own = ConfigDict(config.pretrain.to_dict())
        own.update(changes)
        validate(own)
    with pytest.raises(SpektronError, match="choose from methods"):
        config_file.load("configs/ablate.py:none")


def test_a_run_starts_from_weights(micro, tmp_path):
    config = micro()
    model, optimizer = build_model(config), build_optimizer(config)
    fresh = create(config, model, optimizer)
    params = jax.tree.map(lambda x: np.asarray(x) + 1, fresh.params)
    checkpoint.save_params(tmp_path / "w", params, json.loads(config.to_json()))
    config = micro({"train.start": str(tmp_path / "w")})
    state = create(config, model, optimizer)
    for tree in (state.params, state.target_params):
        jax.tree.map(np.testing.assert_array_equal, tree, params)
    assert int(state.step) == 0
    wider = micro({"train.start": str(tmp_path / "w"), "model.z_chem": 9})
    with pytest.raises(
        SpektronError,
        match="do not fit this model.*train anew",
    ):
        create(wider, build_model(wider), build_optimizer(wider))
    with pytest.raises(SpektronError, match="no such folder"):
        create(micro({"train.start": "nothing"}), model, optimizer)
