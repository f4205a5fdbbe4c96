"""`spektron_jax.read`: the choice of format, folders, and that it stays light."""

import os
import pickle
import secrets
import subprocess
import sys
from pathlib import Path

import fuzz
import numpy as np
import pytest
import spectra_files as files

import spektron_jax
from spektron_jax.errors import SpektronError

NM, CM1, NAMES = files.NM, files.CM1, files.ids()
SPECTRA = files.bands(CM1)


def test_reading_loads_no_jax_and_no_optional_library(tmp_path):
    files.wide_csv(tmp_path / "x.csv", NM, files.bands(NM), NAMES)
    code = (
        "import sys, spektron_jax\n"
        f"found = spektron_jax.read({str(tmp_path / 'x.csv')!r}, unit='nm')\n"
        "assert type(found) is spektron_jax.SpectraSet\n"
        "heavy = {'jax', 'flax', 'pandas', 'openpyxl', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_content_comes_before_the_suffix(tmp_path):
    for path in fuzz.originals(tmp_path):
        if path.suffix == ".trm":  # told by its suffix among the files of AvaSoft
            continue
        unit = "nm" if path.name in ("wide.csv", "comma.csv", "long.tsv") else None
        right = spektron_jax.read(path, unit=unit)
        wrong = path.with_suffix(".spc" if path.suffix != ".spc" else ".csv")
        path.rename(wrong)
        found = spektron_jax.read(wrong, unit=unit)
        assert f"suffix {wrong.suffix} means" in found.describe()
        for name, one in found.instruments.items():
            np.testing.assert_array_equal(one.spectra, right.instruments[name].spectra)
        wrong.unlink()


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("x.pkl", pickle.dumps([1]), "a Python pickle, which can run code"),
        ("x.csv", pickle.dumps([1]), "a Python pickle, which can run code"),
        ("x.xls", b"\xd0\xcf\x11\xe0" + bytes(600), "save it as .xlsx"),
        ("x.csv.gz", b"\x1f\x8b" + bytes(50), "unpack it first"),
        ("x.zip", b"PK\x03\x04" + bytes(50), "archive: damaged or cut off"),
        (
            "x.foo",
            b"\x00\x01\x02" * 99,
            "unknown binary format .foo; export it .* as text, CSV",
        ),
        ("x.csv", b"\x00\x01\x02" * 99, "unknown binary format"),
        ("x.sp", b"PEPE2D constant" + bytes(99), "PerkinElmer .* save it as ASCII"),
        ("x", b"WDF1" + bytes(99), "Renishaw WiRE .* save it as text or SPC"),
        ("x.spa", b"Spectral Data File\r\n" + bytes(99), "OMNIC .* save it as SPC"),
        ("x.asd", b"as7\0" + bytes(99), "ASD FieldSpec .* export it as text"),
        ("x.nir", b"\1\2" + bytes(99), "FOSS WinISI: export it as text, CSV"),
        ("x.jws", b"\xd0\xcf\x11\xe0" + bytes(99), "Jasco Spectra Manager: save"),
        ("x.jdx", b"", "the file is empty"),
    ],
)
def test_files_that_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpektronError, match=message) as caught:
        spektron_jax.read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_what_is_no_file(tmp_path):
    with pytest.raises(SpektronError, match="absent.csv: no such file"):
        spektron_jax.read(tmp_path / "absent.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SpektronError, match="no regular file"):
        spektron_jax.read(tmp_path / "pipe.csv")
    with pytest.raises(SpektronError, match="unit 'A': unknown"):
        files.long_csv(tmp_path / "x.csv", NM, files.bands(NM), NAMES)
        spektron_jax.read(tmp_path / "x.csv", unit="A")
    with pytest.raises(SpektronError, match="modality 'nir': unknown"):
        spektron_jax.read(tmp_path / "x.csv", modality="nir")


def folder_of(folder, count=4):
    folder.mkdir()
    for i in range(count):
        files.opus(folder / f"m{i}.0", CM1, SPECTRA[i], name="same name")
    (folder / ".hidden").write_text("not a spectrum")
    return folder


def test_a_folder_of_single_spectra(tmp_path):
    found = spektron_jax.read(folder_of(tmp_path / "run"), modality="IR")
    one = found.instruments["spectra"]
    np.testing.assert_allclose(one.spectra, SPECTRA[:4, ::-1], atol=1e-6)
    assert found.sample_ids.tolist() == ["m0", "m1", "m2", "m3"]
    assert set(found.labels["name"]) == {"same name"} and one.quantity == "absorbance"


def test_a_folder_with_other_files(tmp_path):
    folder = folder_of(tmp_path / "run")
    files.opus(folder / "a.0", CM1 + 2, SPECTRA[0])
    files.opus(folder / "b.0", CM1, SPECTRA[0], result=5)
    (folder / "c.txt").write_text("hello\n")
    (folder / "d.0").write_bytes((folder / "m1.0").read_bytes()[:150])
    with pytest.raises(SpektronError, match="run: c.txt: table: neither|a.0, block"):
        spektron_jax.read(folder)
    found = spektron_jax.read(folder, strict=False)
    assert found.sample_ids.tolist() == ["m0", "m1", "m2", "m3"]
    text = found.describe()
    for name in ("a.0", "b.0", "c.txt", "d.0"):
        assert f"    {name}" in text
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpektronError, match="empty: folder: holds no files"):
        spektron_jax.read(tmp_path / "empty")


def test_instruments_pair_by_sample_id(tmp_path):
    import openpyxl

    path = tmp_path / "x.xlsx"
    files.xlsx(path, NM, files.bands(NM), NAMES, ("m5", "mp5"))
    book = openpyxl.load_workbook(path)
    book["mp5"]["A2"] = "other"
    book.save(path)
    found = spektron_jax.read(path)
    assert found.sample_ids.tolist() == [*NAMES, "other"]
    assert found.instruments["m5"].measured.tolist() == 5 * [True] + [False]
    assert found.instruments["mp5"].measured.tolist() == [False] + 5 * [True]


DATA = Path(
    os.environ.get(
        "SPEKTRON_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"
    )
)
SETS = ("corn", "ir_meats", "raman_biomolecules", "raman_reference")


@pytest.mark.parametrize("name", SETS)
def test_measured_sets(name):
    path = DATA / f"{name}.h5"
    if not path.exists():
        pytest.skip(f"needs {name}.h5; set SPEKTRON_DATA to its folder")
    found = spektron_jax.read(path)
    assert not found.problems
    lines = str(found).splitlines()
    listed = len(found.instruments) + len(found.target_names) + len(found.labels)
    assert len(lines) == 2 + listed and lines[1].startswith("  sample ids: ")
    assert lines[0].endswith(f": {len(found)} samples, {found.modality}")
    for one in found.instruments.values():
        assert (np.diff(one.axis) > 0).all() and one.measured.any()
        assert any(
            f"{one.axis[0]:g} to {one.axis[-1]:g} {one.unit}" in x for x in lines
        )


def test_damaged_files(tmp_path):
    """A short run; the long one is below."""
    tally = fuzz.run(228, 0, tmp_path)
    assert tally["failures"] == []
    assert tally["refused"] > 100 and tally["same"] > 5


@pytest.mark.slow
def test_ten_thousand_damaged_files():
    seed = str(secrets.randbits(31))  # a fresh one each time; shown where it fails
    command = [sys.executable, "-X", "faulthandler", fuzz.__file__, "10000", seed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, (seed, done.stderr)
    assert '"failures": []' in done.stdout, (seed, done.stdout)
