"""Shares of a list: what each takes, and what joining them finds."""

import json
import shutil

import h5py
import numpy as np
import pytest

from spektron_jax import archive
from spektron_jax.corpus import lines_file
from spektron_jax.corpus.builder import shards, structures
from spektron_jax.corpus.builder.structures import Entry
from spektron_jax.errors import SpektronError

LIST = "O a\n\nC b\nN c\nO d\nCC e\nbad f\n"  # six molecules, of which one is no SMILES
LINES = [line for line in enumerate(LIST.splitlines(), 1) if line[1]]


def arrays(value):
    found = {name: np.array(value) for name in lines_file.MOLECULE_DTYPES}
    for name in lines_file.DTYPES:
        size = 1 if name in lines_file.BOND_FIELDS else 2
        found[name] = np.full(size, value)
    found["xh_share"] = np.full((2, 6), value, np.uint8)
    found["xh_type"] = np.zeros(1, np.uint8)
    return found


@pytest.fixture
def shares(tmp_path):
    """Two shares of LIST, in a/ and b/, as their tasks leave them."""
    source = tmp_path / "list.smi"
    source.write_text(LIST)
    for number, name in ((1, "a"), (2, "b")):
        folder = tmp_path / "all" / name
        folder.mkdir(parents=True)
        mine = LINES[number - 1 :: 2]
        entries = [Entry(*line.split(), at) for at, line in mine]
        good = [entry for entry in entries if entry.smiles != "bad"]
        made = [(one.smiles, one.name, arrays(float(one.line))) for one in good]
        lines_file.write(folder / shards.LINES, made, {"title": "test"})
        failed = [(entry, "no") for entry in entries if entry.smiles == "bad"]
        counts = {"molecules": len(good), "repeated": 0}
        shards.write_note(folder, (number, 2), str(source), counts, failed, {"seed": 1})
    return tmp_path / "all"


def test_shares_cover_the_list_once(tmp_path, monkeypatch):
    monkeypatch.setattr(structures, "canonical", lambda text, *how: text)
    path = tmp_path / "list.smi"
    path.write_text(LIST)
    taken = [
        entry.line
        for number in (1, 2)
        for entry in structures.read_list(str(path), (), 9, (number, 2))[0]
    ]
    assert sorted(taken) == [1, 3, 4, 5, 6, 7]
    for text in ("0/2", "3/2", "1", "1/2/3", "-1/2", "x"):
        with pytest.raises(SpektronError, match="such as 3/16"):
            shards.share(text)


def test_joined_shares_hold_every_molecule_once(shares, tmp_path):
    count, failures = shards.join(str(shares), tmp_path / "lines.h5")
    assert count == 4 and [entry.name for entry, _ in failures] == ["f"]
    found, _, _ = lines_file.read_lines(tmp_path / "lines.h5")
    assert found["smiles"].tolist() == ["O", "N", "CC", "C"]
    assert found["line_offset"].tolist() == [0, 2, 4, 6, 8]
    line_of = {"O": 1, "C": 3, "N": 4, "CC": 6}
    expected = np.repeat([line_of[name] for name in found["smiles"]], 2)
    np.testing.assert_array_equal(found["frequency_cm1"], expected)
    with h5py.File(tmp_path / "lines.h5") as file:
        assert file.attrs["title"] == "test"


def rewrite(folder, **changes):
    note = json.loads((folder / shards.NOTE).read_text())
    note.pop("sha256")
    (folder / shards.NOTE).write_text(json.dumps(archive.sealed(note | changes)))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda all_: shutil.rmtree(all_ / "b"), "these are missing: 2"),
        (lambda all_: shutil.copytree(all_ / "b", all_ / "c"), "share 2 stands in"),
        (lambda all_: rewrite(all_ / "b", list_sha256="0"), "list_sha256 is not that"),
        (lambda all_: rewrite(all_ / "b", settings={}), "settings is not that"),
        (lambda all_: rewrite(all_ / "b", molecules=1), "the shares tell of 5"),
        (lambda all_: (all_ / "b" / shards.LINES).unlink(), "has changed since"),
        (lambda all_: (all_ / "b" / shards.NOTE).write_text("[" * 99999), "b/shard"),
        (lambda all_: (all_ / "b" / shards.NOTE).write_text("{}"), "cannot be read"),
        (lambda all_: shutil.rmtree(all_), "no shard.json below"),
    ],
)
def test_gaps_and_duplicates_are_found(shares, tmp_path, fault, message):
    fault(shares)
    with pytest.raises(SpektronError, match=message):
        shards.join(str(shares), tmp_path / "lines.h5")
    assert not (tmp_path / "lines.h5").exists()
