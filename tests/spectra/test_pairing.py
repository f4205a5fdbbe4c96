"""How samples of two files become pairs, and what is said where that is a guess."""

import csv

import numpy as np
import pytest

from spektron_jax import SpektronError, demo
from spektron_jax.commands import config_file
from spektron_jax.spectra.samples import read_paired, read_paired_each

OLD, NEW = (
    list(csv.reader(demo.path_of(name).read_text().splitlines()))
    for name in demo.FILES[:2]
)


def given(folder, old, new, **more):
    """Settings of two tables, written as files."""
    for name, rows in (("old.csv", old), ("new.csv", new)):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    found = config_file.load("configs/transfer.py").data
    found.update(
        {"source_path": f"{folder}/old.csv", "target_path": f"{folder}/new.csv"}
    )
    found.update({"property": "Moisture"} | more)
    return found


def bare(rows):
    return [row[1:] for row in rows]


def counted(rows):
    """With the index of pandas in place of the names."""
    return [["" if i == 0 else str(i - 1), *row[1:]] for i, row in enumerate(rows)]


@pytest.mark.parametrize("without", [bare, counted])
def test_rows_without_names(tmp_path, without):
    """Catches: row 3 of one file is taken as the sample of row 3 of the other."""
    old, new = without(OLD), without(NEW)
    with pytest.raises(SpektronError, match="of 50 and 10 rows: which of them are"):
        read_paired(given(tmp_path, old, new))
    found = read_paired(given(tmp_path, old[:11], new))
    assert found.ids.size == 10
    assert "no sample names in old.csv and new.csv: paired by row" in found.warnings[0]
    apart = read_paired_each(given(tmp_path, old, new), paired=False)["Moisture"]
    assert apart.ids.size == 60 and not np.logical_and(*apart.measured()).any()
    one = read_paired(given(tmp_path, bare(OLD), NEW_NUMBERED))
    assert "no sample names in old.csv: its row numbers" in one.warnings[0]


def test_a_counter_that_may_be_the_names(tmp_path):
    """Catches: the names 0, 1, 2, ... are there, and none are said to be."""
    taken = "first column of old.csv and new.csv has no name and counts 0, 1, 2, "
    with pytest.raises(SpektronError, match=f"{taken}.*call it sample") as error:
        read_paired(given(tmp_path, counted(OLD), counted(NEW)))
    assert "of 50 and 10 rows" in str(error.value)
    found = read_paired(given(tmp_path, counted(OLD[:11]), counted(NEW)))
    assert taken in found.warnings[0]
    called = [[["sample", *r[0][1:]], *r[1:]] for r in map(counted, (OLD, NEW))]
    found = read_paired(given(tmp_path, *called))
    assert found.ids.size == 50 and found.ids[0] == "0"
    assert not any("no sample names" in text for text in found.warnings)


NEW_NUMBERED = [NEW[0], *([str(i), *row[1:]] for i, row in enumerate(NEW[1:], 1))]


def test_names_that_are_numbers_are_names(tmp_path):
    old = [OLD[0], *([str(i), *row[1:]] for i, row in enumerate(OLD[1:], 1))]
    found = read_paired(given(tmp_path, old, NEW_NUMBERED))
    assert found.warnings == ()


def test_target_samples_that_the_source_does_not_have(tmp_path):
    """Catches: mistyped names leave out transfer samples without a word."""
    new = [NEW[0], *([f"x{row[0]}", *row[1:]] for row in NEW[1:5]), *NEW[5:]]
    (text,) = read_paired(given(tmp_path, OLD, new)).warnings
    names = ", ".join(row[0] for row in new[1:5])
    assert (
        f"4 of 10 target samples are not on the source and have no pair: {names};"
        in text
    )
    assert (
        read_paired_each(given(tmp_path, OLD, new), paired=False)["Moisture"].warnings
        == ()
    )


def with_moisture(rows, header, values):
    return [
        [row[0], one, *row[1:]]
        for row, one in zip(rows, [header, *values], strict=True)
    ]


def test_labels_that_contradict_each_other(tmp_path):
    """Catches: the new file's reference values are dropped without a word."""
    known = {row[0]: row[1] for row in OLD}
    own = [known[row[0]] for row in NEW[1:]]
    new = with_moisture(NEW, "Moisture (%)", own)
    assert read_paired(given(tmp_path, OLD, new)).warnings == ()
    new = with_moisture(NEW, "Moisture (%)", own[::-1])
    found = read_paired(given(tmp_path, OLD, new))
    (text,) = found.warnings
    assert "Moisture of 10 of 10 samples is not the same in" in text
    assert f"such as {NEW[1][0]}: {own[0]} and {own[-1]}; the first is used" in text
    new = with_moisture(NEW, "Moisture (g/kg)", [str(10 * float(one)) for one in own])
    found = read_paired(given(tmp_path, OLD, new))
    assert "is in %, of " in found.warnings[0] and "in g/kg;" in found.warnings[0]
    assert len(found.warnings) == 2 and found.names["property_unit"] == "%"


def test_the_quantity_that_only_the_target_names(tmp_path):
    """Catches: new spectra in transmittance are predicted as if in absorbance."""
    found = given(tmp_path, OLD, [["# quantity: absorbance"], *NEW])
    text = (tmp_path / "new.csv").read_text()
    (tmp_path / "new.csv").write_text(f"# spektron_jax spectra\n{text}")
    assert read_paired(found).names["quantity"] == "absorbance"


def test_a_property_of_text_beside_the_spectra(tmp_path):
    """Catches: "choose one of Protein" for a column of "9.8%"."""
    old = [OLD[0], *([row[0], f"{row[1]}%", *row[2:]] for row in OLD[1:])]
    with pytest.raises(SpektronError, match="column Moisture of .*old.csv.* such as '"):
        read_paired(given(tmp_path, old, NEW))


def test_empty_rows_below_spectra(tmp_path):
    found = given(tmp_path, [*OLD, [""] * len(OLD[0])], NEW)
    assert read_paired(found).ids.size == 50


def test_quantities_that_do_not_convert_name_the_file(tmp_path):
    """Catches: "%R cannot be turned into absorbance" of which file, and now what?"""
    found = given(tmp_path, OLD, NEW)
    for name, kind in (("old.csv", "absorbance"), ("new.csv", "%R")):
        text = (tmp_path / name).read_text()
        head = f"# spektron_jax spectra\n# quantity: {kind}\n"
        (tmp_path / name).write_text(head + text)
    with pytest.raises(SpektronError, match="new.csv: %R cannot be turned") as error:
        read_paired(found)
    assert "old.csv holds); export both in one, or" in str(error.value)


def test_one_file_given_twice(tmp_path):
    """Catches: a file is transferred to itself, with a splendid verdict."""
    (text,) = read_paired(given(tmp_path, OLD, OLD)).warnings
    assert "old and new hold the same spectra, as if one file were given" in text
    alone = given(tmp_path, OLD, OLD)
    alone.update({"path": alone.source_path, "source_path": "", "target_path": ""})
    with pytest.raises(
        SpektronError, match="old.csv: holds one instrument; give the f"
    ):
        read_paired(alone)
