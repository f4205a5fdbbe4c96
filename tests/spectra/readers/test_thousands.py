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
