"""The command line: every user error is one line and exit code 2."""

import os
import subprocess
import sys
import types
from importlib import import_module
from pathlib import Path

import pytest

from spektron_jax import main
from spektron_jax.commands import config_file, runner
from spektron_jax.errors import SpektronError

ROOT = Path(__file__).parents[1]
TINY = "--config=configs/pretrain.py:tiny"


@pytest.fixture
def train(monkeypatch):
    """Replaces the training loop by one that notes its arguments."""
    calls = []
    loop = types.ModuleType("spektron_jax.training.loop")
    loop.train = lambda config, workdir: calls.append((config, workdir))
    monkeypatch.setitem(sys.modules, loop.__name__, loop)
    import spektron_jax.training

    monkeypatch.setattr(spektron_jax.training, "loop", loop, raising=False)
    loop.calls = calls
    return loop


def error_line(capsys, *argv):
    """Runs the command line and returns its only line on stderr."""
    assert main.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ")
    return err.removeprefix("error: ").rstrip("\n")


def test_flags_and_overrides_reach_the_training(train, tmp_path):
    workdir = tmp_path / "runs" / "new"
    argv = [TINY, "--config.train.steps=10", "--config.optim.clip", "2"]
    argv += ["--noconfig.checkpoint.resume", "--config.data.modalities=IR"]
    assert main.main([*argv, f"--workdir={workdir}"]) == 0
    ((config, path),) = train.calls
    assert path == workdir and os.listdir(workdir) == []
    assert config.train.steps == 10 and config.model.width == 32
    assert config.optim.clip == 2.0 and isinstance(config.optim.clip, float)
    assert config.checkpoint.resume is False
    assert config.data.modalities == ("IR",)
    assert config.is_locked


@pytest.mark.parametrize("name", ["configs/pretrain.py", "pretrain.py"])
def test_packaged_config_from_any_folder(train, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert main.main([f"--config={name}:nano", "--workdir=run"]) == 0
    assert train.calls[0][0].model.width == config_file.load(f"{name}:nano").model.width
    assert train.calls[0][1] == tmp_path / "run"


def test_a_config_here_comes_before_the_packaged_one(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "pretrain.py").write_text(
        "from spektron_jax.config import get_default\n"
        "def get_config(arg):\n"
        "    config = get_default()\n"
        "    config.seed = int(arg)\n"
        "    return config\n"
    )
    monkeypatch.chdir(tmp_path)
    assert config_file.load("configs/pretrain.py:5").seed == 5


@pytest.mark.parametrize(
    "argument, message",
    [
        ("--config.train.stepz=1", "no such setting; did you mean config.train.steps?"),
        ("--config.zzz=1", "config.zzz: no such setting; choose from the sections"),
        ("--config.train=1", "config.train: no such setting"),
        ("--noconfig.zzz", "config.zzz: no such setting"),
        ("--config.train.steps=1e3", "config.train.steps = 1e3: must be of type int"),
        ("--config.train.steps=a=b", "config.train.steps = a=b: must be of type int"),
        ("--config.optim.clip=x", "must be of type float, such as 5.0"),
        ("--config.checkpoint.resume=maybe", "must be of type bool"),
        ("--config.train.steps", "Missing value for flag"),
        ("--config.model.heads=3", "must divide model.width = 32"),
        ("--config.model.top_k=9", "must not be more than model.experts"),
        ("--config.task=sing", "config.task = 'sing': must be one of"),
        ("--workdri=x", "Unknown command line flag 'workdri'"),
        ("tiny", "tiny: not a flag"),
        ("--process_id=1", "--coordinator, --num_processes and"),
        ("--process_id=x", "--process_id=x"),
    ],
)
def test_wrong_arguments(train, capsys, tmp_path, argument, message):
    line = error_line(capsys, TINY, f"--workdir={tmp_path}", argument)
    assert message in line
    assert train.calls == []


def test_missing_flags(capsys, tmp_path):
    assert "--config is missing" in error_line(capsys)
    assert "--config" in error_line(capsys, "--workdir=x", "--config")


@pytest.mark.parametrize(
    "config, workdir",
    [
        ("configs/pretrain.py", "runs/pretrain"),
        ("pretrain.py:nano", "runs/pretrain-nano"),
    ],
)
def test_the_workdir_has_a_default_which_is_said(
    train, capsys, tmp_path, monkeypatch, config, workdir
):
    monkeypatch.chdir(tmp_path)
    assert main.main([f"--config={config}"]) == 0
    assert train.calls[0][1] == tmp_path / workdir
    assert capsys.readouterr().out == f"workdir: {workdir}\n"


def test_every_task_has_a_config_and_its_own_file():
    """What `runner` lists is what commands/ and configs/ hold."""
    tasks = {
        config_file.load(str(path)).task for path in (ROOT / "configs").glob("*.py")
    }
    tasks.add(config_file.load("configs/pretrain.py:transfer").task)
    assert set(runner.tasks()) == tasks
    for name in tasks:
        task = import_module(f"spektron_jax.commands.{name}")
        assert callable(task.check) and callable(task.run), name


def test_a_task_that_is_checked_writes_nothing_first(train, capsys, tmp_path):
    workdir = tmp_path / "never"
    line = error_line(capsys, TINY, f"--workdir={workdir}", "--config.model.top_k=9")
    assert "top_k" in line and not workdir.exists()


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "no such config file; give its path, or one of ours: configs/ablate"),
        ("def get_config(arg):\n    return 1 +", "SyntaxError: "),
        ("raise OSError('disk\\nfell off')", "OSError: disk fell off; correct this"),
        ("x = 1", "has no attribute 'get_config'"),
        ("def get_config(arg):\n    return None", "'NoneType' object has no"),
        (
            "from spektron_jax.config import get_default\n"
            "def get_config(arg):\n"
            "    config = get_default()\n"
            "    config.train.step = 3\n"
            "    return config\n",
            'Did you mean "steps" instead of "step"?; correct this config file',
        ),
    ],
)
def test_config_files_that_cannot_be_used(capsys, tmp_path, text, message):
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text)
    line = error_line(capsys, f"--config={file}", "--workdir=x")
    assert line.startswith(str(file)) and message in line and len(line) < 400


def test_unknown_variant(capsys):
    line = error_line(capsys, "--config=configs/pretrain.py:huge", "--workdir=x")
    assert "choose from base, nano, tiny, documents, nano-documents, transfer" in line


def test_unwritable_workdir(train, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    line = error_line(capsys, TINY, f"--workdir={tmp_path / 'file' / 'run'}")
    assert "cannot be written (Not a directory); choose another --workdir" in line


def test_errors_and_interruption_of_the_training(train, capsys, tmp_path):
    argv = [TINY, f"--workdir={tmp_path}"]

    def fail(config, workdir):
        raise SpektronError("loss is not finite\nat step 7")

    def interrupt(config, workdir):
        raise KeyboardInterrupt

    train.train = fail
    assert error_line(capsys, *argv) == "loss is not finite at step 7"
    assert main.main([*argv, "--debug"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err and err.endswith("error: loss is not finite at step 7\n")
    train.train = interrupt
    assert main.main(argv) == 130
    assert capsys.readouterr().err.startswith("interrupted: ")


def test_a_fault_of_ours_keeps_its_traceback(train, tmp_path):
    train.train = lambda config, workdir: 1 / 0
    with pytest.raises(ZeroDivisionError):
        main.main([TINY, f"--workdir={tmp_path}"])


def test_coordinator_is_joined_before_training(train, monkeypatch, tmp_path):
    import jax

    joined, met = [], []
    monkeypatch.setattr(
        jax.distributed, "initialize", lambda *a, **k: joined.append((a, k))
    )
    monkeypatch.setattr(main.partners, "join", lambda *given: met.append(given))
    argv = [TINY, f"--workdir={tmp_path}", "--coordinator=host:1", "--join_s=7"]
    assert main.main([*argv, "--num_processes=2", "--process_id=1"]) == 0
    assert met == [("host:1", 2, 1, 7.0, 30.0)]
    (((address,), given),) = joined
    limits = given.pop("initialization_timeout"), given.pop("heartbeat_timeout_seconds")
    assert (address, given) == ("host:1", {"num_processes": 2, "process_id": 1})
    assert limits[0] > 7 and limits[1] > 30  # ours come first
    assert len(train.calls) == 1


def test_as_a_command(tmp_path):
    """The real thing: exit codes, and no JAX loaded on the way to an error."""

    def run(*argv):
        return subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "spektron_jax.main", *argv],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )

    failed = run(TINY, "--workdir=run", "--config.train.stepz=1")
    lines = [x for x in failed.stderr.splitlines() if not x.startswith("import time:")]
    assert failed.returncode == 2 and failed.stdout == ""
    assert lines == [
        "error: config.train.stepz: no such setting; did you mean config.train.steps?"
    ]
    assert "| jax" not in failed.stderr
    helped = run("--help")
    assert helped.returncode == 0 and "--workdir" in helped.stdout


def test_a_reader_that_has_enough_is_no_error():
    """As in `... | head`: no traceback."""
    command = [sys.executable, "-m", "spektron_jax.main", "--help"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as run:
        run.stdout.close()
        assert run.stderr.read() == b"" and run.wait() == main.PIPE_CLOSED
