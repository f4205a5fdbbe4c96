"""Where the numbers of a run go: console, JSON lines, TensorBoard if installed.

A writer has `write(step, metrics)`, with plain floats by name, and `close()`. The
training loop holds one, made by `make_writers`, and knows nothing of the formats.

`metrics.jsonl` is the record that reports read: one JSON object a line, `step` first.
When a run resumes from step s, rows after s are dropped before the first new one, so
that no step stands there twice however often the run was interrupted.
"""

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import logging
from tqdm import tqdm

from spektron_jax.archive import replacing
from spektron_jax.errors import SpektronError

# Label and format of what the console shows, if the metrics have it.
_CONSOLE = {
    "loss/total": "loss {:.4f}",
    "lr": "lr {:.2e}",
    "samples_per_s": "{:.1f} samples/s",
}


class ConsoleWriter:
    """One short line a step: loss, learning rate, samples per second."""

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        parts = [
            text.format(metrics[name])
            for name, text in _CONSOLE.items()
            if name in metrics
        ]
        # tqdm.write prints above a progress bar instead of through it.
        tqdm.write("  ".join([f"step {step:>6d}", *parts]))
        sys.stdout.flush()  # a log file shows the run as it goes

    def close(self) -> None:
        pass


class JsonLinesWriter:
    """Appends rows to a file, each of them as soon as it is written."""

    def __init__(self, path: str | os.PathLike, resume_step: int = 0):
        """Opens `path` for appending after dropping rows later than `resume_step`."""
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _drop_rows_after(self.path, resume_step)
            # Unbuffered: a row is on disk at once, and a full disk is met in `write`.
            self._stream = open(self.path, "ab", buffering=0)
        except OSError as error:
            raise self._failure(error) from error

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        row: dict[str, float | None] = {"step": int(step)}
        for name, value in metrics.items():
            # JSON has no NaN or infinity; null reads back as "no number".
            row[name] = float(value) if math.isfinite(value) else None
        try:
            self._stream.write((json.dumps(row) + "\n").encode())
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        self._stream.close()

    def _failure(self, error: OSError) -> SpektronError:
        return SpektronError(
            f"{self.path}: cannot be written ({error.strerror}); free some space or "
            "choose another workdir"
        )


class TensorBoardWriter:
    """Scalars for TensorBoard, by the tensorboardX package."""

    def __init__(self, folder: str | os.PathLike, resume_step: int = 0):
        """Writes into `folder`; steps after `resume_step` shown so far are purged."""
        from tensorboardX import SummaryWriter  # an optional requirement

        purge = resume_step + 1 if resume_step else None
        self._writer = SummaryWriter(str(folder), purge_step=purge)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, float(value), int(step))

    def close(self) -> None:
        self._writer.close()


class MultiWriter:
    """Passes every row to each of several writers."""

    def __init__(self, writers: list[Any]):
        self._writers = writers

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        for writer in self._writers:
            writer.write(step, metrics)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


def make_writers(
    workdir: str | os.PathLike,
    resume_step: int | None = None,
    console: bool = True,
    tensorboard: bool = True,
) -> MultiWriter:
    """The writers of a run in `workdir`.

    Args:
      workdir: folder of the run.
      resume_step: step that the run resumes from; None or 0 for a new run, which
        drops the rows of an earlier one in the same folder.
      console: also print a line for each row.
      tensorboard: also write for TensorBoard, when tensorboardX is installed.
    """
    start = resume_step or 0
    writers: list[Any] = [JsonLinesWriter(Path(workdir) / "metrics.jsonl", start)]
    if console:
        writers.append(ConsoleWriter())
    if tensorboard:
        try:
            writers.append(TensorBoardWriter(Path(workdir) / "tensorboard", start))
        except ModuleNotFoundError:
            logging.info("no TensorBoard files: tensorboardX is not installed")
    return MultiWriter(writers)


def _drop_rows_after(path: Path, step: int) -> None:
    """Keeps the rows up to `step`, and drops a last line that a crash cut off."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row_step = json.loads(line)["step"]
        except (ValueError, KeyError, TypeError):
            continue
        if row_step <= step:
            kept.append(line + "\n")
    with replacing(path) as draft:
        draft.write_text("".join(kept), encoding="utf-8")
