"""NumPy archives (.npz), never unpickled: arrays as `arrays` describes them.

The archive that suits best: spectra (n, p), axis (p,), unit, and optionally targets
(n, k), target_names, sample_ids. A single .npy array has no axis and is refused.
"""

from pathlib import Path

from spektron_jax.spectra import npz
from spektron_jax.spectra.readers.arrays import read_arrays
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of an .npz archive."""
    with path.open("rb") as file:
        if file.read(6) == b"\x93NUMPY":
            log.fail(
                "array",
                "a single array has no axis; save np.savez(file, spectra=, axis=)",
            )
    return read_arrays(npz.load(path), log)
