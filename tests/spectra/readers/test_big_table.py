"""Large text files: read in blocks, with what the reader of small files gives."""

import numpy as np
import pytest
import spectra_files as files
from test_readings import NM, X, Y, table, wide

import spektron_jax
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.readers import big_table, csv

_READ_SMALL = csv._read_small
SPECTRA, NAMES = files.bands(files.NM, 40), files.ids(40)


def both(path, monkeypatch, blocks=True, **options):
    """What small and large files give; whether blocks were used is checked."""
    results, used, small = [], [], _READ_SMALL
    monkeypatch.setattr(csv, "_read_small", lambda *a: used.append(1) or small(*a))
    for size in (2**60, 0):
        monkeypatch.setattr(big_table, "MIN_BYTES", size)
        monkeypatch.setattr(big_table, "_BLOCK", 500)
        used.clear()
        try:
            results.append(spektron_jax.read(path, **options))
        except SpektronError as error:
            results.append(str(error))
    assert bool(used) != blocks
    return results


def assert_same(one, other):
    if isinstance(one, str):
        assert one == other
        return
    assert one.sample_ids.tolist() == other.sample_ids.tolist()
    assert list(map(str, one.problems)) == list(map(str, other.problems))
    assert list(map(str, one.notes)) == list(map(str, other.notes))
    assert one.target_names == other.target_names and one.metadata == other.metadata
    np.testing.assert_array_equal(one.targets, other.targets)
    a, b = one.instruments["spectra"], other.instruments["spectra"]
    assert (a.unit, a.quantity) == (b.unit, b.quantity)
    np.testing.assert_array_equal(a.axis, b.axis)
    np.testing.assert_array_equal(a.spectra, b.spectra)


@pytest.mark.parametrize("sep", [",", ";", "\t"])
@pytest.mark.parametrize("writer", [files.wide_csv, files.long_csv])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_layouts(tmp_path, monkeypatch, writer, sep, end):
    path = tmp_path / "x.csv"
    writer(path, files.NM, SPECTRA, NAMES, sep)
    path.write_bytes(path.read_text().replace("\n", end).encode())
    assert_same(*both(path, monkeypatch, unit="nm"))


@pytest.mark.parametrize("sep", [";", "\t"])
@pytest.mark.parametrize("writer", [files.wide_csv, files.long_csv])
def test_decimal_commas(tmp_path, monkeypatch, writer, sep):
    path = tmp_path / "x.csv"
    names = [
        "1,5" if i == 35 and "wide" in writer.__name__ else n
        for i, n in enumerate(NAMES)
    ]
    writer(path, files.NM, SPECTRA, names, sep, ",")
    one, other = both(path, monkeypatch, unit="nm")
    assert_same(one, other)
    np.testing.assert_allclose(other.instruments["spectra"].spectra, SPECTRA, rtol=1e-6)


COMMAS = [
    "-0,5",
    "1e-3",
    "2,5E+2",
    "7,",
    "",
    "NaN",
    "1,234,567",
    "1.234,5",
    "n.d.",
    "3",
]


@pytest.mark.parametrize("cell", COMMAS)
@pytest.mark.parametrize("strict", [True, False])
def test_numbers_beside_decimal_commas(tmp_path, monkeypatch, cell, strict):
    lines = wide([f"s{i}" for i in range(60)]).replace(",", ";").replace(".", ",")
    lines = lines.splitlines()
    cells = lines[50].split(";")
    cells[7] = cell
    lines[50] = ";".join(cells)
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    blocks = "." not in cell and cell != "1,234,567"
    given = {"unit": "nm", "strict": strict}
    assert_same(*both(tmp_path / "x.csv", monkeypatch, blocks=blocks, **given))


@pytest.mark.parametrize("head", ["{},0 nm", "X{},0", "nm_{},0", "{},0 cm-1", "{},00"])
def test_positions_with_decimal_commas(tmp_path, monkeypatch, head):
    lines = wide([f"s{i}" for i in range(60)]).replace(",", ";").replace(".", ",")
    axis, rest = lines.split("\n", 1)
    name, *cells = axis.split(";")
    axis = ";".join([name, *(head.format(cell) for cell in cells)])
    (tmp_path / "x.csv").write_text(f"{axis}\n{rest}")
    unit = None if "m" in head else "nm"
    one, other = both(tmp_path / "x.csv", monkeypatch, unit=unit)
    assert_same(one, other)
    assert one.instruments["spectra"].axis[0] == float(cells[0].replace(",", "."))


NUMBERS = ["-0.5", "+1", "1e-3", "2.5E+2", ".5", "7.", "", "NaN", "0.30000000000000004"]
NUMBERS += ["123456789012345678", "12345678901234567890", "-0", " 0.25 ", "4.0D-01"]


@pytest.mark.parametrize("cell", NUMBERS)
def test_numbers(tmp_path, monkeypatch, cell):
    lines = wide([f"s{i}" for i in range(60)]).splitlines()
    cells = lines[50].split(",")
    cells[7] = cell
    lines[50] = ",".join(cells)
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    one, other = both(tmp_path / "x.csv", monkeypatch, unit="nm", strict=False)
    assert_same(one, other)
    assert len(one) == 60


FAULTS = {
    "text": lambda lines: lines[55].replace(",0.3,", ",n.d.,", 1),
    "underscore": lambda lines: lines[55].replace(",0.3,", ",1_0,", 1),
    "short": lambda lines: lines[55].rsplit(",", 3)[0],
    "long": lambda lines: lines[55] + ",0.1",
    "same id": lambda lines: lines[54],
    "header": lambda lines: lines[0],
    "points": lambda lines: lines[55].replace(",0.3,", ",1.2.3,", 1),
    "sign": lambda lines: lines[55].replace(",0.3,", ",-,", 1),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("strict", [True, False])
def test_faults(tmp_path, monkeypatch, name, strict):
    lines = wide([f"s{i}" for i in range(60)]).splitlines()
    for i in range(1, 61):
        lines[i] = lines[i].replace(",", ",0.3,", 1)
    lines[0] = lines[0].replace(",", ",1098,", 1)
    lines[55] = FAULTS[name](lines)
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    one, other = both(tmp_path / "x.csv", monkeypatch, unit="nm", strict=strict)
    assert_same(one, other)
    assert isinstance(one, str) == strict


def test_targets_labels_and_notes(tmp_path, monkeypatch):
    names = [f"#{i},{9 + i},kind {i % 2}" for i in range(60)]
    text = "# by hand\n" + wide(names, head="id,protein (%),species")
    lines = [
        line + (",1.5" if i > 1 else ",oil") for i, line in enumerate(text.splitlines())
    ]
    (tmp_path / "x.csv").write_text("\n".join(lines).replace("hand,oil", "hand") + "\n")
    one, other = both(tmp_path / "x.csv", monkeypatch, unit="nm")
    assert_same(one, other)
    assert one.target_names == ("protein", "oil") and one.sample_ids[0] == "#0"


NOT_PLAIN = {
    "quotes": wide([f'"s{i}"' for i in range(60)]),
    "late quotes": wide([*(f"s{i}" for i in range(50)), '"t"']),
    "spaces": table(NM, Y[:50], header="nm a", sep=" "),
    "tail": table(X, Y, header="cm-1,a", sep=",") + "End of data\n",
    "cut off": table(X, Y, header="cm-1,a", sep=",")[:-3],
    "pairs": table(X, Y, X + 600, Y, header="cm-1,A,cm-1,B", sep=","),
    "two columns": table(range(75), X, Y, header=",cm-1,absorbance", sep=","),
    "latin": wide([*(f"s{i}" for i in range(50)), "\xd6l"]),
}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_not_plain_is_read_at_once(tmp_path, monkeypatch, name):
    encoding = "cp1252" if name == "latin" else "utf-8"
    (tmp_path / "x.csv").write_text(NOT_PLAIN[name], encoding)
    unit = None if name in ("tail", "pairs", "two columns", "cut off") else "nm"
    one, other = both(tmp_path / "x.csv", monkeypatch, blocks=False, unit=unit)
    if name != "pairs":
        assert_same(one, other)
