"""Protocol files of fixed splits: what they may hold, and twins across a split."""

import json

import numpy as np
import pytest

from benchmarks.protocol import check_duplicates, read_splits
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.splits import Split


def a_split():
    order = {"a": np.array([5, 2, 7])}
    return Split(3, np.arange(8), np.array([8, 9]), order)


def test_duplicates_across_a_split():
    spectra, ids = np.arange(40.0).reshape(10, 4), np.arange(10)
    check_duplicates(a_split(), spectra, ids)
    ids[9] = 1
    with pytest.raises(SpektronError, match="sample 1 is in calibration and test"):
        check_duplicates(a_split(), spectra, ids)
    spectra[8] = spectra[2]
    with pytest.raises(SpektronError, match="rows 2 .* and 8 .* the same spectrum"):
        check_duplicates(a_split(), spectra, np.arange(10))


def test_splits_are_read_and_checked(tmp_path):
    path = tmp_path / "protocol.json"
    entry = {
        "seed": 0,
        "calibration": [0, 1, 2],
        "test": [3],
        "transfer_order": {"a": [2, 0]},
    }

    def read(**replaced):
        path.write_text(json.dumps({"splits": [entry | replaced]}))
        return read_splits(path)

    (split,) = read()
    np.testing.assert_array_equal(split.transfer_order["a"], [2, 0])
    for replaced, message in (
        ({"test": [2]}, "row 2 is in calibration and test"),
        ({"transfer_order": {"a": [3]}}, "must be different calibration rows"),
        ({"transfer_order": {"a": [1, 1]}}, "must be different calibration rows"),
        ({"seed": "x"}, "not a protocol file"),
    ):
        with pytest.raises(SpektronError, match=message):
            read(**replaced)
    path.write_text('{"splits": []}')
    with pytest.raises(SpektronError, match="holds no split"):
        read_splits(path)
    path.write_text("{")
    with pytest.raises(SpektronError, match="not a protocol file"):
        read_splits(path)
    with pytest.raises(SpektronError, match="cannot be read"):
        read_splits(tmp_path / "missing.json")
