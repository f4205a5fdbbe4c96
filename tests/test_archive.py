"""Files appear whole or not at all."""

import os

import numpy as np
import pytest

from spektron_jax import SpektronError
from spektron_jax.archive import replacing


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
