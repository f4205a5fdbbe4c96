"""What the C library does with memory that a step gives back."""

import ctypes
import platform

# Parameters of mallopt(3) of the GNU C library, and values for them.
MMAP_MAX, ARENA_MAX, TRIM_THRESHOLD = -4, -8, -1
KEPT = ((ARENA_MAX, 1), (MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1))


def keep_freed() -> bool:
    """Let this process keep freed memory for its next step; whether it will.

    Else the buffers of every step go back to the system, which clears them page by page
    when the next step asks: a quarter of the CPU time of a step of nano. The peak grows
    by a third, more where buffers are large. Before JAX starts its threads; without the
    GNU C library nothing happens.

    Examples:
      >>> from spektron_jax.training import memory
      >>> kept = memory.keep_freed()
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(*pair) for pair in KEPT])
