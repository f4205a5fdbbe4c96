"""Delimited text: layouts, encodings, decimal commas, and errors with their place."""

import numpy as np
import pytest
import spectra_files as files

import spektron_jax
from spektron_jax.errors import SpektronError

NM, CM1, NAMES = files.NM, files.CM1, files.ids()
SPECTRA = files.bands(NM)


def read(path, unit="nm", **options):
    found = spektron_jax.read(path, unit=unit, **options)
    return found, found.instruments["spectra"]


def assert_right(found, axis=NM, spectra=SPECTRA, names=NAMES):
    one = found.instruments["spectra"]
    np.testing.assert_allclose(one.axis, axis, rtol=1e-9)
    np.testing.assert_allclose(one.spectra, spectra, atol=1e-7)
    assert found.sample_ids.tolist() == list(names)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("writer", [files.wide_csv, files.long_csv])
def test_layouts_and_delimiters(tmp_path, writer, delimiter):
    writer(tmp_path / "x.csv", NM, SPECTRA, NAMES, delimiter)
    found, _ = read(tmp_path / "x.csv")
    assert_right(found)
    layout = "wide" if writer is files.wide_csv else "long"
    assert f"read as {layout}" in found.describe()


@pytest.mark.parametrize("delimiter", [";", "\t", " "])
def test_decimal_commas(tmp_path, delimiter):
    files.long_csv(tmp_path / "x.txt", NM, SPECTRA, NAMES, delimiter, ",")
    found, _ = read(tmp_path / "x.txt")
    assert_right(found)
    assert "decimal commas" in found.describe()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(tmp_path, encoding):
    files.wide_csv(tmp_path / "x.csv", NM, SPECTRA, ["Öl", *NAMES[1:]])
    text = (tmp_path / "x.csv").read_text(encoding="utf-8")
    (tmp_path / "x.csv").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert_right(read(tmp_path / "x.csv")[0], names=["Öl", *NAMES[1:]])


def test_a_falling_axis_is_turned_round(tmp_path):
    spectra = files.bands(CM1)
    files.wide_csv(tmp_path / "x.csv", CM1, spectra, NAMES)
    found, _ = read(tmp_path / "x.csv", "cm-1")
    assert_right(found, CM1[::-1], spectra[:, ::-1])


def test_headers_name_the_unit_and_prefixes_are_understood(tmp_path):
    for head in ("{:g} nm", "X{:g}", "nm_{:g}", '"{:g}"'):
        rows = ["id," + ",".join(head.format(x) for x in NM)]
        rows += [
            n + "," + ",".join(map(str, y)) for n, y in zip(NAMES, SPECTRA, strict=True)
        ]
        (tmp_path / "x.csv").write_text("\n".join(rows) + "\n")
        assert_right(read(tmp_path / "x.csv", None if "nm" in head else "nm")[0])


def test_tidy_tables(tmp_path):
    files.tidy_csv(tmp_path / "x.csv", NM, SPECTRA, NAMES)
    found, one = read(tmp_path / "x.csv", None)
    assert_right(found)
    assert one.quantity == "absorbance" and one.unit == "nm"


def test_a_single_spectrum_without_header(tmp_path):
    files.long_csv(tmp_path / "x.txt", NM, SPECTRA[:1], [""], " ", head=None)
    assert_right(read(tmp_path / "x.txt")[0], spectra=SPECTRA[:1], names=["x"])


def test_sample_numbers_are_not_taken_for_an_axis(tmp_path):
    names = [str(i) for i in range(1, 6)]
    files.wide_csv(tmp_path / "x.csv", NM, SPECTRA, names, head="")
    assert_right(read(tmp_path / "x.csv")[0], names=names)
    files.long_csv(tmp_path / "x.csv", NM, SPECTRA, names, head="")
    assert_right(read(tmp_path / "x.csv")[0], names=names)


def test_targets_labels_comments_and_preamble(tmp_path):
    lines = ["# made by hand", "Instrument: FT", ""]
    lines += ["name,species,protein (%),oil," + ",".join(map(str, NM))]
    for i, row in enumerate(SPECTRA):
        oil = "" if i == 2 else i / 10
        cells = [f"s{i + 1}", "wheat", 9.5 + i, oil, *row]
        lines.append(",".join(map(str, cells)))
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    found, _ = read(tmp_path / "x.csv")
    assert_right(found)
    assert found.target_names == ("protein", "oil") and found.target_units == ("%", "")
    np.testing.assert_allclose(found.target("protein"), 9.5 + np.arange(5))
    np.testing.assert_allclose(found.target("oil"), [0, 0.1, np.nan, 0.3, 0.4])
    assert set(found.labels["species"]) == {"wheat"}
    assert found.metadata["comments"] == "# made by hand\nInstrument: FT"


def test_the_unit_is_asked_for_or_found_from_the_modality(tmp_path):
    path = tmp_path / "x.csv"
    files.wide_csv(path, NM, SPECTRA, NAMES)
    with pytest.raises(SpektronError, match="x.csv: first row: 1100 to 2498 .* give"):
        read(path, None)
    found, one = read(path, None, modality="NIR")
    assert one.unit == "nm" and "unit nm taken" in found.describe()
    with pytest.raises(SpektronError, match="outside NIR and.* in nm it would fit"):
        read(path, "cm-1", modality="NIR")
    files.long_csv(path, NM, SPECTRA, NAMES, head="Wavelength (nm)")
    with pytest.raises(SpektronError, match="file says nm and unit='cm-1' was asked"):
        read(path, "cm-1")


def broken(path, change):
    files.wide_csv(path, NM, SPECTRA, NAMES)
    lines = path.read_text().splitlines(keepends=True)
    cells = [line.rstrip("\n").split(",") for line in lines]
    change(cells)
    path.write_text("\n".join(",".join(row) for row in cells) + "\n")


def put(row, column, text):
    return lambda cells: cells[row].__setitem__(column, text)


# change of the table -> (message, rows kept with strict=False, None = refused anyhow)
ERRORS = {
    "text": (put(2, 3, "n.d."), "line 3, column 4: 'n.d.' is not a number", 4),
    "underscore": (put(2, 3, "1_000"), "'1_000' is not a number", 4),
    "other digits": (put(2, 3, "٣"), "'٣' is not a number", 4),
    "infinity": (put(2, 3, "inf"), "'inf' is not a number", 4),
    "overflow": (put(2, 3, "1e999"), "row 2 .s2.: point 3 is infinite", 4),
    "thousands": (put(2, 3, "1.000.000"), "'1.000.000' is not a number", 4),
    "missing": (put(2, 3, ""), "line 3: 1 values missing, the first at 1147.4", 5),
    "nan": (put(2, 3, "NaN"), "line 3: 1 values missing", 5),
    "short row": (lambda c: c[2].pop(), "line 3: ragged: 60 cells, the first row", 4),
    "long row": (lambda c: c[2].append("1"), "line 3: ragged: 62 cells", 4),
    "cut off": (lambda c: c[-1].__delitem__(slice(9, None)), "line 6: ragged: 9", 4),
    "same id": (put(2, 0, "s1"), "sample id 's1' stands 2 times", 4),
    "no id": (put(2, 0, ""), "line 3, column 1: the sample id is missing", 5),
    "constant": (lambda c: c[2].__setitem__(slice(1, None), ["1"] * 60), "constant", 4),
    "same position": (put(0, 3, "1123.7"), "position 1123.7 stands twice", None),
    "turned": (put(0, 3, "1100.5"), "turns back at point 3", None),
    "axis text": (put(0, 3, "11o0"), "column 4: '11o0' among positions", None),
    "mixed units": (put(0, 3, "1147.4 cm-1"), "mixed", None),
}


@pytest.mark.parametrize("name", ERRORS)
def test_faults(tmp_path, name):
    change, message, kept = ERRORS[name]
    path = tmp_path / "x.csv"
    broken(path, change)
    if name == "mixed units":
        path.write_text(path.read_text().replace("1100,", "1100 nm,", 1))
    before = path.read_bytes()
    with pytest.raises(SpektronError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    if kept is None:
        with pytest.raises(SpektronError, match=message):
            read(path, strict=False)
    else:
        found, _ = read(path, strict=False)
        assert len(found) == kept and len(found.problems + found.notes) >= 2
        assert "problems: " in found.describe()
    assert path.read_bytes() == before


def test_text_in_a_target_is_a_fault_not_a_label(tmp_path):
    def change(cells):
        for i, row in enumerate(cells):
            row.insert(1, "protein" if i == 0 else str(9.0 + i))
        cells[2][1] = "?"

    broken(tmp_path / "x.csv", change)
    with pytest.raises(SpektronError, match=r"line 3, column 2 \(protein\): '\?'"):
        read(tmp_path / "x.csv")


def test_a_file_that_ends_within_a_number(tmp_path):
    path = tmp_path / "x.csv"
    spectra = SPECTRA + 0.0011
    files.long_csv(path, NM, spectra, NAMES)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])  # only the last line end is missing
    assert_right(read(path)[0], spectra=spectra)
    path.write_bytes(whole[:-4])
    with pytest.raises(SpektronError, match="line 61: .* it looks cut off"):
        read(path)
    assert read(path, strict=False)[1].axis.size == 59


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "byte 0: the file is empty"),
        (b"\n\n", "line 1: the file is empty|unknown format"),
        (b"a,b\nc,d\ne,f\n", "neither the first row nor the first column holds"),
        (b"id,1100,1110,1120,1130\n", "no spectrum could be read"),
        (b"nm,\xb5\n1100,2\n1110,3\n1120,4\n", "line 1: is not UTF-8 text"),
        (b'nm,"a\n1100,2\n1110,3\n', "line 1: quotation marks do not match"),
        (b"nm;a\n1100,5;1,2\n1110.5;1,3\n", "line 3: a decimal point, but line 2 has"),
        (b"a,1100,1110\n", "neither the first row"),
    ],
)
def test_files_that_are_refused(tmp_path, content, message):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(SpektronError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_windows_text_is_read_when_not_strict(tmp_path):
    files.wide_csv(tmp_path / "x.csv", NM, SPECTRA, ["Oel", *NAMES[1:]])
    data = (tmp_path / "x.csv").read_bytes().replace(b"Oel", b"\xd6l")
    (tmp_path / "x.csv").write_bytes(data)
    found, _ = read(tmp_path / "x.csv", strict=False)
    assert_right(found, names=["Öl", *NAMES[1:]])
    assert "Windows text" in found.describe()


def test_a_table_that_reads_both_ways_is_refused(tmp_path):
    rows = [["", *range(1100, 1150, 10)]]
    rows += [[1200 + 10 * i, *np.arange(5) / 10 + i] for i in range(5)]
    text = "\n".join(",".join(map(str, row)) for row in rows) + "\n"
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(SpektronError, match="could both be positions; name the first"):
        read(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("wavelength" + text)
    assert read(tmp_path / "x.csv")[1].axis[0] == 1200
    (tmp_path / "x.csv").write_text("sample" + text)
    assert read(tmp_path / "x.csv")[1].axis[0] == 1100
