"""SPC and OPUS: values, axes, units, and damage."""

import struct

import brukeropus
import numpy as np
import pytest
import spectra_files as files
from test_binary import CM1, FALLING, NM, SPECTRA, assert_refused, assert_right

import spektron_jax


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kind": "i4"},
        {"kind": "i4", "exponent": 9},
        {"kind": "i2"},
        {"order": ">"},
        {"order": ">", "kind": "i4"},
        {"shared_x": True},
        {"own_x": True},
        {"own_x": True, "kind": "i4"},
    ],
)
def test_spc(tmp_path, options, count):
    path = tmp_path / "x.spc"
    # Writers of a single spectrum may leave the subheader's exponent at 0.
    more = {"sub_exponent": 0} if count == 1 and "kind" in options else {}
    files.spc(path, CM1, FALLING[:count], **options, **more)
    found = spektron_jax.read(path)
    atol = 1e-4 if options.get("kind") == "i2" else 1e-6
    assert_right(found, CM1[::-1], FALLING[:count, ::-1], atol)
    one = found.instruments["spectra"]
    assert (one.unit, one.quantity) == ("cm-1", "absorbance")
    ids = ["x"] if count == 1 else [f"x {i}" for i in range(1, 6)]
    assert found.sample_ids.tolist() == ids
    assert found.metadata["comment"] == "a comment"


@pytest.mark.parametrize(
    "xtype, ytype, unit, quantity, modality",
    [
        (3, 128, "nm", "transmittance", "unknown"),
        (2, 129, "um", "reflectance", "unknown"),
        (13, 4, "cm-1", "counts", "Raman"),
        (13, 11, "cm-1", "unknown", "Raman"),
    ],
)
def test_spc_units(tmp_path, xtype, ytype, unit, quantity, modality):
    axis = {"nm": NM, "um": NM / 1000, "cm-1": CM1}[unit]
    files.spc(tmp_path / "x.spc", axis, files.bands(axis), xtype=xtype, ytype=ytype)
    found = spektron_jax.read(tmp_path / "x.spc")
    one = found.instruments["spectra"]
    assert (one.unit, one.quantity, found.modality) == (unit, quantity, modality)


def test_spc_of_the_old_version(tmp_path):
    files.old_spc(tmp_path / "x.spc", CM1, FALLING[0])
    found = spektron_jax.read(tmp_path / "x.spc")
    assert_right(found, CM1[::-1], FALLING[:1, ::-1])
    assert "old version 4D" in found.describe()


def test_spc_of_the_old_version_with_labels(tmp_path):
    path = tmp_path / "x.spc"
    axis = np.linspace(NM[0], NM[-1], NM.size)
    files.old_spc(path, axis, SPECTRA[0])  # its types are those of cm-1 and absorbance
    data = bytearray(path.read_bytes())
    data[0] |= 0x20
    data[64:74], data[194:207] = b"powder, 25", b"Nanometers\0%T"
    path.write_bytes(data)
    found = spektron_jax.read(path)
    assert_right(found, axis, SPECTRA[:1])
    one = found.instruments["spectra"]
    assert (one.unit, one.quantity) == ("nm", "%T")
    assert found.metadata["comment"] == "powder, 25"
    for flag in (0x01, 0x04, 0x40, 0x80):
        path.write_bytes(bytes([flag]) + data[1:])
        assert_refused(path, "4D with several or short spectra, or a stored axis")


def test_spc_exponents_that_differ(tmp_path):
    path = tmp_path / "x.spc"
    for exponent, told in ((3, True), (0, False)):
        files.spc(path, CM1, FALLING / 4, kind="i4", exponent=exponent, sub_exponent=0)
        problems = str(spektron_jax.read(path).problems)
        assert ("scales by 2^3, the subheaders by 1" in problems) == told


def test_spc_damage(tmp_path):
    path = tmp_path / "x.spc"
    files.spc(path, CM1, FALLING)
    data = path.read_bytes()
    for size in (300, 513, 700, len(data) - 1):
        path.write_bytes(data[:size])
        assert_refused(path, "cut off")
    path.write_bytes(data[:4] + struct.pack("<I", 2**31) + data[8:])
    assert_refused(path, "header: 5 spectra of 2147483648 points: more than")
    path.write_bytes(data[:1] + b"\xcf" + data[2:])
    assert_refused(path, "header: version CF; this program reads 4B")
    path.write_bytes(data[:8] + struct.pack("<d", np.nan) + data[16:])
    assert_refused(path, "header: axis nan to 400: damaged")
    files.spc(path, CM1, FALLING[:2], xtype=0)
    assert_refused(path, "the file does not name the unit; give unit=")
    assert len(spektron_jax.read(path, unit="cm-1")) == 2


@pytest.mark.parametrize("result", [4, 10, 12, 5, 16])
def test_opus_agrees_with_an_independent_reader(tmp_path, result):
    path = tmp_path / "x.0"
    files.opus(path, CM1, FALLING[0], result=result)
    found = spektron_jax.read(path)
    assert_right(found, CM1[::-1], FALLING[:1, ::-1])
    theirs = brukeropus.read_opus(path)
    (block,) = theirs.iter_data()
    one = found.instruments["spectra"]
    np.testing.assert_array_equal(one.spectra[0, ::-1], block.y)
    np.testing.assert_allclose(one.axis[::-1], block.x)
    assert found.sample_ids.tolist() == ["pill"] and one.unit == "cm-1"
    assert (found.modality == "Raman") == (result == 10)


@pytest.mark.parametrize(
    "said, message",
    [
        ({"derivative": 1}, "a derivative, which is not read"),
        ({"derivative": 2}, "a derivative, which is not read"),
        ({"complex_": 2}, "the imaginary part of a spectrum, which is not read"),
        ({"form": 2}, "a series of spectra, which is not read"),
        ({"form": 1}, None),  # text and structures
        ({"form": 3}, None),
        ({"form": 5}, None),
    ],
)
def test_opus_blocks_that_are_no_spectra(tmp_path, said, message):
    path = tmp_path / "x.0"
    files.opus(path, CM1, FALLING[0], others=[(said, FALLING[1])])
    found = spektron_jax.read(path)
    assert_right(found, CM1[::-1], FALLING[:1, ::-1])
    assert [one.text for one in found.problems] == [message] * bool(message)
    files.opus(path, CM1, FALLING[0], result=2, others=[(said | {"data": 4}, NM)])
    assert_refused(path, "no result spectrum")


def test_opus_damage(tmp_path):
    path = tmp_path / "x.0"
    files.opus(path, CM1, FALLING[0])
    data = bytearray(path.read_bytes())

    def change(name, offset, form, value):
        copy = bytearray(data)
        struct.pack_into(form, copy, copy.index(name) + offset, value)
        path.write_bytes(copy)

    for size in (20, 60, 150, len(data) - 4):
        path.write_bytes(data[:size])
        assert_refused(path, "cut off|outside the file")
    change(b"NPT\0", 6, "<h", -4)
    assert_refused(path, "block 3 at byte .*, parameter 2: damaged")
    change(b"NPT\0", 8, "<i", 62)
    assert_refused(path, "NPT says 62 points, the block holds 61")
    change(b"DPF\0", 8, "<i", 7)
    assert_refused(path, "data point format")
    change(b"FXV\0", 0, "<3s", b"FXW")
    assert_refused(path, "no number FXV")
    files.opus(path, CM1, FALLING[0], result=2)  # an interferogram
    assert_refused(path, "no result spectrum")
    files.opus(path, CM1, FALLING[0], unit="PNT")
    assert_refused(path, "does not name the unit")


def test_spc_with_an_exponent_beyond_all_numbers(tmp_path):
    path = tmp_path / "x.spc"
    files.old_spc(path, CM1, FALLING[0])
    data = bytearray(path.read_bytes())
    data[2:4] = struct.pack("<h", 20000)
    path.write_bytes(data)
    assert_refused(path, "row 1 .x.: point 1 is infinite")
