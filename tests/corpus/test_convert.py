"""Conversion of the published tables, written here in miniature."""

import zipfile

import h5py
import numpy as np
import pytest

import spektron_jax
from spektron_jax import main
from spektron_jax.commands import config_file, convert
from spektron_jax.corpus import boraden, published, qme14s
from spektron_jax.corpus.qm9s import QM9SFile
from spektron_jax.errors import SpektronError

AXIS = np.arange(500.0, 4001.0, 10.0)
ROWS = 30


def spectra(shift=0.0):
    centre = 1000.0 + 30.0 * np.arange(ROWS)[:, None] + shift
    values = 1.0 / (1.0 + ((AXIS - centre) / 20.0) ** 2)
    values[4] = 0.0  # no spectrum
    return values.round(6)


def write_table(path, values, rows=None):
    lines = ["," + ",".join(map(str, AXIS))]
    for i, row in enumerate(values[:rows]):
        lines.append(f"{i}," + ",".join(map(repr, row.tolist())))
    path.write_text("\n".join(lines) + "\n")
    return path


def settings(**changes):
    config = config_file.load("configs/convert.py")
    with config.unlocked():
        config.convert.update({"progress": False, **changes})
    return config


@pytest.fixture
def tables(tmp_path):
    ir = write_table(tmp_path / "ir_boraden.csv", spectra(), 25)  # a short download
    raman = write_table(tmp_path / "raman_boraden.csv", spectra(500.0))
    return {"ir": str(ir), "raman": str(raman)}


@pytest.mark.parametrize("points", [0, 64])
def test_tables_become_a_training_file(tables, tmp_path, points, monkeypatch):
    monkeypatch.setattr(published, "BLOCK_ROWS", 7)
    path = convert.convert(settings(**tables, points=points), tmp_path)
    source = QM9SFile(str(path))
    assert len(source.axis_cm1) == (points or AXIS.size)
    assert source.skipped == {"IR": 6, "Raman": 1}
    got = source.fetch(np.array([3, 20]), np.array([2, 2]))["clean"]
    right = [np.interp(source.axis_cm1, AXIS, spectra(500.0)[i]) for i in (3, 20)]
    np.testing.assert_allclose(got, right, atol=1e-6)
    source.close()
    with h5py.File(path) as file:
        assert file["ir"].chunks is None and file["ir"].compression is None
        assert len(file["ir"].attrs["source_sha256"]) == 64


def test_a_conversion_resumes_where_it_stopped(tables, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "BLOCK_ROWS", 4)
    whole = convert.convert(settings(**tables), tmp_path).rename(tmp_path / "whole.h5")
    row, seen = boraden._row, []

    def interrupt(line, path, number, points):
        seen.append((path.name, number))
        if len(seen) == 31:
            raise KeyboardInterrupt
        return row(line, path, number, points)

    monkeypatch.setattr(boraden, "_row", interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert.convert(settings(**tables), tmp_path)
    assert not (tmp_path / "qm9s.h5").exists()
    again = convert.convert(settings(**tables), tmp_path)
    assert seen[31] == ("ir_boraden.csv", 12)  # three blocks of four were whole
    with h5py.File(whole) as a, h5py.File(again) as b:
        for name in ("ir", "raman", "axis", "split"):
            np.testing.assert_array_equal(a[name][()], b[name][()])
        assert a["ir"].attrs["zeros"] == b["ir"].attrs["zeros"]
    with pytest.raises(SpektronError, match="qm9s.h5: exists; remove it"):
        convert.convert(settings(**tables), tmp_path)
    again.rename(tmp_path / "qm9s.h5.part")
    with pytest.raises(SpektronError, match="begun from other tables or settings"):
        convert.convert(settings(**tables, points=99), tmp_path)


def test_rows_are_guarded(tables, tmp_path):
    path = tmp_path / "ir_boraden.csv"
    text = path.read_text()

    def refused(changed, message):
        path.write_text(changed)
        (tmp_path / "qm9s.h5.part").unlink(missing_ok=True)
        with pytest.raises(SpektronError, match=message):
            convert.convert(settings(ir=str(path)), tmp_path)

    refused(text[:-300], "line 26: .* values, the header has 351: cut off")
    refused(text.replace("\n7,", "\n8,"), "line 9: row number 8, expected 7")
    refused(text.replace("\n7,", "\n7,x"), "line 9: text among|line 9: .* values")
    refused(text.replace("\n7,", "\n7,nan,", 1), "line 9")
    refused(text.replace(",500.0", ",x", 1), "line 1: could not convert")
    refused("a" + text, "line 1: must be an empty cell")


def test_smiles_split_the_rows_and_must_belong_to_them(tables, tmp_path):
    smiles = tmp_path / "smiles.txt"
    smiles.write_text("\n".join(f"{'C' * (i + 1)}" for i in range(ROWS)))
    path = convert.convert(settings(**tables, smiles=str(smiles)), tmp_path)
    with h5py.File(path) as file:
        assert file["smiles"].asstr()[2] == "CCC"
    path.unlink()
    smiles.write_text("\n".join(f"{'C' * (i + 1)}C#N" for i in range(ROWS)))
    with pytest.raises(SpektronError, match="do not belong together"):
        convert.convert(settings(**tables, smiles=str(smiles)), tmp_path)
    smiles.write_text("C")
    with pytest.raises(SpektronError, match="1 SMILES for 30 rows"):
        convert.convert(settings(**tables, smiles=str(smiles)), tmp_path)


def test_other_sources_become_a_spectra_set(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", spectra=spectra()[:3], axis=AXIS)
    argv = ["--config=configs/convert.py", f"--workdir={tmp_path / 'out'}"]
    argv += ["--config.convert.source=folder", "--config.convert.unit=cm-1"]
    assert main.main([*argv, f"--config.convert.path={tmp_path / 'x.npz'}"]) == 0
    said = capsys.readouterr().out
    assert "3 spectra of 351 points, 500 to 4000 cm-1" in said
    assert said.rstrip().endswith("spectra.h5") and "written to " in said
    found = spektron_jax.read(tmp_path / "out" / "spectra.h5")
    assert len(found) == 3 and len(found.metadata["source_sha256"]) == 64


def test_wrong_settings(tmp_path, capsys):
    argv = ["--config=configs/convert.py", f"--workdir={tmp_path}"]
    for more, message in (
        (["--config.convert.source=x"], "must be one of boraden, lines, qme14s"),
        ([], "give ir_boraden.csv"),
        (["--config.convert.source=folder"], "give the file or folder to convert"),
        (["--config.convert.ir=absent.csv"], "absent.csv: cannot be read"),
    ):
        assert main.main([*argv, *more]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SpektronError, match="there are no variants"):
        config_file.load("configs/convert.py:x")


LEVELS = np.arange(500.0, 4001.0, 10.0)  # wavenumbers of QMe14S in miniature


def molecule(smiles, atoms, spectrum):
    """A file of QMe14S, as its README describes it."""
    lines = [smiles, *(f"{6 + i},0.1,-{i}.25,1e-3" for i in range(atoms)), ""]
    return "\n".join([*lines, ",".join(map(repr, spectrum.tolist()))]) + "\n"


def bands(i, centre):
    return 1.0 / (1.0 + ((LEVELS - centre - 30.0 * i) / 20.0) ** 2)


@pytest.fixture
def archives(tmp_path):
    """IR of 0-11, Raman of 1-12; molecule 4 without intensity, 5 with NaN."""
    paths = {}
    for kind, folder, first, centre in (
        ("ir", "IR_broaden", 0, 700.0),
        ("raman", "Raman_broaden", 1, 2100.0),
    ):
        paths[kind] = str(tmp_path / f"{folder}.zip")
        with zipfile.ZipFile(paths[kind], "w", zipfile.ZIP_DEFLATED) as archive:
            for i in range(first, first + 12):
                spectrum = bands(i, centre)
                spectrum[:] = 0.0 if i == 4 else spectrum
                spectrum[3] = np.nan if i == 5 else spectrum[3]
                name = f"{folder}/{folder.split('_')[0]}_{i:06d}.csv"
                archive.writestr(name, molecule("C" * i + "C#N", i + 3, spectrum))
    return {"source": "qme14s", **paths}


@pytest.mark.parametrize("unpacked", [False, True])
def test_qme14s_becomes_a_training_file(archives, tmp_path, monkeypatch, unpacked):
    monkeypatch.setattr(published, "BLOCK_ROWS", 5)
    if unpacked:
        for kind in ("ir", "raman"):
            zipfile.ZipFile(archives[kind]).extractall(tmp_path / kind)
            archives[kind] = str(tmp_path / kind)
    path = convert.convert(settings(**archives, points=0), tmp_path)
    with h5py.File(path) as file:
        assert file["number"][:].tolist() == list(range(13))
        assert file["smiles"].asstr()[12] == "C" * 12 + "C#N"
        assert file["raman"].chunks is None and file["raman"].attrs["zeros"] == 3
        assert file["ir"].attrs["zeros"] == 3
        assert len(file["ir"].attrs["source_sha256"]) == 64
        np.testing.assert_array_equal(file["axis"], LEVELS)
    source = QM9SFile(str(path))
    got = source.fetch(np.array([0, 7]), np.array([1, 2]))["clean"]
    source.close()
    np.testing.assert_allclose(got, [bands(0, 700.0), bands(7, 2100.0)], rtol=1e-6)


def test_qme14s_resumes_where_it_stopped(archives, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "BLOCK_ROWS", 4)
    whole = convert.convert(settings(**archives), tmp_path).rename(
        tmp_path / "whole.h5"
    )
    read, seen = qme14s._read, []

    def interrupt(bundle, name):
        seen.append(name)
        if len(seen) == 12:
            raise KeyboardInterrupt
        return read(bundle, name)

    monkeypatch.setattr(qme14s, "_read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert.convert(settings(**archives), tmp_path)
    again = convert.convert(settings(**archives), tmp_path)
    assert "IR_broaden/IR_000004.csv" in seen[13]  # after the one for the axis
    with h5py.File(whole) as a, h5py.File(again) as b:
        for name in ("ir", "raman", "axis", "split", "smiles", "number"):
            np.testing.assert_array_equal(a[name][()], b[name][()])
        assert a["ir"].attrs["zeros"] == b["ir"].attrs["zeros"]


def test_qme14s_is_guarded(archives, tmp_path):
    good = molecule("CC#N", 4, bands(1, 2100.0))

    def refused(message, files, **changes):
        (tmp_path / "qme14s.h5.part").unlink(missing_ok=True)
        path = tmp_path / "changed.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        given = archives | {"raman": str(path)} | changes
        with pytest.raises(SpektronError, match=message):
            convert.convert(settings(**given), tmp_path)

    alone = {"Raman_000001.csv": good}
    refused("000001.csv: is not SMILES, atoms", {"Raman_000001.csv": good[:40]})
    short = good.rsplit(",", 5)[0]
    refused("000001.csv: 346 values, the first file has 351", {"R_000001.csv": short})
    wrong = good.replace("1e-3\n\n", "1e-3\n\nx,")
    refused("line 7: could not convert", {"Raman_000001.csv": wrong})
    other = good.replace("CC#N", "CCCN")
    refused("CC#N of 4 atoms, but the other .* has CCCN", {"R_000001.csv": other})
    refused("number 1 stands twice", {"R_000001.csv": good, "R_1.csv": good})
    refused("no number in the name", {"readme.csv": good})
    refused("holds no .csv files", {"readme.txt": good})
    refused("make a step of 10.0286.*give the true ends", alone, ends=(490.0, 4000.0))
    refused("'OPT_186102.h5': holds no spectra; give IR_bro", alone, ir="OPT_186102.h5")
    refused("'qm9s.pt': a pickle of torch.* qm9s_csv.zip", alone, ir="qm9s.pt")
    shifted = {
        f"Raman_{i:06d}.csv": molecule("C" * i + "C#N", i + 3, bands(i, 900.0))
        for i in range(12)
    }
    refused("0 of 12 molecules with a triple bond show", shifted, ir="")


def test_lines_of_qm9s(tmp_path):
    pytest.importorskip("rdkit.Chem", reason="needs rdkit, of the extra corpus")
    with pytest.raises(SpektronError, match="config.convert.path = .* cannot be read"):
        convert.convert(
            settings(source="lines", path=str(tmp_path / "no.zip")), tmp_path
        )
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "000001.csv").write_text("x")
    with pytest.raises(SpektronError, match="no molecule could be used; .*failures"):
        convert.convert(settings(source="lines", path=str(tmp_path / "a")), tmp_path)
