"""DataFrames and open files, as a file for the length of one reading."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spektron_jax.errors import SpektronError


@contextlib.contextmanager
def as_path(source: Any) -> Iterator[Path]:
    """A path to read `source` from; errors name what was given.

    Args:
      source: a path, a table of pandas (its index holds the sample ids, unless rows are
        only numbered), or a file open for reading
    """
    if isinstance(source, str | os.PathLike):
        yield Path(source)
        return
    name, content = _content(source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            yield path
        except SpektronError as error:
            raise SpektronError(str(error).replace(str(path), name)) from error


def _content(source: Any) -> tuple[str, bytes]:
    """What to call it, with a suffix, and its bytes."""
    if hasattr(source, "to_csv"):
        numbered = type(source.index).__name__ == "RangeIndex"
        text = source.to_csv(index=not numbered, index_label=source.index.name or "id")
        return "DataFrame.csv", text.encode()
    if not hasattr(source, "read"):
        raise SpektronError(
            f"{type(source).__name__}: neither a path, nor an open file, nor a table "
            "of pandas"
        )
    content = source.read()
    if isinstance(content, str):
        content = content.encode()
    name = getattr(source, "name", "")
    return (Path(name).name if isinstance(name, str) else "") or "open file", content
