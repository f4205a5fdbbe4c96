"""Tables of pandas and open files are read as the file would be."""

import io

import numpy as np
import pytest

import spektron_jax
from spektron_jax import SpektronError

AXIS = np.arange(1100.0, 1300.0, 4.0)
SPECTRA = np.random.default_rng(0).normal(0.5, 0.1, (6, AXIS.size)).round(4)
TEXT = "\n".join(
    [
        "sample,fat," + ",".join(f"{x:g}" for x in AXIS),
        *(
            f"s{i},{3 + i}," + ",".join(f"{v:.4f}" for v in x)
            for i, x in enumerate(SPECTRA)
        ),
    ]
)


def same(found):
    (one,) = found.instruments.values()
    np.testing.assert_allclose(one.spectra, SPECTRA, rtol=1e-6)
    np.testing.assert_allclose(one.axis, AXIS)
    assert found.sample_ids.tolist() == [f"s{i}" for i in range(6)]
    assert found.target_names == ("fat",)


class Frame:
    """As much of a table of pandas as is used."""

    class Index:
        name = "sample"

    def __init__(self, text):
        self.text, self.index = text, self.Index()

    def to_csv(self, index, index_label):
        assert index and index_label == "sample"
        return self.text


def test_a_table_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(SPECTRA, columns=AXIS)
    frame.insert(0, "fat", np.arange(3, 9))
    frame.index = [f"s{i}" for i in range(6)]
    same(spektron_jax.read(frame, unit="nm"))
    frame.insert(0, "sample", frame.index)
    same(spektron_jax.read(frame.reset_index(drop=True), unit="nm"))


@pytest.mark.parametrize("make", [Frame, io.StringIO, lambda t: io.BytesIO(t.encode())])
def test_what_is_no_path(make):
    same(spektron_jax.read(make(TEXT), unit="nm"))


def test_an_open_file(tmp_path):
    (tmp_path / "x.csv").write_text(TEXT)
    with (tmp_path / "x.csv").open("rb") as file:
        same(spektron_jax.read(file, unit="nm"))


def test_errors_name_what_was_given(tmp_path):
    with pytest.raises(SpektronError, match="^DataFrame.csv: ") as error:
        spektron_jax.read(Frame(TEXT))
    assert "/" not in str(error.value)
    with pytest.raises(SpektronError, match="^int: neither a path"):
        spektron_jax.read(7)
    with pytest.raises(SpektronError, match="^open file: "):
        spektron_jax.read(io.BytesIO(b"\0\1\2"))


def test_the_first_rows_of_a_large_table(tmp_path):
    """Of many megabytes not all is read: an error far below is not met."""
    line = ",".join(f"{v:.4f}" for v in np.linspace(0.2, 0.9, AXIS.size))
    names = ",".join(f"{x:g}" for x in AXIS)
    lines = [f"sample,{names}", *(f"s{i},{line}" for i in range(16_000))]
    path = tmp_path / "large.csv"
    path.write_text("\n".join([*lines, "s,no number", ""]))
    found = spektron_jax.read(path, unit="nm", rows=7)
    assert found.sample_ids.tolist() == [f"s{i}" for i in range(7)]
    with pytest.raises(SpektronError, match="line 16002"):
        spektron_jax.read(path, unit="nm")


def test_the_first_rows_of_a_small_table(tmp_path):
    (tmp_path / "x.csv").write_text(TEXT)
    found = spektron_jax.read(tmp_path / "x.csv", unit="nm", rows=2)
    assert found.sample_ids.tolist() == ["s0", "s1"]
    assert len(spektron_jax.read(tmp_path / "x.csv", unit="nm", rows=99)) == 6
    with pytest.raises(SpektronError, match="rows = 0"):
        spektron_jax.read(tmp_path / "x.csv", unit="nm", rows=0)
