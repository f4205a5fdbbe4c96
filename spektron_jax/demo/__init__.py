"""Example files of two simulated instruments, as CSV.

    old, new, kept = demo.paths()
    ct, X, y = demo.transferred()

`benchmarks/demo_files.py` made them with the virtual laboratory, seed 0.
"""

from pathlib import Path
from typing import Any

FILES = ("old_instrument.csv", "new_instrument.csv", "new_samples.csv")


def path_of(name: str) -> Path:
    """Where an example file of the package lies."""
    return Path(__file__).parent / name


def paths() -> tuple[Path, ...]:
    """The old instrument's samples, ten of them on the new one, thirty others on it.

    Examples:
      >>> from spektron_jax import demo
      >>> [path.name for path in demo.paths()]
      ['old_instrument.csv', 'new_instrument.csv', 'new_samples.csv']
    """
    return tuple(map(path_of, FILES))


def transferred(**settings: Any) -> tuple:
    """The calibration of moisture transferred, and thirty samples to check it.

    Args:
      settings: of `spektron_jax.transfer`

    Returns:
      The fitted estimator, spectra of the new instrument (30, 700) and their reference
      values (30,).

    Examples:
      >>> from spektron_jax import demo
      >>> ct, X, y = demo.transferred()
      >>> round(ct.score(X, y), 2)
      0.97
    """
    from spektron_jax.from_files import transfer
    from spektron_jax.spectra.readers import read

    old, new, kept = paths()
    given = {"property": "Moisture", "modality": "NIR"} | settings
    ct, found = transfer(old, new, **given), read(kept)
    (one,) = found.instruments.values()
    return ct, one.spectra.astype(float), found.target("Moisture").astype(float)
