"""Thousands with points, blanks and apostrophes, and the decimals beside them."""

import numpy as np
import pytest

from spektron_jax import SpektronError, read
from spektron_jax.spectra.labels import read_labels


def labels(folder, cells):
    path = folder / "labels.csv"
    lines = [f"{i:03d};{cell}" for i, cell in enumerate(cells)]
    path.write_text("\n".join(["sample;Moisture (mg/kg)", *lines, ""]), "utf-8")
    return read_labels(path)


@pytest.mark.parametrize(
    "cells, values",
    [
        (["1.234,5", "12.345", "999"], [1234.5, 12345, 999]),
        (["1.234", "0,5", "999"], [1234, 0.5, 999]),
        (["1.234.567", "12.345", "999"], [1234567, 12345, 999]),
        (["12 345,6", "1 234", "9,5"], [12345.6, 1234, 9.5]),
        (["12\u00a0345", "12\u202f345,6", "9"], [12345, 12345.6, 9]),
        (["12'345.6", "1’234’567", "9"], [12345.6, 1234567, 9]),
    ],
)
def test_thousands_that_are_plain(tmp_path, cells, values):
    found = labels(tmp_path, cells)
    np.testing.assert_array_equal(found.values[:, 0], values)
    assert "thousands" in found.warnings[0]


@pytest.mark.parametrize(
    "cells",
    [
        ["1.234", "2.345", "9.999"],  # decimals everywhere
        ["1.234", "0.5", "999"],
        ["1.234", "12.34", "999"],
        ["512.333", "498", "505.667"],  # means of three
        ["512.125", "498", "505.875"],  # of one size
    ],
)
def test_decimals_stay_decimals(tmp_path, cells):
    found = labels(tmp_path, cells)
    assert found.values[:, 0].tolist() == list(map(float, cells))
    assert not found.warnings


def test_points_that_are_either_are_refused(tmp_path):
    """Catches: 1.234 counts beside 987 are read as 1.234."""
    with pytest.raises(SpektronError, match=r"line 2 \(Moisture .* is 1.234 or 1234;"):
        labels(tmp_path, ["1.234", "12.345", "999"])
    path = tmp_path / "raman.csv"
    path.write_text("cm-1;A\n208;950\n212;987\n216;1.012\n220;1.234\n")
    with pytest.raises(SpektronError, match=r"line 4 \(A\): '1.012' in a column with"):
        read(path, modality="Raman")
    path.write_text("cm-1;A\n208.5;950\n212.5;987\n216.5;1.012\n220.5;1.234\n")
    assert read(path, modality="Raman").instruments["spectra"].spectra.min() < 2


def test_positions_with_thousands_apart(tmp_path):
    path = tmp_path / "nir.csv"
    for form in ("1.10{},5", "1 10{},5"):
        rows = [f"{form.format(i)};0,{i + 1}" for i in range(5)]
        path.write_text("\n".join(["nm;A", *rows, ""]))
        (one,) = read(path).instruments.values()
        np.testing.assert_allclose(one.axis, 1100.5 + np.arange(5))


def test_names_keep_their_blanks(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text("sample;1100 nm;1101 nm;1102 nm\n1 234;1 234,5;0,2;3\nb;0,1;2;3\n")
    found = read(path)
    assert found.sample_ids.tolist() == ["1 234", "b"]
    assert found.instruments["spectra"].spectra[0, 0] == 1234.5


NM = list(range(1100, 1150, 10))


def wide(folder, names, cells=None, header="sample", comma=","):
    """Read a wide table of these names, or of these first columns."""
    top = ";".join(f"{nm} nm" for nm in NM)
    lines = [f"{header};{top}"]
    for i, name in enumerate(names):
        row = cells[i] if cells else [f"0{comma}{i + 1}{k}" for k in range(len(NM))]
        lines.append(";".join([name, *row]))
    path = folder / "wide.csv"
    path.write_text("\n".join([*lines, ""]), "utf-8")
    return read(path)


@pytest.mark.parametrize("comma", [",", "."])
@pytest.mark.parametrize("header", ["sample", "Probe", "Sample No.", "nm"])
@pytest.mark.parametrize("name", ["24.001.10{}", "24 10{}", "1'10{}"])
def test_names_of_samples_are_no_numbers(tmp_path, name, header, comma):
    """Catches: 24.001.100 becomes 24001100 and matches no sample any more."""
    names = [name.format(i) for i in range(4)]
    found = wide(tmp_path, names, header=header, comma=comma)
    assert found.sample_ids.tolist() == names and not found.target_names


def test_names_with_one_point_beside_decimal_commas(tmp_path):
    names = ["24.100", "24.101", "24.102"]
    assert wide(tmp_path, names).sample_ids.tolist() == names
    with pytest.raises(SpektronError, match="line 2: a decimal point, but line 2 has"):
        wide(tmp_path, names, header="Probe")  # a property, or names


@pytest.mark.parametrize("comma", [",", "."])
def test_lots_are_no_properties(tmp_path, comma):
    """Catches: the lot 24 100 is a property of 24100."""
    names = [f"A{i};24 10{i};3{comma}{i}" for i in range(4)]
    found = wide(tmp_path, names, header="sample;lot;fat", comma=comma)
    assert list(found.target_names) == ["fat"] and list(found.labels) == ["lot"]
    path = tmp_path / "labels.csv"
    path.write_text("sample;lot;fat\nA;24 100;3,4\nB;24 101;3,5\n")
    assert read_labels(path).names == ("fat",)
    for lots in ("24.10", "24.1"):
        names = [f"A{i};{lots}{i};3,{i}" for i in range(4)]
        with pytest.raises(SpektronError, match="a decimal point, but line 2 has"):
            wide(tmp_path, names, header="sample;lot;fat")


def test_spectra_of_counts_with_points(tmp_path):
    cells = [["1.234,5", "987,1", "1.100", "12.345", "999"]] * 2
    found = wide(tmp_path, ["a", "24.1b"], cells)
    values = found.instruments["spectra"].spectra[0]
    np.testing.assert_allclose(values, [1234.5, 987.1, 1100, 12345, 999])


@pytest.mark.parametrize("positions", ["1.100;1.112;1.124", "400.123;404.327;408.531"])
def test_positions_are_not_multiplied(tmp_path, positions):
    """Catches: 1.1 to 2.5 um are read as 1100 to 2500 um, since values have commas."""
    path = tmp_path / "wide.csv"
    path.write_text(f"sample;{positions}\na;0,1;0,2;0,3\nb;0,2;0,3;0,4\n")
    with pytest.raises(SpektronError, match="line 1: a decimal point, but line 2 has"):
        read(path, unit="um")


@pytest.mark.parametrize(
    "cells",
    [
        ["1.250", "2.500", "5.000", "100", "250", "1000"],
        ["1.125", "2.500", "100", "1000"],
        ["9.875", "12.500", "120", "340", "15.250"],
        ["-1.250", "-100", "250"],
        ["3.000", "150", "120"],
        ["9.875", "120"],
    ],
)
def test_small_values_beside_hundreds_are_decimals(tmp_path, cells):
    """Catches: a dilution series of 1.250 to 1000 is refused."""
    found = labels(tmp_path, cells)
    assert found.values[:, 0].tolist() == list(map(float, cells))
    rows = [[f"A{i}", cell, "1", "2", "3"] for i, cell in enumerate(cells)]
    lines = ["sample;conc;1100;1110;1120", *map(";".join, rows), ""]
    (tmp_path / "wide.csv").write_text("\n".join(lines))
    spectra = read(tmp_path / "wide.csv", unit="nm")
    np.testing.assert_allclose(spectra.targets[:, 0], list(map(float, cells)))
