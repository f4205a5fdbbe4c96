"""Optional libraries of single formats, imported when a file needs them."""

import importlib
from types import ModuleType

from spektron_jax.errors import SpektronError

_FOR = {
    "openpyxl": "Excel files",
}


def load(name: str) -> ModuleType:
    """Import a library; SpektronError says how to install it if it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        what = _FOR.get(name.split(".")[0], "this file")
        raise SpektronError(
            f"{what} need the library {name.split('.')[0]}: install it with "
            "`pip install spektron_jax[files]`"
        ) from error
