"""Spectra on a grid, read from one HDF5 file laid out as QM9S.

QM9S (Zou et al., Nat. Comput. Sci. 3, 957 (2023); CC BY 4.0) holds computed IR and
Raman spectra of 129,817 molecules. The file to give in config.data.path:

    ir      (n, points) float32    row i is molecule i; a row of zeros = no spectrum
    raman   (n, points) float32    needed only if it is a modality of the run
    axis    (points,)              wavenumbers in cm-1, increasing
    split   (n,) strings           "train", "validation" or "test"
    smiles  (n,) strings           optional

Store `ir` and `raman` contiguous and uncompressed: 64 random rows then take 0.7 ms,
but 300 ms with gzip. Rows are read from disk as they are needed. Opening the file
reads it once through, in blocks, to find rows that cannot be used (0.3 s per GB
from memory, the disk's speed at first).
"""

import hashlib
from typing import NoReturn

import h5py
import numpy as np
from absl import logging

from spektron_jax.corpus.line_corpus import SPLITS
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.spectra.hdf5_check import (
    HDF5_ERRORS,
    item_of,
    strings_of,
)
from spektron_jax.spectra.hdf5_open import open_hdf5

DATASETS = {"IR": "ir", "Raman": "raman"}
BLOCK_ROWS = 1024  # 8 MB at 2048 points


class QM9SFile:
    """An open file, with the interface of a source (see `training.examples`).

    Attributes:
      axis_cm1: (points,) float64.
      split: (n,) strings.
      smiles: (n,) strings, or None.
      skipped: modality -> number of rows that are zero or not finite.
      checksum: sha256 of the axis, the split and each row's strongest value.
    """

    def __init__(self, path: str, modalities: tuple[str, ...] = ("IR", "Raman")):
        """Open and check the file; only `modalities` become examples."""
        self.path = path
        try:
            self._file = open_hdf5(path)
        except HDF5_ERRORS as error:
            raise SpektronError(
                f"{path}: cannot be opened as HDF5 ({error}); set config.data.path to "
                "a whole file"
            ) from error
        try:
            self._read(modalities)
        except HDF5_ERRORS as error:
            self.close()
            raise SpektronError(f"{path}: damaged or cut off ({error})") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def examples(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (molecule, modality code), (e,) int32 each, usable in `split`."""
        rows, codes = np.nonzero(self._usable & (self.split == split)[:, None])
        return rows.astype(np.int32), codes.astype(np.int32)

    def fetch(self, molecule: np.ndarray, modality: np.ndarray) -> dict:
        """Return clean, (B, points) float32, as stored."""
        molecule, modality = np.asarray(molecule), np.asarray(modality)
        clean = np.empty((len(molecule), len(self.axis_cm1)), np.float32)
        for code in np.unique(modality):
            here = np.flatnonzero(modality == code)
            # h5py wants increasing rows, each once.
            rows, place = np.unique(molecule[here], return_inverse=True)
            clean[here] = self._spectra[int(code)][rows][place]
        return {"clean": clean}

    def _read(self, modalities: tuple[str, ...]) -> None:
        axis = item_of(self._file, "axis")[()]
        if axis.ndim != 1 or axis.dtype.kind != "f" or axis.size < 2:
            self._fail("axis", f"is {axis.dtype} {axis.shape}; must be float (points,)")
        if not (np.isfinite(axis).all() and axis[0] > 0 and (np.diff(axis) > 0).all()):
            self._fail("axis", "must be positive wavenumbers (cm-1) that increase")
        self.axis_cm1 = axis.astype(np.float64)
        self.split = strings_of(self._file, "split")
        unknown = set(self.split.tolist()) - set(SPLITS)
        if unknown:
            names = ", ".join(map(repr, sorted(unknown)[:3]))
            self._fail("split", f"holds {names}; use {', '.join(SPLITS)}")
        molecules = len(self.split)
        self.smiles = (
            strings_of(self._file, "smiles") if "smiles" in self._file else None
        )
        if self.smiles is not None and len(self.smiles) != molecules:
            self._fail("smiles", f"has {len(self.smiles)} rows, split {molecules}")
        self.skipped: dict[str, int] = {}
        self._spectra: dict[int, h5py.Dataset] = {}
        self._usable = np.zeros((molecules, len(MODALITIES)), bool)
        digest = hashlib.sha256(self.axis_cm1.tobytes())
        digest.update("\n".join(self.split.tolist()).encode())
        for modality in modalities:
            spectra = item_of(self._file, DATASETS[modality])
            shape = (molecules, len(axis))
            if spectra.shape != shape or spectra.dtype != np.float32:
                self._fail(
                    DATASETS[modality],
                    f"is {spectra.dtype} {spectra.shape}; must be float32 {shape}",
                )
            usable, strongest = _scan(spectra)
            code = MODALITIES.index(modality)
            self._spectra[code] = spectra
            self._usable[:, code] = usable
            self.skipped[modality] = int((~usable).sum())
            digest.update(strongest.tobytes())
            if self.skipped[modality] == molecules:
                self._fail(DATASETS[modality], "has no row that can be used")
            if self.skipped[modality]:
                logging.warning(
                    "%s: %d of %d %s rows are zero or not finite and are left out",
                    self.path,
                    self.skipped[modality],
                    molecules,
                    modality,
                )
        self.checksum = digest.hexdigest()

    def _fail(self, name: str, text: str) -> NoReturn:
        raise SpektronError(f"{self.path}: dataset '{name}' {text}")


def _scan(spectra: h5py.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return (usable, strongest value), (n,) each, block by block.

    A row is usable if all its values are finite and its strongest is above zero,
    since spectra are scaled by their strongest band.
    """
    lows, highs = [], []
    for start in range(0, len(spectra), BLOCK_ROWS):
        block = spectra[start : start + BLOCK_ROWS]
        lows.append(block.min(axis=1))  # NaN stays NaN in min and max
        highs.append(block.max(axis=1))
    low, high = np.concatenate(lows), np.concatenate(highs)
    return np.isfinite(low) & np.isfinite(high) & (high > 0), high
