"""Documents: links lead somewhere, and the example of a new task is a task."""

import re
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from spektron_jax.commands import runner

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        if not re.match(r"https?://|mailto:", link):
            assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_paths_in_code_marks_exist(page):
    """`spektron_jax/...`, `tests/...` and so on name what is there."""
    tops = "spektron_jax|configs|launch|tests|colabs|benchmarks|docs"
    for path in re.findall(rf"`((?:{tops})/[\w./-]+)`", page.read_text()):
        assert (ROOT / path).exists(), path


def test_every_room_is_described():
    rooms = {p.parent.name for p in (ROOT / "spektron_jax").glob("*/__init__.py")}
    described = set(re.findall(r"`(\w+)/`", (ROOT / "CONTRIBUTING.md").read_text()))
    assert rooms <= described


def test_the_example_of_a_task_runs(tmp_path, monkeypatch, capsys):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.S)
    task: dict = {}
    exec(example, task)
    path = tmp_path / "spectra.csv"
    path.write_text(
        "id,"
        + ",".join(str(1100 + 2 * k) for k in range(20))
        + "\n"
        + "".join(
            f"s{i}," + ",".join(f"{0.1 * i + 0.01 * k:.3f}" for k in range(20)) + "\n"
            for i in range(4)
        )
    )
    config = ConfigDict({"data": {"path": str(path), "unit": "nm"}, "seed": 0})
    task["check"](config)
    result = task["run"](config, tmp_path)
    runner.write(result, config, tmp_path)
    (spread,) = result.data["spread"].values()
    assert spread == pytest.approx(0.1 * (1.25**0.5))
    assert "SD 0.112" in capsys.readouterr().out
    assert "SD 0.112" in (tmp_path / "report.html").read_text()
