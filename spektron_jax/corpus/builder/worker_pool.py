"""Many independent jobs in several processes, none of which can stop the others.

An executor of the standard library gives up as a whole when one of its processes dies,
and cannot end a job that hangs. Here each worker has its own pipe: one that dies or is
past its time is ended, its job is reported as failed, and a new worker takes its place.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

TICK_S = 0.5
STARTING_S = 120.0  # for Python and the imports of a new worker

Job = Callable[[Any], tuple[bool, Any]]


class _Worker:
    def __init__(self, job: Job):
        context = multiprocessing.get_context("spawn")  # fork would copy threads' locks
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(job, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Any = None
        self.busy = False
        self.usable = False  # it has started, and neither died nor run out of time
        self.deadline = float("inf")

    def give(self, task: Any, timeout_s: float) -> None:
        self.task, self.busy = task, True
        limit = timeout_s if self.usable else STARTING_S
        self.deadline = time.monotonic() + limit
        try:
            self.pipe.send(task)
        except OSError:  # it died while idle: `wait` sees the closed pipe
            pass

    def end(self) -> None:
        assert self.process.pid is not None  # it was started
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # with what it started itself
        except (ProcessLookupError, PermissionError):
            self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(job: Job, pipe: Connection) -> None:
    """The life of a worker: tasks in, (done, answer) out, until the pipe closes."""
    os.setsid()  # a group of its own: Ctrl-C goes to the parent, which ends it
    pipe.send(None)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = job(task)
        except Exception as error:  # a fault with one molecule must not stop the rest
            answer = False, f"{type(error).__name__}: {' '.join(str(error).split())}"
        try:
            pipe.send(answer)
        except OSError:  # nobody is there any more
            return


def run(
    job: Job, tasks: Iterable[Any], processes: int, timeout_s: float
) -> Iterator[tuple[Any, bool, Any]]:
    """Yield (task, done, answer) in the order in which they end.

    Args:
      job: importable by name; returns (True, result) or (False, reason).
      tasks: what is sent to it, one at a time.
      processes: how many work at once, each with one thread.
      timeout_s: after which a task is given up.
    """
    waiting = iter(tasks)
    workers: list[_Worker] = []
    threads = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # children read it as they start
    try:
        for task in waiting:
            workers.append(_Worker(job))
            workers[-1].give(task, timeout_s)
            if len(workers) == processes:
                break
        while any(worker.busy for worker in workers):
            ready = wait([w.pipe for w in workers if w.busy], TICK_S)
            for i, worker in enumerate(workers):
                if not worker.busy:
                    continue
                ended = _outcome(worker, worker.pipe in ready, timeout_s)
                if ended is None:
                    continue
                task, alive = worker.task, worker.usable
                worker.busy = False
                if not alive:
                    worker.end()
                following = next(waiting, _NONE)
                if following is not _NONE:
                    if not alive:
                        workers[i] = _Worker(job)
                    workers[i].give(following, timeout_s)
                yield task, *ended
    finally:
        for worker in workers:
            worker.end()
        for name, value in threads.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_NONE = object()


def _outcome(worker: _Worker, has_news: bool, timeout_s: float):
    """(done, answer) of a worker's task, or None while it runs."""
    if has_news:
        try:
            answer = worker.pipe.recv()
            if answer is None:  # it has started; its task waits in the pipe
                worker.deadline = time.monotonic() + timeout_s
            worker.usable = True
            return answer
        except (EOFError, OSError):
            worker.process.join()
            worker.usable = False
            return False, f"its process ended (exit code {worker.process.exitcode})"
    if time.monotonic() > worker.deadline:
        worker.usable = False
        return False, f"not finished in {timeout_s:g} s"
    return None
