"""What SPC, JCAMP-DX, MATLAB and text of single programs say of unit and quantity."""

import struct

import numpy as np
import pytest
import scipy.io
import spectra_files as files
from test_readings import COUNTS, NM, X, Y, table, wide

import spektron_jax
from spektron_jax.errors import SpektronError


def read(path, **options):
    found = spektron_jax.read(path, **options)
    (one,) = found.instruments.values()
    return found, one


def spc(path, labels=(), axis=NM, **types):
    files.spc(path, axis.astype(float), Y[None, : axis.size], **types)
    if labels:
        data = bytearray(path.read_bytes())
        data[0] |= 0x20
        text = "\0".join(labels).encode("latin-1").ljust(30, b"\0")[:30]
        at = struct.calcsize("<BBBbIddIBBBBI9s9sH8f130s")
        data[at : at + 30] = text
        path.write_bytes(data)


@pytest.mark.parametrize(
    "labels, types, unit, quantity",
    [
        (("Wavelength (nm)", "Reflectance"), (0, 0), "nm", "reflectance"),
        (("Nanometers", "%Transmittance"), (1, 2), "nm", "%T"),
        (("Wavenumber (cm-1)", "Absorbance"), (0, 0), "cm-1", "absorbance"),
        (("Wavenumber (cm-1)", ""), (0, 2), "cm-1", "absorbance"),
        (("", "Log(1/R)"), (3, 0), "nm", "log(1/R)"),
        ((), (3, 10), "nm", "log(1/R)"),
        ((), (3, 11), "nm", "unknown"),
        ((), (3, 128), "nm", "transmittance"),
    ],
)
def test_spc_labels_replace_types(tmp_path, labels, types, unit, quantity):
    path = tmp_path / "x.spc"
    spc(path, labels, xtype=types[0], ytype=types[1])
    found, one = read(path)
    assert (one.unit, one.quantity) == (unit, quantity)
    assert ("replaces the type" in str(found)) == (types == (1, 2))
    assert ("per cent, but not of what" in str(found)) == (types[1] == 11)


@pytest.mark.parametrize("xtype", [4, 9, 14, 17, 22, 26])
def test_spc_axes_that_are_no_spectra(tmp_path, xtype):
    spc(tmp_path / "x.spc", xtype=xtype)
    with pytest.raises(SpektronError, match="which is not read"):
        read(tmp_path / "x.spc", unit="nm")


def test_spc_of_other_kinds(tmp_path):
    path = tmp_path / "x.spc"
    spc(path, xtype=1, ytype=1)
    with pytest.raises(SpektronError, match="holds interferograms"):
        read(path)
    spc(path, ("Energy (eV)", "Absorbance"), xtype=1)
    with pytest.raises(SpektronError, match="unit is 'ev'"):
        read(path)
    spc(path, ("Arbitrary", "Counts"), xtype=0)
    with pytest.raises(SpektronError, match="does not name the unit"):
        read(path)


def jcamp(path, rows, axis=NM, **labels):
    labels = {
        "DATA TYPE": "INFRARED SPECTRUM",
        "XUNITS": "NANOMETERS",
        "YUNITS": "ABSORBANCE",
        "FIRSTX": axis[0],
        "LASTX": axis[-1],
        "NPOINTS": axis.size,
        "XYPOINTS": "(XY..XY)",
    } | labels
    head = ["##TITLE=t", "##JCAMP-DX=5", *(f"##{k}={v}" for k, v in labels.items())]
    path.write_text("\n".join([*head, *rows, "##END="]) + "\n")
    return path


def test_jcamp_decimal_commas(tmp_path):
    path = tmp_path / "x.jdx"
    y = Y[:50]
    for between in ("; ", ";", " ", "   "):
        rows = [
            f"{x:.1f}{between}{v}".replace(".", ",") for x, v in zip(NM, y, strict=True)
        ]
        found, one = read(jcamp(path, rows, FIRSTX="1100,0", LASTX="1198,0"))
        np.testing.assert_allclose(one.spectra[0], y, atol=1e-6)
        assert "decimal commas" in str(found)
    whole = [f"{x}, {v}" for x, v in zip(NM, (y * 1000).astype(int), strict=True)]
    found, one = read(jcamp(path, whole))
    assert one.axis.size == 50 and "commas" not in str(found)
    two = [f"{a}; {b}" for a, b in zip(whole[::2], whole[1::2], strict=True)]
    assert read(jcamp(path, two))[1].axis.size == 50
    short = [row.replace(", ", ",") for row in whole]
    assert read(jcamp(path, short))[1].axis.size == 50


def test_jcamp_labels_that_stand_twice(tmp_path):
    rows = [f"{x}, {v}" for x, v in zip(NM, Y[:50], strict=True)]
    path = jcamp(tmp_path / "x.jdx", rows)
    text = path.read_text()
    path.write_text(text.replace("##XYPOINTS", "##NPOINTS=50\n##XYPOINTS"))
    assert read(path)[1].axis.size == 50
    path.write_text(text.replace("##XYPOINTS", "##NPOINTS=51\n##XYPOINTS"))
    with pytest.raises(
        SpektronError, match="a second NPOINTS in one block .'50' before"
    ):
        read(path)


@pytest.mark.parametrize("units", ["SECONDS", "eV", "HZ", "M/Z", "PPM", "angstroms"])
def test_jcamp_units_that_are_not_read(tmp_path, units):
    rows = [f"{x}, {v}" for x, v in zip(NM, Y[:50], strict=True)]
    with pytest.raises(SpektronError, match="which is not read"):
        read(jcamp(tmp_path / "x.jdx", rows, XUNITS=units), unit="nm")


@pytest.mark.parametrize("shift", [-1, 1])
def test_jcamp_checks_that_fail_leave_the_values(tmp_path, shift):
    axis = np.arange(400, 1000, 6.0)
    y = (1000 * np.sin(axis / 90) + 3000).astype(int)
    path = tmp_path / "x.jdx"
    files.jcamp(path, axis, y[None] * 1e-4, ["gas"], "AFFN")
    lines = path.read_text().splitlines()
    for i, line in enumerate(lines):
        if line[:1].isdigit() and not line.startswith("400"):
            x, rest = line.split(" ", 1)
            lines[i] = f"{float(x) + 6 * shift} {rest}"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(SpektronError, match="X check"):
        read(path)
    found, one = read(path, strict=False)
    np.testing.assert_allclose(one.spectra[0], y * 1e-4, rtol=1e-6)
    assert "X check" in str(found.problems[0]) and "more lines" in str(found)


def test_jcamp_last_y_check(tmp_path):
    path = tmp_path / "x.jdx"
    files.jcamp(path, files.CM1, files.bands(files.CM1)[:1], ["a"], "DIF")
    lines = path.read_text().splitlines()
    lines[-2] = lines[-2].split("A")[0].split("B")[0].rstrip("C") + "@"
    path.write_text("\n".join(lines) + "\n")
    lines[-2] = "400.000@"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(SpektronError, match="Y check: 0"):
        read(path)
    found, one = read(path, strict=False)
    np.testing.assert_allclose(
        one.spectra[0, ::-1], files.bands(files.CM1)[0], atol=1e-6
    )
    assert "Y check" in str(found)


@pytest.mark.parametrize("side", ["DARK", "REFERENCE", "BACKGROUND"])
def test_jcamp_blocks_of_dark_and_reference(tmp_path, side):
    rows = [f"{x}, {v}" for x, v in zip(NM, Y[:50], strict=True)]
    path = jcamp(tmp_path / "x.jdx", rows)
    block = path.read_text()
    both = ["EXPORTED: PROCESSED SPECTRUM", f"EXPORTED: {side} SPECTRUM"]
    blocks = [block.replace("##TITLE=t", f"##TITLE={title}") for title in both]
    path.write_text("##TITLE=all\n##DATA TYPE=LINK\n" + "".join(blocks) + "##END=\n")
    found = spektron_jax.read(path)
    assert found.sample_ids.tolist() == both[:1] and "left out" in str(found)
    path.write_text("##TITLE=all\n##DATA TYPE=LINK\n" + blocks[1] + "##END=\n")
    assert len(spektron_jax.read(path)) == 1  # nothing but a reference


RRUFF = "##NAMES=Anatase\n##RRUFFID=R060277\n##IDEAL CHEMISTRY=TiO_2_\n##URL=x\n"


@pytest.mark.parametrize("end", ["##END=\n", "##END=\n\n", ""])
def test_rruff(tmp_path, end):
    (tmp_path / "x.txt").write_text(RRUFF + table(X, COUNTS, sep=", ") + end)
    found, one = read(tmp_path / "x.txt", unit="cm-1")
    assert one.axis[[0, -1]].tolist() == [400, 992] and one.spectra[0, 0] == 45000
    assert "Anatase" in found.metadata["comments"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("sep", ["\t", ",", ";"])
def test_utf_16(tmp_path, encoding, sep):
    text = table(NM, Y[:50], header=f"Wavelength (nm){sep}Öl", sep=sep, end="\r\n")
    (tmp_path / "x.txt").write_bytes(text.encode(encoding))
    found, one = read(tmp_path / "x.txt")
    assert found.sample_ids.tolist() == ["Öl"] and one.axis.size == 50


@pytest.mark.parametrize("mark", ["D", "d", "E"])
@pytest.mark.parametrize("sep", ["  ", "\t", ","])
def test_exponents_of_fortran(tmp_path, mark, sep):
    cells = [f"{y:.5e}".replace("e", mark) for y in Y]
    header = f"Wavenumber (cm-1){sep}Absorbance"
    (tmp_path / "x.txt").write_text(table(X, cells, header=header, sep=sep))
    found, one = read(tmp_path / "x.txt")
    np.testing.assert_allclose(one.spectra[0], Y, rtol=1e-4)
    assert (one.unit, one.quantity) == ("cm-1", "absorbance")


def labspec(times, axis, form="{:d}"):
    rows = [["", *map(str, axis)]]
    rows += [
        [t, *(form.format(v + i) for v in COUNTS[: len(axis)])]
        for i, t in enumerate(times)
    ]
    return "#Acq. time=1\n" + "\n".join("\t".join(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    "times",
    [
        ["0", "1", "2", "3"],
        ["0.5", "1.5", "2.5"],
        ["100000", "100309", "100618", "100927"],
        ["1000", "1010", "1020", "1030"],
    ],
)
def test_labspec_series_of_whole_counts(tmp_path, times):
    (tmp_path / "x.txt").write_text(labspec(times, X))
    found, one = read(tmp_path / "x.txt", unit="cm-1")
    assert found.sample_ids.tolist() == times and one.axis.size == 75
    assert one.spectra[1, 0] == 45001


@pytest.mark.parametrize(
    "name", ["scan_mir.{}_abs", "scan_visnir.{}_ref", "scan_nir.{}_ref"]
)
def test_open_soil_spectral_library(tmp_path, name):
    lines = wide(["a", "b"], head="id.sample_uuid_txt").splitlines()
    head = ",".join(name.format(x) for x in NM)
    lines[0] = f"id.sample_uuid_txt,{head}"
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    found, one = read(tmp_path / "x.csv")
    assert one.unit == ("cm-1" if "mir" in name else "nm")
    assert one.quantity == ("absorbance" if "abs" in name else "reflectance")
    assert found.sample_ids.tolist() == ["a", "b"]


def tidy(columns, header):
    return header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in columns)


def test_tidy_tables_with_more_columns(tmp_path):
    path = tmp_path / "x.csv"
    rows = [
        (s, r, 9.5 + i, "wheat", x, y, 7 * x)
        for i, s in enumerate("ab")
        for r in (1, 2)
        for x, y in zip(NM, Y[:50], strict=True)
    ]
    for word in ("replicate", "rep", "scan_no", "Measurement"):
        path.write_text(tidy(rows, f"sample,{word},protein (%),kind,nm,absorbance,odd"))
        found, one = read(path)
        assert found.sample_ids.tolist() == ["a 1", "a 2", "b 1", "b 2"]
        assert found.labels["sample"].tolist() == ["a", "a", "b", "b"]
        assert found.target("protein").tolist() == [9.5, 9.5, 10.5, 10.5]
        assert found.labels["kind"].tolist() == ["wheat"] * 4
        assert "column 'odd' varies" in str(found)
    path.write_text(tidy(rows, "sample,operator,protein (%),kind,nm,absorbance,odd"))
    with pytest.raises(
        SpektronError, match="stands 2 times .'operator', .* name it 'rep"
    ):
        read(path)


@pytest.mark.parametrize(
    "name", ["conc", "y", "temperature", "xylose", "index", "nmr_ref", "dose"]
)
def test_vectors_that_run_one_way_are_no_axis(tmp_path, name):
    values = {
        "X": np.random.default_rng(0).random((30, 20)),
        name: np.arange(30) * 3.0 + 15,
    }
    scipy.io.savemat(tmp_path / "x.mat", values)
    np.savez(tmp_path / "x.npz", **values)
    for path in (tmp_path / "x.mat", tmp_path / "x.npz"):
        for options in ({"unit": "cm-1"}, {"modality": "IR"}):
            with pytest.raises(SpektronError, match="no matrix with an axis"):
                read(path, **options)


@pytest.mark.parametrize(
    "name",
    ["axis", "wavelength", "wl", "wavenumbers", "x", "x_axis", "nm", "lambda_nm"],
)
def test_vectors_named_as_an_axis(tmp_path, name):
    rng = np.random.default_rng(0)
    scipy.io.savemat(
        tmp_path / "x.mat",
        {"X": rng.random((30, 50)), name: NM, "conc": np.arange(30.0)},
    )
    found, one = read(tmp_path / "x.mat", unit="cm-1" if "number" in name else "nm")
    assert one.axis.size == 50 and found.target_names == ("conc",)


def test_maps_of_wire(tmp_path):
    lines = ["#X\t\t#Y\t\t#Wave\t\t#Intensity"]
    for x in (0.0, 1.5):
        for y in (-2, 0, 2):
            counts = zip(X[::-1], COUNTS + 10 * x + y, strict=True)
            lines += [f"{x}\t{y}\t{w}\t{c}" for w, c in counts]
    (tmp_path / "x.txt").write_text("\n".join(lines) + "\n")
    found, one = read(tmp_path / "x.txt", modality="Raman")
    assert found.sample_ids.tolist()[:4] == ["0.0 -2", "0.0 0", "0.0 2", "1.5 -2"]
    assert (one.unit, one.quantity) == ("cm-1", "intensity")
    np.testing.assert_allclose(
        one.spectra[:, -1], 45000 + np.array([-2, 0, 2, 13, 15, 17])
    )


@pytest.mark.parametrize("unit", ["cm⁻¹", "cm−1", "cm–1", "cm^-1", "μm", "µm"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_units_of_positions_as_they_are_typeset(tmp_path, unit, delimiter):
    """Catches: "9090.91 cm⁻¹" is no position, so the table has none."""
    values = ("9090.9", "9080.8", "9070.7") if unit[0] == "c" else ("1.5", "1.6", "1.7")
    header = delimiter.join(["sample", *(f"{one} {unit}" for one in values)])
    rows = [delimiter.join([name, "1", "2", "3.5"]) for name in "ab"]
    text = "\n".join([header, *rows, ""])
    if delimiter == ";":
        text = text.replace(".", ",")
    (tmp_path / "x.csv").write_text(text, "utf-8")
    _, one = read(tmp_path / "x.csv")
    assert one.unit == ("cm-1" if unit[0] == "c" else "um") and one.axis.size == 3
