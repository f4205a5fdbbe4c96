"""Text tables that were once read wrong: each is read right, or refused with reasons.

Every case is (content, options of `read`, what is right). Right is a message that
refuses it, or what the set holds: ids, first and last position, unit, quantity, first
value of the first spectrum, and words of the notes.
"""

import numpy as np
import pytest

import spektron_jax
from spektron_jax.errors import SpektronError

X = np.arange(400, 1000, 8)  # 75 positions
NM = np.arange(1100, 1200, 2)  # 50 positions
Y = (0.3 + 0.2 * np.exp(-(((np.arange(75) - 30) / 6.0) ** 2))).round(5)
COUNTS = (45000 + 137 * np.arange(75)).astype(int)


def table(*columns, header=None, sep="\t", end="\n"):
    lines = [] if header is None else [header]
    lines += [sep.join(map(str, row)) for row in zip(*columns, strict=True)]
    return end.join(lines) + end


def wide(names, axis=NM, head="sample", sep=",", above=()):
    lines = [*above, sep.join([head, *map(str, axis)])]
    for i, name in enumerate(names):
        values = (Y[: len(axis)] + 0.01 * i).round(5)
        lines.append(sep.join([name, *map(str, values)]))
    return "\n".join(lines) + "\n"


ASK = "does not name the unit; give unit="
TWO = ["file"]
IDS = {
    "hash": wide(["#1", "#2", "blank", "#3"]),
    "percent": wide(["%1", "%2", "b"]),
    "bang": wide(["!a", "b", "!c"]),
    "slashes": wide(["//1", "//2"]),
    "all, and the header": wide(["#1", "#2"], head="#"),
    "notes above": wide(["#1", "#2"], above=["# by hand", "# 2024, twice"]),
    "semicolon": wide(["#1", "x", "#2"], sep=";"),
    "quoted": wide(['"#1"', '"#2"']),
    "target": wide(["#1,10.2", "#2,10.3"], head="id,protein (%)"),
    "marked header": wide(["a", "b"], head="# sample"),
}


@pytest.mark.parametrize("name", IDS)
def test_ids_that_look_like_comments(tmp_path, name):
    (tmp_path / "x.csv").write_text(IDS[name])
    found = spektron_jax.read(tmp_path / "x.csv", unit="nm")
    rows = [line.split("\t")[0] for line in IDS[name].splitlines()]
    right = [r.replace(";", ",").split(",")[0].strip('"') for r in rows if "0.3" in r]
    assert found.sample_ids.tolist() == right
    assert found.instruments["spectra"].axis[0] == 1100


def test_comments_within_and_below_a_table(tmp_path):
    path = tmp_path / "x.csv"
    lines = wide(["a", "b", "c"]).splitlines()
    path.write_text("\n".join([*lines, "# the end"]) + "\n")
    found = spektron_jax.read(path, unit="nm")
    assert len(found) == 3 and "comments after the table" in str(found)
    path.write_text("\n".join([*lines[:2], "# lamp changed", *lines[2:]]) + "\n")
    with pytest.raises(SpektronError, match="line 3: .*comment within the table"):
        spektron_jax.read(path, unit="nm")
    assert len(spektron_jax.read(path, unit="nm", strict=False)) == 3
    path.write_text(table(X[:40], Y[:40]) + "#lamp\n" + table(X[40:], Y[40:]))
    with pytest.raises(SpektronError, match="line 41: .*comment within the table"):
        spektron_jax.read(path, unit="cm-1")
    path.write_text(table(X[:40], Y[:40]) + "#720\t0.3\n" + table(X[40:], Y[40:]))
    with pytest.raises(SpektronError, match="line 41, column 1: '#720' is not a pos"):
        spektron_jax.read(path, unit="cm-1")
    short = "#9,0.31,0.32,0.33,0.34"
    path.write_text("\n".join([*lines, short]) + "\n")
    with pytest.raises(SpektronError, match="line 5: ragged"):
        spektron_jax.read(path, unit="nm")


@pytest.mark.parametrize("first", ["0", "1", "0.000", "1.0", "1e0", "0,1", "0,1,2"])
@pytest.mark.parametrize("sep", ["\t", ",", ";", " "])
def test_a_first_row_of_numbers_is_data(tmp_path, first, sep):
    columns = [Y + i for i in range(first.count(",") + 1)]
    text = table(X[1:], *(c[1:] for c in columns), sep=sep)
    head = sep.join(["392", *first.split(",")])
    (tmp_path / "run.txt").write_text(head + "\n" + text)
    found = spektron_jax.read(tmp_path / "run.txt", unit="cm-1")
    one = found.instruments["spectra"]
    assert one.axis.size == 75 and one.axis[0] == 392
    np.testing.assert_allclose(one.spectra[:, 0], [float(v) for v in first.split(",")])
    assert found.sample_ids.tolist() == (
        ["run"] if len(columns) == 1 else ["1", "2", "3"][: len(columns)]
    )


def test_positions_with_units_need_no_header(tmp_path):
    rows = [f"{x} nm" for x in NM]
    (tmp_path / "x.txt").write_text(table(rows, Y[:50]))
    assert spektron_jax.read(tmp_path / "x.txt").instruments["spectra"].axis.size == 50


def test_names_that_are_numbers(tmp_path):
    path = tmp_path / "x.csv"
    for names in (["0"], ["1", "2"], ["0.5", "1.5"]):
        columns = [Y + i for i in range(len(names))]
        path.write_text(table(X, *columns, header="," + ",".join(names), sep=","))
        found = spektron_jax.read(path, unit="cm-1")
        assert found.instruments["spectra"].axis.size == 75
        assert found.sample_ids.tolist() == (
            names if len(names) > 1 else found.sample_ids.tolist()
        )
    path.write_text(table(X, Y, header=",0.512", sep=","))
    with pytest.raises(SpektronError, match="line 1, column 1: '' is not a position"):
        spektron_jax.read(path, unit="cm-1")


NO_UNIT = {
    "samples": table(X, COUNTS, COUNTS, header="Shift\tFilm_100nm\tFilm_200nm"),
    "laser": table(X, COUNTS, header="X\tLaser 785 nm"),
    "micron": table(X, COUNTS, COUNTS, header="Position\t10 um\t20 um"),
    "sample cm-1": table(X, COUNTS, header="x\tres 4 cm-1"),
    "note": "Laser=785nm\nIntegration=1000ms\n" + table(X, COUNTS),
    "file name": "Sample1_785nm\n" + table(X, COUNTS),
    "note 2": "name,PST_785nm\n" + table(X, COUNTS, sep=","),
    "note 3": "#Laser: 532.1 nm\n#slit 100 um\n" + table(X, COUNTS),
    "note 4": "x-axis laser 785nm\n" + table(X, COUNTS),
    "target": wide(["a,5", "b,6"], X, head="id,film (nm)"),
    "target 2": wide(["a,5", "b,6"], X, head="id,laser 785 nm"),
}


@pytest.mark.parametrize("name", NO_UNIT)
def test_the_unit_is_that_of_the_axis_alone(tmp_path, name):
    (tmp_path / "x.csv").write_text(NO_UNIT[name])
    with pytest.raises(SpektronError, match=ASK):
        spektron_jax.read(tmp_path / "x.csv")
    found = spektron_jax.read(tmp_path / "x.csv", unit="cm-1")
    one = found.instruments["spectra"]
    assert one.unit == "cm-1" and one.axis[[0, -1]].tolist() == [400, 992]
    found = spektron_jax.read(tmp_path / "x.csv", modality="Raman")
    assert found.instruments["spectra"].unit == "cm-1"


HEADERS = {
    "Wavelength (nm)": "nm",
    "wavelength_nm": "nm",
    "Wavelength / nm": "nm",
    "X [1/cm]": "cm-1",
    "Wavenumbers": "cm-1",
    "Raman_Shift": "cm-1",
    "Raman shift (cm⁻¹)": "cm-1",
    "nm": "nm",
    "wave_number": "cm-1",
}


@pytest.mark.parametrize("label", HEADERS)
def test_units_in_the_axis_cell(tmp_path, label):
    (tmp_path / "x.csv").write_text(table(X, Y, header=f"{label}\ta"), "utf-8")
    found = spektron_jax.read(tmp_path / "x.csv")
    assert found.instruments["spectra"].unit == HEADERS[label]
    assert found.sample_ids.tolist() == ["a"]


@pytest.mark.parametrize(
    "label",
    [
        *("Wavelength (A)", "Wavelength / Å", "Wavelength [angstrom]", "Energy (eV)"),
        *("Energy [meV]", "Frequency (THz)", "Frequency, GHz", "wavelength_angstroms"),
        *("Wavenumber (m-1)", "Wavenumber [1/mm]", "wavenumber / m-1"),
        *("Time (s)", "X (px)", "2theta (deg)", "Wavelength (mm)", "energy_eV"),
    ],
)
def test_units_that_are_not_read_stop_it(tmp_path, label):
    (tmp_path / "x.csv").write_text(table(NM * 10, Y[:50], header=f"{label}\tS1"))
    for options in ({"modality": "NIR"}, {"unit": "cm-1"}, {"modality": "IR"}):
        with pytest.raises(SpektronError, match="unit is .* which is not read"):
            spektron_jax.read(tmp_path / "x.csv", **options)
    if label.startswith(("Wave", "Energy", "Frequency (")):
        (tmp_path / "x.csv").write_text(wide(["a", "b"], NM * 10, head=f"{label}"))
        with pytest.raises(SpektronError, match="not read"):
            spektron_jax.read(tmp_path / "x.csv", modality="NIR")


@pytest.mark.parametrize("label", ["Energy", "Frequency", "Time", "2theta"])
def test_an_axis_of_another_name_is_not_guessed(tmp_path, label):
    (tmp_path / "x.csv").write_text(table(NM, Y[:50], header=f"{label}\tS1"))
    with pytest.raises(SpektronError, match=ASK):
        spektron_jax.read(tmp_path / "x.csv", modality="NIR")


N = np.arange(75)
ONE = {
    "pandas": (table(N, X, Y, header=",wavenumber,absorbance", sep=","), "absorbance"),
    "from 1": (
        table(N + 1, X, Y, header="#,wavenumber,absorbance", sep=","),
        "absorbance",
    ),
    "shift": (
        table(N, X, COUNTS, header=",Raman Shift,Intensity", sep=","),
        "intensity",
    ),
    "pixels": (
        table(
            N,
            1e7 / (12737 - X),
            X,
            COUNTS,
            header="Pixels\tWavelength\tRaman_Shift\tRaw_Data",
        ),
        "unknown",
    ),
    "index": (table(N, X, Y, header="index;Wavenumbers;%T", sep=";"), "%T"),
    "unnamed": (
        table(N, X, Y, header="Unnamed: 0,Wavenumber (cm-1),Abs", sep=","),
        "absorbance",
    ),
    "px": (table(N, X, Y, header="px,wavenumber,%T", sep=","), "%T"),
    "id": (table(N + 1, X, Y, header="id;cm-1;abs", sep=";"), "absorbance"),
    "axis second": (
        table(N, X, Y, header="Point No.\tWavenumber\tReflectance"),
        "reflectance",
    ),
}


@pytest.mark.parametrize("name", ONE)
def test_counters_are_no_axis(tmp_path, name):
    text, quantity = ONE[name]
    (tmp_path / "x.csv").write_text(text)
    found = spektron_jax.read(tmp_path / "x.csv")
    one = found.instruments["spectra"]
    assert (len(found), one.unit, one.quantity) == (1, "cm-1", quantity)
    assert one.axis[[0, -1]].tolist() == [400, 992]
    assert "left out" in str(found)


def test_counters_beside_several_samples(tmp_path):
    text = table(N, X, Y, Y + 1, header=",wavenumber,s1,s2", sep=",")
    (tmp_path / "x.csv").write_text(text)
    found = spektron_jax.read(tmp_path / "x.csv")
    assert found.sample_ids.tolist() == ["s1", "s2"]
    (tmp_path / "x.csv").write_text(wide(["0,a", "1,b", "2,c"], head=",sample"))
    found = spektron_jax.read(tmp_path / "x.csv", unit="nm")
    assert found.sample_ids.tolist() == ["a", "b", "c"] and found.target_names == ()


def test_a_counter_without_any_name_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text(table(N + 1, X, Y, sep=","))
    for header in (None, "a,b,c"):
        (tmp_path / "x.csv").write_text(table(N + 1, X, Y, header=header, sep=","))
        with pytest.raises(SpektronError, match="counts the points and column 2 runs"):
            spektron_jax.read(tmp_path / "x.csv", unit="cm-1")
    (tmp_path / "x.csv").write_text(table(N, Y, sep=","))  # may start at 0 cm-1
    found = spektron_jax.read(tmp_path / "x.csv", unit="cm-1")
    assert found.instruments["spectra"].axis[-1] == 74
    with pytest.raises(SpektronError, match="does not name the unit"):
        spektron_jax.read(tmp_path / "x.csv", modality="IR")
