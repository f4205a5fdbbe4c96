"""Settings of weights and runs that an older version saved."""

import json

import pytest

from spektron_jax.commands import config_file
from spektron_jax.config import get_default
from spektron_jax.encoder.weights import completed, left_out, locate
from spektron_jax.errors import SpektronError


def test_saved_settings_of_an_older_version_are_completed():
    nano = config_file.load("configs/pretrain.py:nano")
    saved = json.loads(nano.to_json())
    assert completed(saved) == nano
    del saved["lab"]["fluorescence"], saved["eval"]
    found = completed(saved)
    assert found.lab.fluorescence == 0.0 and found.lab.pool == 256
    assert found.eval == get_default().eval and found.is_locked


def test_what_is_done_otherwise_now_is_said_as_it_was():
    """A run that knew no swap weight had 5, whatever the default has become."""
    found = completed({"losses": {"bottleneck": 0.15}})
    assert (found.losses.swap, found.losses.reversal) == (5.0, 1.0)
    assert found.train.head_steps == 0
    assert completed({"losses": {"swap": 2.0}}).losses.swap == 2.0


@pytest.mark.parametrize(
    "saved, message",
    [
        ({"lab": {"q": 1}}, 'Key "q" does not exist and cannot be added'),
        ({"lab": 1}, "do not fit this version"),
        ({"lab": {"pool": "x"}}, "override field 'pool'"),
        ({"model": {"layers": None}}, "'model.layers' is None"),
        ({"losses": None}, "do not fit this version"),
        ({"losses": {"alignment": {"x": 1}}}, "override field 'alignment'"),
    ],
)
def test_saved_settings_that_are_not_ours_are_named(saved, message):
    with pytest.raises(SpektronError, match=message) as failure:
        completed(saved)
    assert len(str(failure.value)) < 300 and "\n" not in str(failure.value)


def test_a_name_that_no_file_system_takes():
    name = "a" * 5000
    with pytest.raises(SpektronError, match="no such folder") as failure:
        locate(name)
    assert len(str(failure.value)) < 500
    assert not left_out(name)
