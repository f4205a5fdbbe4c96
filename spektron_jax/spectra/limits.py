"""What a file may claim to hold, checked before memory is taken for it.

A compressed file of a few kilobytes can claim terabytes. Spectra pack 2 to 15 times,
so a file that claims more than MAX_RATIO times its own size is not unpacked, unless
all of it is small.
"""

from spektron_jax.errors import SpektronError

MAX_RATIO = 40  # of what a file claims to its own size
ALWAYS_BYTES = 2**26  # as much may be claimed by any file
VALUE_BYTES = 8  # numbers become float64, however they are stored


def allowed_bytes(stored: int, always: int = ALWAYS_BYTES) -> int:
    """Return how many bytes a file of `stored` bytes may unpack to."""
    return max(always, MAX_RATIO * stored)


def check_claim(
    place: str, claimed: int, stored: int, always: int = ALWAYS_BYTES
) -> None:
    """Raise SpektronError where `claimed` bytes cannot be right for a file's size."""
    if claimed > allowed_bytes(stored, always):
        raise SpektronError(
            f"{place}: claims {claimed:,} bytes in a file of "
            f"{stored:,} bytes, more than spectra unpack to; save it without "
            "compression if it is right"
        )
