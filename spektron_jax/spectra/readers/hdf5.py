"""HDF5: our own spectra sets as they are, and other files by their arrays."""

from pathlib import Path

import h5py
import numpy as np

from spektron_jax.spectra.axis_words import unit_of
from spektron_jax.spectra.hdf5_check import HDF5_ERRORS, attribute, can_be, strings
from spektron_jax.spectra.hdf5_open import open_hdf5
from spektron_jax.spectra.readers.arrays import read_arrays
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

_EMPTY = "This is a netCDF dimension but not a netCDF variable"


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of an HDF5 file that is no spectra set."""
    arrays, groups = {}, []
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
                if _EMPTY in str(attribute(item, "NAME", "")):
                    continue
                if not can_be(item):
                    log.fail(
                        f"dataset {name!r}", f"{item.shape} is too large, or damaged"
                    )
                if item.dtype.kind in "iuf":
                    arrays[name] = _values(item)
                elif h5py.check_string_dtype(item.dtype) is not None:
                    arrays[name] = strings(item)
                unit = _unit(item)
                if unit and (item.size == max(item.shape) or unit_of(unit)):
                    arrays.setdefault(f"{name}_unit", np.array([unit]))
    except HDF5_ERRORS as error:
        log.fail("file", f"damaged or cut off ({str(error)[:100]})")
    if groups and not arrays:
        log.fail(
            "file",
            f"all is in groups ({', '.join(groups[:5])}), which are not searched; put "
            "spectra and axis at its top, or export another format",
        )
    if groups:
        log.warning("file", f"groups ({', '.join(groups[:5])}) are not searched")
    return read_arrays(arrays, log)


def _values(item: h5py.Dataset) -> np.ndarray:
    """Numbers, unpacked as the conventions of netCDF pack them."""
    values = item[()]
    missing = np.zeros(values.shape, bool)
    for name in ("_FillValue", "missing_value"):
        missing |= np.isin(values, np.ravel(attribute(item, name, [])))
    for name, change in (("scale_factor", np.multiply), ("add_offset", np.add)):
        if name in item.attrs:
            values = change(values, np.ravel(attribute(item, name))[0], dtype=float)
    return np.where(missing, np.nan, values) if missing.any() else values


def _unit(item: h5py.Dataset) -> str:
    found = np.ravel(attribute(item, "unit", attribute(item, "units", "")))
    if found.size != 1:
        return ""
    return found[0].decode("latin-1") if found.dtype.kind == "S" else str(found[0])
