"""What the tests of the training share: the micro config and its data."""

from pathlib import Path

import pytest

from spektron_jax.commands import config_file
from spektron_jax.training.examples import ExampleStream, open_source

MICRO_CONFIG = str(Path(__file__).with_name("micro_config.py"))


@pytest.fixture(scope="session")
def micro_config():
    """The config file, for the command line."""
    return MICRO_CONFIG


@pytest.fixture(scope="session")
def micro():
    """Makes a micro config: micro({"train.steps": 3}) changes single settings."""

    def make(changes=None):
        config = config_file.load(MICRO_CONFIG)
        config.update_from_flattened_dict(changes or {})
        return config

    return make


@pytest.fixture(scope="session")
def corpus():
    """The shipped molecules."""
    return open_source("lines")


@pytest.fixture(scope="session")
def stream(micro, corpus):
    """The training batches of the micro config."""
    config = micro()
    return ExampleStream(corpus, "train", config.train.batch_size, config.seed)
