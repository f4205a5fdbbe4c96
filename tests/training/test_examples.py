"""Batches by number: pairs, epochs, sharing between processes, reading ahead."""

import threading
import time

import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.training.examples import ExampleStream, open_source, prefetch


class CountingSource:
    """23 IR and 18 Raman examples; fetch returns the molecule as a float."""

    axis_cm1 = None
    checksum = "none"

    def examples(self, split):
        assert split == "train"
        molecule = np.r_[np.arange(23), np.arange(18)].astype(np.int32)
        return molecule, np.repeat([1, 2], [23, 18]).astype(np.int32)

    def fetch(self, molecule, modality):
        return {"value": np.stack([molecule, modality], axis=1).astype(np.float32)}


def stream(batch_size=16, seed=0):
    return ExampleStream(CountingSource(), "train", batch_size, seed)


def examples_of(batch):
    return list(zip(batch["molecule"].ravel(), batch["modality"].ravel(), strict=True))


def test_batch_contents():
    batch = stream().batch(0)
    assert set(batch) == {"index", "molecule", "modality", "value"}
    np.testing.assert_array_equal(batch["index"], np.arange(16))
    assert all(batch[k].dtype == np.int32 for k in ("index", "molecule", "modality"))
    np.testing.assert_array_equal(batch["value"][:, 0], batch["molecule"])
    np.testing.assert_array_equal(batch["value"][:, 1], batch["modality"])


def test_pairs_share_the_modality():
    for step in range(12):
        modality = stream().batch(step)["modality"]
        np.testing.assert_array_equal(modality[::2], modality[1::2])


def test_batches_are_random_access():
    one, other = stream(), stream()
    forward = [examples_of(one.batch(step)) for step in range(8)]
    backward = [examples_of(other.batch(step)) for step in reversed(range(8))][::-1]
    assert forward == backward
    assert forward != [examples_of(stream(seed=1).batch(step)) for step in range(8)]


def test_an_epoch_repeats_no_example_and_epochs_differ():
    data = stream(batch_size=4)
    assert data.steps_per_epoch == 10  # 11 + 9 pairs, 2 in a batch
    epochs = [
        [e for s in range(10) for e in examples_of(data.batch(10 * epoch + s))]
        for epoch in (0, 1)
    ]
    assert all(len(set(epoch)) == len(epoch) == 40 for epoch in epochs)
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize(
    ("processes", "devices", "accumulate"),
    [(1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 2), (4, 1, 2), (1, 8, 1), (1, 1, 4)],
)
def test_parts_make_up_the_same_global_batch(processes, devices, accumulate):
    whole = stream().batch(7)
    parts = [
        stream().batch(7, (process, processes), accumulate, devices)
        for process in range(processes)
    ]
    b = 16 // (processes * devices * accumulate)
    for key, value in whole.items():
        assert parts[0][key].shape[:3] == (devices, accumulate, b)
        joined = np.concatenate([part[key] for part in parts])  # (D_total, A, b, ...)
        in_order = joined.swapaxes(0, 1).reshape(value.shape)
        np.testing.assert_array_equal(in_order, value)
    for part in parts:  # pairs stay together on one device
        modality = part["modality"]
        np.testing.assert_array_equal(modality[..., ::2], modality[..., 1::2])
        assert (part["index"][..., 1::2] - part["index"][..., ::2] == 1).all()


def test_bad_sizes():
    with pytest.raises(SpektronError, match="batch size 5: must be an even number"):
        stream(batch_size=5)
    with pytest.raises(SpektronError, match="41 usable examples, too few .* of 64"):
        stream(batch_size=64)
    with pytest.raises(SpektronError, match="must be a multiple of 12 = 2 x 3"):
        stream().batch(0, (0, 1), accumulate=3, devices=2)


def test_line_lists_stream():
    source = open_source("lines", modalities=("Raman",))
    data = ExampleStream(source, "validation", 8, seed=3)
    assert data.steps_per_epoch == 594 // 8
    batch = data.batch(2, (1, 2), accumulate=2, devices=1)
    assert batch["position_cm1"].shape == (1, 2, 2, np.diff(source.line_offset).max())
    assert (batch["modality"] == 2).all()
    assert (source.split[batch["molecule"]] == "validation").all()


def readers():
    return [t for t in threading.enumerate() if t.name == "prefetch"]


def test_prefetch_keeps_the_order():
    assert list(prefetch(lambda s: s * s, range(3, 8))) == [
        (s, s * s) for s in range(3, 8)
    ]
    assert not readers()


def test_prefetch_reads_ahead_but_not_further_than_depth():
    done = []
    results = prefetch(lambda s: done.append(s), range(100), depth=3)
    next(results)
    deadline = time.monotonic() + 5
    while len(done) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(done) == 5  # one taken, three waiting, one in hand
    results.close()


def test_prefetch_closed_early_leaves_no_thread():
    results = prefetch(lambda s: s, range(10**9))
    assert next(results) == (0, 0)
    assert len(readers()) == 1
    results.close()
    assert not readers()


def test_prefetch_left_by_an_exception_leaves_no_thread():
    results = prefetch(lambda s: s, range(10**9))
    with pytest.raises(KeyboardInterrupt):
        for _ in results:
            raise KeyboardInterrupt
    results.close()
    assert not readers()


def test_prefetch_raises_after_the_results_before():
    def function(step):
        if step == 3:
            raise SpektronError("row 3 is damaged")
        return step

    seen = []
    with pytest.raises(SpektronError, match="row 3 is damaged"):
        for step, _ in prefetch(function, range(9)):
            seen.append(step)
    assert seen == [0, 1, 2] and not readers()
