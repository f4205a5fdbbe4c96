"""HDF5: our own spectra sets as they are, and other files by their arrays."""

from pathlib import Path

import h5py
import numpy as np

from spektron_jax.spectra.hdf5_check import HDF5_ERRORS, attribute, can_be, strings
from spektron_jax.spectra.hdf5_open import open_hdf5
from spektron_jax.spectra.readers.arrays import read_arrays
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of an HDF5 file that is no spectra set."""
    arrays, unit, groups = {}, None, []
    try:
        with open_hdf5(path) as file:
            if "format" in file.attrs:
                log.fail(
                    "file",
                    f"format {attribute(file, 'format')!r} holds no set of spectra",
                )
            for key, item in file.items():
                name = key if isinstance(key, str) else key.decode("utf-8", "replace")
                if item is None:
                    log.fail(f"{name!r}", "cannot be opened: damaged, or a dead link")
                if not isinstance(item, h5py.Dataset):
                    groups.append(name)
                    continue
                if not can_be(item):
                    log.fail(
                        f"dataset {name!r}", f"{item.shape} is too large, or damaged"
                    )
                if item.dtype.kind in "iuf":
                    arrays[name] = item[()]
                elif h5py.check_string_dtype(item.dtype) is not None:
                    arrays[name] = strings(item)
                unit = attribute(item, "unit", unit)
    except HDF5_ERRORS as error:
        log.fail("file", f"damaged or cut off ({str(error)[:100]})")
    if groups and not arrays:
        log.fail(
            "file",
            f"all is in groups ({', '.join(groups[:5])}), which are not searched; put "
            "spectra and axis at its top, or export another format",
        )
    if unit is not None:
        arrays.setdefault("unit", np.array([str(unit)]))
    return read_arrays(arrays, log)
