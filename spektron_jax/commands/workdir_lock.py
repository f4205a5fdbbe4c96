"""One run at a time in a workdir.

The lock is the system's: it ends with the process, however that ends. `run.lock` says
who holds it; the file itself stays, and means nothing without a process.
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
    with (workdir / NAME).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise SpektronError(
                f"{workdir}: in use by {_told(file.read())}; wait for it, stop it, or "
                "choose another --workdir"
            ) from None
        except OSError:  # a file system without locks
            yield
            return
        file.truncate(0)
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        json.dump({"process": os.getpid(), "host": platform.node(), "since": now}, file)
        file.flush()
        yield


def _told(text: str) -> str:
    try:
        holder = json.loads(text)
        return "process {process} on {host} since {since}".format(**holder)
    except (ValueError, KeyError, TypeError, IndexError):
        return "another run"
