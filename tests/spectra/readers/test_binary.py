"""MATLAB, NumPy, Excel and HDF5: values, axes, units, and damage."""

import struct
import zipfile
import zlib

import h5py
import numpy as np
import pytest
import scipy.io
import spectra_files as files

import spektron_jax
from spektron_jax.errors import SpektronError
from spektron_jax.spectra import hdf5_check
from spektron_jax.spectra.readers import mat5

NM, CM1, NAMES = files.NM, files.CM1, files.ids()
SPECTRA, FALLING = files.bands(NM), files.bands(CM1)


def assert_right(found, axis, spectra, atol=1e-6):
    one = found.instruments["spectra"]
    np.testing.assert_allclose(one.axis, axis, rtol=1e-6)
    np.testing.assert_allclose(one.spectra, spectra, atol=atol)


def assert_refused(path, message, **options):
    with pytest.raises(SpektronError, match=message) as caught:
        spektron_jax.read(path, **options)
    assert str(path) in str(caught.value)


def test_corn_mat(tmp_path):
    path = tmp_path / "corn.mat"
    files.corn_mat(path, NM, SPECTRA)
    found = spektron_jax.read(path, modality="NIR")
    assert list(found.instruments) == ["m5spec", "mp5spec", "mp6spec"]
    for i, one in enumerate(found.instruments.values()):
        np.testing.assert_allclose(one.axis, NM)
        np.testing.assert_allclose(one.spectra, SPECTRA + 0.01 * i, atol=1e-6)
        assert one.unit == "nm"
    assert found.instruments["m5spec"].standards[1].shape == (2, 60)
    assert found.instruments["mp5spec"].standards[1].shape == (3, 60)
    assert found.target_names == ("Moisture", "Oil", "Protein", "Starch")
    np.testing.assert_array_equal(found.targets, np.arange(20.0).reshape(5, 4))


@pytest.mark.parametrize("compressed", [True, False])
def test_mat_agrees_with_scipy(tmp_path, compressed):
    path = tmp_path / "x.mat"
    rng = np.random.default_rng(0)
    values = {
        "real": rng.normal(size=(3, 4)),
        "whole": np.arange(12, dtype=np.int16).reshape(2, 2, 3),
        "bytes": np.arange(6, dtype=np.uint8),
        "single": rng.normal(size=(2, 5)).astype(np.float32),
        "empty": np.empty((0, 3)),
        "flags": np.array([[True, False]]),
        "words": np.array(["ab", "cde"]),
        "cells": np.array(["a", "bcd"], dtype=object),
        "nested": {"x": np.arange(3.0), "name": "öl"},
    }
    scipy.io.savemat(path, values, do_compression=compressed)
    ours, theirs = mat5.read_variables(path), scipy.io.loadmat(path)
    assert set(ours) == set(values)
    for name in ("real", "whole", "bytes", "single", "empty", "flags"):
        np.testing.assert_array_equal(ours[name], theirs[name])
        assert ours[name].shape == theirs[name].shape
    assert ours["words"].tolist() == ["ab", "cde"]
    assert [str(c[0]) for c in ours["cells"].ravel()] == ["a", "bcd"]
    np.testing.assert_array_equal(ours["nested"]["x"].ravel(), np.arange(3.0))
    assert ours["nested"]["name"].tolist() == ["öl"]


def test_mat_with_plain_arrays(tmp_path):
    files.mat(tmp_path / "x.mat", NM, SPECTRA, NAMES)
    found = spektron_jax.read(tmp_path / "x.mat")
    assert_right(found, NM, SPECTRA)
    assert found.sample_ids.tolist() == NAMES
    scipy.io.savemat(tmp_path / "x.mat", {"X": SPECTRA.T, "wl": NM, "y": np.arange(5)})
    found = spektron_jax.read(tmp_path / "x.mat", unit="nm")
    assert_right(found, NM, SPECTRA)
    assert "turned" in found.describe() and found.target_names == ("y",)


def test_mat_of_version_7_3(tmp_path):
    path = tmp_path / "x.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["spectra"], file["axis"] = SPECTRA.T, NM[:, None]
        file["unit"] = np.array([[ord("n")], [ord("m")]], np.uint16)
        file["unit"].attrs["MATLAB_class"] = np.bytes_("char")
    data = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + data[512:])
    assert_right(spektron_jax.read(path), NM, SPECTRA)


def test_mat_damage(tmp_path):
    path = tmp_path / "x.mat"
    files.mat(path, NM, SPECTRA, NAMES)
    data = path.read_bytes()
    for size in (100, 200, 700, len(data) - 1):
        path.write_bytes(data[:size])
        assert_refused(path, "cut off|damaged")
    scipy.io.savemat(path, {"X": SPECTRA})
    assert_refused(path, "no matrix with an axis of its length among X .5, 60.")
    scipy.io.savemat(path, {"X": SPECTRA + 1j, "axis": NM})
    assert_refused(path, "'X' is complex")


def test_npz(tmp_path):
    path = tmp_path / "x.npz"
    files.npz(path, NM, SPECTRA, NAMES)
    found = spektron_jax.read(path)
    assert_right(found, NM, SPECTRA)
    assert found.sample_ids.tolist() == NAMES
    targets = np.arange(10.0).reshape(5, 2)
    np.savez_compressed(
        path, spectra=SPECTRA, axis=NM[::-1], targets=targets, target_names=["a", "b"]
    )
    found = spektron_jax.read(path, unit="nm")
    assert_right(found, NM, SPECTRA[:, ::-1])
    np.testing.assert_array_equal(found.target("b"), targets[:, 1])


def test_npz_that_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, spectra=SPECTRA, axis=NM, more=np.array([{}], dtype=object))
    assert_refused(path, "array 'more.npy': holds object, which is not read")
    np.savez(path, spectra=SPECTRA, axis=NM, targets=np.ones((4, 2)))
    assert_refused(path, "'targets': .4, 2. fits no spectra", unit="nm")
    assert len(spektron_jax.read(path, unit="nm", strict=False)) == 5
    np.savez(path, spectra=SPECTRA, axis=NM, axis2=NM)
    assert_refused(path, "could go with the axes axis, axis2")
    np.save(tmp_path / "x.npy", SPECTRA)
    assert_refused(tmp_path / "x.npy", "a single array has no axis")
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999)}"
    with zipfile.ZipFile(path, "w") as archive:
        size = struct.pack("<H", len(header) + 1)
        archive.writestr("axis.npy", b"\x93NUMPY\x01\x00" + size + header + b"\n")
    assert_refused(path, "is more than its 79 bytes hold")


def test_missing_values_in_arrays(tmp_path):
    spectra = SPECTRA.copy()
    spectra[1] = np.nan
    np.savez(tmp_path / "x.npz", spectra=spectra, axis=NM)
    found = spektron_jax.read(tmp_path / "x.npz", unit="nm")
    assert found.instruments["spectra"].measured.tolist() == [True, False] + 3 * [True]
    spectra[2, 5] = np.nan
    np.savez(tmp_path / "x.npz", spectra=spectra, axis=NM)
    assert_refused(tmp_path / "x.npz", "row 3: 1 values missing", unit="nm")


def test_excel(tmp_path):
    path = tmp_path / "x.xlsx"
    files.xlsx(path, NM, SPECTRA, NAMES)
    found = spektron_jax.read(path)
    assert_right(found, NM, SPECTRA)
    assert found.sample_ids.tolist() == NAMES
    files.xlsx(path, NM, SPECTRA, NAMES, ("m5", "mp5"))
    found = spektron_jax.read(path)
    assert list(found.instruments) == ["m5", "mp5"]


def test_excel_faults(tmp_path):
    import openpyxl

    path = tmp_path / "x.xlsx"

    def change(cell, value):
        files.xlsx(path, NM, SPECTRA, NAMES)
        book = openpyxl.load_workbook(path)
        book.active[cell] = value
        book.save(path)

    change("D3", "n.d.")
    assert_refused(path, "row 3, column 4: 'n.d.' is not a number")
    assert len(spektron_jax.read(path, strict=False)) == 4
    change("D3", None)
    assert_refused(path, "row 3: 1 values missing")
    change("D3", "=1+1")  # a formula that no program has computed
    assert_refused(path, "row 3: formulas without a stored result in D3")
    path.write_bytes(path.read_bytes()[:-100])
    assert_refused(path, "damaged or cut off")


def test_plain_hdf5(tmp_path):
    path = tmp_path / "x.h5"
    files.plain_hdf5(path, NM, SPECTRA, NAMES)
    found = spektron_jax.read(path)
    assert_right(found, NM, SPECTRA)
    assert found.sample_ids.tolist() == NAMES
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert_refused(path, "damaged or cut off")


def test_hdf5_whose_heap_would_hang_the_library(tmp_path):
    path = tmp_path / "x.h5"
    files.plain_hdf5(path, NM, SPECTRA, NAMES)
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    (size,) = struct.unpack_from("<Q", data, heap + 8)
    free = heap + 16 + 6 * 24  # after six strings
    assert struct.unpack_from("<Q", data, free + 8) == (size - 160,)
    struct.pack_into("<Q", data, free + 8, 128)
    path.write_bytes(data)
    assert_refused(path, "global heap: damaged")


@pytest.mark.parametrize("layout", ["contiguous", "chunked", "packed", "fixed", "long"])
def test_hdf5_strings_that_claim_gigabytes(tmp_path, layout):
    """The library would take as much memory before it finds that they are not there."""
    path = tmp_path / "x.h5"
    options = {"chunked": {"chunks": (5,)}}.get(layout, {})
    if layout == "packed":
        options = {"chunks": (5,), "compression": "gzip", "shuffle": True}
    kind, ids = h5py.string_dtype(), np.array(NAMES, object)
    if layout == "fixed":
        kind = h5py.string_dtype(length=2**30)
        options = {"chunks": (1,), "compression": "gzip"}
    if layout == "long":
        ids[2] = "s" * 2**20
        ids = np.concatenate([ids, [f"t{i}" for i in range(300)]])
    with h5py.File(path, "w") as file:
        file["spectra"] = np.tile(SPECTRA, (61, 1)) if layout == "long" else SPECTRA
        file["axis"] = NM
        file.create_dataset(
            "sample_ids",
            data=None if layout == "fixed" else ids,
            shape=(len(ids),),
            dtype=kind,
            **options,
        )
        if layout == "packed":  # as others write it: not the library's own bytes
            one = file["sample_ids"]
            mask, raw = one.id.read_direct_chunk((0,))
            plain = bytearray(zlib.decompress(raw))
            plain[3] = 0x7F
            one.id.write_direct_chunk((0,), zlib.compress(bytes(plain)), mask)
    if layout in ("contiguous", "chunked"):
        data = bytearray(path.read_bytes())
        # (length, heap, index) of the first two names, which have two letters
        heap = data.index(b"GCOL").to_bytes(8, "little")
        data[data.index(b"\2\0\0\0" + heap) + 3] = 0x7F
        path.write_bytes(data)
    assert_refused(path, "sample_ids.*(claims [0-9,]+ bytes|too large)", unit="nm")


def test_hdf5_attributes_that_claim_gigabytes(tmp_path):
    path = tmp_path / "x.h5"
    for version in ("earliest", "latest"):
        with h5py.File(path, "w", libver=version) as file:
            file["spectra"], file["axis"] = SPECTRA, NM
            file["axis"].attrs["unit"] = "nm"
        spektron_jax.read(path)
        data = bytearray(path.read_bytes())
        heap = data.index(b"GCOL").to_bytes(8, "little")
        data[data.index(b"\2\0\0\0" + heap) + 3] = 0x50
        path.write_bytes(data)
        earliest = "attribute 'unit' claims 1,342,177,282 bytes"
        # Later versions have a checksum of all that describes a dataset.
        latest = "'axis': cannot be opened"
        assert_refused(path, earliest if version == "earliest" else latest)


def test_heaps_are_found_wherever_blocks_of_reading_end(tmp_path, monkeypatch):
    path = tmp_path / "x.h5"
    files.plain_hdf5(path, NM, SPECTRA, NAMES)
    data = path.read_bytes()
    heap = data.index(b"GCOL")
    (size,) = struct.unpack_from("<Q", data, heap + 8)
    bad = bytearray(data)
    struct.pack_into("<Q", bad, heap + 8, size + 8)
    for block in (1, 7, heap, heap + 1, heap + 3, heap + 7, heap + 8, 2**22):
        monkeypatch.setattr(hdf5_check, "_BLOCK", block)
        path.write_bytes(data)
        assert hdf5_check.heaps_are_sound(path)
        path.write_bytes(bad)
        assert not hdf5_check.heaps_are_sound(path)


def test_hdf5_with_groups_alone(tmp_path):
    with h5py.File(tmp_path / "x.ptir", "w") as file:
        file.create_group("MEASUREMENTS")["spectra"] = SPECTRA
    assert_refused(
        tmp_path / "x.ptir", "all is in groups .MEASUREMENTS., which are not"
    )
