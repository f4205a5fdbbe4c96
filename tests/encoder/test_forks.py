"""A forked process that cannot encode says so; one that is spawned can."""

import multiprocessing
import os

import numpy as np
import pytest

import spektron_jax
from spektron_jax import SpektronError

AXIS = np.linspace(600, 3900, 64)
SPECTRA = np.random.default_rng(0).random((2, 64))


def embed(encoder, queue):
    try:
        queue.put(encoder.embed(SPECTRA, AXIS).shape)
    except SpektronError as error:
        queue.put(str(error))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_process_is_told(tiny_weights):
    encoder = spektron_jax.load_encoder(tiny_weights)
    assert len(encoder.embed(SPECTRA, AXIS)) == 2
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=embed, args=(encoder, queue))
    child.start()
    try:
        assert "start processes with spawn" in queue.get(timeout=60)
    finally:
        child.kill()


def from_start(weights, queue):
    embed(spektron_jax.load_encoder(weights), queue)


def test_a_spawned_process_encodes(tiny_weights):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=from_start, args=(tiny_weights, queue))
    child.start()
    assert queue.get(timeout=120)[0] == 2
    child.join()
