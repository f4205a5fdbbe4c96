"""Binary files of instruments' own programs, and the real files at hand."""

import os
import struct
from pathlib import Path

import instrument_files as written
import numpy as np
import pytest
import spectra_files as files

import spektron_jax
from spektron_jax.errors import SpektronError

NM = np.linspace(350.0, 950.0, 61)
CM1 = np.linspace(4000.0, 400.0, 61)
Y = files.bands(NM)[0] * 100
MANY = files.bands(NM, 6)


def read(path, **options):
    found = spektron_jax.read(path, **options)
    (one,) = found.instruments.values()
    return found, one


def assert_right(one, axis, values, unit, quantity):
    order = slice(None, None, -1 if axis[0] > axis[-1] else 1)
    np.testing.assert_allclose(one.axis, axis[order], rtol=1e-6)
    np.testing.assert_allclose(one.spectra, np.atleast_2d(values)[:, order], rtol=1e-5)
    assert (one.unit, one.quantity) == (unit, quantity)


WRITERS = {
    "spa": (written.omnic, CM1, "cm-1", "absorbance"),
    "wdf": (written.wdf, CM1, "cm-1", "counts"),
    "sp": (written.perkinelmer, CM1, "cm-1", "absorbance"),
    "asd": (written.asd, NM, "nm", "counts"),
    "sig": (written.svc, NM, "nm", "%R"),
    "trm": (written.avantes, NM, "nm", "%T"),
    "ProcSpec": (written.procspec, NM, "nm", "%T"),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_single_spectra(tmp_path, suffix):
    writer, axis, unit, quantity = WRITERS[suffix]
    writer(tmp_path / f"x.{suffix}", axis, Y)
    found, one = read(tmp_path / f"x.{suffix}")
    assert_right(one, axis, Y, unit, quantity)
    names = {"spa": "a title", "sp": "a film"}
    assert found.sample_ids.tolist() == [names.get(suffix, "x")]
    wrong = tmp_path / "x.csv"
    (tmp_path / f"x.{suffix}").rename(wrong)
    if suffix != "trm":  # known by its suffix among the files of AvaSoft
        assert_right(read(wrong)[1], axis, Y, unit, quantity)
        assert "suffix .csv means CSV" in str(read(wrong)[0])


@pytest.mark.parametrize("suffix", WRITERS)
def test_files_that_are_cut_off_say_what_to_export(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    WRITERS[suffix][0](path, WRITERS[suffix][1], Y)
    data = path.read_bytes()
    for size in (len(data) // 3, len(data) // 2, 100):
        path.write_bytes(data[:size])
        if suffix == "sig" and size > 150:
            continue  # text: whole lines are a shorter spectrum
        with pytest.raises(SpektronError) as caught:
            spektron_jax.read(path)
        assert str(path) in str(caught.value)
        if suffix != "ProcSpec":
            assert "if it is whole, " in str(caught.value)


def test_omnic_groups_and_units(tmp_path):
    path = tmp_path / "x.spg"
    written.omnic(path, CM1, MANY, [f"film {i}" for i in range(6)])
    found, one = read(path)
    assert_right(one, CM1, MANY, "cm-1", "absorbance")
    assert found.sample_ids.tolist()[5] == "film 5"
    written.omnic(path, CM1, MANY, ["film"] * 6)
    assert read(path)[0].sample_ids.tolist()[5] == "spectrum 6"
    for units, unit, quantity in (
        ((3, 11), "nm", "%R"),
        ((32, 31), "cm-1", "intensity"),
        ((1, 12), "cm-1", "log(1/R)"),
        ((1, 16), "cm-1", "%T"),
    ):
        written.omnic(path, NM, Y, units=units)
        found, one = read(path)
        assert_right(one, NM, Y, unit, quantity)
        assert found.modality == ("Raman" if units[0] == 32 else "unknown")
    written.omnic(path, NM, Y, units=(1, 20))
    assert "code 20 of the ordinate" in str(read(path)[0])
    written.omnic(path, NM, Y, units=(2, 22))
    with pytest.raises(SpektronError, match="is an interferogram"):
        read(path)
    written.omnic(path, NM, Y, form=b"Spectral Exte File")
    with pytest.raises(
        SpektronError, match=r"OMNIC \(.srs series or .map\): save it as"
    ):
        read(path)


def test_omnic_entries_that_share_their_bytes(tmp_path):
    path = tmp_path / "x.spg"
    written.omnic(path, CM1, MANY)
    data = bytearray(path.read_bytes())
    first = struct.unpack_from("<II", data, 304 + 16 + 2)  # of the first ordinates
    table = b"".join(
        bytes(data[304:314])
        + struct.pack("<H4x", i)
        + struct.pack("<BBIIH4x", 3, 0, *first, i)
        for i in range(200)
    )
    struct.pack_into("<H", data, 294, 400)
    shift = len(table)
    for at in range(0, shift, 16):  # what they point at has moved
        (place,) = struct.unpack_from("<I", table, at + 2)
        table = table[: at + 2] + struct.pack("<I", place + shift) + table[at + 6 :]
    path.write_bytes(bytes(data[:304]) + table + bytes(data[304:]))
    with pytest.raises(SpektronError, match="its spectra overlap"):
        read(path)


def test_wire_maps(tmp_path):
    path = tmp_path / "x.wdf"
    dark = MANY.copy()
    dark[2] = 0
    spots = [0, 0, 1, 1, 2, 2], [0, 5, 0, 5, 0, 5]
    written.wdf(path, CM1, dark, kind=3, spot=spots)
    found, one = read(path)
    assert_right(one, CM1, dark, "cm-1", "counts")
    assert found.modality == "Raman" and "constant: every value is 0" in str(found)
    assert found.labels["x"].tolist() == ["0", "0", "1", "1", "2", "2"]
    assert found.labels["y"].tolist()[:3] == ["0", "5", "0"]
    written.wdf(path, CM1, MANY, kind=3, capacity=9)
    found, one = read(path)
    assert len(found) == 6 and "6 of 9 spectra were measured" in str(found)
    written.wdf(path, NM, MANY, unit=3)
    assert_right(read(path)[1], NM, MANY, "nm", "counts")
    written.wdf(path, NM, MANY, unit=4)
    with pytest.raises(SpektronError, match="its unit is 'ev'"):
        read(path, unit="nm")
    written.wdf(path, NM, MANY, unit=0)
    with pytest.raises(SpektronError, match="does not name the unit"):
        read(path)
    written.wdf(path, NM, MANY, kind=0)
    with pytest.raises(SpektronError, match="kind of measurement is not defined"):
        read(path)


@pytest.mark.parametrize("flags", [1, 8, 9])
def test_wire_several_axes_or_tracks(tmp_path, flags):
    path = tmp_path / "x.wdf"
    written.wdf(path, CM1, MANY, flags=flags)
    with pytest.raises(SpektronError, match="several axes or tracks in one file"):
        read(path)
    written.wdf(path, CM1, MANY, flags=2 | 4 | 16)  # checksum, cosmic rays, saturation
    assert_right(read(path)[1], CM1, MANY, "cm-1", "counts")


def test_wire_counts_that_cannot_be(tmp_path):
    path = tmp_path / "x.wdf"
    written.wdf(path, CM1, MANY)
    data = bytearray(path.read_bytes())
    for at, value in (
        (60, 2**31),
        (72, 2**60),
        (64, 1),
        (84, 7),
        (88, 3),
        (512 + 8, 0),
    ):
        bad = bytearray(data)
        struct.pack_into("<I" if at in (60, 84, 88) else "<Q", bad, at, value)
        path.write_bytes(bad)
        with pytest.raises(SpektronError):
            read(path)


def test_perkinelmer_labels(tmp_path):
    path = tmp_path / "x.sp"
    for x, y, unit, quantity in (
        ("cm-1", "%T", "cm-1", "%T"),
        ("nm", "%R", "nm", "%R"),
        ("Nanometers", "A", "nm", "absorbance"),
        ("cm-1", "EGY", "cm-1", "unknown"),
    ):
        written.perkinelmer(path, NM, Y, x, y)
        assert_right(read(path)[1], NM, Y, unit, quantity)
    written.perkinelmer(path, NM, Y, "min", "A")
    with pytest.raises(SpektronError, match="its unit is 'min'"):
        read(path, unit="nm")
    path.write_bytes(b"PEPE4D image".ljust(500, b"\0"))
    with pytest.raises(SpektronError, match="an image, a time base or another kind"):
        read(path)


def test_asd_reference_and_kinds(tmp_path):
    path = tmp_path / "x.asd"
    for form in (0, 1, 2):
        values = np.round(Y * 100)
        written.asd(path, NM, values, form=form, reference=values + 7)
        found, one = read(path)
        assert_right(one, NM, values, "nm", "counts")
        ids, standards = one.standards
        np.testing.assert_allclose(standards[0], values + 7)
        assert list(ids) == ["white reference"] and "raw counts" in str(found)
    for kind, name in ((1, "reflectance"), (2, "radiance"), (9, "data of kind 9")):
        written.asd(path, NM, Y, kind=kind)
        with pytest.raises(SpektronError, match=f"holds {name}; export it as text"):
            read(path)


def test_svc_detectors_that_overlap(tmp_path):
    path = tmp_path / "x.sig"
    axis = np.concatenate([np.arange(900, 1000, 2.0), np.arange(977, 1100, 3.0)])
    axis = np.append(axis, [1090.0, 1097.0, 1101.0])  # 1097 stands twice
    y = np.linspace(10, 60, axis.size).round(2)
    written.svc(path, axis, y)
    found, one = read(path)
    order = np.argsort(axis, kind="stable")
    kept = np.append(True, np.diff(axis[order]) > 0)
    assert_right(one, axis[order][kept], y[order][kept], "nm", "%R")
    assert "wavelengths go back 2 times" in str(found) and "5 of the second" in str(
        found
    )
    path.write_text(path.read_text() + "1200.0  1.0  2.0\n")
    with pytest.raises(SpektronError, match="ragged: 3 numbers, not 4"):
        read(path)


def test_ocean_quantities_and_damaged_letters(tmp_path):
    path = tmp_path / "x.ProcSpec"
    for kind, quantity in (
        ("Reflection", "%R"),
        ("Absorbance", "absorbance"),
        ("Counts", "counts"),
        ("Irradiance", "unknown"),
    ):
        written.procspec(path, NM, Y, kind, bad="\x81\x02\xe9")
        assert_right(read(path)[1], NM, Y, "nm", quantity)


@pytest.mark.parametrize(
    "name", ["x.ROH", "x.trm8", "x.map", "x.wip", "x.nir", "x.srs"]
)
def test_formats_without_a_reader_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"\1\2\0\3" + bytes(range(256)))
    with pytest.raises(SpektronError, match="export|save"):
        read(tmp_path / name)


def test_the_list_of_formats():
    listed = spektron_jax.formats()
    assert {"OMNIC", "WiRE", "PerkinElmer", "ASD", "SVC", "CSV"} <= {
        f.name for f in listed
    }
    suffixes = [suffix for one in listed for suffix in one.suffixes]
    assert len(set(suffixes)) == len(suffixes) and ".jaz" in suffixes
    assert {f.name for f in listed if f.extra} == set()


CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
CASES = Path(os.environ.get("SPEKTRON_CASES", CASES)) / "readers_real"
QUANTITIES = {
    "asd": "counts",
    "TRM": "%T",
    "ttt": "%T",
    "jaz": "unknown",
    "spa": "absorbance",
}
QUANTITIES |= {
    "spg": "absorbance",
    "sp": "absorbance",
    "sed": "%R",
    "sig": "%R",
    "wdf": "counts",
}


def real_files():
    if not CASES.is_dir():
        return ["none"]
    return sorted(p.name for p in CASES.iterdir() if p.suffix not in (".md", ".npz"))


@pytest.mark.parametrize("name", real_files())
def test_real_files(name):
    if name == "none":
        pytest.skip("needs the real files; set SPEKTRON_CASES to the folder above them")
    if name == "wire_undefined.wdf":
        with pytest.raises(SpektronError, match="measurement is not defined"):
            read(CASES / name)
        return
    right = np.load(CASES / "expected.npz")
    axis, order = np.unique(right[f"{name}/axis"], return_index=True)
    _, one = read(CASES / name)
    np.testing.assert_allclose(one.axis, axis, rtol=1e-6)
    values = right[f"{name}/values"][:, order]
    np.testing.assert_allclose(one.spectra, values, rtol=1e-5, atol=1e-6)
    quantity = QUANTITIES.get(name.split(".")[-1])
    assert quantity in (None, one.quantity) and one.unit in ("nm", "cm-1")
