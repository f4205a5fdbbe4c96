"""The spectra-set file: one HDF5 file that holds a SpectraSet (FORMAT.md).

`save` writes to a temporary file beside the target and renames it, so that a file of
that name is always whole. `load` reads every version up to VERSION.
"""

from pathlib import Path

import h5py
import numpy as np

from spektron_jax.archive import replacing
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.hdf5_check import (
    HDF5_ERRORS,
    attribute,
    item_of,
    small_dataset,
    strings_of,
)
from spektron_jax.spectra.hdf5_open import open_hdf5
from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet

FORMAT = "spectra-set"
VERSION = 1
_OWN_ATTRS = ("format", "format_version", "modality")


def save(path: str | Path, spectra: SpectraSet, *, compress: bool = True) -> None:
    """Write a spectra-set file; an existing one is replaced as a whole.

    Args:
      path: name of the file.
      spectra: what to write; its problems are not written.
      compress: gzip and shuffle, else contiguous (400 times faster random rows).
    """
    with replacing(path) as draft, h5py.File(draft, "w") as file:
        _write(file, spectra, compress)


def _write(file: h5py.File, spectra: SpectraSet, compress: bool) -> None:
    packed = {"compression": "gzip", "shuffle": True} if compress else {}
    text = h5py.string_dtype("utf-8")

    def put(group, name, values):
        group.create_dataset(name, data=np.asarray(values, dtype=object), dtype=text)

    file.attrs.update(spectra.metadata)
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = VERSION
    file.attrs["modality"] = spectra.modality
    put(file, "sample_ids", spectra.sample_ids)
    targets = file.create_dataset("targets", data=spectra.targets)
    targets.attrs.create("names", np.asarray(spectra.target_names, object), dtype=text)
    targets.attrs.create("units", np.asarray(spectra.target_units, object), dtype=text)
    if spectra.labels:
        file.create_group("labels", track_order=True)
    for name, values in spectra.labels.items():
        put(file, f"labels/{name}", values)
    if spectra.split is not None:
        put(file, "split", spectra.split)
    file.create_group("instruments", track_order=True)
    for name, one in spectra.instruments.items():
        group = file.create_group(f"instruments/{name}")
        group.attrs["description"] = one.description
        group.attrs["quantity"] = one.quantity
        options = packed if one.spectra.size else {}
        group.create_dataset("spectra", data=one.spectra, **options)
        group.create_dataset("axis", data=one.axis).attrs["unit"] = one.unit
        if one.replicates is not None:
            options = packed if one.replicates.size else {}
            group.create_dataset("replicates", data=one.replicates, **options)
        if one.standards is not None:
            put(group, "standards/sample_ids", one.standards[0])
            group.create_dataset("standards/spectra", data=one.standards[1])


def load(path: str | Path) -> SpectraSet:
    """Read a spectra-set file; SpektronError names the file and the dataset."""
    try:
        with open_hdf5(path) as file:
            return _read(file)
    except HDF5_ERRORS as error:
        raise SpektronError(
            f"{path}: damaged, cut off or no HDF5 file ({_short(error)}); fetch it "
            "again"
        ) from error


def is_spectra_set(path: str | Path) -> bool:
    """True when an HDF5 file says that it is a spectra set."""
    try:
        with open_hdf5(path) as file:
            return _text(attribute(file, "format")) == FORMAT
    except HDF5_ERRORS:
        return False


def _read(file: h5py.File) -> SpectraSet:
    path = file.filename
    if _text(attribute(file, "format")) != FORMAT:
        raise SpektronError(
            f"{path}: not a spectra set (its attribute 'format' is not {FORMAT!r})"
        )
    version = attribute(file, "format_version")
    if not isinstance(version, int | np.integer) or not 1 <= version <= VERSION:
        raise SpektronError(
            f"{path}: format_version is {version}, this program reads 1 to {VERSION}"
        )
    ids = strings_of(file, "sample_ids")
    targets = _numbers(file, "targets", 2)
    names = attribute(file["targets"], "names", ())
    units = attribute(file["targets"], "units", ("",) * len(names))
    labels = item_of(file, "labels", h5py.Group) if "labels" in file else {}
    instruments = {}
    for name in item_of(file, "instruments", h5py.Group):
        instruments[name] = _instrument(file, f"instruments/{name}")
    try:
        return SpectraSet(
            instruments=instruments,
            sample_ids=ids,
            modality=_text(attribute(file, "modality", "unknown")),
            targets=targets,
            target_names=tuple(_text(name) for name in names),
            target_units=tuple(_text(unit) for unit in units),
            labels={name: strings_of(file, f"labels/{name}") for name in labels},
            split=strings_of(file, "split") if "split" in file else None,
            metadata={
                key: _text(attribute(file, key))
                for key in file.attrs
                if key not in _OWN_ATTRS
            },
        )
    except SpektronError as error:
        raise SpektronError(f"{path}: {error}") from error


def _instrument(file: h5py.File, place: str) -> InstrumentSpectra:
    group = item_of(file, place, h5py.Group)
    axis = _numbers(file, f"{place}/axis", 1)
    unit = attribute(group["axis"], "unit")
    if unit is None:
        raise SpektronError(
            f"{file.filename}: {place}/axis has no attribute 'unit'; set it to nm, um "
            "or cm-1"
        )
    standards = None
    if "standards" in group:
        standards = (
            strings_of(file, f"{place}/standards/sample_ids"),
            _numbers(file, f"{place}/standards/spectra", 2),
        )
    return InstrumentSpectra(
        axis=axis,
        unit=_text(unit),
        quantity=_text(attribute(group, "quantity", "unknown")),
        spectra=_numbers(file, f"{place}/spectra", 2),
        description=_text(attribute(group, "description", "")),
        standards=standards,
        replicates=(
            _numbers(file, f"{place}/replicates", 3) if "replicates" in group else None
        ),
    )


def _numbers(file: h5py.File, name: str, dimensions: int) -> np.ndarray:
    found = small_dataset(file, name)
    if found.ndim != dimensions or found.dtype.kind not in "iuf":
        raise SpektronError(
            f"{file.filename}: dataset '{name}' is {found.dtype} {found.shape}; must "
            f"be numbers in {dimensions} dimensions"
        )
    return found[()]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
