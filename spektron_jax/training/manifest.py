"""The manifest of a checkpoint: what was written, so that damage is noticed.

`manifest.json` lists every file with its SHA-256 and every leaf with its dtype and
shape, and carries a checksum of itself. A folder that `verify` accepts holds, bit for
bit, what was saved. The manifest also names the format, so that an older reader can
refuse what it does not know.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import spektron_jax
from spektron_jax.errors import SpektronError

FORMAT = 1  # raised when an older reader could no longer read what we write
NAME = "manifest.json"


class Damaged(Exception):
    """A checkpoint that cannot be trusted; the message names the file."""


def write(folder: Path, step: int | None, leaves: dict) -> None:
    """Describes all files of `folder` in its manifest.

    Args:
      folder: a checkpoint, complete but for the manifest.
      step: its step; None for weights alone.
      leaves: item -> path of a leaf -> [dtype, shape].
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = {
        "format": FORMAT,
        "package": f"spektron_jax {spektron_jax.__version__}",
        "step": step,
        "leaves": leaves,
        "files": {path.relative_to(folder).as_posix(): _sha256(path) for path in files},
    }
    listed["sha256"] = _sha256_of_json(listed)
    (folder / NAME).write_text(json.dumps(listed, indent=1) + "\n")


def verify(folder: Path) -> dict:
    """Returns the manifest after checking it and every file that it lists."""
    try:
        listed = json.loads((folder / NAME).read_bytes())
        checksum = listed.pop("sha256")
        intact = checksum == _sha256_of_json(listed)
    except OSError as error:
        raise Damaged(f"{NAME} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Damaged(f"{NAME} is not a manifest") from error
    if not intact:
        raise Damaged(f"{NAME} has changed since it was written")
    if listed["format"] > FORMAT:
        raise SpektronError(
            f"{folder}: written by {listed['package']} in a newer format; update "
            "spektron_jax"
        )
    for name, expected in listed["files"].items():
        try:
            found = _sha256(folder / name)
        except OSError as error:
            raise Damaged(f"{name} cannot be read: {error.strerror}") from error
        if found != expected:
            raise Damaged(f"{name} has changed since it was written")
    return listed


def flush(folder: Path) -> None:
    """Forces a folder's files and names to disk, so that its renaming comes last."""
    for path in [*folder.rglob("*"), folder]:
        flush_one(path)


def flush_one(path: Path) -> None:
    """Forces one file, or the names in one folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sha256_of_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
