"""Calibration transfer: from two instruments' spectra to predictions and a verdict.

The package is callable, so that the word says what it does:

    ct = spektron_jax.transfer("old.csv", "new.csv", property="Moisture")

is `spektron_jax.from_files.transfer`; its modules are imported as those of any package.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """This package; Python's own way to give a module behaviour is its class."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Transfer a calibration between files: see `spektron_jax.from_files`."""
        from spektron_jax.from_files import transfer

        return transfer(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
