"""Text files as programs of spectrometers write them, with their notes around.

Layouts as their manuals and users show them; the values are made here.
"""

import numpy as np
import pytest

import spektron_jax
from spektron_jax.errors import SpektronError

CM1 = np.linspace(3999.5, 400.25, 60).round(3)
NM = np.arange(350.0, 500.0, 2.5)
SHIFT = np.linspace(100.5, 3200.25, 60).round(3)
Y = (0.2 + 0.5 * np.exp(-(((np.arange(60) - 20) / 8.0) ** 2))).round(5)


def pairs(axis, between="\t", values=Y, decimal="."):
    lines = [f"{x:.3f}{between}{y:.5f}" for x, y in zip(axis, values, strict=True)]
    return "\n".join(lines).replace(".", decimal) + "\n"


def columns(between, *cells):
    return "".join(between.join(row) + "\n" for row in zip(*cells, strict=True))


def text(values, form="{:.5f}"):
    return [form.format(value) for value in values]


OCEAN = """SpectraSuite Data File
++++++++++++++++++++++++++++++++++++
Date: Mon Jun 11 14:59:44 UTC 2018
Dark Spectrum Present: Yes
Number of Sampled Component Spectra: 1
Integration Time (usec): 60000 (USB4F06998)
Number of Pixels in Processed Spectrum: 60
>>>>>Begin Processed Spectral Data<<<<<
"""
OCEAN_VIEW = """Data from A_00-1.txt Node

Date: Fri Jan 15 16:15:16 GMT 2014
Integration Time (sec): 1.000000E1
XAxis mode: Wavelengths
Number of Pixels in Spectrum: 60
>>>>>Begin Spectral Data<<<<<
"""
LABSPEC = """#Acq. time (s)=\t10
#Range (cm-\xb9)=\tVisible
#Laser=\t532nm_Edge
#AxisType[0]=\tIntens
#AxisUnit[0]=\tCnt
#AxisUnit[1]=\t1/cm
"""
PEDS = """PE IR       SPECTRUM    ASCII       PEDS        4.00
1
a.asc
19/03/04
10:10:10.00
#HDR
-1
#GR
cm-1
%T
1.000000
60
4
#DATA
"""
JASCO = """TITLE\tsample A
DATA TYPE\tINFRARED SPECTRUM
LOCALE\t1033
RESOLUTION\t4
DELTAX\t-61.005
XUNITS\t1/CM
YUNITS\tABSORBANCE
FIRSTX\t3999.5000
NPOINTS\t60
MINY\t0.2
XYDATA
"""
JASCO_END = """
##### Extended Information
[Comments]
Sample name\tA
[Measurement Information]
Accumulation\t16
"""
BWTEK = """File Version;BWSpec4.11_01
Date;2019-01-01 10:00:00
laser_wavelength;785.15
integration times(ms);1000
"""
AVANTES = """  Integration time [ms]:  10,000
  Averaging Nr. [scans]: 5
Data measured with spectrometer [name]: 0908045U1
Wave   ;Sample   ;Dark     ;Reference;Scope
[nm]   ;[counts] ;[counts] ;[counts]

"""
SCAN = """***Scan Config Information***,,,,,,,***Reference Scan Information***
Scan Config Name:,Column 1,,,,,,Scan Config Name:,SystemTest
Section Config Type:,Column,
Start Wavelength (nm):,900
Num Repeats:,6
***Scan Data***
Wavelength (nm),Absorbance (AU),Reference Signal (unitless),Sample Signal (unitless)
"""
ONES = ["1"] * 60
RAMP = text(1000.0 + np.arange(60))

# name -> (content, axis, unit, quantity, what a problem says)
FILES = {
    "opus.dpt": (pairs(CM1, ","), CM1, None, "unknown", "long"),
    "ocean.txt": (
        OCEAN + pairs(NM) + ">>>>>End Processed Spectral Data<<<<<\n",
        NM,
        None,
        "unknown",
        "line 69: 1 lines after the table",
    ),
    "ocean_view.txt": (
        OCEAN_VIEW + pairs(NM, decimal=","),
        NM,
        None,
        "unknown",
        "decimal commas",
    ),
    "labspec.txt": (LABSPEC + pairs(SHIFT), SHIFT, "cm-1", "counts", "AxisUnit[1]"),
    "wire.txt": (
        "#Wave\t\t#Intensity\n" + pairs(SHIFT, "\t\t"),
        SHIFT,
        None,
        "intensity",
        "from the note",
    ),
    "spectrum.csv": (
        "\nCreated as New Dataset, Sample 045 By Admin\ncm-1,A\n" + pairs(CM1, ","),
        CM1,
        "cm-1",
        "absorbance",
        "long",
    ),
    "peds.asc": (PEDS + pairs(CM1), CM1, "cm-1", "%T", "from the note 'cm-1'"),
    "uvprobe.txt": (
        '"A - RawData"\r\n"Wavelength nm.","Abs."\r\n' + pairs(NM, ","),
        NM,
        "nm",
        "absorbance",
        "long",
    ),
    "jasco.txt": (
        JASCO + pairs(CM1) + JASCO_END,
        CM1,
        "cm-1",
        "absorbance",
        "5 lines after the table",
    ),
    "omnic.csv": (
        columns(",", text(CM1, "{:.6e}"), text(Y, "{:.6e}")),
        CM1,
        None,
        "unknown",
        "long",
    ),
    "bwspec.txt": (
        BWTEK
        + "Pixel;Wavelength;Raman Shift;Dark;Dark Subtracted #1;Absorbance #1;\n"
        + "0;   ;   ;99;7;0;\n"
        + columns(
            ";", RAMP, text(1e7 / (12737.0 - SHIFT)), text(SHIFT), ONES, text(Y)
        ).replace("\n", ";0;\n"),
        SHIFT,
        "cm-1",
        "unknown",
        "Absorbance #1",
    ),
    "avasoft.txt": (
        AVANTES + columns(";", text(NM), text(Y), ONES, RAMP, RAMP).replace(".", ","),
        NM,
        "nm",
        "counts",
        "left out: Dark [counts], Reference [counts], Scope",
    ),
    "scan.csv": (
        SCAN + columns(",", text(NM), text(Y), RAMP, RAMP),
        NM,
        "nm",
        "absorbance",
        "left out: Reference Signal (unitless), Sample Signal (unitless)",
    ),
    "witec.txt": (
        "// Exported ASCII-File\n[Header]\nXAxisUnit = rel. 1/cm\n[Data]\n"
        + pairs(SHIFT),
        SHIFT,
        "cm-1",
        "unknown",
        "XAxisUnit",
    ),
    "witec_table.txt": (
        "X-Axis\tA--Spec.Data 1\nrel. 1/cm\tCCD cts\n" + pairs(SHIFT),
        SHIFT,
        "cm-1",
        "counts",
        "long",
    ),
    "spectrum.Spectrum": (
        "x_Axis:Wavelength (nm)\ty_Axis:Reflectance (%)\n" + pairs(NM),
        NM,
        "nm",
        "%R",
        "long",
    ),
    "german.csv": (
        "Wellenzahl [cm-1];Extinktion\n" + pairs(CM1, ";", decimal=","),
        CM1,
        "cm-1",
        "absorbance",
        "decimal commas",
    ),
    "commented.xy": (
        "! from the shelf\n# wavenumber (cm-1)  transmittance\n" + pairs(CM1, "   "),
        CM1,
        "cm-1",
        "transmittance",
        "from the note",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_single_spectra(tmp_path, name):
    content, axis, unit, quantity, problem = FILES[name]
    path = tmp_path / name
    path.write_bytes(content.encode("cp1252"))
    if unit is None:
        with pytest.raises(SpektronError, match="the file does not name the unit"):
            spektron_jax.read(path)
    asked = "cm-1" if axis is not NM else "nm"
    found = spektron_jax.read(path, unit=asked if unit is None else None)
    (one,) = found.instruments.values()
    assert (one.unit, one.quantity) == (asked, quantity)
    order = slice(None, None, -1 if axis[0] > axis[-1] else 1)
    np.testing.assert_allclose(one.axis, axis[order], atol=1e-4)
    np.testing.assert_allclose(one.spectra, Y[None, order], atol=1e-5)
    assert problem in str(found)
    if "--" not in content:  # which names the sample
        assert found.sample_ids.tolist() == [path.stem]


def test_points_of_a_map_have_their_coordinates_as_ids(tmp_path):
    rows = [["", "", *text(SHIFT)]]
    rows += [[f"{x}", f"{y}", *text(Y + x + y)] for x in (0, 1.5) for y in (0, 2, 4)]
    lines = ["#Laser=\t532nm", *("\t".join(row) for row in rows)]
    (tmp_path / "map.txt").write_text("\n".join(lines) + "\n")
    found = spektron_jax.read(tmp_path / "map.txt", modality="Raman")
    assert found.sample_ids.tolist()[3:] == ["1.5 0", "1.5 2", "1.5 4"]


def test_the_laser_is_not_the_axis(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("# Laser wavelength: 785 nm\n# Range: 100 nm\n" + pairs(SHIFT))
    with pytest.raises(SpektronError, match="the file does not name the unit"):
        spektron_jax.read(path)


def test_notes_that_contradict_are_no_hint_and_the_user_is_right(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("# XUNITS=nm\n# x-axis: cm-1\n" + pairs(NM))
    with pytest.raises(SpektronError, match="the file does not name the unit"):
        spektron_jax.read(path)
    path.write_text("# XUNITS=1/CM\n" + pairs(NM))
    found = spektron_jax.read(path, unit="nm")
    assert found.instruments["spectra"].unit == "nm"
    assert "nm, though a note says cm-1" in str(found)


def test_rows_with_faults_at_the_end_are_no_notes(tmp_path):
    path = tmp_path / "x.csv"
    for last in ("200x\t0.3\n", "501.5\n", "501.5\tn.d.\n"):
        path.write_text("nm\ta\n" + pairs(NM) + last)
        with pytest.raises(SpektronError, match="line 62"):
            spektron_jax.read(path)
    wide = [["id", *text(NM)], *([str(i), *text(Y)] for i in range(4))]
    wide += [["A7", *text(Y)]]
    path.write_text("\n".join(",".join(row) for row in wide) + "\n")
    found = spektron_jax.read(path, unit="nm")
    assert found.sample_ids.tolist() == ["0", "1", "2", "3", "A7"]


def test_samples_named_like_signals_stay(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("nm,sample 1,sample 2,reference\n")
    with path.open("a") as file:
        file.write(columns(",", text(NM), text(Y), text(Y + 1), text(Y + 2)))
    found = spektron_jax.read(path)
    assert found.sample_ids.tolist() == ["sample 1", "sample 2", "reference"]


def test_quantity_as_the_user_says_it(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("nm,a\n" + pairs(NM, ","))
    found = spektron_jax.read(path, quantity="%R")
    assert found.instruments["spectra"].quantity == "%R"
    path.write_text("nm,absorbance\n" + pairs(NM, ","))
    with pytest.raises(SpektronError, match="the file says absorbance and quantity='%"):
        spektron_jax.read(path, quantity="%T")
    with pytest.raises(SpektronError, match="quantity 'A': unknown; use one of absor"):
        spektron_jax.read(path, quantity="A")


def test_a_folder_of_exports(tmp_path):
    content = FILES["labspec.txt"][0].encode("cp1252")
    for i in range(3):
        (tmp_path / f"{i}.txt").write_bytes(content)
    found = spektron_jax.read(tmp_path)
    one = found.instruments["spectra"]
    assert (one.unit, one.quantity, len(found)) == ("cm-1", "counts", 3)
    assert str(found).count("read as long") == 1
    assert "0.txt and 2 more, table: read as long" in str(found)
    (tmp_path / "3.txt").write_bytes(content.replace(b"1/cm", b"nm"))
    with pytest.raises(SpektronError, match="3.txt.* nm counts, where most files hold"):
        spektron_jax.read(tmp_path)


def test_a_line_of_units_below_the_names(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("Wavelength\tS1\tS2\nnm\tAU\tAU\n")
    with path.open("a") as file:
        file.write(columns("\t", text(NM), text(Y), text(Y + 1)))
    found = spektron_jax.read(path)
    one = found.instruments["spectra"]
    assert (one.unit, one.quantity) == ("nm", "absorbance")
    assert found.sample_ids.tolist() == ["S1", "S2"]
    path.write_text(path.read_text().replace("AU\tAU", "AU\tAU\tAU"))
    with pytest.raises(SpektronError, match="line 3: ragged: 3 cells, the first row"):
        spektron_jax.read(path)


@pytest.mark.parametrize("unit", [None, "um", "cm-1"])
def test_spectra_without_positions_are_refused(tmp_path, unit):
    """Whose first column happens to run one way, or counts the rows."""
    path = tmp_path / "x.csv"
    for start in ([0.31, 0.32, 0.33, 0.34], [0, 1, 2, 3]):
        rows = [[str(x), *text(Y + x)] for x in start]
        path.write_text("\n".join(",".join(row) for row in rows) + "\n")
        with pytest.raises(SpektronError, match="positions are missing; add a first"):
            spektron_jax.read(path, unit=unit)
