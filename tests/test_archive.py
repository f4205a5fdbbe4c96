"""Files and folders appear whole or not at all, and show every damage."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from spektron_jax import SpektronError, archive
from spektron_jax.archive import Damaged, checksum, replacing, verify, writing


def test_the_draft_takes_the_name_only_when_it_is_whole(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replacing(target) as draft:
        draft.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_writers_that_add_a_suffix_keep_the_name(tmp_path):
    with replacing(tmp_path / "a.npz") as draft:
        np.savez(draft, x=np.arange(3))
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(failure), replacing(target) as draft:
        draft.write_text("half")
        raise failure
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_and_a_missing_folder_name_the_file(tmp_path):
    target = tmp_path / "a.txt"
    with pytest.raises(SpektronError, match=r"a\.txt.*No space left"):
        with replacing(target) as draft:
            draft.write_text("half")
            raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == []
    with pytest.raises(SpektronError, match="missing/a.txt: cannot be written"):
        with replacing(tmp_path / "missing" / "a.txt") as draft:
            draft.write_text("x")


def an_archive(path, text="one", **about):
    with writing(path, {"format": 2} | about) as draft:
        (draft / "a.txt").write_text(text)
        (draft / "inner").mkdir()
        (draft / "inner" / "b.bin").write_bytes(bytes(range(256)))
    return path


def test_an_archive_says_what_it_holds(tmp_path):
    folder = an_archive(tmp_path / "deep" / "x", kind="this")
    listed = verify(folder, 2)
    assert listed["kind"] == "this" and set(listed["files"]) == {"a.txt", "inner/b.bin"}
    assert listed["files"]["a.txt"] == hashlib.sha256(b"one").hexdigest()
    an_archive(folder, "two")  # over an older one
    assert (folder / "a.txt").read_text() == "two" and verify(folder, 2)
    assert os.listdir(tmp_path / "deep") == ["x"]
    with pytest.raises(SpektronError, match="x: written by .* in a newer format"):
        verify(folder, 1)


def test_every_flipped_bit_and_every_missing_file_is_noticed(tmp_path):
    folder = an_archive(tmp_path / "x")
    for file in [p for p in folder.rglob("*") if p.is_file()]:
        content = file.read_bytes()
        for place in range(0, len(content), 7):
            changed = bytearray(content)
            changed[place] ^= 1
            file.write_bytes(changed)
            with pytest.raises(Damaged, match=file.name):
                verify(folder, 2)
        file.unlink()
        with pytest.raises(Damaged, match=f"{file.name} cannot be read"):
            verify(folder, 2)
        file.write_bytes(content)
    verify(folder, 2)


def test_an_older_archive_has_no_checksum_of_its_manifest(tmp_path):
    folder = an_archive(tmp_path / "x")
    manifest = json.loads((folder / archive.MANIFEST).read_text())
    del manifest["sha256"]
    (folder / archive.MANIFEST).write_text(json.dumps(manifest))
    assert verify(folder, 2, seal=False) == manifest
    with pytest.raises(Damaged, match="manifest.json has changed"):
        verify(folder, 2)
    (folder / "a.txt").write_text("eno")
    with pytest.raises(Damaged, match="a.txt has changed"):
        verify(folder, 2, seal=False)


@pytest.mark.parametrize(
    "failure", [ValueError, KeyboardInterrupt, OSError(28, "full")]
)
@pytest.mark.parametrize("place", ["body", "flush", "_rename"])
def test_a_failure_leaves_the_old_archive(tmp_path, monkeypatch, failure, place):
    folder = an_archive(tmp_path / "x")

    def fail(*_):
        raise failure

    seen = SpektronError if isinstance(failure, OSError) else failure
    if place != "body":
        monkeypatch.setattr(archive, place, fail)
    with pytest.raises(seen), writing(folder, {"format": 2}) as draft:
        (draft / "a.txt").write_text("half")
        if place == "body":
            fail()
    assert os.listdir(tmp_path) == ["x"] and verify(folder, 2)
    assert (folder / "a.txt").read_text() == "one"


def test_a_foreign_folder_is_not_replaced(tmp_path):
    archive.check_place(tmp_path / "absent", "model")
    archive.check_place(an_archive(tmp_path / "x"), "model")
    with pytest.raises(
        SpektronError, match="exists and holds no model; choose another"
    ):
        archive.check_place(tmp_path, "model")


def test_checksums_of_files_and_folders(tmp_path):
    (tmp_path / "b").write_bytes(b"2")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "c").write_bytes(b"1")
    assert checksum(tmp_path / "b") == hashlib.sha256(b"2").hexdigest()
    assert checksum(tmp_path) == hashlib.sha256(b"12").hexdigest()
    with pytest.raises(FileNotFoundError):
        checksum(tmp_path / "absent")


@pytest.mark.parametrize("exchange", [True, False])
def test_an_archive_that_is_written_again_is_never_missing(
    tmp_path, monkeypatch, exchange
):
    """Neither while names change nor where the last change of them fails."""
    folder = an_archive(tmp_path / "x")
    seen = []
    if not exchange:
        monkeypatch.setattr(archive, "_exchanged", lambda *_: False)
    real = os.rename

    def noting(a, b):
        seen.append(folder.exists())
        if str(b).endswith("/x"):
            raise OSError(5, "Input/output error")
        real(a, b)

    monkeypatch.setattr(os, "rename", noting)
    if exchange:
        an_archive(folder, "two")
        assert (folder / "a.txt").read_text() == "two" and all(seen)
    else:
        with pytest.raises(SpektronError, match="cannot be written"):
            an_archive(folder, "two")
        assert (folder / "a.txt").read_text() == "one"
    assert verify(folder, 2) and os.listdir(tmp_path) == ["x"]


def test_drafts_of_processes_that_are_gone_are_cleared(tmp_path):
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE
    )
    host = archive._host()
    names = {
        f"{archive.UNFINISHED}{host}-{int(gone.stdout)}-x-1": False,
        f"{archive.UNFINISHED}{host}-{os.getpid()}-x-1": False,
        f"{archive.UNFINISHED}{host}-{os.getppid()}-x-1": True,
        f"{archive.UNFINISHED}elsewhere-{int(gone.stdout)}-x-1": True,
        "kept": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
    for name in [*names][:2]:
        (tmp_path / f"{name}.npz").write_text("a file")
    with replacing(tmp_path / "a.txt") as draft:
        draft.write_text("in work")
        archive.clear_drafts(tmp_path)
        assert draft.exists()
    (tmp_path / "a.txt").unlink()
    assert {path.name for path in tmp_path.iterdir()} == {
        name for name, stays in names.items() if stays
    }


@pytest.mark.parametrize("name", ["/dev/zero", "../a.txt", "pipe"])
def test_a_manifest_leads_to_no_other_files(tmp_path, name):
    folder = an_archive(tmp_path / "x", "one")
    os.mkfifo(folder / "pipe")
    listed = json.loads((folder / archive.MANIFEST).read_text())
    listed["files"][name] = "0" * 64
    del listed["sha256"]
    text = json.dumps(archive.sealed(listed))
    (folder / archive.MANIFEST).write_text(text)
    with pytest.raises(archive.Damaged, match="outside|no file"):
        verify(folder, 2)
