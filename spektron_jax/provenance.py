"""What numbers rest on: the versions behind them, and the command that repeats them."""

import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path

import spektron_jax

LIBRARIES = ("numpy", "scipy", "scikit-learn", "jax", "flax")


def versions() -> dict[str, str]:
    """Name -> version of Python, the package and what results depend on."""
    found = {
        "python": platform.python_version(),
        "spektron_jax": spektron_jax.__version__,
    }
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # the small install has no JAX
            found[name] = "not installed"
    return found


def command() -> str:
    """The command of this process, ready for a shell."""
    program = {
        "spektron": ["spektron"],
        "__main__": ["python", "-m", "spektron_jax"],
    }.get(Path(sys.argv[0]).stem, ["python", "-m", "spektron_jax.main"])
    return shlex.join([*program, *sys.argv[1:]])
