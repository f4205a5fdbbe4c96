"""Metric writers: the rows of a run, also when it stops and goes on."""

import json
import math
import resource
import sys

import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.training import metric_writers


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def row(step):
    return {"loss/total": 1.0 / step, "lr": 1e-3, "samples_per_s": 20.0}


def test_rows_hold_step_and_floats(tmp_path):
    writer = metric_writers.make_writers(tmp_path, tensorboard=False, console=False)
    writer.write(1, row(1))
    writer.write(2, {"loss/total": math.nan, "lr": math.inf})
    # On disk before the writer is closed.
    assert rows(tmp_path / "metrics.jsonl") == [
        {"step": 1, "loss/total": 1.0, "lr": 1e-3, "samples_per_s": 20.0},
        {"step": 2, "loss/total": None, "lr": None},
    ]
    writer.close()


@pytest.mark.parametrize(
    "resume, kept", [(None, []), (0, []), (3, [1, 2, 3]), (9, [1, 2, 3, 4, 5])]
)
def test_resuming_drops_later_rows(tmp_path, resume, kept):
    path = tmp_path / "metrics.jsonl"
    writer = metric_writers.JsonLinesWriter(path)
    for step in range(1, 6):
        writer.write(step, row(step))
    writer.close()
    writer = metric_writers.make_writers(tmp_path, resume, False, False)
    writer.write(10, row(10))
    writer.close()
    assert [r["step"] for r in rows(path)] == [*kept, 10]
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1, "lr": 1.0}\n{"step": 2, "lr": 0.\xff')
    writer = metric_writers.JsonLinesWriter(path, resume_step=5)
    writer.write(6, {"lr": 2.0})
    writer.close()
    assert rows(path) == [{"step": 1, "lr": 1.0}, {"step": 6, "lr": 2.0}]


def test_an_unwritable_file_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SpektronError, match="metrics.jsonl: cannot be written"):
        metric_writers.make_writers(tmp_path / "file")


def test_a_full_disk_is_one_clear_error(tmp_path):
    writer = metric_writers.JsonLinesWriter(tmp_path / "metrics.jsonl")
    writer.write(1, row(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        with pytest.raises(SpektronError, match="metrics.jsonl: cannot be written"):
            writer.write(2, row(2))
        writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_console_line_is_short(tmp_path, capsys):
    writer = metric_writers.make_writers(tmp_path, tensorboard=False)
    writer.write(20, row(20) | {"beta": 0.1})
    writer.close()
    assert capsys.readouterr().out == (
        "step     20  loss 0.0500  lr 1.00e-03  20.0 samples/s\n"
    )


def test_tensorboard_files(tmp_path):
    pytest.importorskip("tensorboardX")
    for resume in (None, 1):
        writer = metric_writers.make_writers(tmp_path, resume, console=False)
        writer.write(2, row(2))
        writer.close()
    files = list((tmp_path / "tensorboard").glob("events*"))
    assert files and b"loss/total" in files[0].read_bytes()


def test_without_tensorboardx_the_rest_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    writer = metric_writers.make_writers(tmp_path, console=False)
    writer.write(1, row(1))
    writer.close()
    assert len(rows(tmp_path / "metrics.jsonl")) == 1
    assert not (tmp_path / "tensorboard").exists()
