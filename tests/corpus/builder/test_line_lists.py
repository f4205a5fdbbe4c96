"""The command for line lists: files in and out, what is left out, going on."""

import csv
import json

import h5py
import numpy as np
import pytest

from spektron_jax import main
from spektron_jax.commands import config_file
from spektron_jax.corpus import lines_file
from spektron_jax.corpus.builder import gfn2, line_lists, molecule
from spektron_jax.corpus.line_corpus import PACKAGED, LineCorpus
from spektron_jax.errors import SpektronError

LIST = "O water\nxyz odd\nC methane\n[2H]O[2H]\nCBr\nO again\nCBr\n"


def settings(**changes):
    config = config_file.load("configs/lines.py")
    with config.unlocked():
        config.lines.update({"progress": False, "processes": 1, **changes})
    return config


def arrays(lines_of_it=3, bonds=2):
    """What a worker returns for one molecule, in made-up numbers."""
    found = {name: np.array(1.5) for name in lines_file.MOLECULE_DTYPES}
    for name in lines_file.DTYPES:
        size = bonds if name in lines_file.BOND_FIELDS else lines_of_it
        found[name] = 100.0 * np.arange(1, size + 1)
    found["xh_share"] = np.zeros((lines_of_it, 6), np.uint8)
    found["xh_type"] = np.zeros(bonds, np.uint8)
    return found


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"source": "pdb"}, "config.lines.source = 'pdb'"),
        ({}, "config.lines.path: give a text file"),
        ({"path": "x", "processes": -1}, "config.lines.processes"),
        ({"path": "x", "timeout_s": 0.0}, "config.lines.timeout_s"),
        ({"path": "x", "conformers": 0}, "config.lines.conformers"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    with pytest.raises(SpektronError, match=message):
        line_lists.check(settings(**changes).lines)


def test_there_are_no_variants(tmp_path, capsys):
    code = main.main(["--config=configs/lines.py:tiny", f"--workdir={tmp_path}"])
    assert code == 2 and "no variants" in capsys.readouterr().err


def test_a_missing_package_names_the_extra():
    with pytest.raises(SpektronError, match=r"pip install 'spektron-jax\[corpus\]'"):
        gfn2.require("rdkit_that_is_not_there")


def test_a_file_of_one_molecule_that_is_damaged_counts_as_missing(tmp_path):
    path = tmp_path / "ab" / "x.npz"
    assert lines_file.load_arrays(path) is None
    lines_file.save_arrays(path, arrays())
    again = lines_file.load_arrays(path)
    np.testing.assert_equal(again, arrays())
    path.write_bytes(path.read_bytes()[:500])
    assert lines_file.load_arrays(path) is None


def test_a_file_of_lines_has_the_layout_of_the_corpus(tmp_path):
    path = tmp_path / "lines.h5"
    both = [("O", "", arrays()), ("C", "name", arrays(9, 4))]
    assert lines_file.write(path, both, {"title": "two"}) == 2
    with h5py.File(path) as file, h5py.File(PACKAGED) as shipped:
        assert set(shipped["molecules"]) - set(file["molecules"]) == {
            *("pubchem_cid", "qm9_index", "source")  # of the collections it came from
        }
        assert set(shipped) - set(file) == {"failed_smiles"}
        for name in ("frequency_cm1", "xh_share", "xh_type", "molecules/line_offset"):
            assert file[name].dtype == shipped[name].dtype
            assert file[name].shape[1:] == shipped[name].shape[1:]
        assert list(file.attrs["xh_types"]) == list(shipped.attrs["xh_types"])
    corpus = LineCorpus.load(str(path))
    assert corpus.line_offset.tolist() == [0, 3, 12]
    assert corpus.xh_offset.tolist() == [0, 2, 6]
    assert lines_file.write(tmp_path / "none.h5", [], {}) == 0
    assert not (tmp_path / "none.h5").exists()


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """Water, methane and heavy water through the command."""
    for package in ("rdkit.Chem", "tblite.interface"):
        pytest.importorskip(package, reason=f"needs {package}, of the extra corpus")
    folder = tmp_path_factory.mktemp("lines")
    (folder / "list.smi").write_text(LIST)
    argv = ["--config=configs/lines.py", f"--workdir={folder}"]
    argv += [f"--config.lines.path={folder / 'list.smi'}", "--noconfig.lines.progress"]
    assert main.main([*argv, "--config.lines.processes=2"]) == 0
    return folder


def shipped_lines(smiles):
    with h5py.File(PACKAGED) as file:
        row = file["molecules/smiles"][()].tolist().index(smiles.encode())
        a, b = file["molecules/line_offset"][row : row + 2]
        c, d = file["molecules/xh_offset"][row : row + 2]
        names = [n for n in file if isinstance(file[n], h5py.Dataset)]
        ends = {n: (c, d) if n in lines_file.BOND_FIELDS else (a, b) for n in names}
        return {n: file[n][slice(*ends[n])] for n in names}


@pytest.mark.parametrize("smiles", ["O", "C"])
def test_water_and_methane_are_those_of_the_corpus(computed, smiles):
    with h5py.File(computed / "lines.h5") as file:
        row = file["molecules/smiles"][()].tolist().index(smiles.encode())
        a, b = file["molecules/line_offset"][row : row + 2]
        c, d = file["molecules/xh_offset"][row : row + 2]
        right = shipped_lines(smiles)
        np.testing.assert_allclose(
            file["frequency_cm1"][a:b], right["frequency_cm1"], atol=2.0
        )
        for name in ("ir_intensity_km_mol", "raman_activity"):
            strong = right[name] > 0.05 * right[name].max()
            np.testing.assert_allclose(
                file[name][a:b][strong], right[name][strong], rtol=0.01
            )
        shares = file["xh_share"][a:b].astype(int)
        assert np.abs(shares - right["xh_share"]).max() <= 2
        np.testing.assert_array_equal(file["xh_type"][c:d], right["xh_type"])
        local = file["xh_local_mode_cm1"][c:d]
        np.testing.assert_allclose(local, right["xh_local_mode_cm1"], atol=2.0)
        slope = file["xh_dmu_dr_debye_per_a"][c:d]
        np.testing.assert_allclose(slope, right["xh_dmu_dr_debye_per_a"], rtol=0.01)


def test_what_is_left_out_is_listed_with_its_line(computed):
    with open(computed / "failures.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "smiles", "name", "reason"]
    assert [row[0] for row in rows[1:]] == ["2", "5", "7"]
    assert rows[1] == ["2", "xyz", "odd", "cannot be read as SMILES"]
    with h5py.File(computed / "lines.h5") as file:
        names = [name.strip() for name in file["molecules/name"][()]]
        assert names == [b"water", b"methane", b""]


def water_ratio():
    """Of heavy to light: the product of the three wavenumbers, by that rule."""
    start = molecule.structures.embed("O", 1, 1)
    surface = gfn2.Surface(start.numbers, start.positions)
    x = gfn2.optimise(surface, start.positions)
    product = {}
    for hydrogen in (1.00782503, 2.01410178):
        mass = np.array([15.99491462, hydrogen, hydrogen])
        y = x - (mass @ x) / mass.sum()
        tensor = np.einsum("a,ac,ad->cd", mass, y, y)
        inertia = np.trace(tensor) * np.eye(3) - tensor
        product[hydrogen] = mass.prod() ** -3.0 * mass.sum() ** 3
        product[hydrogen] *= np.linalg.det(inertia)
    light, heavy = product.values()
    return np.sqrt(heavy / light)


def test_heavy_water_vibrates_slower(computed):
    """The rule of Teller and Redlich: the product falls by masses and moments alone."""
    with h5py.File(computed / "lines.h5") as file:
        light, heavy = file["frequency_cm1"][:3], file["frequency_cm1"][-3:]
    assert ((0.7 < heavy / light) & (heavy / light < 0.75)).all()
    assert np.prod(heavy / light) == pytest.approx(water_ratio(), rel=1e-4)


def test_a_second_run_computes_what_is_missing(computed, monkeypatch):
    asked = []

    def fake(work, tasks, processes, timeout_s):
        for entry in tasks:
            asked.append(entry.smiles)
            yield entry, False, "gave up"

    monkeypatch.setattr(line_lists.worker_pool, "run", fake)
    config = settings(path=str(computed / "list.smi"))
    before = (computed / "lines.h5").read_bytes()
    line_lists.run(config, computed)
    assert asked == [] and len((computed / "lines.h5").read_bytes()) == len(before)
    files = sorted((computed / "molecules").rglob("*.npz"))
    assert len(files) == 3
    files[0].unlink()
    line_lists.run(config, computed)
    assert len(asked) == 1
    line_lists.run(config, computed)  # it failed, so it is not asked for again
    assert len(asked) == 1
    with config.unlocked():
        config.lines.retry = True
    line_lists.run(config, computed)
    assert len(asked) == 2
    assert "gave up" in (computed / "failures.csv").read_text()
    with config.unlocked():
        config.lines.seed = 1  # other numbers: nothing of the above may be taken
    with pytest.raises(SpektronError, match="no molecule could be used"):
        line_lists.run(config, computed)
    assert len(asked) == 5
    log = (computed / "failed.jsonl").read_text().splitlines()
    assert len({json.loads(line)[0] for line in log}) == 4


def test_a_saddle_is_left(monkeypatch):
    """Ammonia laid flat is a saddle; the command must end in the pyramid."""
    pytest.importorskip("tblite.interface", reason="needs tblite, of the extra corpus")
    pytest.importorskip("rdkit.Chem", reason="needs rdkit, of the extra corpus")
    start = molecule.structures.embed("N", 1, 1)
    angle = np.arange(3) * 2 * np.pi / 3
    flat = 1.9 * np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    start.positions[:] = np.vstack([np.zeros(3), flat])
    monkeypatch.setattr(molecule.structures, "embed", lambda *_: start)
    found = molecule.compute("N", molecule.Settings(use_xtb=False))
    right = shipped_lines("N")
    np.testing.assert_allclose(found["frequency_cm1"], right["frequency_cm1"], atol=2.0)
