"""The files of each open page: a folder of its own, limits, and its end.

A visit begins when a page is opened and ends when it says so, soon after it is left, or
when nothing was heard of it for a while; then its folder is removed, and with the
server's end all of them.
"""

import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from spektron_jax.app.names import free_name, safe_name
from spektron_jax.errors import SpektronError

SILENCE_S = 300.0  # after which a page counts as closed; it speaks every 30
LEFT_S = 20.0  # after a page was left: time enough to load it again
MOST_VISITS = 8
MOST_FILES = 2000  # of a visit


class TooMuch(SpektronError):
    """Files of a visit are larger than allowed."""


@dataclass
class Visit:
    """One open page.

    Attributes:
      name: a random one
      folder: of its files: a folder for each slot, and `out` for each task
      limit: bytes of all files that it may send
      ends: when it counts as closed, by the clock of `Visits`
    """

    name: str
    folder: Path
    limit: int
    ends: float
    sent: dict[str, int] = field(default_factory=dict)

    def slot(self, name: str) -> Path:
        """The folder of a slot's files."""
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def given(self, name: str) -> str:
        """What a command is told: the one file, the folder of several, or nothing."""
        files = sorted(self.slot(name).iterdir())
        if len(files) > 1:
            return name
        return f"{name}/{files[0].name}" if files else ""

    def holds(self, path: str) -> bool:
        """Whether a path is in the visit's folder."""
        return (self.folder / path).exists()

    def clear(self, name: str) -> None:
        """Remove a slot's files."""
        shutil.rmtree(self.slot(name), ignore_errors=True)
        self.sent.pop(name, None)

    def new_file(self, slot: str, name: str) -> Path:
        """The path for a file that is being sent."""
        if sum(1 for _ in self.folder.glob("*/*")) >= MOST_FILES:
            raise TooMuch(f"{MOST_FILES} files are enough; put spectra in one table")
        return free_name(self.slot(slot), safe_name(name))

    def count(self, slot: str, size: int) -> None:
        """Take note of bytes that were sent.

        Raises:
          TooMuch: they are more than allowed.
        """
        self.sent[slot] = self.sent.get(slot, 0) + size
        if sum(self.sent.values()) > self.limit:
            raise TooMuch(
                f"the files are larger than {self.limit / 1e6:,.0f} MB together; start "
                "spektron app with a larger --megabytes"
            )


class Visits:
    """All visits of a server.

    Args:
      root: folder of their folders
      limit: bytes of a visit's files
      clock: seconds, as from time.monotonic
    """

    def __init__(
        self, root: Path, limit: int, clock: Callable[[], float] = time.monotonic
    ):
        self.root, self.limit, self.clock = root, limit, clock
        self._open: dict[str, Visit] = {}

    def begin(self) -> Visit:
        """A new visit.

        Raises:
          SpektronError: too many are open.
        """
        if len(self._open) >= MOST_VISITS:
            raise SpektronError(
                f"{MOST_VISITS} pages are open; close one, and open this anew in "
                f"{LEFT_S:.0f} seconds"
            )
        name = secrets.token_urlsafe(12)
        folder = self.root / name
        folder.mkdir(mode=0o700)
        ends = self.clock() + SILENCE_S
        self._open[name] = Visit(name, folder, self.limit, ends)
        return self._open[name]

    def of(self, name: str) -> Visit:
        """The visit of that name, which is alive.

        Raises:
          SpektronError: there is none.
        """
        if name not in self._open:
            raise SpektronError(
                "this visit has ended, its files are gone; reload the page"
            )
        visit = self._open[name]
        visit.ends = self.clock() + SILENCE_S
        return visit

    def names(self) -> list[str]:
        """Names of all open visits."""
        return list(self._open)

    def leave(self, name: str) -> None:
        """A page was left; it ends soon unless it speaks again."""
        self.of(name).ends = self.clock() + LEFT_S

    def over(self) -> list[str]:
        """Names of visits whose time is over."""
        now = self.clock()
        return [name for name, visit in self._open.items() if visit.ends <= now]

    def end(self, name: str) -> None:
        """Forget a visit and remove its files."""
        visit = self._open.pop(name, None)
        if visit is not None:
            shutil.rmtree(visit.folder, ignore_errors=True)
