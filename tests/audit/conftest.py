"""What the tests of the audit share: a small config, its data, its molecules."""

import pytest

from spektron_jax import config_file
from spektron_jax.data.pipeline import open_source
from spektron_jax.training.judge import choose_molecules

MOLECULES = 40


@pytest.fixture(scope="session")
def config():
    """Settings of weights trained on IR and Raman, 256 points."""
    config = config_file.load("configs/pretrain.py:tiny")
    config.update({"data": {"points": 256}, "eval": {"batch_size": MOLECULES}})
    return config


@pytest.fixture(scope="session")
def source():
    """The shipped molecules."""
    return open_source("lines")


@pytest.fixture(scope="session")
def molecules(config, source):
    """The molecules that an audit with seed 0 asks for."""
    return choose_molecules(source, config.data.modalities, "test", MOLECULES, 0)
