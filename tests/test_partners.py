"""Processes that are lost or never come, in threads and in processes without JAX."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from spektron_jax import partners
from spektron_jax.errors import SpektronError

PROGRAM = """
import sys, time
from spektron_jax import partners
index, count, port, heartbeat, rest, fails = sys.argv[1:]
found = partners.join(f"127.0.0.1:{port}", int(count), int(index), 60, float(heartbeat))
print("joined", flush=True)
time.sleep(float(rest) * (1 + int(index)))
if fails == index:
    sys.exit(2)
found.finish()
"""


def start(count, port, heartbeat=40, rest=600, fails=None):
    """Processes that joined, rest and finish, but for one that fails."""
    words = [*map(str, (count, port, heartbeat, rest, fails))]
    found = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(index), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]
    for process in found:
        assert process.stdout.readline() == "joined\n"
    return found


def ends(processes):
    """(exit code, stderr) of each."""
    return [
        (process.returncode, err)
        for process, (_, err) in [(p, p.communicate(timeout=60)) for p in processes]
    ]


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_others_with_one_line(free_port, victim):
    processes = start(3, free_port)
    processes[victim].send_signal(signal.SIGKILL)
    others = [p for number, p in enumerate(processes) if number != victim]
    for code, text in ends(others):
        assert code == partners.LOST
        assert text.count("\n") == 1 and f"process {victim} of 3 has ended" in text
        assert "same command" in text
    processes[victim].communicate()


def test_a_silent_process_is_lost_too(free_port):
    processes = start(2, free_port, heartbeat=1)
    os.kill(processes[1].pid, signal.SIGSTOP)
    ((code, text),) = ends(processes[:1])
    assert code == partners.LOST and "process 1 of 2 has been silent for 1 s" in text
    processes[1].kill()
    processes[1].communicate()


def test_those_who_finish_at_different_times_are_not_lost(free_port):
    assert ends(start(3, free_port, rest=0.3)) == 3 * [(0, "")]


def test_one_that_ends_with_an_error_ends_the_others(free_port):
    first, failed = ends(start(2, free_port, rest=1, fails=0))
    assert first == (2, "")
    assert failed[0] == partners.LOST and "process 0 of 2 has ended" in failed[1]


def test_the_port_is_free_again_for_the_next_listener(free_port):
    other = threading.Thread(
        target=partners.join, args=(f"127.0.0.1:{free_port}", 2, 1, 30, 30), daemon=True
    )
    other.start()
    found = partners.join(f"127.0.0.1:{free_port}", 2, 0, 30, 30)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", free_port))
        listener.listen()
    found.finish()


def test_whoever_does_not_come_is_named(free_port):
    with pytest.raises(SpektronError, match=r"process 1, 2 did not come within 0\.1 s"):
        partners.join(f"127.0.0.1:{free_port}", 3, 0, 0.1, 30)
    with pytest.raises(SpektronError, match=r"process 0 was not reached within 0\.1 s"):
        partners.join(f"127.0.0.1:{free_port}", 3, 1, 0.1, 30)
    for address in ("nowhere", "host:", "host:x", ":80", "host:99999999"):
        with pytest.raises(SpektronError, match="give host:port"):
            partners.join(address, 2, 0, 0.1, 30)


def test_strangers_are_not_let_in(free_port):
    """Such as a browser, a process twice, or one of another run."""
    stop = time.monotonic() + 20

    def knock():
        for text in (b"GET / HTTP/1.1\r\n", b"spektron-1 1 9\n", b"spektron-1 0 2\n"):
            while time.monotonic() < stop:
                try:
                    with socket.create_connection(("127.0.0.1", free_port)) as end:
                        end.sendall(text)
                        assert end.recv(1) == b""
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)

    stranger = threading.Thread(target=knock, daemon=True)
    stranger.start()
    with pytest.raises(SpektronError, match="process 1 did not come"):
        partners.join(f"127.0.0.1:{free_port}", 2, 0, 2.0, 30)
    stranger.join(20)
    assert not stranger.is_alive()
