"""Tables of labels: every separator, decimal commas, Excel, and what is told of faults.

Samples of one and of two instruments, chosen and labelled by the same code.
"""

import numpy as np
import pytest
from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.labels import read_labels
from spektron_jax.spectra.samples import read_paired, read_samples
from spektron_jax.spectra.spectra_file import save
from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet

TABLES = {
    "comma": "sample,fat (%),oil\na,1.5,2\nb,,-3.25\n",
    "semicolon": "sample;fat (%);oil\na;1,5;2\nb;;-3,25\n",
    "tab": "sample\tfat (%)\toil\na\t1,5\t2\nb\t\t-3,25\n",
    "quoted": '"sample";"fat (%)";"oil"\r\n"a";"1,5";"2"\r\n"b";"";"-3,25"\r\n',
    "notes": "# of 2026, in %\n\nsample,fat (%),oil\na,1.5,2\nb,NaN,-3.25\n",
    "trailing": "sample;fat (%);oil;\na;1.5;2;\nb;;-3.25;\n",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_same_labels_from_every_table(tmp_path, text, encoding):
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode(encoding))
    check_table(read_labels(path))


def test_the_same_labels_from_excel(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["sample", "fat (%)", "oil"], ["a", 1.5, 2], ["b", None, "-3.25"]):
        book.active.append(row)
    book.create_sheet("empty")
    book.save(tmp_path / "labels.xlsx")
    check_table(read_labels(tmp_path / "labels.xlsx"))
    book["empty"].append(["more"])
    book.save(tmp_path / "labels.xlsx")
    with pytest.raises(SpektronError, match="'empty' are filled; keep the table alone"):
        read_labels(tmp_path / "labels.xlsx")


def check_table(labels):
    assert labels.ids.tolist() == ["a", "b"] and not labels.warnings
    assert labels.names == ("fat", "oil") and labels.units == ("%", "")
    np.testing.assert_array_equal(labels.values, [[1.5, 2], [np.nan, -3.25]])
    found = labels.at(np.array(["b", "x", "a"]))
    np.testing.assert_array_equal(found, [[np.nan, -3.25], [np.nan] * 2, [1.5, 2]])
    assert labels.unmatched(np.array(["a", "x"])) == 1
    for name in ("fat", "fat (%)"):
        one = labels.only(name)
        assert one.names == ("fat",) and one.units == ("%",)
    with pytest.raises(
        SpektronError, match="property = 'x': choose one of fat, oil in"
    ):
        labels.only("x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,fat\na,1\nb,tall\n", r"line 3, column 2 \(fat\): 'tall' is not a number"),
        ("id,fat\na,1\n,2\n", "line 3, column 1: the sample id is missing"),
        ("id,fat\na,1\nb,2\na,3\n", "line 4: sample 'a' stands in line 2 already"),
        ("id,fat\na,1\nb,2,3\n", "line 3: 3 cells, the header has 2"),
        ("id,fat,fat\na,1,2\n", "line 1: give every column of labels a name"),
        ("id\na\n", "line 1: labels need a header and rows"),
        ("id,fat\n", "line 1: labels need a header and rows"),
        ("id;fat;oil\na;1,5;1.5\n", "line 2: a decimal point, but line 2 has decimal"),
        ("", "byte 0: the file is empty"),
        ("\x93NUMPY....", "holds NumPy; give the table as CSV or Excel"),
    ],
)
def test_faults_name_the_line_and_the_column(tmp_path, text, message):
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SpektronError, match=f"labels.csv: .*{message}"):
        read_labels(path)


def test_good_rows_are_kept_when_reading_is_not_strict(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("id,fat,oil\na,1,tall\nb,2,3\na,9,9\n,4,4\n")
    labels = read_labels(path, strict=False)
    np.testing.assert_array_equal(labels.values, [[1, np.nan], [2, 3]])
    assert len(labels.warnings) == 3
    assert "'tall' is not a number" in labels.warnings[0]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(SpektronError, match="no.csv: cannot be read"):
        read_labels(tmp_path / "no.csv")


@pytest.fixture
def files(instruments, tmp_path):
    """Two instruments of 12 samples, the target in transmittance and wavenumbers."""
    X_s, axis, X_t, _, y = instruments(samples=12)
    ids = [f"s{i}" for i in range(12)]
    old = InstrumentSpectra(axis, "nm", "absorbance", X_s)
    new = InstrumentSpectra(
        1e7 / axis[::-1], "cm-1", "transmittance", 10 ** -X_t[:, ::-1]
    )
    names, units = ("fat", "oil"), ("%", "g")
    targets = np.column_stack([y, -y])
    both = SpectraSet({"old": old, "new": new}, ids, "NIR", targets, names, units)
    save(tmp_path / "both.h5", both)
    bare = SpectraSet({"new": new}, ids, "NIR")
    save(tmp_path / "new.h5", bare)
    return both, tmp_path


def settings(folder, path="both.h5", **given):
    names = ("instrument", "source", "target", "property", "source_path")
    names += ("target_path", "labels_path", "unit", "modality")
    data = dict.fromkeys(names, "") | {"strict": True}
    data["path"] = path and f"{folder / path}"
    return ConfigDict(data | given)


def test_one_instrument_with_its_labels(files):
    both, folder = files
    found = read_samples(settings(folder, instrument="old"))
    np.testing.assert_array_equal(found.X, both.instruments["old"].spectra)
    np.testing.assert_array_equal(found.y, both.targets)
    assert found.labels.names == ("fat", "oil") and found.unit == "nm"
    one = read_samples(settings(folder, instrument="old", property="oil"))
    np.testing.assert_array_equal(one.y[:, 0], both.target("oil"))
    assert one.take(np.arange(3)).y.shape == (3, 1)
    with pytest.raises(SpektronError, match="instrument = '': choose one of old, new"):
        read_samples(settings(folder))
    with pytest.raises(SpektronError, match="property = 'x': choose one of fat, oil"):
        read_samples(settings(folder, instrument="old", property="x"))


def test_labels_of_another_file(files):
    _, folder = files
    (folder / "labels.csv").write_text("id;fat\ns1;1,5\ns3;2\nx;3\n")
    found = read_samples(settings(folder, "new.h5", labels_path=folder / "labels.csv"))
    assert found.instrument == "new" and np.isfinite(found.y).sum() == 2
    assert found.y[1] == 1.5 and found.y[3] == 2
    with pytest.raises(SpektronError, match="holds no labels; give config.data.labels"):
        read_samples(settings(folder, "new.h5", property="fat"))
    (folder / "labels.csv").write_text("id;fat\ns99;1,5\n")
    with pytest.raises(SpektronError, match="such as 's0'; the sample ids must match"):
        _ = read_samples(
            settings(folder, "new.h5", labels_path=folder / "labels.csv")
        ).y


def test_two_instruments_of_one_file(files):
    both, folder = files
    given = settings(folder, source="old", target="new", property="fat")
    paired = read_paired(given)
    np.testing.assert_allclose(paired.axis_target[::-1], paired.axis_source)
    np.testing.assert_allclose(
        10**-paired.X_target, both.instruments["new"].spectra, rtol=1e-5
    )
    np.testing.assert_array_equal(paired.y, both.target("fat"))
    assert paired.names["property_unit"] == "%" and list(paired.files) == ["both.h5"]
    assert paired.warnings == ("target converted from transmittance to absorbance",)


def test_two_files_pair_by_their_ids(files):
    both, folder = files
    some = SpectraSet(
        {"old": both.instruments["old"]},
        [f"s{i + 6}" for i in range(12)],
        "NIR",
        both.targets[:, :1],
        ("fat",),
    )
    save(folder / "old.h5", some)
    paths = {"source_path": f"{folder}/old.h5", "target_path": f"{folder}/new.h5"}
    paired = read_paired(settings(folder, "", **paths))
    on_source, on_target = paired.measured()
    assert paired.ids.size == 18 and (on_source & on_target).sum() == 6
    assert np.isfinite(paired.y).sum() == 12 and len(paired.files) == 2
    (folder / "labels.csv").write_text("id,fat\ns3,1\ns4,2\nx,3\n")
    more = {"labels_path": f"{folder}/labels.csv"}
    paired = read_paired(settings(folder, "", **paths | more))
    known = {str(i): y for i, y in zip(paired.ids, paired.y, strict=True) if y > 0}
    assert known == {"s3": 1, "s4": 2} and len(paired.files) == 3
    assert any(text.startswith("1 labels belong to no") for text in paired.warnings)
    assert any("12 source spectra have no label" in text for text in paired.warnings)


def test_the_sources_label_stands_before_the_targets(files):
    both, folder = files
    targets = both.targets[:, :1].copy()
    targets[:4] = np.nan
    for name, values in (("old", targets), ("new", both.targets[:, :1] + 1)):
        one = {name: both.instruments[name]}
        save(
            folder / f"{name}.h5",
            SpectraSet(one, both.sample_ids, "NIR", values, ("fat",), (name,)),
        )
    paths = {"source_path": f"{folder}/old.h5", "target_path": f"{folder}/new.h5"}
    paired = read_paired(settings(folder, "", **paths))
    np.testing.assert_allclose(paired.y[4:], both.target("fat")[4:])
    np.testing.assert_allclose(paired.y[:4], both.target("fat")[:4] + 1, rtol=1e-6)
    assert paired.names["property_unit"] == "old"


@pytest.mark.parametrize(
    "head", ["# by hand, 2024\nsample;protein", "#;protein", "# all\n#id;protein"]
)
def test_ids_and_headers_that_look_like_comments(tmp_path, head):
    path = tmp_path / "labels.csv"
    path.write_text(f"{head}\n#1;10,2\n#2;11,5\n")
    labels = read_labels(path)
    assert labels.ids.tolist() == ["#1", "#2"] and labels.names == ("protein",)
    assert labels.values.ravel().tolist() == [10.2, 11.5]
