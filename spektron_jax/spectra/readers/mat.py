"""MATLAB .mat files: plain matrices, and the dataset objects of Eigenvector.

Versions 5 to 7 are decoded in `mat5`, 7.3 is HDF5. A dataset object (corn.mat has
eight) carries `data`, `axisscale` and `label`, one per dimension; one without an axis
is targets, one with fewer rows than its instrument is that one's standards.
"""

import os.path
from pathlib import Path

import h5py
import numpy as np

from spektron_jax.spectra.axis_words import unit_of
from spektron_jax.spectra.hdf5_check import HDF5_ERRORS, can_be
from spektron_jax.spectra.hdf5_open import open_hdf5
from spektron_jax.spectra.readers.arrays import read_arrays
from spektron_jax.spectra.readers.mat5 import read_or_fail
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra, of_matrix


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of a .mat file."""
    values = _read_hdf5(path, log) if h5py.is_hdf5(path) else read_or_fail(path)
    datasets = {
        name: value
        for name, value in values.items()
        if isinstance(value, dict) and {"data", "axisscale"} <= set(value)
    }
    if datasets:
        return _read_datasets(datasets, log)
    arrays = {}
    for name, value in values.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "O":
            cells = [np.asarray(cell) for cell in value.ravel()]
            if cells and all(c.dtype.kind == "U" and c.size == 1 for c in cells):
                value = np.array([str(c.ravel()[0]) for c in cells])
        if isinstance(value, np.ndarray) and value.dtype.kind != "O":
            arrays[name] = value
        else:
            text = "a structure or cell array, not searched; save what it holds"
            log.warning(f"variable {name!r}", f"{text} as variables of their own")
    return read_arrays(arrays, log)


def _read_hdf5(path: Path, log: Log) -> dict[str, np.ndarray]:
    """Version 7.3: matrices and strings stand at the top, transposed."""
    values = {}
    try:
        with open_hdf5(path) as file:
            for key, item in file.items():
                name = key if isinstance(key, str) else key.decode("utf-8", "replace")
                if name.startswith("#") or "MATLAB_empty" in item.attrs:
                    continue
                if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iuf":
                    text = "a structure or cell array, not read; save with -v7"
                    log.warning(f"variable {name!r}", text)
                    continue
                if not can_be(item):
                    log.fail(f"variable {name!r}", f"{item.shape} cannot be: damaged")
                array = item[()].T
                if item.attrs.get("MATLAB_class") == b"char":
                    array = np.array(["".join(map(chr, array.ravel()))])
                values[name] = array
    except HDF5_ERRORS as error:
        log.fail("file", f"damaged or cut off ({str(error)[:100]})")
    return values


def _read_datasets(datasets: dict[str, dict], log: Log) -> list[ParsedSpectra]:
    """Instruments with their standards and targets, from dataset objects."""
    parts, tables = [], {}
    for name, fields in datasets.items():
        data = np.asarray(fields["data"])
        if data.ndim != 2 or data.dtype.kind not in "iuf" or not data.size:
            log.warning(f"dataset {name!r}", f"{data.dtype} {data.shape}: no spectra")
            continue
        axis = _axis(np.asarray(fields["axisscale"]), data.shape[1])
        if axis is None:
            tables[name] = data, _labels(fields.get("label"), 1, data.shape[1])
            continue
        rows = _labels(fields.get("label"), 0, data.shape[0])
        part = of_matrix(f"dataset {name!r}", name, axis, data, rows)
        part.axis_label = " ".join(_words(fields.get("axisscalename")))
        titles = " ".join(_words(fields.get("title")))
        part.unit = unit_of(part.axis_label) or unit_of(titles)
        part.axis_place = f"dataset {name!r}, axisscale"
        parts.append(part)
    if not parts:
        log.fail("file", "none of its dataset objects has an axisscale of its width")
    most = max(len(part.sample_ids) for part in parts)
    main = [part for part in parts if len(part.sample_ids) == most]
    for part in parts:
        if part not in main:
            _add_standards(main, part, most, log)
    for name, (data, columns) in tables.items():
        if len(data) != most:
            log.error(f"dataset {name!r}", f"{len(data)} rows of targets for {most}")
            continue
        for j in range(data.shape[1]):
            column = columns[j] if columns else f"{name} {j + 1}"
            main[0].targets[column, ""] = data[:, j].astype(np.float64)
    return main


def _add_standards(
    main: list[ParsedSpectra], part: ParsedSpectra, most: int, log: Log
) -> None:
    """Give a dataset of fewer rows to the instrument that its name is like."""
    near = max(main, key=lambda d: len(os.path.commonprefix([d.name, part.name])))
    fits = near.name[:2] == part.name[:2] and near.standards is None
    count = len(part.sample_ids)
    if fits and np.array_equal(near.axis, part.axis):
        near.standards = part.sample_ids, part.spectra
        log.warning(f"dataset {part.name!r}", f"{count} rows: standards of {near.name}")
    else:
        log.error(f"dataset {part.name!r}", f"{count} rows, the others have {most}")


def _axis(scales: np.ndarray, size: int) -> np.ndarray | None:
    """The axis of the columns: cell (2, set), else any vector of that length."""
    cells = [scales] if scales.dtype.kind != "O" else list(scales.ravel())
    if scales.dtype.kind == "O" and scales.ndim == 2 and len(scales) > 1:
        cells = [*scales[1], *cells]
    for cell in map(np.asarray, cells):
        if cell.dtype.kind in "iuf" and cell.size == size > 1:
            return cell.ravel().astype(np.float64)
    return None


def _labels(cell: object, dimension: int, size: int) -> list[str]:
    """The labels of one dimension, [] if there are none."""
    if not isinstance(cell, np.ndarray) or cell.dtype.kind != "O" or cell.ndim != 2:
        return []
    if dimension >= len(cell) or not cell.size:
        return []
    words = _words(cell[dimension, 0])
    return words if len(words) == size and len(set(words)) == size else []


def _words(value: object) -> list[str]:
    value = np.asarray("" if value is None else value)
    if value.dtype.kind == "U":
        return [str(v).strip() for v in value.ravel() if str(v).strip()]
    if value.dtype.kind == "O":
        return [word for cell in value.ravel() for word in _words(cell)]
    return []
