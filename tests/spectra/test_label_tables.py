"""Tables of labels as people keep them: remarks, dates, empty rows, no header."""

import numpy as np
import pytest

from spektron_jax import SpektronError
from spektron_jax.spectra.labels import read_labels

MIXED = (
    "sample,date,Moisture (%),remark,Oil\na,2024-01-02,1.5,,1\nb,2024-01-03,2,ok,n.d.\n"
)


def table(folder, text):
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def test_columns_of_text_are_no_properties(tmp_path):
    path = table(tmp_path, MIXED.replace("n.d.", ""))
    found = read_labels(path)
    assert found.names == ("Moisture", "Oil") and found.units == ("%", "")
    np.testing.assert_array_equal(found.values, [[1.5, 1], [2, np.nan]])
    assert found.text == {"date": "2024-01-02", "remark": "ok"}
    several = found.several("all")
    assert "left out, since they hold text: date, remark" in several[0].warnings[0]


def test_only_the_wanted_property_is_checked(tmp_path):
    """Catches: "n.d." for oil stops a calibration of moisture."""
    path = table(tmp_path, MIXED)
    found = read_labels(path, wanted="moisture").only("moisture")
    assert found.values.tolist() == [[1.5], [2]] and not found.warnings
    for wanted in ("", "all", "Moisture,Oil"):
        with pytest.raises(SpektronError, match=r"line 3, column 5 \(Oil\): 'n.d.' is"):
            read_labels(path, wanted=wanted)
    with pytest.raises(SpektronError, match="'Fat': choose one of Moisture, Oil in"):
        read_labels(path, wanted="Fat")


def test_a_wanted_column_of_text_is_named(tmp_path):
    """Catches: "choose one of Oil" for a column that is plainly there."""
    path = table(tmp_path, "sample,Moisture,Oil\na,9.8%,1\nb,9.9%,2\n")
    with pytest.raises(
        SpektronError, match="column Moisture of .* text, such as '9.8%'"
    ):
        read_labels(path, wanted="moisture")
    with pytest.raises(SpektronError, match="write numbers alone, and the unit into"):
        read_labels(path).only("Moisture")


@pytest.mark.parametrize(
    "text",
    [
        "sample;Moisture\na;1,5\nb;2,5\n;;\n;\n",
        "sep=;\nsample;Moisture\na;1,5\nb;2,5\n",
        '"sep=;"\nsample;Moisture\na;1,5\nb;2,5\n \n',
    ],
)
def test_empty_rows_and_a_line_for_excel(tmp_path, text):
    found = read_labels(table(tmp_path, text))
    assert found.names == ("Moisture",) and found.values.tolist() == [[1.5], [2.5]]


def test_a_table_without_a_header_is_refused(tmp_path):
    """Catches: the first sample becomes the header, and a property is called 1.5."""
    with pytest.raises(SpektronError, match="line 1: holds numbers .'1.5'. where the"):
        read_labels(table(tmp_path, "A,1.5\nB,2.5\nC,3.5\n"))
    found = read_labels(table(tmp_path, "sample,2023,2024\nA,1,2\nB,2,3\n"))
    assert found.names == ("2023", "2024")


def test_years_may_be_properties(tmp_path):
    """Catches: a header of a word and years is taken as the first sample."""
    found = read_labels(table(tmp_path, "Probe;2022;2023\nA;3,4;3\nB;3,5;4\n"))
    assert found.names == ("2022", "2023")
    assert found.values.tolist() == [[3.4, 3], [3.5, 4]]
    with pytest.raises(SpektronError, match="holds numbers"):
        read_labels(table(tmp_path, "S1;2022;2023\nS2;3;4\n"))


def test_names_behind_a_counter(tmp_path):
    """Catches: the index that pandas writes is taken as the names of the samples."""
    for names in (["A", "B"], ["24 100", "24 101"], ["24.1.100", "24.1.101"]):
        text = f";sample;fat\n0;{names[0]};3,5\n1;{names[1]};4,5\n"
        found = read_labels(table(tmp_path, text))
        assert found.ids.tolist() == names and found.names == ("fat",)
        assert found.values.tolist() == [[3.5], [4.5]]
    found = read_labels(table(tmp_path, ",fat,id\n1,3.5,A\n2,4.5,B\n"))
    assert found.ids.tolist() == ["A", "B"] and found.names == ("fat",)
    with pytest.raises(SpektronError, match=r"line 3, column 3 \(fat\): 'x' is not"):
        read_labels(table(tmp_path, ",sample,fat\n0,A,3.5\n1,B,x\n"))
    found = read_labels(table(tmp_path, ",fat\n0,3.5\n1,4.5\n"))
    assert found.ids.tolist() == ["0", "1"]
