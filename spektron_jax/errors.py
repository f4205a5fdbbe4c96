"""The one exception that users of the package are meant to see.

Raise `SpektronError` when a person can put the matter right: a wrong setting, a
damaged file, a spectrum that cannot be read. The message is one line that names
the file or field and says what to change; the command line prints that line and
ends with exit code 2. Faults in our own code keep Python's own exceptions.

The network and the virtual laboratory need JAX, which the small install lacks: what
they are asked for then ends in `NetworkMissing`, which says how to add it.
"""

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec

# First names of the modules that only the extra "network" installs.
NETWORK_MODULES = {"jax", "jaxlib", "jaxtyping", "flax", "optax", "orbax", "ott"}
NETWORK_MODULES |= {"chex", "tensorstore"}
ADD_NETWORK = 'pip install "spektron-jax[network]"'


class SpektronError(Exception):
    """A failure that the user can repair; `str(error)` is one line saying how.

    Attributes:
      exit_code: of a command that ends with it.

    Examples:
      >>> import spektron_jax
      >>> try:
      ...     spektron_jax.read("absent.csv")
      ... except spektron_jax.SpektronError as error:
      ...     print(error)
      absent.csv: no such file; check the name
    """

    exit_code = 2

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())  # of others' messages too


class Stopped(SpektronError):
    """A run was asked to end and has saved; the same command resumes it."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: the same command again may work


class InputError(SpektronError, ValueError):
    """An argument that cannot be used; scikit-learn's callers expect a ValueError."""


class NetworkMissing(SpektronError, ImportError):
    """Something was asked for that needs JAX, which is not installed.

    Examples:
      >>> from spektron_jax import NetworkMissing
      >>> print(NetworkMissing("lab"))
      lab: needs JAX, which is not installed; pip install "spektron-jax[network]"
    """

    def __init__(self, what: str):
        super().__init__(f"{what}: needs JAX, which is not installed; {ADD_NETWORK}")


class SpektronWarning(UserWarning):
    """Something in the user's data that is to be looked at.

    Examples:
      >>> import warnings
      >>> import spektron_jax
      >>> warnings.simplefilter("error", spektron_jax.SpektronWarning)  # stop at any
    """


def has_network() -> bool:
    """Whether JAX and Flax are installed; imports neither."""
    try:
        return all(map(find_spec, ("jax", "flax")))
    except ImportError:
        return False


@contextlib.contextmanager
def network_for(what: str) -> Iterator[None]:
    """Around an import: where JAX lacks, `NetworkMissing` says what needed it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NETWORK_MODULES:
            raise
        raise NetworkMissing(what) from error
