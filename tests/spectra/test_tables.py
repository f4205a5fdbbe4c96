"""Tables out: what stands in them, and that they are whole or absent."""

import csv

import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.spectra import tables

WHO = {"model": "nano", "version": "1.2"}


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_predictions(tmp_path):
    path = tmp_path / "out.csv"
    tables.write_predictions(
        path,
        ["a", 'b, "ä"'],
        np.array([[1.5, 2.25], [np.nan, 0.1]]),
        names=["protein", "oil"],
        units=["%", "g/kg"],
        low=[[1.0, 2.0], [np.nan, 0.05]],
        high=[[2.0, 2.5], [np.nan, 0.2]],
        flags=["", "outside the training range"],
        **WHO,
    )
    rows = rows_of(path)
    assert list(rows[0]) == list(tables.COLUMNS) and len(rows) == 4
    assert list(rows[1].values()) == (
        ["a", "oil", "g/kg", "2.25", "2.0", "2.5", "", "nano", "1.2"]
    )
    assert rows[2]["sample_id"] == 'b, "ä"' and rows[2]["prediction"] == ""
    assert rows[3]["flag"] == "outside the training range"
    assert float(rows[3]["prediction"]) == 0.1
    assert list(tmp_path.iterdir()) == [path]


def test_one_property_and_nothing_else(tmp_path):
    path = tmp_path / "out.csv"
    tables.write_predictions(path, ["a", "b"], np.array([1.0, 2.0]), names=["x"], **WHO)
    assert [(r["prediction"], r["low"], r["unit"]) for r in rows_of(path)] == [
        ("1.0", "", ""),
        ("2.0", "", ""),
    ]


def test_what_does_not_fit(tmp_path):
    path = tmp_path / "out.csv"
    with pytest.raises(SpektronError, match="prediction: .3,. values for 2 samples"):
        tables.write_predictions(path, ["a", "b"], np.ones(3), names=["x"], **WHO)
    with pytest.raises(SpektronError, match="1 flags for 2 samples"):
        tables.write_predictions(
            path, ["a", "b"], np.ones(2), names=["x"], flags=[""], **WHO
        )
    with pytest.raises(SpektronError, match="choose another folder"):
        tables.write_predictions(
            tmp_path / "no" / "x.csv", ["a"], np.ones(1), names=["x"], **WHO
        )
    assert list(tmp_path.iterdir()) == []
