"""Columns and cells that were once read wrong: pairs, dark columns, commas, names."""

import numpy as np
import pytest
from test_readings import COUNTS, NM, X, Y, table, wide

import spektron_jax
from spektron_jax.errors import SpektronError

X2 = X + 600
PAIRS = {
    "named": ("Wavenumber,A,Wavenumber,B", (X, Y, X2, Y + 1)),
    "X": ("X,A,X,B", (X, Y, X2, Y + 1)),
    "mangled": ("x,A,x.1,B", (X, Y, X2, Y + 1)),
    "numbered": ("X1,Y1,X2,Y2", (X, Y, X2, Y + 1)),
    "units": ("cm-1,A,cm-1,B", (X, Y, X2, Y + 1)),
    "three": ("shift,A,shift,B,shift,C", (X, Y, X2, Y + 1, X2 + 1, Y)),
    "two signals": ("X,A,A2,X,B,B2", (X, Y, Y, X2, Y, Y)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_keep_axes_of_their_own(tmp_path, name):
    header, columns = PAIRS[name]
    (tmp_path / "x.csv").write_text(table(*columns, header=header, sep=","))
    found = spektron_jax.read(tmp_path / "x.csv", unit="cm-1")
    ends = [one.axis[0] for one in found.instruments.values()]
    assert ends == ([400, 1000, 1001] if name == "three" else [400, 1000])
    assert "an instrument of its own" in str(found)
    assert {one.quantity for one in found.instruments.values()} == {"unknown"}
    for one in found.instruments.values():
        assert one.measured.sum() == (2 if name == "two signals" else 1)


def test_pairs_of_unequal_length_and_of_one_axis(tmp_path):
    path = tmp_path / "x.csv"
    lines = table(X, Y, X2, Y + 1, header="nm,A,nm,B", sep=",").splitlines()
    lines[60:] = [",".join([*line.split(",")[:2], "", ""]) for line in lines[60:]]
    path.write_text("\n".join(lines) + "\n")
    found = spektron_jax.read(path)
    assert [one.axis.size for one in found.instruments.values()] == [75, 59]
    path.write_text(table(X, Y, X, Y + 1, header="nm,A,nm,B", sep=","))
    found = spektron_jax.read(path)
    assert found.sample_ids.tolist() == ["A", "B"] and len(found.instruments) == 1
    assert "2 columns of the same positions taken as one" in str(found)


def test_pairs_without_names_are_refused(tmp_path):
    path = tmp_path / "x.csv"
    for columns in (
        (X, Y, X2, Y + 1),
        (X, COUNTS, X2, Y),
        (X, Y, X, Y),
        (X, Y, X2, Y, X, Y),
    ):
        path.write_text(table(*columns))
        with pytest.raises(SpektronError, match="x,y pairs, or one axis and samples"):
            spektron_jax.read(path, unit="cm-1")
    path.write_text(table(X, Y, Y + 1, Y))  # no pairs
    assert len(spektron_jax.read(path, unit="cm-1")) == 3


@pytest.mark.parametrize("sep", [",", ";"])
@pytest.mark.parametrize("end", ["", ","])
def test_cary(tmp_path, sep, end):
    rows = table(NM, Y[:50] * 100, NM + 200, Y[:50] * 90, sep=",")
    text = "Sample A,,Sample B,,\nWavelength (nm),%T,Wavelength (nm),%T,\n"
    text += rows.replace("\n", ",\n") + "\nSample A\n8/12/2024 10:11:12 AM\nCary 60\n"
    (tmp_path / "x.csv").write_text(text.replace(",", sep))
    for strict in (True, False):
        found = spektron_jax.read(tmp_path / "x.csv", strict=strict)
        assert list(found.instruments) == ["Sample A", "Sample B"]
        assert [one.axis[0] for one in found.instruments.values()] == [1100, 1300]
        assert {one.quantity for one in found.instruments.values()} == {"%T"}
        np.testing.assert_allclose(
            found.instruments["Sample B"].spectra[1], Y[:50] * 90, rtol=1e-6
        )


D = 1000 + np.arange(50)
SIDES = {
    "AvaSoft": "Wave   ;Dark     ;Ref      ;Sample   ;Transmittance\n"
    "[nm]   ;[counts] ;[counts] ;[counts] ;[% transmittance]\n"
    + table(NM, D, D + 1, D + 2, Y[:50] * 100, sep=";"),
    "AvaSoft, comma": "a\n\nWave   ;Dark     ;Ref      ;Sample   ;Transmittance\n"
    "[nm]   ;[counts] ;[counts] ;[counts] ;[% transmittance]\n"
    + table(NM, D, D + 1, D + 2, Y[:50] * 100, sep=";").replace(".", ","),
    "Spectral Evolution": "Version: 2.2\nColumns [4]:\nData:\n"
    "Wvl\tNorm. DN (Ref.)\tNorm. DN (Target)\tReflect. %\n"
    + table(NM, D, D + 1, Y[:50] * 100),
    "Jaz": "Jaz Data File\n>>>>>Begin Processed Spectral Data<<<<<\nW\tD\tR\tS\tP\n"
    + table(NM, D, D + 1, D + 2, Y[:50] * 100),
    "three": "Wavelength (nm)\tSample\tReference\tAbsorbance\n"
    + table(NM, D, D + 1, Y[:50] * 100),
    "background": "nm,Background,Raw,Processed\n"
    + table(NM, D, D + 1, Y[:50] * 100, sep=","),
    "German": "Wellenlänge (nm);Dunkel;Referenz;Probe;Reflectance (%)\n"
    + table(NM, D, D + 1, D + 2, Y[:50] * 100, sep=";"),
    "black": "wavelength,white,black,target,%R\n"
    + table(NM, D, D + 1, D + 2, Y[:50] * 100, sep=","),
    "I0": "nm,I0,I,A\n" + table(NM, D, D + 1, Y[:50] * 100, sep=","),
    "white": "Wavelength (nm);White;Dark;Reflectance (%)\n"
    + table(NM, D, D + 1, Y[:50] * 100, sep=";"),
}


@pytest.mark.parametrize("name", SIDES)
def test_dark_reference_and_raw_columns_are_no_samples(tmp_path, name):
    (tmp_path / "run.txt").write_text(SIDES[name])
    found = spektron_jax.read(tmp_path / "run.txt", unit="nm")
    one = found.instruments["spectra"]
    assert found.sample_ids.tolist() == ["run"] and "left out: " in str(found)
    np.testing.assert_allclose(one.spectra[0], Y[:50] * 100, rtol=1e-6)
    quantity = {"AvaSoft": "%T", "AvaSoft, comma": "%T", "three": "absorbance"}
    quantity |= dict.fromkeys(("Spectral Evolution", "white", "German", "black"), "%R")
    quantity["I0"] = "absorbance"
    assert one.quantity == quantity.get(name, "unknown")


def test_references_among_samples_are_said(tmp_path):
    header = "nm,sample 1,sample 2,reference"
    (tmp_path / "x.csv").write_text(table(NM, D, D + 1, D + 2, header=header, sep=","))
    found = spektron_jax.read(tmp_path / "x.csv")
    assert len(found) == 3 and "'reference' kept as samples" in str(found)


@pytest.mark.parametrize("names", ["Dark chocolate,White chocolate", "Blackberry,Fig"])
def test_names_that_hold_such_words_are_samples(tmp_path, names):
    (tmp_path / "x.csv").write_text(table(NM, D, D + 1, header=f"nm,{names}", sep=","))
    assert spektron_jax.read(tmp_path / "x.csv").sample_ids.tolist() == names.split(",")


COMMAS = {
    "counts": (["45,123", "45,260"], "'45,123' is 45.123 or 45123"),
    "negative": (["-1,250", "-1,251"], "-1.250 or -1250"),
    "decimals": (["0,123", "1,234"], [0.123, 1.234]),
    "four": (["45,1234", "45,123"], [45.1234, 45.123]),
    "short": (["45,12", "45,123"], [45.12, 45.123]),
    "millions": (["1,045,123", "45,123"], [1045123, 45123]),
    "both": (["1,045.5", "45,123"], [1045.5, 45123]),
    "mixed": (["1,045.5", "0,5"], "but line 3 has decimal commas"),
}


@pytest.mark.parametrize("sep", ["\t", ";"])
@pytest.mark.parametrize("name", COMMAS)
def test_commas_of_thousands_and_decimals(tmp_path, name, sep):
    cells, right = COMMAS[name]
    cells = [cells[0], cells[1]] + [cells[1]] * 48
    path = tmp_path / "x.txt"
    path.write_text(table(NM, cells, header=f"nm{sep}a", sep=sep))
    if isinstance(right, str):
        with pytest.raises(SpektronError, match=right):
            spektron_jax.read(path)
    else:
        found = spektron_jax.read(path)
        assert "commas" in str(found)
        np.testing.assert_allclose(found.instruments["spectra"].spectra[0, :2], right)


def test_points_on_the_axis_show_that_commas_are_thousands(tmp_path):
    cells = [f"{c // 1000},{c % 1000:03d}" for c in COUNTS]
    (tmp_path / "x.txt").write_text(table(X + 0.5, cells, header="cm-1\tcounts"))
    found = spektron_jax.read(tmp_path / "x.txt")
    assert found.instruments["spectra"].spectra[0, 0] == 45000


NAMES = {
    "Absorptance (%)": "unknown",
    "Absorbance 2nd derivative": "unknown",
    "County A": "unknown",
    "Absorbent cotton": "unknown",
    "Non-reflective sample": "unknown",
    "Reflectance standard 3": "unknown",
    "discount": "unknown",
    "Absorbance x 1000": "unknown",
    "Reflectance (x100)": "unknown",
    "Absorption coefficient": "unknown",
    "Absorbance": "absorbance",
    "Reflectance (%)": "%R",
    "Transmission [%]": "%T",
    "Intensity (counts)": "counts",
    "log(1/R)": "log(1/R)",
}


@pytest.mark.parametrize("name", NAMES)
def test_quantities_by_whole_words(tmp_path, name):
    (tmp_path / "x.csv").write_text(table(NM, Y[:50], header=f"nm\t{name}"))
    found = spektron_jax.read(tmp_path / "x.csv")
    assert found.instruments["spectra"].quantity == NAMES[name]
    if NAMES[name] == "unknown":
        assert found.sample_ids.tolist() == [name]


def with_statistics(names, functions):
    values = np.array([Y[:50] + 0.01 * i**2 for i in range(5)])
    rows = [*values, *(f(values) for f in functions)]
    names = [*(f"s{i}" for i in range(5)), *names]
    lines = [",".join(map(str, ["id", *NM]))]
    lines += [
        ",".join([n, *(f"{v:.5f}" for v in r)])
        for n, r in zip(names, rows, strict=True)
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "names",
    [
        ("Mean", "Std"),
        ("average", "SD"),
        ("AVG", "std. dev."),
        ("Mean spectrum", "StDev"),
        ("MW", "StAbw"),
        ("Moyenne", "écart-type"),
        ("Media", "Desviación estándar"),
        ("Mean (n=5)", "std_abs"),
    ],
)
def test_statistics_are_no_samples(tmp_path, names):
    functions = [lambda v: v.mean(0), lambda v: v.std(0, ddof=1)]
    text = with_statistics(names, functions)
    (tmp_path / "x.csv").write_text(text)
    found = spektron_jax.read(tmp_path / "x.csv", unit="nm")
    assert len(found) == 5 and f"{names[0]!r} is the mean of the others" in str(found)
    rows = [line.split(",") for line in text.splitlines()]
    turned = "\n".join(",".join(row) for row in zip(*rows, strict=True)) + "\n"
    (tmp_path / "x.csv").write_text(turned.replace("id,", "nm,", 1))
    assert len(spektron_jax.read(tmp_path / "x.csv")) == 5


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("scans", [True, False])
def test_statistics_of_any_name_are_said(tmp_path, first, scans):
    functions = [lambda v: v.mean(0), lambda v: v.mean(0) + v.std(0, ddof=1)]
    text = with_statistics(["zwei", "drei"], functions).splitlines()
    if scans:  # of one sample, so that all of them are the mean
        text[1:6] = [",".join([f"s{i}", *text[1].split(",")[1:]]) for i in range(5)]
        text[6] = ",".join(["zwei", *text[1].split(",")[1:]])
        del text[7]
    elif first:
        text[1:] = text[6:] + text[1:6]
    (tmp_path / "x.csv").write_text("\n".join(text) + "\n")
    found = spektron_jax.read(tmp_path / "x.csv", unit="nm")
    assert len(found) == len(text) - 1
    said = [f"{name!r} has the values of the mean" in str(found) for name in ("zwei",)]
    assert said == [not scans] and ("'drei' has the" in str(found)) == (not scans)


@pytest.mark.parametrize("decimals", [2, 3])
def test_rounded_statistics_are_told_once(tmp_path, decimals):
    """Catches: one row "is not the SD of the others" and "has the values" of it."""
    rng = np.random.default_rng(0)
    X = (1 + rng.normal(size=(12, 1)) * 0.3 + 0.1 * rng.normal(size=(12, 30))).round(2)
    rows = [*X, X.mean(0), X.std(0, ddof=1)]
    names = [*(f"s{i}" for i in range(12)), "Mean", "SD"]
    lines = ["id," + ",".join(f"{1100 + 2 * j} nm" for j in range(30))]
    for name, row in zip(names, rows, strict=True):
        lines.append(",".join([name, *(f"{v:.{decimals}f}" for v in row)]))
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    found = spektron_jax.read(tmp_path / "x.csv")
    assert len(found) == 12 and "'SD' is the SD of the others; left out" in str(found)
    said = [one.place for one in found.notes if "of the others" in one.text]
    assert len(said) == len(set(said)) == 2


def test_samples_named_like_statistics_stay_and_are_said(tmp_path):
    text = with_statistics(["Max", "Std", "meander"], [lambda v: v[0] / 2] * 3)
    (tmp_path / "x.csv").write_text(text)
    found = spektron_jax.read(tmp_path / "x.csv", unit="nm")
    assert len(found) == 8 and "'Std' is kept as a sample" in str(found)
    assert "meander" not in str(found.notes)


def test_spectra_without_any_value(tmp_path):
    path = tmp_path / "x.csv"
    for cell in ("", "NaN", "n/a"):
        rows = [",".join([name, *[cell] * 50]) for name in "abc"]
        path.write_text("\n".join(["id," + ",".join(map(str, NM)), *rows]) + "\n")
        for strict in (True, False):
            with pytest.raises(SpektronError, match="no spectrum holds a value"):
                spektron_jax.read(path, unit="nm", strict=strict)


def test_a_header_that_repeats_is_no_sample(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(wide(["a", "b"]) + wide(["c", "d"]))
    with pytest.raises(SpektronError, match="line 4: repeats the positions"):
        spektron_jax.read(path, unit="nm")
    assert len(spektron_jax.read(path, unit="nm", strict=False)) == 4


@pytest.mark.parametrize(
    "text", [",\n", ",,,\n,,,\n", ";\n;\n", "\t\n", "|\n", ", ,\n"]
)
def test_tables_of_delimiters_alone(tmp_path, text):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(SpektronError):
        spektron_jax.read(tmp_path / "x.csv", unit="nm")


@pytest.mark.parametrize(
    "header",
    [
        "wl_A,A,wl_B,B",
        "A_x,A_y,B_x,B_y",
        "A wavelength,A abs,B wavelength,B abs",
        ",A,,B",
    ],
)
def test_axes_that_names_only_mention(tmp_path, header):
    text = table(X, Y, X + 600, Y + 1, header=header, sep=",")
    (tmp_path / "x.csv").write_text(text)
    found = spektron_jax.read(tmp_path / "x.csv", unit="nm")
    assert [one.axis[0] for one in found.instruments.values()] == [400, 1000]


def test_axes_in_several_units(tmp_path):
    path = tmp_path / "x.csv"
    header = "Wavelength (nm),A,Wavenumber (cm-1),B"
    path.write_text(table(X, Y, 1e7 / (X + 600), Y, header=header, sep=","))
    found = spektron_jax.read(path)
    assert [one.unit for one in found.instruments.values()] == ["nm", "cm-1"]
    header = "Wavelength (nm),Wavenumber (cm-1),Absorbance"
    path.write_text(table(X, 1e7 / X, Y, header=header, sep=","))
    found = spektron_jax.read(path)
    assert len(found) == 1 and "left out: Wavelength (nm)" in str(found)


def test_samples_may_have_the_names_of_axes(tmp_path):
    (tmp_path / "x.csv").write_text(table(X, Y, Y, Y, header="nm,x,y,z", sep=","))
    assert spektron_jax.read(tmp_path / "x.csv").sample_ids.tolist() == ["x", "y", "z"]


@pytest.mark.parametrize(
    "note",
    [
        "Excitation wavelength (nm)\t785",
        "# Wavelength of laser in nm",
        "Laser (nm)\n785",
    ],
)
def test_the_light_is_not_the_axis(tmp_path, note):
    (tmp_path / "x.txt").write_text(f"{note}\n{table(X, COUNTS)}")
    with pytest.raises(SpektronError, match="does not name the unit"):
        spektron_jax.read(tmp_path / "x.txt")


def test_a_unit_of_a_note_that_is_not_read_stops_it(tmp_path):
    (tmp_path / "x.txt").write_text(f"XUNITS=eV\n{table(X, COUNTS)}")
    with pytest.raises(SpektronError, match="its unit is 'ev' .'XUNITS=eV'"):
        spektron_jax.read(tmp_path / "x.txt", modality="IR")
