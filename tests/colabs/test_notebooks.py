"""Every notebook runs at a small setting, and both of its forms hold the same cells."""

import json
import re
from pathlib import Path

import pytest

COLABS = Path(__file__).parents[2] / "colabs"
SCRIPTS = sorted(COLABS.glob("*.py"))
SMALL = {"MOLECULES = 100": "MOLECULES = 12"}


def cells(script):
    """Source of each cell of a percent script, comment marks of text taken off."""
    for part in re.split(r"(?m)^# %%", script)[1:]:
        head, _, body = part.partition("\n")
        lines = body.strip("\n").split("\n")
        if "[markdown]" in head:
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
        yield "\n".join(lines)


def test_there_is_a_notebook():
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_both_forms_agree(script):
    notebook = json.loads(script.with_suffix(".ipynb").read_text())
    assert ["".join(cell["source"]) for cell in notebook["cells"]] == list(
        cells(script.read_text())
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_runs(script, capsys):
    source = script.read_text()
    for large, small in SMALL.items():
        assert large in source
        source = source.replace(large, small)
    exec(compile(source, script.name, "exec"), {"__name__": "__main__"})
    assert "found again" in capsys.readouterr().out
