"""Excel: titles, notes, several tables, formulas."""

import numpy as np
import openpyxl
import pytest
from test_readings import NM, Y

import spektron_jax
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.labels import read_labels

ROWS = [["sample", *NM.tolist()]]
ROWS += [[f"s{i}", *(Y[:50] + 0.01 * i).round(5).tolist()] for i in range(3)]
LONG = [
    ["Wavelength (nm)", "s0", "s1", "s2"],
    *zip(NM.tolist(), *(r[1:] for r in ROWS[1:]), strict=True),
]


def book(path, **sheets):
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    made.save(path)
    return path


TITLES = {
    "one": [["NIR data 2024"], []],
    "many": [["Study", "moisture"], ["Date", "2024-01-01"], ["by", "A. B."], []],
    "merged": [["", "", "NIR spectra"], [], []],
    "numbers": [["Batch", 12], ["Temperature", 21.5], ["Scans", 32]],
    "none": [],
    "blank": [[], [], []],
}


@pytest.mark.parametrize("name", TITLES)
@pytest.mark.parametrize("table", [ROWS, LONG], ids=["wide", "long"])
def test_titles_above_the_table(tmp_path, name, table):
    path = book(tmp_path / "x.xlsx", Data=[*TITLES[name], *table])
    found = spektron_jax.read(path, unit="nm")
    assert found.sample_ids.tolist() == ["s0", "s1", "s2"]
    one = found.instruments["spectra"]
    np.testing.assert_allclose(one.axis, NM)
    np.testing.assert_allclose(one.spectra[1], Y[:50] + 0.01, atol=1e-6)


@pytest.mark.parametrize(
    "notes",
    [[["see plot"]], [["Operator", "A"], ["Date", "today"]], [["batch", 3]], [[]]],
)
@pytest.mark.parametrize("strict", [True, False])
def test_sheets_of_notes(tmp_path, notes, strict):
    for sheets in ({"Data": ROWS, "Notes": notes}, {"Notes": notes, "Data": ROWS}):
        path = book(tmp_path / "x.xlsx", **sheets)
        found = spektron_jax.read(path, unit="nm", strict=strict)
        assert len(found) == 3 and list(found.instruments) == ["spectra"]
        assert notes == [[]] or "sheet 'Notes'" in str(found.notes[0]) + str(
            found.notes[1]
        )


def test_sheets_that_are_no_spectra_are_named(tmp_path):
    labels = [["sample", "protein"], ["s0", 9.5], ["s1", 10.0], ["s2", 11.0]]
    path = book(tmp_path / "x.xlsx", Data=ROWS, Reference=labels)
    with pytest.raises(SpektronError, match="x.xlsx: sheet 'Reference'"):
        spektron_jax.read(path, unit="nm")
    found = spektron_jax.read(path, unit="nm", strict=False)
    assert len(found) == 3 and "sheet 'Reference'" in str(found)


def test_two_tables_in_one_sheet_are_refused(tmp_path):
    path = book(tmp_path / "x.xlsx", Data=[*ROWS, [], *ROWS])
    with pytest.raises(
        SpektronError, match="sheet 'Data', row 6: repeats the positions"
    ):
        spektron_jax.read(path, unit="nm")
    beside = [[*a, "", *b] for a, b in zip(ROWS, ROWS, strict=True)]
    path = book(tmp_path / "x.xlsx", Data=beside)
    with pytest.raises(SpektronError, match="sheet 'Data'"):
        spektron_jax.read(path, unit="nm")


def test_two_sheets_are_two_instruments(tmp_path):
    path = book(tmp_path / "x.xlsx", m5=[["m5"], [], *ROWS], mp6=ROWS, About=[["x"]])
    found = spektron_jax.read(path, unit="nm")
    assert list(found.instruments) == ["m5", "mp6"] and len(found) == 3


def test_pairs_in_a_sheet(tmp_path):
    rows = [["Wavelength (nm)", "A", "Wavelength (nm)", "B"]]
    rows += [
        [x, y, x + 200, y + 1] for x, y in zip(NM.tolist(), Y.tolist(), strict=False)
    ]
    found = spektron_jax.read(book(tmp_path / "x.xlsx", Data=rows))
    assert [one.axis[0] for one in found.instruments.values()] == [1100, 1300]


@pytest.mark.parametrize("where", ["one", "row", "all", "axis"])
def test_formulas_without_a_result_are_named(tmp_path, where):
    rows = [list(row) for row in ROWS]
    if where == "axis":
        rows[0] = ["sample", 1100, *(f"={chr(66 + i % 20)}1+2" for i in range(49))]
    for i in range(1, 4) if where != "axis" else ():
        if where == "all" or i == 2:
            columns = range(1, 51) if where != "one" else [3]
            for j in columns:
                rows[i][j] = "=1/3"
    path = book(tmp_path / "x.xlsx", Data=rows)
    with pytest.raises(SpektronError, match="sheet 'Data', row .: formulas without"):
        spektron_jax.read(path, unit="nm")
    if where in ("all", "axis"):
        with pytest.raises(SpektronError):
            spektron_jax.read(path, unit="nm", strict=False)
    else:
        found = spektron_jax.read(path, unit="nm", strict=False)
        assert "formulas without a stored result" in str(found)


def labelled(path, change):
    """A workbook of spectra and moisture, changed."""
    rows = [["sample", "moisture (%)", *(f"{x:g} nm" for x in NM.tolist())]]
    rows += [[row[0], 1.5 + i, *row[1:]] for i, row in enumerate(ROWS[1:])]
    made = openpyxl.load_workbook(book(path, Data=rows))
    change(made.active)
    made.save(path)
    return path


def test_per_cent_as_shown(tmp_path):
    """Catches: 1.1 % in a cell of format per cent is 0.011 %."""

    def change(sheet):
        for i, value in enumerate((0.011, 0.25, 0.5)):
            sheet.cell(2 + i, 2).value = value
            sheet.cell(2 + i, 2).number_format = "0.0%"

    found = spektron_jax.read(labelled(tmp_path / "x.xlsx", change))
    np.testing.assert_allclose(found.target("moisture"), [1.1, 25, 50], rtol=1e-6)
    assert "'moisture (%)' read as shown in per cent: 0.011 as 1.1" in str(found)


def test_merged_cells_count_for_all_rows(tmp_path):
    """Catches: a label of three rows belongs to the first alone."""
    path = labelled(tmp_path / "x.xlsx", lambda sheet: sheet.merge_cells("B3:B4"))
    found = spektron_jax.read(path)
    assert found.target("moisture").tolist() == [1.5, 2.5, 2.5]
    assert "merged cells of column 2, rows 3 to 4: 2.5 counts" in str(found)


@pytest.mark.parametrize("kept", [0, 2])
def test_numbers_stored_as_text(tmp_path, kept):
    """Catches: text with decimal commas leaves no spectrum, and nothing says why."""

    def change(sheet):
        for row in sheet.iter_rows(min_row=2, min_col=2 + kept):
            for cell in row:
                cell.value = str(cell.value).replace(".", ",")

    found = spektron_jax.read(labelled(tmp_path / "x.xlsx", change))
    assert found.target("moisture").tolist() == [1.5, 2.5, 3.5]
    want = [row[1:] for row in ROWS[1:]]
    np.testing.assert_allclose(found.instruments["spectra"].spectra, want, atol=1e-6)
    assert "decimal commas" in str(found)


LITERAL = ['0.00"%"', r"0.00\%", '0.00" %"', '0.0;[Red]-0.0" %"', "0.0;-0%"]


@pytest.mark.parametrize("form", LITERAL)
def test_a_per_cent_sign_that_is_text(tmp_path, form):
    """Catches: 4.57 that shows as 4.57% is 457."""

    def change(sheet):
        for i in range(3):
            sheet.cell(2 + i, 2).number_format = form

    found = spektron_jax.read(labelled(tmp_path / "x.xlsx", change))
    assert found.target("moisture").tolist() == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("form", ["0.0%", '0.0%;[Red]-0.0%;"none"', '0.0 "pc" %'])
def test_a_title_with_per_cent_is_no_header(tmp_path, form):
    """Catches: one column of the spectra is a hundred times the others."""
    rows = [["NIR", "Reflectance (%)"], ["sample", "fat (%)", *NM.tolist()]]
    rows += [[row[0], 0.1, *row[1:]] for row in ROWS[1:]]
    for table in (rows, [[None, None, "Reflectance (%)"], *rows[1:]]):
        made = openpyxl.load_workbook(book(tmp_path / "x.xlsx", Data=table))
        for row in made.active.iter_rows(min_row=3, min_col=2):
            for cell in row:
                cell.number_format = form
        made.save(tmp_path / "x.xlsx")
        found = spektron_jax.read(tmp_path / "x.xlsx", unit="nm")
        want = [row[1:] for row in ROWS[1:]]
        spectra = found.instruments["spectra"].spectra
        np.testing.assert_allclose(spectra, want, atol=1e-6)
        np.testing.assert_allclose(found.target("fat"), [10, 10, 10])


@pytest.mark.parametrize(
    "names, remarks",
    [
        (["1,100", "1,101", "1,102"], ["a", "b", "c"]),
        (["12,0", "12,1", "12,2"], ["a", "b", "c"]),
        (["24.100", "24.101", "24.102"], ["1,5", "a", "b"]),
        (["a", "b", "c"], ["50,100", "ok", "ok"]),
        (["a", "b", "c"], ["24,100", "24,101", "24,102"]),
    ],
)
def test_names_and_remarks_keep_their_commas(tmp_path, names, remarks):
    """Catches: the name 12,0 becomes 12.0, and a remark of 50,100 is refused."""
    rows = [["sample", "remark", "fat", *(f"{x:g} nm" for x in NM.tolist())]]
    for i, row in enumerate(ROWS[1:]):
        rows.append([names[i], remarks[i], "4,57", *row[1:]])
    path = book(tmp_path / "x.xlsx", Data=[["NIR", None, "wavelengths"], *rows])
    found = spektron_jax.read(path)
    assert found.sample_ids.tolist() == names
    assert list(found.labels["remark"]) == remarks
    np.testing.assert_allclose(found.target("fat"), 4.57, rtol=1e-6)
    indexed = [[i - 1 if i else None, *row[:3]] for i, row in enumerate(rows)]
    for table in ([row[:3] for row in rows], indexed):
        path = book(tmp_path / "y.xlsx", Labels=table)
        labels = read_labels(path, wanted="fat")
        assert labels.only("fat").values[:, 0].tolist() == [4.57] * 3
        if table is not indexed or names[0] != "24.100":  # which may be a property
            assert labels.ids.tolist() == names
