"""Commands in child processes: what they say, how far they are, when they are stopped.

One heavy job at a time in the whole server; who comes second is told to wait. Short
ones (reading, predicting) queue. A child has no terminal, a time limit, and its own
group of processes, so that nothing is left of it.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spektron_jax.errors import SpektronError

PACKAGE = Path(__file__).parents[2]
MOST_LINES, LONGEST_LINE = 200, 1000
MOST_ANSWER = 64_000_000  # bytes of the JSON that a command prints
CHUNK = 4096
ANSWERED = (0, 3)  # exit codes of a command that came to its end
_PERCENT = re.compile(r"(\w+):\s+(\d+)%\|")


class Busy(SpektronError):
    """Another heavy job is running."""


@dataclass
class Job:
    """One command of a visit.

    Attributes:
      words: of the command, without the program
      folder: it runs in
      limit_s: seconds it may take
      heavy: takes minutes and much memory
      lines: what it said, newest last
      percent: how far the last bar is; None: there is none
      state: waiting, running, done, failed or stopped
      answer: the JSON it printed; {"error": sentence} where it failed
    """

    words: list[str]
    folder: Path
    limit_s: float
    heavy: bool = False
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_LINES))
    percent: int | None = None
    state: str = "waiting"
    answer: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    task: asyncio.Task | None = None

    @property
    def name(self) -> str:
        """Of the command."""
        return self.words[0]

    @property
    def seconds(self) -> float:
        """How long it has been running, or ran."""
        return (self.ended or time.monotonic()) - self.began

    async def run(self) -> dict[str, Any]:
        """Run to the end, the time limit or the cancellation; returns the answer."""
        self.state, self.began = "running", time.monotonic()
        try:
            async with asyncio.timeout(self.limit_s):
                await self._run()
        except TimeoutError:
            minutes = self.limit_s / 60
            text = (
                f"stopped after {minutes:g} minutes; start spektron app with larger "
                "--minutes, or take fewer spectra"
            )
            self.state, self.answer = "failed", {"error": text}
        except asyncio.CancelledError:
            self.state, self.answer = "stopped", {"error": "stopped"}
            raise
        finally:
            self.ended = time.monotonic()
        return self.answer

    async def _run(self) -> None:
        printed = self.folder / f"{self.name}.json"
        with open(printed, "wb") as answer:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "spektron_jax", *self.words),
                cwd=self.folder,
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=answer,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        try:
            assert process.stderr is not None
            await self._listen(process.stderr)
            code = await process.wait()
        finally:
            await end(process)
        self.answer = self._answer(printed, code)
        self.state = "failed" if "error" in self.answer else "done"

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        """Take lines and bars from what a child says."""
        rest = ""
        while chunk := await stream.read(CHUNK):
            *lines, rest = re.split(r"[\r\n]", rest + chunk.decode("utf-8", "replace"))
            rest = rest[-LONGEST_LINE:]
            for line in filter(str.strip, lines):
                self.hear(line)

    def hear(self, line: str) -> None:
        """Take one line: a bar, or a sentence to keep."""
        if found := _PERCENT.search(line):
            self.percent = int(found[2])
        else:
            self.lines.append(line.strip()[:LONGEST_LINE])

    def _answer(self, printed: Path, code: int) -> dict[str, Any]:
        try:
            if printed.stat().st_size > MOST_ANSWER:
                return {"error": "the answer is too large for a page; use the command"}
            answer = json.loads(printed.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            answer = {}
        if code in ANSWERED and answer:
            return answer
        said = answer.get("error") or (self.lines[-1] if self.lines else "no word")
        if code != 2:
            said = f"the program failed (exit code {code}): {said}"
        return {"error": said}


class Jobs:
    """All jobs of a server, by visit and command.

    Args:
      limit_s: seconds that one may take
    """

    def __init__(self, limit_s: float):
        self.limit_s = limit_s
        self.newest: dict[tuple[str, str], Job] = {}
        self._short = asyncio.Lock()

    def check(self, visit: str, name: str, heavy: bool) -> None:
        """Raise Busy if the visit runs that command, or a heavy one runs anywhere."""
        for key, job in self.newest.items():
            if job.ended is None and (key == (visit, name) or (heavy and job.heavy)):
                where = "here" if key[0] == visit else "on another page"
                raise Busy(
                    f"{job.name} is running {where} since {job.seconds:.0f} s, and one "
                    "such job runs at a time: wait until it has ended, or stop it"
                )

    def start(self, visit: str, folder: Path, words: list[str], heavy: bool) -> Job:
        """Start a job in the background; one that is not heavy may wait for its turn.

        Raises:
          Busy: see `check`.
        """
        self.check(visit, words[0], heavy)
        job = Job(words, folder, self.limit_s, heavy)
        self.newest[visit, words[0]] = job
        job.task = asyncio.create_task(job.run() if heavy else self._in_turn(job))
        return job

    async def short(self, folder: Path, words: list[str]) -> dict[str, Any]:
        """Run a short command after those that wait, and return its answer."""
        return await self._in_turn(Job(words, folder, self.limit_s))

    async def _in_turn(self, job: Job) -> dict[str, Any]:
        async with self._short:
            return await job.run()

    async def stop(self, visit: str, name: str) -> None:
        """End the newest job of a visit with that command, if there is one."""
        job = self.newest.get((visit, name))
        if job is None or job.task is None or job.ended is not None:
            return
        job.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job.task
        if job.ended is None:  # it was still waiting
            job.state, job.ended = "stopped", time.monotonic()
            job.answer = {"error": "stopped"}

    async def forget(self, visit: str) -> None:
        """Stop and forget the jobs of a visit."""
        for key in [key for key in self.newest if key[0] == visit]:
            await self.stop(*key)
            self.newest.pop(key, None)


def _environment() -> dict[str, str]:
    """Of a child: it finds this package, whatever its folder holds."""
    paths = [str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONIOENCODING": "utf-8",
        "MPLBACKEND": "Agg",
    }


async def end(process: asyncio.subprocess.Process) -> None:
    """Make sure that a child and its own children are gone."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        await process.wait()
