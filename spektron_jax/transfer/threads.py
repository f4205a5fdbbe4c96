"""One BLAS thread for matrices of a few hundred rows.

A transfer decomposes thousands of them. A second thread of OpenBLAS then spins more
than it works: a fit takes 2 to 8 times the CPU time, and longer by the clock too.
"""

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
R = TypeVar("R")

_holds_limit = threading.Lock()


def one_blas_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function with one BLAS thread; afterwards the caller's limit holds again.

    The limit is the process's. So of several calls at a time the first alone sets it
    and takes it back; the others, calls inside a call among them, leave it alone.
    """

    @functools.wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _holds_limit.acquire(blocking=False):
            return function(*args, **kwargs)
        try:
            with threadpool_limits(1, user_api="blas"):
                return function(*args, **kwargs)
        finally:
            _holds_limit.release()

    return limited
