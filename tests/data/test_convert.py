"""Conversion of the published tables, written here in miniature."""

import h5py
import numpy as np
import pytest

import spektron_jax
from spektron_jax import config_file, main
from spektron_jax.data import convert
from spektron_jax.data.qm9s import QM9SFile
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
    monkeypatch.setattr(convert, "BLOCK_ROWS", 7)
    path = convert.run(settings(**tables, points=points), tmp_path)
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


def test_a_conversion_goes_on_where_it_stopped(tables, tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "BLOCK_ROWS", 4)
    whole = convert.run(settings(**tables), tmp_path).rename(tmp_path / "whole.h5")
    row, seen = convert._row, []

    def interrupt(line, path, number, points):
        seen.append((path.name, number))
        if len(seen) == 31:
            raise KeyboardInterrupt
        return row(line, path, number, points)

    monkeypatch.setattr(convert, "_row", interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert.run(settings(**tables), tmp_path)
    assert not (tmp_path / "qm9s.h5").exists()
    again = convert.run(settings(**tables), tmp_path)
    assert seen[31] == ("raman_boraden.csv", 4)
    with h5py.File(whole) as a, h5py.File(again) as b:
        for name in ("ir", "raman", "axis", "split"):
            np.testing.assert_array_equal(a[name][()], b[name][()])
        assert a["ir"].attrs["zeros"] == b["ir"].attrs["zeros"]
    with pytest.raises(SpektronError, match="qm9s.h5: exists; remove it"):
        convert.run(settings(**tables), tmp_path)
    again.rename(tmp_path / "qm9s.h5.part")
    with pytest.raises(SpektronError, match="begun from other tables or settings"):
        convert.run(settings(**tables, points=99), tmp_path)


def test_rows_are_guarded(tables, tmp_path):
    path = tmp_path / "ir_boraden.csv"
    text = path.read_text()

    def refused(changed, message):
        path.write_text(changed)
        (tmp_path / "qm9s.h5.part").unlink(missing_ok=True)
        with pytest.raises(SpektronError, match=message):
            convert.run(settings(ir=str(path)), tmp_path)

    refused(text[:-300], "line 26: .* values, the header has 351: cut off")
    refused(text.replace("\n7,", "\n8,"), "line 9: row number 8, expected 7")
    refused(text.replace("\n7,", "\n7,x"), "line 9: text among|line 9: .* values")
    refused(text.replace("\n7,", "\n7,nan,", 1), "line 9")
    refused(text.replace(",500.0", ",x", 1), "line 1: could not convert")
    refused("a" + text, "line 1: must be an empty cell")


def test_smiles_split_the_rows_and_must_belong_to_them(tables, tmp_path):
    smiles = tmp_path / "smiles.txt"
    smiles.write_text("\n".join(f"{'C' * (i + 1)}" for i in range(ROWS)))
    path = convert.run(settings(**tables, smiles=str(smiles)), tmp_path)
    with h5py.File(path) as file:
        assert file["smiles"].asstr()[2] == "CCC"
    path.unlink()
    smiles.write_text("\n".join(f"{'C' * (i + 1)}C#N" for i in range(ROWS)))
    with pytest.raises(SpektronError, match="do not belong together"):
        convert.run(settings(**tables, smiles=str(smiles)), tmp_path)
    smiles.write_text("C")
    with pytest.raises(SpektronError, match="1 SMILES for 30 rows"):
        convert.run(settings(**tables, smiles=str(smiles)), tmp_path)


def test_other_sources_become_a_spectra_set(tmp_path):
    np.savez(tmp_path / "x.npz", spectra=spectra()[:3], axis=AXIS)
    argv = ["--config=configs/convert.py", f"--workdir={tmp_path / 'out'}"]
    argv += ["--config.convert.source=folder", "--config.convert.unit=cm-1"]
    assert main.main([*argv, f"--config.convert.path={tmp_path / 'x.npz'}"]) == 0
    found = spektron_jax.read(tmp_path / "out" / "spectra.h5")
    assert len(found) == 3 and len(found.metadata["source_sha256"]) == 64


def test_wrong_settings(tmp_path, capsys):
    argv = ["--config=configs/convert.py", f"--workdir={tmp_path}"]
    for more, message in (
        (["--config.convert.source=x"], "must be one of boraden, corn_mat, folder"),
        ([], "give ir_boraden.csv"),
        (["--config.convert.source=folder"], "give the file or folder to convert"),
        (["--config.convert.ir=absent.csv"], "absent.csv: cannot be read"),
    ):
        assert main.main([*argv, *more]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SpektronError, match="there are no variants"):
        config_file.load("configs/convert.py:x")
