"""Default settings, the variants of configs/pretrain.py, and validation."""

import importlib.util
import json
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from spektron_jax import config as defaults
from spektron_jax.errors import SpektronError

CONFIGS = Path(__file__).parents[1] / "configs"


def load_variant(arg):
    spec = importlib.util.spec_from_file_location("pretrain", CONFIGS / "pretrain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(arg)


def changed(**settings):
    """Return the default settings with some replaced: section__name=value."""
    config = defaults.get_default()
    with config.unlocked(), config.ignore_type():
        for name, value in settings.items():
            config.update_from_flattened_dict({name.replace("__", "."): value})
    return config


VARIANTS = ["", "base", "nano", "tiny", "documents", "nano-documents"]


@pytest.mark.parametrize("arg", VARIANTS)
def test_variants_are_valid_locked_and_json(arg):
    config = load_variant(arg)
    defaults.validate(config)
    defaults.validate(config, device_count=2)
    assert config.is_locked
    with pytest.raises((AttributeError, KeyError)):
        config.model.widht = 3
    again = defaults.get_default()
    again.update(json.loads(config.to_json()))
    assert again == config
    defaults.validate(ConfigDict(json.loads(config.to_json())))


def test_base_is_the_default_and_the_documents_are_what_is_not_changed():
    assert load_variant("") == load_variant("base")
    assert load_variant("documents") == defaults.get_default()
    for name in ("model", "optim", "train"):
        assert load_variant("base")[name] == defaults.get_default()[name]


@pytest.mark.parametrize("arg", ["documents", "nano-documents"])
def test_weights_of_the_documents(arg):
    losses = load_variant(arg).losses
    names = "reconstruction contrastive denoising physics transport bottleneck balance"
    weights = [losses[name] for name in names.split()]
    assert weights == [1.0, 0.3, 0.2, 0.1, 0.1, 0.15, 0.01]
    assert (losses.beta_start, losses.beta_end, losses.reversal) == (0.1, 1e-3, 1.0)


@pytest.mark.parametrize("arg", ["", "nano"])
def test_the_recipe_has_long_gaps_the_nir_and_many_instruments(arg):
    config = load_variant(arg)
    assert config.mask.long_fraction > 0.3 and config.lab.pool > 100
    assert "NIR" in config.data.modalities


def test_variants_share_no_state():
    load_variant("tiny").model.width = 64
    assert load_variant("tiny").model.width == 32
    assert load_variant("tiny").data == defaults.get_default().data
    load_variant("nano").losses.swap = 9.0
    assert load_variant("base").losses.swap < 9.0


def test_unknown_variant():
    with pytest.raises(SpektronError, match="pretrain.py:huge: no such variant"):
        load_variant("huge")


def test_documents_effective_batch():
    train = defaults.get_default().train
    assert train.batch_size == 2 * 8 * train.accumulate  # 2 devices x 8 spectra
    defaults.validate(defaults.get_default(), device_count=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "dream"}, "config.task = 'dream': must be one of pretrain"),
        ({"seed": -1}, "config.seed = -1"),
        ({"data__kind": "csv"}, "must be one of lines, qm9s"),
        ({"data__kind": "qm9s"}, "config.data.path = '': data.kind = 'qm9s' needs"),
        ({"data__low_cm1": 5000.0}, "high_cm1 = 4000.0: must be greater than .* 5000"),
        ({"data__modalities": ()}, "modalities"),
        ({"data__modalities": ("IR", "IR")}, "modalities"),
        ({"data__modalities": ("UV",)}, "each of IR, Raman, NIR at most once"),
        ({"data__modalities": (["IR"],)}, "config.data.modalities"),
        ({"data__fwhm_ir_cm1": 0.0}, "must be greater than 0"),
        ({"data__absorbance_high": 0.1}, "data.absorbance_low = 0.5"),
        ({"lab__pool": 1}, "each step draws two"),
        ({"mask__share": 0.6}, "0.5 at most"),
        ({"mask__block": 1000}, "use shorter blocks"),
        ({"mask__long_low_cm1": 150.0}, "long_high_cm1 = 100.0: must not be less"),
        ({"mask__long_high_cm1": 900.0, "mask__long_fraction": 0.5}, "shorter spans"),
        ({"model__heads": 7}, "config.model.heads = 7: must divide model.width = 256"),
        ({"model__top_k": 5}, "config.model.top_k = 5: must not be more than .* = 4"),
        ({"model__stride": 3}, "must divide data.points = 2048"),
        ({"model__stride": 16}, "model.stride = 16 or more"),
        ({"model__kernel": 4}, "odd"),
        ({"model__width": None}, "config.model.width = None: must be a finite int"),
        ({"model__width": True}, "config.model.width = True"),
        ({"model__kan": 1}, "config.model.kan = 1"),
        ({"model__dropout": 1.0}, "less than 1"),
        ({"model__scan": "fast"}, "auto, stream, sequential"),
        ({"model__dtype": "float16"}, "auto, bfloat16, float32"),
        ({"losses__physics": -0.1}, "must be 0 or more"),
        ({"losses__ema": 1.0}, "less than 1"),
        ({"losses__beta_schedule": "step"}, "cosine, cyclical, constant"),
        ({"optim__learning_rate": float("nan")}, "finite float"),
        ({"optim__clip": float("inf")}, "finite float"),
        ({"train__steps": 0}, "must be 1 or more"),
        ({"train__batch_size": 60}, "even multiple of train.accumulate = 4"),
        ({"train__devices": 3}, "multiple of 24 = 2 x 4 accumulation steps x 3"),
        ({"eval__instruments": 1}, "must be 2 or more"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(SpektronError, match=message) as failure:
        defaults.validate(changed(**settings))
    assert str(failure.value).startswith("config.")
    assert "\n" not in str(failure.value)


def test_known_device_count_is_checked():
    with pytest.raises(SpektronError, match="multiple of 40"):
        defaults.validate(defaults.get_default(), device_count=5)
    defaults.validate(changed(train__devices=2), device_count=4)


def test_missing_and_unknown_settings():
    config = ConfigDict(json.loads(defaults.get_default().to_json()))
    config.model.depth = 3
    with pytest.raises(SpektronError, match="config.model.depth: no such setting"):
        defaults.validate(config)
    del config.model["depth"]
    del config.optim["clip"]
    with pytest.raises(SpektronError, match="config.optim.clip: missing"):
        defaults.validate(config)


def test_every_setting_has_a_rule():
    config = defaults.get_default()
    named = set(defaults.FIELD_RULES) | {rule[0] for rule in defaults.PAIR_RULES}
    for section, settings in config.items():
        if isinstance(settings, ConfigDict):
            for name, value in settings.items():
                assert isinstance(value, bool) or f"{section}.{name}" in named
        else:
            assert section in named
