"""Files that appear whole or not at all."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from spektron_jax.errors import SpektronError


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; afterwards that file becomes `path`.

    If the body fails, `path` stays as it was and nothing is left behind. The name has
    the suffix of `path`, since some writers add one of their own to foreign names.

    Raises:
      SpektronError: the file cannot be written; names it and says what to do.
    """
    path = Path(path)
    draft = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:
        raise SpektronError(
            f"{path}: cannot be written ({error.strerror or error}); free space or "
            "choose another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def checksum(path: str | Path) -> str:
    """SHA-256 of a file, or of a folder's files in order of their names."""
    path = Path(path)
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.is_file():
            with file.open("rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
    return digest.hexdigest()
