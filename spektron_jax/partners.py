"""Processes of one run that find each other, and notice when one is gone.

JAX's own runtime waits minutes for a process that is lost, then aborts with a stack of
C++ that no `except` sees. So before JAX begins, every process connects to process 0 at
the coordinator's address, and these connections stay: each end sends a byte every
quarter of the heartbeat. A connection that ends without a farewell, or is silent for a
heartbeat, is a lost process: process 0 tells the others, and each prints one line and
ends with exit code LOST. Without JAX, and without threads in a run of one process.
"""

import atexit
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from spektron_jax.errors import SpektronError, Stopped

LOST = Stopped.exit_code
GREETING = "spektron-1"
ALIVE, GO, FAREWELL = b".", b"g", b"f"
GONE = b"x"  # and the index in two bytes


def join(
    address: str, count: int, index: int, join_s: float, heartbeat_s: float
) -> "Partners":
    """Wait for all processes, and watch them from then on.

    Args:
      address: host:port of process 0; free again for JAX when this returns.
      count, index: how many there are, and which this is.
      join_s: how long to wait for the others.
      heartbeat_s: silence after which a process is lost.

    Raises:
      SpektronError: not an address, or not everybody came in time; says who.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise SpektronError(f"--coordinator={address}: give host:port, as of process 0")
    deadline = time.monotonic() + join_s
    if index:
        ends = {0: _connected(host, int(port), count, index, deadline, join_s)}
    else:
        ends = _accepted(int(port), count, deadline, join_s)
    return Partners(ends, count, index, heartbeat_s)


def _accepted(
    port: int, count: int, deadline: float, join_s: float
) -> dict[int, socket.socket]:
    """Connections of all others to process 0."""
    ends: dict[int, socket.socket] = {}
    try:
        listener = socket.create_server(("", port), backlog=count, reuse_port=False)
    except OSError as error:
        raise SpektronError(
            f"--coordinator: port {port} cannot be opened ({error.strerror}); choose "
            "another one for all processes"
        ) from error
    with listener:
        while len(ends) < count - 1:
            left = deadline - time.monotonic()
            if left <= 0:
                missing = sorted({*range(1, count)} - set(ends))
                for end in ends.values():
                    end.close()
                raise SpektronError(
                    f"--num_processes={count}: process "
                    f"{', '.join(map(str, missing))} did not come within {join_s:g} s; "
                    "look at its output, or raise --join_s"
                )
            listener.settimeout(left)
            try:
                end, _ = listener.accept()
            except TimeoutError:
                continue
            who = _greeted(end, count)
            if who is None or who in ends:
                end.close()
            else:
                ends[who] = end
    for end in ends.values():
        end.sendall(GO)
    return ends


def _greeted(end: socket.socket, count: int) -> int | None:
    """Who a connection says it is; None for anything that is no process of the run."""
    end.settimeout(5.0)
    try:
        words = end.makefile("rb").readline(64).decode("ascii", "replace").split()
    except OSError:
        return None
    if len(words) != 3 or words[0] != GREETING or words[2] != str(count):
        return None
    known = words[1].isdecimal() and 0 < int(words[1]) < count
    return int(words[1]) if known else None


def _connected(
    host: str, port: int, count: int, index: int, deadline: float, join_s: float
) -> socket.socket:
    """The connection to process 0, once all are there."""
    why = "nobody answers"
    while (left := deadline - time.monotonic()) > 0:
        try:
            end = socket.create_connection((host, port), timeout=min(left, 5.0))
        except OSError as error:
            why = error.strerror or str(error) or why
            time.sleep(min(0.2, left))
            continue
        try:
            end.sendall(f"{GREETING} {index} {count}\n".encode())
            end.settimeout(max(left, 0.1))
            if end.recv(1) == GO:
                return end
            why = "process 0 ended, or was given another --num_processes"
        except OSError:
            why = "not all processes came"
        end.close()
        time.sleep(0.2)
    raise SpektronError(
        f"--coordinator={host}:{port}: process 0 was not reached within {join_s:g} s "
        f"({why}); start it there, correct the address, or raise --join_s"
    )


class Partners:
    """Connections that are watched until this process ends.

    Attributes:
      lost: what happened, once a process is lost.
    """

    def __init__(
        self,
        ends: dict[int, socket.socket],
        count: int,
        index: int,
        heartbeat_s: float,
        end_process: Callable[[str], object] | None = None,
    ):
        self._ends, self.count, self.index = ends, count, index
        self.heartbeat_s = heartbeat_s
        self._end_process = end_process or ended
        self.lost = threading.Event()
        self._closing = threading.Event()
        self._finished = False
        for end in ends.values():
            end.setblocking(False)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        atexit.register(self._close)

    def finish(self) -> None:
        """This process has done its part: its end is no loss to the others."""
        self._finished = True

    def _close(self) -> None:
        self._closing.set()
        self._thread.join(2 * self.heartbeat_s)
        for end in self._ends.values():
            if self._finished:
                _send(end, FAREWELL)
            end.close()

    def _watch(self) -> None:
        chosen = selectors.DefaultSelector()
        heard = dict.fromkeys(self._ends, time.monotonic())
        for who, end in self._ends.items():
            chosen.register(end, selectors.EVENT_READ, who)
        pause = self.heartbeat_s / 4
        while heard and not self._closing.is_set():
            for who in heard:
                _send(self._ends[who], ALIVE)
            begun = time.monotonic()
            while (left := begun + pause - time.monotonic()) > 0:
                for key, _ in chosen.select(min(left, 0.2)):
                    who, said = key.data, _received(self._ends[key.data])
                    heard[who] = time.monotonic()
                    if GONE in said:
                        at = said.index(GONE)
                        return self._end(int.from_bytes(said[at + 1 : at + 3], "big"))
                    if FAREWELL in said:
                        chosen.unregister(self._ends[who])
                        del heard[who]
                    elif not said:
                        return self._end(who)
                if self._closing.is_set():
                    return None
            late = [w for w, at in heard.items() if time.monotonic() - at > 4 * pause]
            if late:
                return self._end(late[0], silent=True)
        return None

    def _end(self, who: int, silent: bool = False) -> None:
        for other, end in self._ends.items():
            if other != who:
                _send(end, GONE + who.to_bytes(2, "big"))
        how = f"has been silent for {self.heartbeat_s:g} s" if silent else "has ended"
        self.lost.set()
        self._end_process(
            f"process {who} of {self.count} {how}, so process {self.index} ends too; "
            "what was saved stays: start all processes again with the same command to "
            "resume from the newest checkpoint, with fewer of them if need be"
        )


def ended(text: str) -> NoReturn:
    """End this process at once, whatever its other threads wait for."""
    sys.stdout.flush()
    print(f"error: {text}", file=sys.stderr, flush=True)
    os._exit(LOST)


def _send(end: socket.socket, what: bytes) -> None:
    try:
        end.send(what)
    except OSError:  # seen where it is read
        pass


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(4096)
    except BlockingIOError:
        return ALIVE
    except OSError:
        return b""
