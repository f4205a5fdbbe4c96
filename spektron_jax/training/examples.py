"""From a source of examples to batches: shuffle, share out, read ahead.

An example is a pair (molecule, modality). A source knows its examples and reads
them; an `ExampleStream` says which examples make up batch number `step`. It is
random access: a pure function of (seed, step), so a resumed run needs no saved
position and any number of processes agrees on the same global batch.

Order of epoch e, from numpy's default_rng([seed, e]): the examples of each
modality are permuted and cut into pairs, the pairs of all modalities are shuffled
together, and batches are consecutive pairs. A single example left over in a
modality, and pairs that fill no batch, wait for another epoch. Pairs share a
modality because the two spectra are mixed for the Beer-Lambert loss.

Sizes: B global batch, A accumulation steps, D devices of one process, b examples
of one device in one accumulation step; B = A x D x processes x b.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.corpus.qm9s import QM9SFile
from spektron_jax.errors import SpektronError


class Source(Protocol):
    """What a stream needs to know of a data set."""

    @property
    def axis_cm1(self) -> np.ndarray | None:
        """(points,) of gridded spectra, None for lines."""

    @property
    def checksum(self) -> str:
        """SHA-256 of the file."""

    def examples(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (molecule, modality code), (e,) int32 each."""

    def fetch(self, molecule: np.ndarray, modality: np.ndarray) -> dict:
        """Return float32 arrays that start with axis B."""


def open_source(
    kind: str,
    path: str = "",
    *,
    modalities: tuple[str, ...] = ("IR", "Raman"),
    points: int = 2048,
    low_cm1: float = 500.0,
    high_cm1: float = 4000.0,
) -> Source:
    """Open the data set of config.data: kind "lines" or "qm9s"."""
    if kind == "lines":
        return LineCorpus.load(path, tuple(modalities), low_cm1, high_cm1)
    source = QM9SFile(path, tuple(modalities))
    if len(source.axis_cm1) != points:
        raise SpektronError(
            f"{path}: spectra have {len(source.axis_cm1)} points, config.data.points "
            f"= {points}; make them equal"
        )
    return source


def open_training_source(config: ConfigDict) -> Source:
    """The data set of config.data.

    Raises:
      SpektronError: the file has another axis than the settings.
    """
    data = config.data
    source = open_source(
        data.kind,
        data.path,
        modalities=tuple(data.modalities),
        points=data.points,
        low_cm1=data.low_cm1,
        high_cm1=data.high_cm1,
    )
    axis = np.linspace(data.low_cm1, data.high_cm1, data.points)
    if source.axis_cm1 is not None and not np.allclose(source.axis_cm1, axis, atol=0.1):
        low, high = source.axis_cm1[[0, -1]]
        raise SpektronError(
            f"{data.path}: its axis runs from {low:g} to {high:g} cm-1 and must be "
            f"even; set config.data.low_cm1={low:g} and config.data.high_cm1={high:g}"
        )
    return source


class ExampleStream:
    """The batches of one split of a source, by number."""

    def __init__(self, source: Source, split: str, batch_size: int, seed: int):
        """Take the examples of `split`; `batch_size` is B, an even number."""
        if batch_size < 2 or batch_size % 2:
            raise SpektronError(
                f"batch size {batch_size}: must be an even number, since examples "
                "go in pairs of one modality"
            )
        self.source = source
        self.batch_size = batch_size
        self.seed = seed
        self.molecule, self.modality = source.examples(split)
        pairs = sum(
            int((self.modality == code).sum()) // 2 for code in np.unique(self.modality)
        )
        self.steps_per_epoch = pairs // (batch_size // 2)
        if self.steps_per_epoch == 0:
            raise SpektronError(
                f"split '{split}' has {len(self.molecule)} usable examples, too few "
                f"for a batch of {batch_size}; use a smaller batch or more data"
            )
        self._latest: tuple[int, np.ndarray] = (-1, np.zeros((0, 2), np.int64))

    def batch(
        self,
        step: int,
        part: tuple[int, int] = (0, 1),
        accumulate: int = 1,
        devices: int = 0,
    ) -> dict[str, np.ndarray]:
        """Return batch number `step`, or this process's part of it.

        Args:
          step: 0, 1, ...; any order.
          part: (process index, process count).
          accumulate: A, accumulation steps.
          devices: D, devices of each process; 0 = the whole batch, axes (B, ...).

        Returns:
          index (place in the global batch, 0 .. B - 1), molecule, modality, all
          int32, and what the source fetches; axes (D, A, b, ...). The global
          order is accumulation step, then device, then example.
        """
        place = np.arange(self.batch_size, dtype=np.int32)
        if devices:
            place = self._local_places(place, part, accumulate, devices)
        epoch, number = divmod(step, self.steps_per_epoch)
        start = number * (self.batch_size // 2)
        pairs = self._epoch(epoch)[start : start + self.batch_size // 2]
        chosen = pairs.ravel()[place.ravel()]
        molecule, modality = self.molecule[chosen], self.modality[chosen]
        rows = {"molecule": molecule, "modality": modality}
        rows |= self.source.fetch(molecule, modality)
        batch = {k: v.reshape(place.shape + v.shape[1:]) for k, v in rows.items()}
        return {"index": place} | batch

    def _local_places(
        self, place: np.ndarray, part: tuple[int, int], accumulate: int, devices: int
    ) -> np.ndarray:
        process, processes = part
        total = devices * processes
        if self.batch_size % (2 * accumulate * total):
            raise SpektronError(
                f"batch size {self.batch_size}: must be a multiple of "
                f"{2 * accumulate * total} = 2 x {accumulate} accumulation steps x "
                f"{total} devices; change train.batch_size or train.accumulate"
            )
        grid = place.reshape(accumulate, total, -1)
        return grid[:, process * devices : (process + 1) * devices].swapaxes(0, 1)

    def _epoch(self, epoch: int) -> np.ndarray:
        """Return the pairs of an epoch, (pairs, 2) numbers of examples."""
        known, pairs = self._latest
        if known == epoch:
            return pairs
        rng = np.random.default_rng([self.seed, epoch])
        per_modality = []
        for code in np.unique(self.modality):
            order = rng.permutation(np.flatnonzero(self.modality == code))
            per_modality.append(order[: len(order) // 2 * 2].reshape(-1, 2))
        pairs = rng.permutation(np.concatenate(per_modality))
        self._latest = (epoch, pairs)  # one assignment: safe between threads
        return pairs


def prefetch(
    function: Callable[[int], Any], steps: Iterable[int], depth: int = 2
) -> Iterator[tuple[int, Any]]:
    """Yield (step, function(step)), computed ahead in a background thread.

    At most `depth` results wait. What `function` raises is raised here, after the
    results before it. Closing the generator, or leaving its loop, ends the thread.
    """
    ready: queue.Queue = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(item: tuple[str, Any]) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:  # look at `stop` again
                continue

    def work() -> None:
        try:
            for step in steps:
                if stop.is_set():
                    return
                put(("result", (step, function(step))))
            put(("end", None))
        except BaseException as error:  # noqa: BLE001 (handed to the consumer)
            put(("error", error))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = ready.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        stop.set()
        thread.join()
