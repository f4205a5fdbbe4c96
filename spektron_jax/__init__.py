"""Spektron in JAX: a foundation model of vibrational spectra.

    import spektron_jax
    encoder = spektron_jax.load_encoder("nano")
    z_chem = encoder.embed(spectra, axis, unit="nm", modality="NIR")
    corn = spektron_jax.read("corn.mat", unit="nm", modality="NIR")

Importing the package is quick and loads no JAX: what needs JAX is imported on first
use, so that `import spektron_jax` is safe in data workers and command-line tools.
"""

import importlib

from spektron_jax.errors import SpektronError

__version__ = "0.1.0"
__all__ = [
    "CalibrationTransfer",
    "SpectralLibrary",
    "SpektronError",
    "SpectraSet",
    "__version__",
    "load_encoder",
    "read",
]

# Public name -> the module that defines it, imported when the name is first asked for.
_LAZY = {
    "CalibrationTransfer": "spektron_jax.transfer.estimator",
    "SpectraSet": "spektron_jax.spectra.spectra_set",
    "SpectralLibrary": "spektron_jax.identification.library",
    "load_encoder": "spektron_jax.encoder.load",
    "read": "spektron_jax.spectra.readers",
}


def __getattr__(name: str):
    """Imports a lazy public name on first use (PEP 562)."""
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
