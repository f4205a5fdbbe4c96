"""A task is one file: from its Result to files, page and printed lines."""

import json
import re
import shlex
import subprocess
import sys
from urllib.parse import unquote

import numpy as np
import pytest
from ml_collections import ConfigDict

from spektron_jax import commands
from spektron_jax.commands import runner
from spektron_jax.commands.result import Finding, Result
from spektron_jax.errors import SpektronError

TOY = """
from matplotlib.figure import Figure
import numpy as np

from spektron_jax.commands.result import (
    Bullets, Code, Finding, Plot, Result, Section, Table, Text
)
from spektron_jax.errors import SpektronError

EVIL = "<script>alert('x')</script> & \\"more\\""


def check(config):
    if config.steps < 1:
        raise SpektronError(f"config.steps = {config.steps}: must be 1 or more")


def run(config, workdir):
    if config.silent:
        return None
    figure = Figure()
    figure.subplots().plot([0, 1], [1, 0])
    (workdir / "extra.csv").write_text("a,b")
    parts = [
        Text(EVIL, note=True, strong=EVIL),
        Bullets([EVIL, "second"], lead=EVIL),
        Table(["name", EVIL], [["first", "1"], [EVIL, "2"]], caption=EVIL, marked=1),
        Plot(figure, EVIL),
        Code(EVIL),
        Code(EVIL, summary=EVIL),
    ]
    return Result(
        EVIL,
        [
            Finding(True, "good", EVIL),
            Finding(False, EVIL, "b"),
            Finding(None, "c", "d"),
        ],
        [Section("one", EVIL, parts)],
        facts=EVIL,
        data={"answer": 42},
        arrays={"x": np.arange(3)},
        files={EVIL: "0" * 64},
        written={"extra": workdir / "extra.csv"},
    )
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Settings of a task that is one file and no more."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "toy.py").write_text(TOY)
    folders = [*commands.__path__, str(tmp_path / "tasks")]
    monkeypatch.setattr(commands, "__path__", folders)
    monkeypatch.setattr("sys.argv", ["main.py", "--config=toy.py"])
    yield ConfigDict({"task": "toy", "seed": 3, "steps": 1, "silent": False})
    sys.modules.pop("spektron_jax.commands.toy", None)


def test_a_file_in_the_folder_is_a_task(toy):
    assert {"toy", "transfer"} < set(runner.tasks())
    runner.check(toy)
    with pytest.raises(SpektronError, match="steps = 0: must be 1 or more"):
        runner.check(ConfigDict(dict(toy, steps=0)))
    with pytest.raises(SpektronError, match="task = 'tpy': must be one of ablate"):
        runner.check(ConfigDict({"task": "tpy"}))


def test_files_page_and_lines(toy, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner.run(toy, tmp_path)
    evil = "<script>alert('x')</script> & \"more\""
    assert capsys.readouterr().out.splitlines() == [
        *(f"good: {evil}", f"{evil}: b", "c: d", "extra: extra.csv"),
        "report: report.html",
    ]
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["answer"] == 42 and results["config"] == dict(toy)
    assert results["files"] == {evil: "0" * 64}
    assert results["verdict"][0] == {"good": True, "label": "good", "text": evil}
    assert set(results["versions"]) >= {"python", "spektron_jax", "numpy", "jax"}
    with np.load(tmp_path / "results.npz") as arrays:
        assert arrays["x"].tolist() == [0, 1, 2]


def test_whatever_a_task_says_is_text_on_the_page(toy, tmp_path):
    runner.run(toy, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count("&lt;script&gt;") == 22
    assert "<script" not in page
    assert not re.search(r"https?://(?!www\.w3\.org)", unquote(page))
    assert re.findall(r"<img alt=\"[^\"]*\" src=\"([^,]*),", page) == [
        "data:image/svg+xml"
    ]
    assert re.findall(r'<li class="(\w+)"><b>(.)', page) == [
        *(("good", "G"), ("bad", "&"), ("plain", "C"))
    ]
    places = [page.index(f'<h2 id="{name}"') for name in ("verdict", "one", "settings")]
    assert places == sorted(places) and '<a href="#one">' in page
    assert page.count('<tr class="marked"><th scope="row">&lt;script') == 1
    assert "Seed 3; python" in page and "<summary>All settings</summary>" in page


def test_nothing_to_report_writes_nothing(toy, tmp_path, capsys):
    runner.run(ConfigDict(dict(toy, silent=True)), tmp_path)
    assert not capsys.readouterr().out and not (tmp_path / "results.json").exists()


def test_each_answer_of_a_task_replaces_the_one_before(toy, tmp_path, capsys):
    module = runner.task_of(toy)

    def run(config, workdir):
        yield Result("first", [Finding(None, "a", "b")], data={"answer": 1})
        found = json.loads((workdir / "results.json").read_text())
        assert found["answer"] == 1 and "<h1>first" in page.read_text()
        assert capsys.readouterr().out.startswith("a: b\n")
        yield Result("second", data={"answer": 2})

    page = tmp_path / "report.html"
    module.run = run
    runner.run(toy, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["answer"] == 2
    assert "<h1>second" in page.read_text()


def test_the_command_can_be_pasted_into_a_shell(toy, tmp_path, monkeypatch):
    given = ["--config=a folder/toy.py", "--config.modalities=('IR', 'NIR')", "it's"]
    monkeypatch.setattr("sys.argv", ["main.py", *given])
    runner.run(toy, tmp_path)
    command = json.loads((tmp_path / "results.json").read_text())["command"]
    assert shlex.split(command) == ["python", "-m", "spektron_jax.main", *given]
    subprocess.run(["bash", "-n", "-c", command], check=True)
