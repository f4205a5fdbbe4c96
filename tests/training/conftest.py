"""What the tests of the training share."""

import pytest

from spektron_jax.training.examples import ExampleStream


@pytest.fixture(scope="session")
def stream(micro, corpus):
    """The training batches of the micro config."""
    config = micro()
    return ExampleStream(corpus, "train", config.train.batch_size, config.seed)
