"""What numbers rest on: the versions behind them, and the command that repeats them."""

import platform
import shlex
import sys
from importlib import metadata

import spektron_jax

LIBRARIES = ("numpy", "scipy", "scikit-learn", "jax", "flax")


def versions() -> dict[str, str]:
    """Name -> version of Python, the package and what results depend on."""
    found = {
        "python": platform.python_version(),
        "spektron_jax": spektron_jax.__version__,
    }
    return found | {name: metadata.version(name) for name in LIBRARIES}


def command() -> str:
    """The command of this process, ready for a shell."""
    return shlex.join(["python", "-m", "spektron_jax.main", *sys.argv[1:]])
