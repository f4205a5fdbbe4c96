"""The one way to open an HDF5 file that others wrote.

An HDF5 file may name other files: external links, datasets whose bytes lie elsewhere
(external storage), and virtual datasets. Reading them would hand out whatever file of
this machine they name, so a file with any of them is refused before its data are read.
"""

from pathlib import Path
from typing import NoReturn

import h5py

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.hdf5_check import HDF5_ERRORS, heaps_are_sound
from spektron_jax.spectra.limits import VALUE_BYTES, check_claim

MAX_LINKS = 100_000  # of a file; all are looked at


def open_hdf5(path: str | Path) -> h5py.File:
    """Open a file for reading once it is known to hold all of its data itself.

    Raises:
      SpektronError: data in other files, or more than the file can hold.
      HDF5_ERRORS of `hdf5_check`: damaged, cut off or no HDF5 file.
    """
    if not heaps_are_sound(path):
        raise OSError("a global heap does not add up: damaged or cut off")
    file = h5py.File(path, "r")
    try:
        refuse_other_files(file)
    except BaseException:
        file.close()
        raise
    return file


def refuse_other_files(file: h5py.File) -> None:
    """Raise SpektronError where a file names other files or claims too much."""
    path, stored = file.filename, file.id.get_filesize()
    claimed, links = 0, 0
    seen, groups = set(), [file["/"]]
    while groups:
        group = groups.pop()
        for name in group:
            raw = (
                name
                if isinstance(name, bytes)
                else name.encode("utf-8", "surrogateescape")
            )
            place = f"{group.name}/{raw.decode('utf-8', 'replace')}".lstrip("/")
            links += 1
            if links > MAX_LINKS:
                raise SpektronError(f"{path}: more than {MAX_LINKS:,} links; split it")
            kind = group.id.links.get_info(raw).type
            if kind == h5py.h5l.TYPE_SOFT:
                continue  # leads to a place of this file, which is looked at itself
            if kind != h5py.h5l.TYPE_HARD:
                _refuse(path, place, "is an external link")
            try:
                item = group[name]
            except HDF5_ERRORS as error:
                raise OSError(f"{place!r}: cannot be opened ({error})") from error
            if isinstance(item, h5py.Dataset):
                _check_dataset(path, place, item)
                claimed += (item.size or 0) * max(item.dtype.itemsize, VALUE_BYTES)
                check_claim(f"{path}: {place!r}", claimed, stored)
            elif isinstance(item, h5py.Group):
                address = h5py.h5o.get_info(item.id).addr
                if address not in seen:  # hard links may form a ring
                    seen.add(address)
                    groups.append(item)


def _check_dataset(path: str, place: str, item: h5py.Dataset) -> None:
    if item.is_virtual:  # first of all, since its size may depend on other files
        _refuse(path, place, "is a virtual dataset")
    if item.external:
        _refuse(path, place, "keeps its numbers in other files (external storage)")


def _refuse(path: str, place: str, what: str) -> NoReturn:
    raise SpektronError(
        f"{path}: {place!r} {what}, and other files are never followed; store the "
        "numbers in the file itself"
    )
