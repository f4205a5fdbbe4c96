"""One run at a time in a workdir.

The lock is the system's, on the folder: it ends with the process, however that ends.
`run.lock` in it says who holds it, and means nothing without a process.
"""

import contextlib
import datetime
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from spektron_jax.errors import SpektronError

try:
    import fcntl
except ImportError:  # not a POSIX system: runs are not kept apart
    fcntl = None  # type: ignore[assignment]

NAME = "run.lock"


@contextlib.contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Hold a workdir that exists for the length of a run.

    Raises:
      SpektronError: another process holds it; says which, since when, what to do.
    """
    if fcntl is None:
        yield
        return
    note, folder = workdir / NAME, os.open(workdir, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpektronError(
                f"{workdir}: in use by {_holder(note)}; wait for it, stop it, or "
                "choose another --workdir"
            ) from None
        except OSError:  # a file system without locks
            yield
            return
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        holder = {"process": os.getpid(), "host": platform.node(), "since": now}
        note.write_text(json.dumps(holder), encoding="utf-8")
        try:
            yield
        finally:
            note.unlink(missing_ok=True)
    finally:
        os.close(folder)


def _holder(note: Path) -> str:
    try:
        holder = json.loads(note.read_text(encoding="utf-8"))
        return "process {process} on {host} since {since}".format(**holder)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return "another run"
