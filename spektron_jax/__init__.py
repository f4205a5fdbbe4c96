"""Spektron in JAX: a foundation model of vibrational spectra.

    import spektron_jax
    ct = spektron_jax.transfer("old.csv", "new.csv", property="Moisture")
    corn = spektron_jax.read("corn.mat", unit="nm", modality="NIR")
    encoder = spektron_jax.load_encoder("nano")
    z_chem = encoder.embed(spectra, axis, unit="nm", modality="NIR")

Importing the package is quick and loads no JAX: what needs JAX is imported on first
use, so that `import spektron_jax` is safe in data workers and command-line tools.
"""

import importlib
from typing import TYPE_CHECKING, Any

from spektron_jax.errors import (
    NetworkMissing,
    SpektronError,
    SpektronWarning,
    network_for,
)

__version__ = "0.2.0"
__all__ = [
    "Adaptation",
    "CalibrationTransfer",
    "LineCorpus",
    "NetworkMissing",
    "SpectralLibrary",
    "SpectraSet",
    "SpektronError",
    "SpektronWarning",
    "TargetFolds",
    "TransferData",
    "__version__",
    "corrections",
    "formats",
    "lab",
    "load_encoder",
    "oscillators",
    "read",
    "transfer",
    "write",
]

# Public name -> the module that defines it, imported when the name is first asked for.
_LAZY = {
    "Adaptation": "spektron_jax.encoder.adaptation",
    "CalibrationTransfer": "spektron_jax.transfer.estimator",
    "LineCorpus": "spektron_jax.corpus.line_corpus",
    "SpectraSet": "spektron_jax.spectra.spectra_set",
    "SpectralLibrary": "spektron_jax.identification.library",
    "TargetFolds": "spektron_jax.transfer.folds",
    "TransferData": "spektron_jax.transfer.data",
    "formats": "spektron_jax.spectra.readers",
    "load_encoder": "spektron_jax.encoder.load",
    "read": "spektron_jax.spectra.readers",
    "write": "spektron_jax.spectra.writers",
}
# Modules with names of their own.
_MODULES = {
    "corrections": "spektron_jax.corrections",
    "lab": "spektron_jax.lab",
    "oscillators": "spektron_jax.models.oscillators",
    "transfer": "spektron_jax.transfer",  # also a function: see there
}

if TYPE_CHECKING:  # what a type checker and an editor see in place of the table above
    from spektron_jax import corrections, lab
    from spektron_jax.corpus.line_corpus import LineCorpus
    from spektron_jax.encoder.adaptation import Adaptation
    from spektron_jax.encoder.load import load_encoder
    from spektron_jax.from_files import transfer
    from spektron_jax.identification.library import SpectralLibrary
    from spektron_jax.models import oscillators
    from spektron_jax.spectra.readers import formats, read
    from spektron_jax.spectra.spectra_set import SpectraSet
    from spektron_jax.spectra.writers import write
    from spektron_jax.transfer.data import TransferData
    from spektron_jax.transfer.estimator import CalibrationTransfer
    from spektron_jax.transfer.folds import TargetFolds


def __getattr__(name: str) -> Any:
    """Imports a lazy public name on first use (PEP 562)."""
    if name in _MODULES:
        with network_for(name):
            return importlib.import_module(_MODULES[name])
    if name in _LAZY:
        with network_for(name):
            value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
