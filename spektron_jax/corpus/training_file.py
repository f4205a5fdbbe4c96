"""Files for training that are written bit by bit, and go on after an interruption.

The unfinished file has the suffix .h5.part and carries a mark of what it is made from;
it takes its name when it is whole.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
from tqdm import tqdm

from spektron_jax.errors import SpektronError

_BYTES = 2**22


@contextmanager
def unfinished(
    target: Path, mark: str, lay_out: Callable[[h5py.File], None]
) -> Iterator[h5py.File]:
    """Yield the file to fill; rename it to `target` when the body is done.

    Args:
      target: name of the whole file.
      mark: what it is made from; an unfinished file of another mark is refused.
      lay_out: makes the datasets of a new file.
    """
    if target.exists():
        raise SpektronError(f"{target}: exists; remove it or choose another --workdir")
    part = target.with_suffix(".h5.part")
    try:
        file = h5py.File(part, "a")
    except OSError as error:
        raise SpektronError(f"{part}: damaged ({error}); remove it") from error
    with file:
        if "mark" not in file.attrs:
            lay_out(file)
            file.attrs["mark"] = mark
        elif file.attrs["mark"] != mark:
            raise SpektronError(
                f"{part}: begun from other tables or settings; remove it"
            )
        yield file
    os.replace(part, target)


def checksum(path: Path, progress: bool) -> tuple[str, int]:
    """(sha256, lines) of a file, read once in blocks."""
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    try:
        with (
            path.open("rb") as file,
            tqdm(
                total=path.stat().st_size,
                unit="B",
                unit_scale=True,
                desc=f"checksum {path.name}",
                disable=not progress,
            ) as bar,
        ):
            while block := file.read(_BYTES):
                digest.update(block)
                lines += block.count(b"\n")
                last = block[-1:]
                bar.update(len(block))
    except OSError as error:
        raise SpektronError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest(), lines + (last != b"\n")
