"""A run that is asked to end (SIGTERM) finishes its step and saves before it does.

Clusters send it to a job that is preempted or out of time. A second one ends the
process at once, as does one while nothing is trained.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def when_asked() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets while the body runs in the main thread."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    former = signal.getsignal(signal.SIGTERM)

    def ask(number, frame):
        asked.set()
        signal.signal(signal.SIGTERM, former)

    signal.signal(signal.SIGTERM, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, former)
