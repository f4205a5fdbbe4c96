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


@pytest.mark.slow
def test_workers_of_joblib_encode_after_the_parent_has(tiny_weights):
    """joblib's loky starts them anew; scikit-learn's n_jobs takes these."""
    joblib = pytest.importorskip("joblib")
    assert len(spektron_jax.load_encoder(tiny_weights).embed(SPECTRA, AXIS)) == 2

    def encode(weights, spectra, axis):
        return len(spektron_jax.load_encoder(weights).embed(spectra, axis))

    work = joblib.delayed(encode)(tiny_weights, SPECTRA, AXIS)
    assert joblib.Parallel(n_jobs=2, backend="loky", timeout=600)([work]) == [2]
