"""What named arrays of MATLAB, NumPy and HDF5 files say of themselves."""

import h5py
import numpy as np
import pytest
import scipy.io
from test_binary import CM1, FALLING, NM, SPECTRA, assert_refused, assert_right

import spektron_jax


def hdf5(path, attributes=(), **arrays):
    """`attributes`: (dataset, name, value)."""
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
        for name, key, value in attributes:
            file[name].attrs[key] = value


@pytest.mark.parametrize("first", [True, False])
def test_each_axis_of_hdf5_has_its_own_unit(tmp_path, first):
    path = tmp_path / "x.h5"
    arrays = {"b": SPECTRA, "b_axis": NM}
    others = {"a": FALLING, "a_axis": CM1} if first else {"c": FALLING, "c_axis": CM1}
    name = list(others)[0]
    units = [("b_axis", "unit", "nm"), (f"{name}_axis", "units", np.bytes_("cm-1"))]
    hdf5(path, units, **arrays, **others, y=np.arange(5.0))
    with h5py.File(path, "a") as file:
        file["y"].attrs["unit"] = "%"
    found = spektron_jax.read(path)
    units = {key: one.unit for key, one in found.instruments.items()}
    assert units == {"b": "nm", name: "cm-1"}
    hdf5(path, [("spectra", "unit", "nm")], spectra=SPECTRA, axis=NM)
    assert_right(spektron_jax.read(path), NM, SPECTRA)


def written(path, unit, **more):
    if path.suffix == ".h5":
        hdf5(path, [("axis", "unit", unit)], spectra=FALLING, axis=CM1, **more)
    else:
        scipy.io.savemat(path, {"spectra": FALLING, "axis": CM1, "unit": unit} | more)


@pytest.mark.parametrize("suffix", [".h5", ".mat"])
def test_units_in_a_file_s_own_words(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    for unit in ("cm^-1", "1/cm", "wavenumber", "CM-1", "Raman shift"):
        written(path, unit)
        assert spektron_jax.read(path).instruments["spectra"].unit == "cm-1"
    for unit in ("eV", "Angstrom", "pixel", "THz"):
        written(path, unit)
        for asked in (None, "cm-1"):
            assert_refused(path, "which is not read", unit=asked, modality="IR")
    for unit in ("µm", "Nanometers"):
        written(path, unit)
        assert_refused(path, "[nu]m lies outside IR spectra", modality="IR")


def test_quantities_in_a_file_s_own_words(tmp_path):
    path = tmp_path / "x.mat"
    for word, quantity in (
        ("Absorbance", "absorbance"),
        ("% Transmittance", "%T"),
        ("Kubelka-Munk", "unknown"),
    ):
        written(path, "cm-1", quantity=word)
        assert spektron_jax.read(path).instruments["spectra"].quantity == quantity


def test_packed_numbers_of_netcdf(tmp_path):
    path = tmp_path / "x.nc"
    packed = np.rint((SPECTRA - 0.1) * 1e4).astype(np.int16)
    packed[1] = -9999
    hdf5(
        path,
        [
            ("reflectance", "scale_factor", [1e-4]),
            ("reflectance", "add_offset", 0.1),
            ("reflectance", "_FillValue", np.int16(-9999)),
            ("wavelength", "units", "nm"),
            ("row", "NAME", b"This is a netCDF dimension but not a netCDF variable."),
        ],
        reflectance=packed,
        wavelength=NM,
        row=np.zeros(5, np.float32),
    )
    found = spektron_jax.read(path)
    one = found.instruments["spectra"]
    assert found.target_names == ()
    assert one.measured.tolist() == [True, False, True, True, True]
    np.testing.assert_allclose(one.spectra[2:], SPECTRA[2:], atol=1e-6)


def test_numbers_of_samples_are_no_targets(tmp_path):
    ids = np.arange(105, 100, -1)
    for name in ("sample_ids", "id", "sampleNumbers"):
        arrays = {"spectra": SPECTRA, "axis": NM, name: ids.astype(float)}
        np.savez(tmp_path / "x.npz", unit="nm", **arrays)
        scipy.io.savemat(tmp_path / "x.mat", arrays)
        for suffix in (".npz", ".mat"):
            found = spektron_jax.read(tmp_path / f"x{suffix}", unit="nm")
            assert found.sample_ids.tolist() == ids.astype(str).tolist()
            assert found.target_names == ()
    np.savez(tmp_path / "x.npz", spectra=SPECTRA, axis=NM, acid=list("aabbc"))
    found = spektron_jax.read(tmp_path / "x.npz", unit="nm")
    assert found.labels["acid"].tolist() == list("aabbc")


def test_what_is_left_out_is_named(tmp_path):
    more = {"nir": {"spectra": SPECTRA, "axis": NM}, "cube": np.ones((2, 3, 4))}
    path = tmp_path / "x.mat"
    written(path, "cm-1", **more)
    problems = str(spektron_jax.read(path).problems)
    assert "'nir'" in problems and "a structure or cell array" in problems
    assert "(2, 3, 4) is no matrix; left out" in problems
    path = tmp_path / "x.h5"
    written(path, "cm-1")
    with h5py.File(path, "a") as file:
        file.create_group("nir")["spectra"] = SPECTRA
    assert "groups (nir) are not searched" in str(spektron_jax.read(path).problems)


def test_cells_and_empty_variables_of_mat_7_3(tmp_path):
    path = tmp_path / "x.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["spectra"], file["axis"] = SPECTRA.T, NM[:, None]
        file["none"] = np.zeros(2, np.uint64)
        file["none"].attrs["MATLAB_empty"] = np.uint8(1)
        group = file.create_group("#refs#")
        group["a"] = np.array([[97]], np.uint16)
        file["sample_ids"] = np.full((1, 5), group["a"].ref, h5py.ref_dtype)
    data = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + data[512:])
    found = spektron_jax.read(path, unit="nm")
    assert_right(found, NM, SPECTRA)
    (problem,) = found.problems
    assert "'sample_ids'" in problem.place and "save with -v7" in problem.text
