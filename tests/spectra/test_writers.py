"""Files for other programs: what is written is there, also for other readers."""

import csv
import re
import struct
import warnings
from dataclasses import replace

import numpy as np
import pytest

import spektron_jax
from spektron_jax import SpectraSet, SpektronError
from spektron_jax.errors import SpektronWarning
from spektron_jax.spectra.readers import big_table
from spektron_jax.spectra.spectra_set import InstrumentSpectra
from spektron_jax.spectra.writers import SUFFIXES
from spektron_jax.spectra.writers.read_back import differences

EVEN = np.arange(1100.0, 1180.0, 2.0)
UNEVEN = np.cumsum(np.linspace(1.0, 1.6, 40)) + 400.0
TEXT = (".csv", ".tsv", ".txt")
LIGHT = tuple(suffix for suffix in SUFFIXES if suffix != ".xlsx")
ONE = [".csv", ".jdx", ".spc", ".xlsx"]


def instrument(axis=EVEN, unit="nm", quantity="log(1/R)", n=6, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    values = scale * rng.normal(size=(n, axis.size))
    return InstrumentSpectra(axis, unit, quantity, values, description="6500, 32 scans")


def make(n=6, modality="NIR", name="m5", **spectra):
    rng = np.random.default_rng(1)
    targets = rng.uniform(5, 20, (n, 2))
    targets[-1, 1] = np.nan
    return SpectraSet(
        {name: instrument(n=n, **spectra)},
        [f"s {i}" for i in range(n)],
        modality,
        targets,
        ("protein", "ash (dry)"),
        ("%", ""),
        {"batch": ["1", "2"] * (n // 2), "species": ["wheat", "oat"] * (n // 2)},
    )


def written(spectra, path, **options):
    """What comes back, written without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spektron_jax.write(spectra, path, **options)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    return spektron_jax.read(path)


KINDS = {
    "NIR": make(),
    "Raman": make(
        modality="Raman", axis=np.float32(UNEVEN - 500), unit="cm-1", quantity="counts"
    ),
    "IR in per cent": make(modality="IR", axis=EVEN, unit="cm-1", quantity="%T"),
    "reflectance, um": make(axis=EVEN / 1000, unit="um", quantity="reflectance"),
    "not known": make(modality="unknown", quantity="unknown", unit="cm-1"),
    "tiny": make(scale=1e-9),
    "huge": make(scale=1e9, quantity="intensity"),
    "uneven": make(modality="unknown", axis=UNEVEN.astype(np.float32), unit="nm"),
    "third decimals": make(axis=1100.125 + np.arange(40) / 1000, scale=0.0),
}
KINDS["third decimals"].instruments["m5"].spectra += np.float32(
    np.arange(240).reshape(6, 40) / 1000 + 1.001
)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_again(tmp_path, kind, suffix):
    found = written(KINDS[kind], tmp_path / f"file{suffix}")
    assert differences(KINDS[kind], found) == []
    assert found.sample_ids.tolist() == KINDS[kind].sample_ids.tolist()
    assert found.target_units == ("%", "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("delimiter", [None, ";", "\t"])
def test_decimal_commas(tmp_path, kind, delimiter):
    path = tmp_path / "file.csv"
    found = written(KINDS[kind], path, decimal=",", delimiter=delimiter)
    assert differences(KINDS[kind], found) == []
    numbers = path.read_text().partition("sample")[2]
    assert "." not in numbers and numbers.count(delimiter or ";") > 200


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_spectrum_without_anything_beside_it(tmp_path, suffix):
    plain = SpectraSet({"spectra": instrument(n=1)}, ["alone"], "NIR")
    assert differences(plain, written(plain, tmp_path / f"file{suffix}")) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_samples_without_a_spectrum(tmp_path, suffix):
    spectra = make()
    spectra.instruments["m5"].spectra[[1, 4]] = np.nan
    path = tmp_path / f"file{suffix}"
    if suffix in (*TEXT, ".xlsx", ".h5", ".hdf5"):
        assert differences(spectra, written(spectra, path)) == []
        return
    with pytest.warns(SpektronWarning, match="2 samples without a spectrum"):
        spektron_jax.write(spectra, path)
    kept = spectra.take([0, 2, 3, 5])
    assert differences(kept, spektron_jax.read(path)) == []
    spectra.instruments["m5"].spectra[:] = np.nan
    with pytest.raises(SpektronError, match="no sample has a spectrum"):
        spektron_jax.write(spectra, path)


def test_several_instruments(tmp_path):
    pair = make()
    pair.instruments["a-b?"] = instrument(UNEVEN, seed=4)
    pair.instruments["a-b*"] = instrument(EVEN + 1, quantity="absorbance", seed=5)
    pair.instruments["mp6"] = instrument(EVEN, "cm-1", seed=6)
    pair.modality = "unknown"
    pair.instruments["mp6"].spectra[3] = np.nan
    for suffix in (".xlsx", ".h5"):
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        assert differences(pair, written(pair, folder / f"file{suffix}")) == []
    for suffix in (".csv", ".jdx", ".spc"):
        with pytest.raises(SpektronError, match="'m5', 'a-b.', 'a-b.', 'mp6'; give"):
            spektron_jax.write(pair, tmp_path / f"file{suffix}")
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        alone = replace(pair, instruments={"a-b*": pair.instruments["a-b*"]})
        found = written(pair, folder / f"file{suffix}", instrument="a-b*")
        assert differences(alone, found) == []
    with pytest.raises(SpektronError, match="instrument 'm6': the set has 'm5'"):
        spektron_jax.write(pair, tmp_path / "file.xlsx", instrument="m6")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_text_around_the_table(tmp_path, suffix):
    spectra = make()
    spectra.metadata = {
        "title": "Corn, 80 samples; 'moisture'",
        "note": 'said "so": =1+1\n@two lines | and µ',
    }
    found = written(spectra, tmp_path / f"file{suffix}")
    assert differences(spectra, found) == []
    assert "comments" not in found.metadata


def lossy():
    spectra = make(quantity="absorbance")
    one = spectra.instruments["m5"]
    one.standards = ["white"], one.spectra[:1]
    one.replicates = one.spectra[None]
    spectra.split = np.array(["train", "test"] * 3)
    return spectra


@pytest.mark.parametrize("suffix", ONE)
def test_what_a_format_cannot_hold_is_said(tmp_path, suffix):
    with pytest.warns(SpektronWarning) as caught:
        spektron_jax.write(lossy(), tmp_path / f"file{suffix}")
    (said,) = caught
    for word in ("standards", "replicates", "split left out", "an .h5 file does"):
        assert word in str(said.message)
    assert said.filename == __file__


@pytest.mark.parametrize(
    "suffix, change, text",
    [
        (".jdx", {"metadata": {"licence": "CC0"}}, "metadata left out.*licence"),
        (".jdx", {"sample_ids": ["a  b", *"cdefg"]}, "id 'a  b' becomes 'a b'"),
        (".csv", {"sample_ids": ["=a", *"cdefg"]}, "id '=a' becomes \"'=a\""),
        (".csv", {"sample_ids": ["a\nb", *"cdefg"]}, "becomes 'a b'"),
        (".csv", {"sample_ids": list("aacdef")}, "takes 5 of 6 samples"),
        (".csv", {"target_units": ("(%)", "")}, "target 'protein' in '\\(%\\)' left"),
    ],
)
def test_what_becomes_of_it_is_said(tmp_path, suffix, change, text):
    spectra = replace(make(), **change)
    with pytest.warns(SpektronWarning, match=text):
        spektron_jax.write(spectra, tmp_path / f"file{suffix}")


def test_a_large_table(tmp_path):
    spectra = make(600, axis=np.arange(1100.0, 2500.0, 2.0))
    path = tmp_path / "file.csv"
    assert differences(spectra, written(spectra, path)) == []
    assert path.stat().st_size > big_table.MIN_BYTES


def test_an_uneven_axis_of_float64_in_spc(tmp_path):
    spectra = make(axis=UNEVEN, modality="unknown")
    with pytest.warns(SpektronWarning, match="m5: axis rounded, by up to .* nm"):
        spektron_jax.write(spectra, tmp_path / "file.spc")


@pytest.mark.parametrize("suffix", ONE)
def test_a_file_is_whole_or_not_there(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(b"older")

    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spektron_jax.spectra.writers.read", fails)
    with pytest.raises(SpektronError, match="cannot be written .No space left"):
        spektron_jax.write(make(), path)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"older"
    with pytest.raises(SpektronError, match="cannot be written"):
        spektron_jax.write(make(), tmp_path / "absent" / path.name)


def test_what_could_not_be_read_is_not_written(tmp_path):
    two_points = make(axis=np.array([1000.0, 1100.0]))
    with pytest.raises(SpektronError, match=r"file.csv: not written, .*\.h5"):
        spektron_jax.write(two_points, tmp_path / "file.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name, options, text",
    [
        ("file.sav", {}, "no format is known by the suffix '.sav'; use one of .csv"),
        ("file", {}, "no format is known"),
        ("file.spc", {"decimal": ","}, "are of .csv, .tsv and .txt"),
        ("file.csv", {"decimal": ",", "delimiter": ","}, "both ','; give delimiter"),
        ("file.csv", {"delimiter": " "}, "the delimiter is"),
        ("file.csv", {"decimal": ""}, "the decimal mark"),
    ],
)
def test_wrong_arguments(tmp_path, name, options, text):
    with pytest.raises(SpektronError, match=text):
        spektron_jax.write(make(), tmp_path / name, **options)


def test_more_than_a_sheet_holds(tmp_path):
    wide = make(axis=np.linspace(400, 4000, 16384), unit="cm-1", modality="IR")
    with pytest.raises(SpektronError, match="m5.*of 16389 columns are more"):
        spektron_jax.write(wide, tmp_path / "file.xlsx")
    assert not list(tmp_path.iterdir())


def test_no_cell_is_a_formula(tmp_path):
    spectra = replace(make(), sample_ids=["=1+1", "@SUM(A1)", *"abcd"])
    spectra.labels["species"] = np.array(["+cmd|' /C calc'!A0", *"abcde"])
    spectra.target_names = ("-protein", "ash")
    spectra.metadata = {"title": "a,=1+1;=2"}
    for suffix, delimiter in ((".csv", ","), (".tsv", "\t")):
        path = tmp_path / f"file{suffix}"
        with pytest.warns(SpektronWarning):
            spektron_jax.write(spectra, path)
        text = path.read_text(encoding="utf-8").splitlines()
        for cell in sum(csv.reader(text, delimiter=delimiter), []):
            number = re.fullmatch(r"-\d[\d.e-]*", cell)
            assert number or not cell.startswith(("=", "+", "-", "@")), cell


def test_no_cell_of_a_workbook_is_a_formula(tmp_path):
    import openpyxl

    spectra = replace(make(), sample_ids=["=1+1", "@SUM(A1)", *"abcd"])
    found = written(spectra, tmp_path / "file.xlsx")
    assert found.sample_ids[0] == "=1+1"
    sheet = openpyxl.load_workbook(tmp_path / "file.xlsx").active
    assert {cell.data_type for row in sheet for cell in row} == {"s", "n"}


# Independent readers


def check_table(header, rows, spectra):
    """Cells as another program takes them: header, and rows of text and numbers."""
    one = spectra.instruments["m5"]
    assert header[:5] == ["sample", "protein (%)", "ash (dry) ()", "batch", "species"]
    np.testing.assert_array_equal(np.array(header[5:], float), one.axis)
    assert [row[0] for row in rows] == spectra.sample_ids.tolist()
    values = np.array([row[5:] for row in rows], float)
    np.testing.assert_array_equal(values.astype(np.float32), one.spectra)
    protein = np.array([row[1] for row in rows], float)
    np.testing.assert_array_equal(protein.astype(np.float32), spectra.targets[:, 0])
    assert [row[4] for row in rows] == spectra.labels["species"].tolist()


def test_csv_by_the_standard_library(tmp_path):
    spectra = make()
    written(spectra, tmp_path / "file.csv")
    lines = (tmp_path / "file.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.reader(line for line in lines if not line.startswith("#")))
    check_table(rows[0], rows[1:], spectra)


@pytest.mark.parametrize("decimal", [".", ","])
def test_csv_by_pandas(tmp_path, decimal):
    pandas = pytest.importorskip("pandas")
    spectra = make()
    written(spectra, tmp_path / "file.csv", decimal=decimal)
    sep = ";" if decimal == "," else ","
    table = pandas.read_csv(
        tmp_path / "file.csv", comment="#", sep=sep, decimal=decimal
    )
    header = [str(name).replace(",", ".") for name in table.columns]
    check_table(header, table.to_numpy().tolist(), spectra)


def test_excel_by_pandas(tmp_path):
    pandas = pytest.importorskip("pandas")
    spectra = make()
    written(spectra, tmp_path / "file.xlsx")
    table = pandas.read_excel(tmp_path / "file.xlsx", header=None)
    at = table.index[table[0] == "sample"][0]
    rows = table.to_numpy().tolist()
    check_table(rows[at], rows[at + 1 :], spectra)


def test_excel_by_openpyxl(tmp_path):
    import openpyxl

    spectra = make()
    written(spectra, tmp_path / "file.xlsx")
    book = openpyxl.load_workbook(tmp_path / "file.xlsx")
    assert book.sheetnames == ["m5"]
    rows = [list(row) for row in book["m5"].iter_rows(values_only=True)]
    at = [row[0] for row in rows].index("sample")
    check_table(rows[at], rows[at + 1 :], spectra)


@pytest.mark.parametrize("axis", [EVEN, UNEVEN])
def test_jcamp_by_its_published_form(tmp_path, axis):
    spectra = make(axis=axis, modality="unknown")
    path = tmp_path / "file.jdx"
    written(spectra, path)
    blocks = path.read_text().split("##TITLE=")[2:]
    assert len(blocks) == len(spectra)
    assert max(map(len, path.read_text().splitlines())) <= 80
    for i, block in enumerate(blocks):
        labels = dict(re.findall(r"^##([^=]+)=(.*)$", block, re.M))
        table = re.split(r"\(X.*\)\n", block)[1].partition("##END")[0]
        lines = [re.split(r",? ", line) for line in table.splitlines()]
        values = np.array([word for line in lines for word in line[1:]], float)
        np.testing.assert_array_equal(
            np.float32(values), spectra.instruments["m5"].spectra[i]
        )
        assert block.startswith(f"s {i}\n")
        assert (labels["XUNITS"], labels["YUNITS"]) == ("NANOMETERS", "LOG(1/R)")
        assert int(labels["NPOINTS"]) == axis.size
        ends = [float(labels["FIRSTX"]), float(labels["LASTX"])]
        np.testing.assert_allclose(ends, axis[[0, -1]])
        starts = np.array([line[0] for line in lines], float)
        assert np.isin(starts.round(6), axis.round(6)).all()


def test_jcamp_by_another_library(tmp_path):
    jcamp = pytest.importorskip("jcamp")
    spectra = make()
    written(spectra, tmp_path / "file.jdx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = jcamp.readfile(str(tmp_path / "file.jdx"))
    assert found["blocks"] == 6
    for i, child in enumerate(found["children"]):
        one = spectra.instruments["m5"]
        np.testing.assert_allclose(child["x"], one.axis)
        np.testing.assert_array_equal(np.float32(child["y"]), one.spectra[i])


@pytest.mark.parametrize("n, axis", [(6, EVEN), (2, UNEVEN.astype(np.float32))])
def test_spc_by_its_published_layout(tmp_path, n, axis):
    """SPC.H of GRAMS, by the offsets of its header."""
    spectra = make(n, axis=axis, modality="unknown", quantity="absorbance")
    written(spectra, tmp_path / "file.spc")
    data = (tmp_path / "file.spc").read_bytes()
    flags, version, _, exponent = struct.unpack_from("<BBBb", data, 0)
    points, first, last, count = struct.unpack_from("<IddI", data, 4)
    xtype, ytype, ztype = struct.unpack_from("<BBB", data, 28)
    assert (version, exponent, points, count) == (0x4B, -128, axis.size, n)
    assert (xtype, ytype, ztype) == (3, 2, 0)  # nm, absorbance, arbitrary
    np.testing.assert_array_equal([first, last], axis[[0, -1]])
    at = 512
    assert bool(flags & 0x80) == (axis is not EVEN) and flags & 0x04
    if flags & 0x80:
        np.testing.assert_array_equal(np.frombuffer(data, "<f4", points, at), axis)
        at += 4 * points
    for i in range(n):
        sub_exponent, index = struct.unpack_from("<bH", data, at + 1)
        assert (sub_exponent, index) == (-128, i)
        values = np.frombuffer(data, "<f4", points, at + 32)
        np.testing.assert_array_equal(values, spectra.instruments["m5"].spectra[i])
        at += 32 + 4 * points
    (log_at,) = struct.unpack_from("<I", data, 248)
    size, _, text_at, binary, disk = struct.unpack_from("<5I", data, log_at)
    assert (log_at, log_at + size, binary, disk) == (at, len(data), 0, 0)
    assert data[log_at + text_at :].startswith(b"SPEKTRON_JAX={")
    assert data.endswith(b"\r\n\0")


@pytest.mark.parametrize("n, axis", [(6, EVEN), (2, UNEVEN.astype(np.float32))])
def test_spc_by_an_independent_reader(tmp_path, n, axis):
    spc_io = pytest.importorskip("spc_io", reason="pip install spc-io")
    spectra = make(n, axis=axis, modality="unknown", quantity="absorbance")
    written(spectra, tmp_path / "file.spc")
    with (tmp_path / "file.spc").open("rb") as file:
        found = list(spc_io.SPC.from_bytes_io(file))
    assert len(found) == n
    for one, values in zip(found, spectra.instruments["m5"].spectra, strict=True):
        np.testing.assert_allclose(one.xarray, axis, rtol=1e-12)
        np.testing.assert_array_equal(np.float32(one.yarray), values)


def test_a_damaged_log_is_left_out(tmp_path):
    path = tmp_path / "file.spc"
    spectra = make()
    written(spectra, path)
    good = path.read_bytes()
    for old, new in ((b'"s 0", ', b""), (b'{"instrument"', b'["instrument"')):
        path.write_bytes(good.replace(old, new))
        found = spektron_jax.read(path)
        assert "is damaged" in str(found.problems[0])
        assert found.sample_ids[0] == "file 1"
        np.testing.assert_array_equal(
            found.instruments["spectra"].spectra, spectra.instruments["m5"].spectra
        )


def test_notes_that_a_spreadsheet_saved_again(tmp_path):
    """It quotes lines, adds delimiters to their ends and takes others."""
    path = tmp_path / "file.csv"
    spectra = make()
    written(spectra, path)
    lines = path.read_text().splitlines()
    width = lines[-1].count(",")
    saved = [
        line + ";" * width if line.startswith("#") else line.replace(",", ";")
        for line in lines
    ]
    path.write_text("\n".join(saved) + "\n")
    assert differences(spectra, spektron_jax.read(path)) == []
