"""Does reading spectra from disk slow a training step, and what memory does it take?

    python -m benchmarks.input_pipeline [--variant nano] [--molecules 111000]

Writes a file of 111,000 IR and as many Raman spectra of 2,048 points (1.8 GB) into a
temporary folder.

Reading alone, in a process without JAX: open and check the file, then READ batches in
the seeded order. Training: the pretraining step in turns of STEPS, fed by the same
stream through the prefetch thread, and with one batch that stays in memory; wall time
of a step, waiting for its result, median over ROUNDS turns.

Memory is the kernel's: RssAnon (what the process owns) and RssFile (mapped files, which
are libraries: the spectra are read, not mapped), the largest that a thread sees every
20 ms. XLA's compiler leaves memory behind, which is given back before training.
"""

import argparse
import ctypes
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from configs.pretrain import get_config
from spektron_jax.archive import replacing
from spektron_jax.corpus.line_corpus import split_of
from spektron_jax.training.examples import (
    ExampleStream,
    open_source,
    open_training_source,
    prefetch,
)

ROUNDS, STEPS, READ, BLOCK = 6, 10, 500, 1000
RESULT = Path(__file__).parent / "results" / "input_pipeline.json"


def write_file(path, molecules, points):
    """Random bands for `molecules`, in the layout of `spektron_jax.corpus.qm9s`."""
    rng = np.random.default_rng(0)
    axis = np.linspace(500.0, 4000.0, points)
    with h5py.File(path, "w") as file:
        file["axis"] = axis
        keys = [split_of(f"molecule {i}") for i in range(molecules)]
        file.create_dataset("split", data=keys, dtype=h5py.string_dtype())
        for name in ("ir", "raman"):
            data = file.create_dataset(name, (molecules, points), np.float32)
            for start in tqdm(range(0, molecules, BLOCK), desc=f"writing {name}"):
                rows = min(BLOCK, molecules - start)
                noise = rng.random((rows, points), np.float32)
                data[start : start + rows] = noise * rng.random((rows, 1), np.float32)
    return path.stat().st_size


def memory():
    """{RssAnon, RssFile} of this process in MB."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return {k: int(fields[k].split()[0]) / 1e3 for k in ("RssAnon", "RssFile")}


class Peak:
    """The largest memory between `with` and its end."""

    def __enter__(self):
        self.found, self._stop = memory(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self.found

    def _watch(self):
        while not self._stop.wait(0.02):
            for name, value in memory().items():
                self.found[name] = max(self.found[name], value)

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def read(path, batch_size):
    """Figures of reading alone, in this process."""
    with Peak() as peak:
        begun = time.perf_counter()
        source = open_source("qm9s", str(path))
        opened = time.perf_counter() - begun
        stream = ExampleStream(source, "train", batch_size, 0)
        spent = []
        for number in range(READ):
            begun = time.perf_counter()
            stream.batch(number)
            spent.append(1e3 * (time.perf_counter() - begun))
    return {
        "open_and_check_s": opened,
        "read_batch_ms": statistics.median(spent),
        "read_batch_ms_99_percent": float(np.percentile(spent, 99)),
        "reading_peak_RssAnon_MB": peak["RssAnon"],
        "reading_peak_RssFile_MB": peak["RssFile"],
    }


def train(config):
    """Step times and memory of training, in this process."""
    import jax

    from spektron_jax.training import parallel, state, steps

    source = open_training_source(config)
    stream = ExampleStream(source, "train", config.train.batch_size, config.seed)
    devices = parallel.local_devices(1)
    model, optimizer = state.build_model(config), state.build_optimizer(config)
    step = parallel.data_parallel(
        steps.make_pretrain_step(config, model, optimizer), devices
    )
    now = parallel.replicate(state.create(config, model, optimizer), devices)

    def load(number):
        return stream.batch(number, parallel.part(), config.train.accumulate, 1)

    kept = load(0)
    now, metrics = step(now, kept)  # compiles
    jax.block_until_ready(metrics)
    ctypes.CDLL(None).malloc_trim(0)
    spent = {"disk": [], "memory": []}
    peaks = {"disk": memory(), "memory": memory()}
    batches = prefetch(load, range(10**9))
    for _ in tqdm(range(ROUNDS), desc="rounds"):
        for kind, times in spent.items():
            with Peak() as peak:
                for _ in range(STEPS):
                    begun = time.perf_counter()
                    batch = next(batches)[1] if kind == "disk" else kept
                    now, metrics = step(now, batch)
                    jax.block_until_ready(metrics)
                    times.append(1e3 * (time.perf_counter() - begun))
            for name, value in peak.items():
                peaks[kind][name] = max(peaks[kind][name], value)
    batches.close()
    disk, held = (statistics.median(spent[kind]) for kind in ("disk", "memory"))
    return {
        "step_ms_from_disk": disk,
        "step_ms_from_memory": held,
        "ratio": disk / held,
        "training_peak_RssAnon_MB": peaks["disk"]["RssAnon"],
        "training_peak_RssFile_MB": peaks["disk"]["RssFile"],
        "training_from_memory_peak_RssAnon_MB": peaks["memory"]["RssAnon"],
    }


def main():
    """Print the figures and write them to RESULT."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", default="nano")
    parser.add_argument("--molecules", type=int, default=111_000)
    given = parser.parse_args()
    config = get_config(given.variant)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spectra.h5"
        size = write_file(path, given.molecules, config.data.points)
        found = {
            "variant": given.variant,
            "batch_size": config.train.batch_size,
            "spectra": 2 * given.molecules,
            "points": config.data.points,
            "file_GB": size / 1e9,
            "cores": os.cpu_count(),
        }
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found |= pool.apply(read, (path, config.train.batch_size))
        print(json.dumps(found, indent=1), flush=True)
        config.data.update(
            {"kind": "qm9s", "path": str(path), "modalities": ("IR", "Raman")}
        )
        found |= train(config)
    with replacing(RESULT) as draft:
        draft.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
