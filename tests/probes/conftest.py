"""What the tests of the audit share: a small config, its data, its molecules."""

import numpy as np
import planted
import pytest
from ml_collections import ConfigDict

from spektron_jax.commands import config_file
from spektron_jax.encoder.load import Encoder
from spektron_jax.training.evaluator import choose_molecules
from spektron_jax.training.examples import open_source

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


@pytest.fixture(scope="session")
def small(config):
    """The same with IR alone."""
    config = ConfigDict(config.to_dict())
    config.update({"data": {"modalities": ("IR",)}, "eval": {"batch_size": 24}})
    return config


@pytest.fixture(scope="session")
def planted_encoder(small, source):
    """Makes a planted encoder that knows every test molecule, as `load_encoder`."""
    every = np.unique(source.examples("test")[0])
    params = planted.params(small, source, every)
    return lambda kind: Encoder(small, kind(), params)
