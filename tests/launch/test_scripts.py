"""The scripts of launch/, with a Python that only notes what it is asked to do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Stands for .venv/bin/python: new enough, and every other call is written down.
NOTING_PYTHON = """#!/usr/bin/env bash
if [ "$1" = -c ]; then exit 0; fi
printf '%s\\n' "$*" >>"$CALLS"
"""


@pytest.fixture
def launch(tmp_path):
    """Runs a script of a copy of the repository; returns its calls of Python."""
    shutil.copytree(ROOT / "launch", tmp_path / "launch")
    for name in ("requirements.txt", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(NOTING_PYTHON)
    python.chmod(0o755)
    calls = tmp_path / "calls"

    def run(script, *arguments):
        calls.unlink(missing_ok=True)
        done = subprocess.run(
            ["bash", tmp_path / "launch" / script, *arguments],
            env=os.environ | {"CALLS": str(calls)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout, calls.read_text().splitlines()

    return run


@pytest.mark.parametrize("arguments", [(), ("--config.train.steps=3",)])
@pytest.mark.parametrize(
    "script, config", [("quickstart.sh", "pretrain.py:tiny"), ("local.sh", "pretrain")]
)
def test_arguments_reach_the_main_job(launch, script, config, arguments):
    out, (install, *first, job) = launch(script, *arguments)
    assert install.endswith("-e .[network]")
    assert job.startswith(f"-m spektron_jax.main --config=configs/{config}")
    assert job.endswith(" ".join(["", *arguments]).rstrip()), "the last word counts"
    if script == "quickstart.sh":
        assert first[0].startswith("-m spektron_jax demo --out ")
        pages = out.splitlines()[-2:]
        assert pages[0].endswith("runs/quickstart-demo/report.html")
        assert pages[1].endswith("runs/quickstart/report.html")
        assert "smoke test" in out


def test_the_quickstart_names_the_report_of_another_workdir(launch):
    out, (_, first, job) = launch("quickstart.sh", "--workdir=elsewhere")
    pages = ["elsewhere-demo/report.html", "elsewhere/report.html"]
    assert out.splitlines()[-2:] == pages and first.endswith("--out elsewhere-demo")
    assert job.endswith("--workdir=elsewhere")


@pytest.mark.parametrize("arguments", [(), ("tests/test_archive.py",)])
def test_lint_types_and_tests_in_this_order(launch, arguments):
    _, (install, *calls) = launch("test.sh", *arguments)
    assert install.endswith("-e .[network,test]")
    tools = ["-m ruff check", "-m ruff format --check", "-m mypy", "-m pytest"]
    assert [call[: len(tool)] for call, tool in zip(calls, tools, strict=True)] == tools
    assert calls[-1].endswith(" ".join(arguments))


def test_a_browser_is_set_up_for_its_tests_alone(launch):
    _, (install, *calls) = launch("test.sh", "--browser", "-k", "keyboard")
    assert install.endswith("-e .[network,test,browser]")
    *downloads, last = calls
    assert downloads in ([], ["-m playwright install chromium"])
    assert last.startswith("-m pytest --all") and last.endswith("browser -k keyboard")


def test_a_campaign_starts_each_slice_from_the_weights_of_the_last(launch):
    out, (_, *calls) = launch("campaign.sh", "tiny", "1", "5", "--config.seed=4")
    first, export, last, *_ = calls
    assert "pretrain.py:tiny" in first and first.endswith("--config.seed=4")
    assert "--config.train.steps=5" in first and "train.separate=false" in first
    weights = export.split()[-1]
    assert f"--config.train.start={weights}" in last and "train.separate=true" in last
    assert out.splitlines()[-1].endswith("tiny-2/weights")
