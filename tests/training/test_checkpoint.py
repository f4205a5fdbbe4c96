"""Checkpoints: bit-exact, atomic, checked; damage is noticed and stepped over."""

import json
import os
import resource
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spektron_jax import archive
from spektron_jax.errors import SpektronError
from spektron_jax.training import checkpoint

CONFIG = {"task": "pretrain", "model": {"width": 8}, "data": {"modalities": ["IR"]}}
ROOT = Path(__file__).parents[2]


class Extra(NamedTuple):
    step: np.ndarray
    rng: np.ndarray
    nothing: None
    empty: np.ndarray
    flag: np.ndarray


def params_and_rest(seed=0, width=8):
    rng = np.random.default_rng(seed)
    params = {
        "encoder": {
            "kernel": rng.normal(size=(3, width)).astype(np.float32),
            "bias": rng.normal(size=(width,)).astype(jnp.bfloat16),
        },
        "scale": np.array(rng.normal(), np.float32),
    }
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3))
    opt_state = optimizer.init(params)
    _, opt_state = optimizer.update(params, opt_state, params)
    key = np.asarray(jax.random.PRNGKey(seed))
    extra = Extra(np.int32(7), key, None, np.zeros((0, 3), np.float32), np.array(True))
    return params, {"opt_state": jax.device_get(opt_state), "extra": extra}


def save(workdir, step, keep=3):
    params, rest = params_and_rest(seed=step)
    checkpoint.save(workdir, step, params, rest, CONFIG, {"batch": step}, keep=keep)
    return params, rest


def restore(workdir, step=None):
    params, rest = params_and_rest()
    return checkpoint.restore(workdir, rest, params, step)


def assert_same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert isinstance(y, np.ndarray)
        x = np.asarray(x)
        assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())


def folder(workdir, step):
    return workdir / "checkpoints" / f"{step:08d}"


def largest_file(path):
    return max(
        (p for p in path.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
    )


# Round trips


def test_round_trip_is_bit_exact(tmp_path):
    params, rest = save(tmp_path, 100)
    step, params_back, rest_back, config, position = restore(tmp_path)
    assert (step, config, position) == (100, CONFIG, {"batch": 100})
    assert_same_bits(params, params_back)
    assert_same_bits(rest, rest_back)
    assert isinstance(rest_back["extra"], Extra)
    names = {p.name for p in folder(tmp_path, 100).iterdir()}
    assert names == {
        "params", "rest", "config.json", "position.json", "manifest.json"
    }  # fmt: skip


def test_shapes_serve_as_target(tmp_path):
    params, rest = save(tmp_path, 1)
    shapes = jax.eval_shape(lambda: (params, rest))
    _, params_back, rest_back, _, _ = checkpoint.restore(tmp_path, shapes[1], shapes[0])
    assert_same_bits(params, params_back)
    assert_same_bits(rest["opt_state"], rest_back["opt_state"])


def test_python_numbers_have_the_dtypes_that_jax_gives_them(tmp_path):
    checkpoint.save(tmp_path, 1, {}, {"step": 7, "scale": 0.5, "on": True}, {}, {})
    target = {"step": jnp.int32(0), "scale": jnp.float32(0), "on": False}
    _, _, rest, _, _ = checkpoint.restore(tmp_path, target, {})
    assert {k: (v.dtype.name, v.item()) for k, v in rest.items()} == {
        "step": ("int32", 7),
        "scale": ("float32", 0.5),
        "on": ("bool", True),
    }


def test_arrays_of_any_device_come_back_as_host_numpy(tmp_path):
    params, rest = params_and_rest()
    spread = jax.device_put(params, jax.devices()[-1])
    checkpoint.save(tmp_path, 1, spread, rest, CONFIG, {})
    assert_same_bits(params, checkpoint.restore_params(tmp_path)[0])


def test_a_million_parameters_take_less_than_a_second(tmp_path):
    params = {"kernel": np.ones((1000, 1000), np.float32)}
    rest = {"opt_state": optax.adamw(1e-3).init(params), "target": params}
    save(tmp_path / "warm", 1)
    start = time.monotonic()
    checkpoint.save(tmp_path, 1, params, rest, CONFIG, {})
    assert time.monotonic() - start < 1.0
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) < 60


def test_nothing_is_logged_or_printed(tmp_path, capfd, caplog):
    save(tmp_path, 1)
    restore(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


# Steps


def test_the_newest_are_kept(tmp_path):
    for step in (10, 20, 30, 40):
        save(tmp_path, step, keep=2)
    assert checkpoint.steps(tmp_path) == [30, 40]
    assert checkpoint.latest(tmp_path) == 40
    assert restore(tmp_path)[0] == 40
    assert restore(tmp_path, step=30)[0] == 30
    with pytest.raises(SpektronError, match="no step 10; choose one of"):
        restore(tmp_path, step=10)


def test_a_step_can_be_written_again(tmp_path):
    save(tmp_path, 1)
    params, rest = params_and_rest(seed=9)
    checkpoint.save(tmp_path, 1, params, rest, CONFIG, {})
    assert_same_bits(params, restore(tmp_path)[1])
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["00000001"]


def test_without_checkpoints(tmp_path):
    assert checkpoint.steps(tmp_path) == []
    assert checkpoint.latest(tmp_path) is None
    with pytest.raises(SpektronError, match="holds no checkpoint"):
        restore(tmp_path)


# Damage


def flip_bit(path):
    file = largest_file(path / "params")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    return file.name


def truncate(path):
    file = largest_file(path / "rest")
    os.truncate(file, file.stat().st_size - 1)
    return file.name


def remove(path):
    (path / "position.json").unlink()
    return "position.json"


def remove_manifest(path):
    (path / "manifest.json").unlink()
    return "manifest.json"


def change_manifest(path):
    file = path / "manifest.json"
    file.write_text(file.read_text().replace("float32", "float64", 1))
    return "manifest.json"


def cut_manifest(path):
    os.truncate(path / "manifest.json", 100)
    return "manifest.json"


def empty_folder(path):
    for file in [p for p in path.rglob("*") if p.is_file()]:
        file.unlink()
    return "manifest.json"


DAMAGES = [
    flip_bit, truncate, remove, remove_manifest, change_manifest, cut_manifest,
    empty_folder,
]  # fmt: skip


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("two_steps")
    save(workdir, 10)
    save(workdir, 20)
    return workdir


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_step_is_stepped_over(tmp_path, caplog, two_steps, damage):
    shutil.copytree(two_steps, tmp_path, dirs_exist_ok=True)
    name = damage(folder(tmp_path, 20))
    assert checkpoint.latest(tmp_path) == 10
    step, params, _, _, _ = restore(tmp_path)
    assert step == 10
    assert_same_bits(params_and_rest(seed=10)[0], params)
    assert "step 20 is damaged" in caplog.text and name in caplog.text
    assert_same_bits(params, checkpoint.restore_params(tmp_path)[0])
    with pytest.raises(SpektronError, match=f"00000020: damaged .*{name}"):
        restore(tmp_path, step=20)  # asked for by name, it is an error


@pytest.mark.parametrize(
    "leaves",
    [
        None,
        [],
        {"params": 3},
        {"params": {"scale": "float32"}},
        {"params": {"scale": ["float32", [-1]]}},
        {"params": {"scale": ["float32", [2**70, "x"]]}},
        {"params": {"scale": [1, []]}},
    ],
)
def test_leaves_of_the_wrong_form_are_damage(tmp_path, two_steps, leaves):
    shutil.copytree(two_steps, tmp_path, dirs_exist_ok=True)
    manifest = folder(tmp_path, 20) / archive.MANIFEST
    listed = json.loads(manifest.read_text())
    del listed["sha256"]
    manifest.write_text(json.dumps(archive.sealed(listed | {"leaves": leaves})))
    with pytest.raises(SpektronError, match="does not describe its leaves"):
        restore(tmp_path, step=20)
    assert restore(tmp_path)[0] == 10


def test_a_damaged_step_is_replaced(tmp_path, two_steps):
    shutil.copytree(two_steps, tmp_path, dirs_exist_ok=True)
    flip_bit(folder(tmp_path, 20))
    save(tmp_path, 20)
    assert restore(tmp_path)[0] == 20


def test_all_damaged(tmp_path):
    save(tmp_path, 10)
    flip_bit(folder(tmp_path, 10))
    assert checkpoint.latest(tmp_path) is None
    with pytest.raises(SpektronError, match="all of its 1 checkpoints are damaged"):
        restore(tmp_path)


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
    save(tmp_path, 10)
    monkeypatch.undo()
    with pytest.raises(SpektronError, match="in a newer format; update spektron_jax"):
        restore(tmp_path)


# Targets that do not fit


def test_a_foreign_model_is_refused_leaf_by_leaf(tmp_path):
    params, rest = save(tmp_path, 1)
    target = {
        "encoder": {
            "kernel": np.zeros((3, 9), np.float32),
            "bias": np.zeros(8, np.float32),
        },
        "head": {name: np.zeros(2, np.float32) for name in "abcde"},
    }
    with pytest.raises(SpektronError) as error:
        checkpoint.restore(tmp_path, rest, target)
    message = str(error.value)
    assert "\n" not in message
    assert "missing: head/a, head/b, head/c and 2 more" in message
    assert "unexpected: scale" in message
    assert "encoder/kernel (float32[3, 8], expected float32[3, 9])" in message
    assert "encoder/bias (bfloat16[8], expected float32[8])" in message
    with pytest.raises(SpektronError, match="params do not fit"):
        checkpoint.restore_params(tmp_path, target)
    with pytest.raises(SpektronError, match="its rest do not fit .*extra/step"):
        checkpoint.restore(tmp_path, {"opt_state": optax.sgd(0.1).init(params)}, params)


# Weights


def test_weights(tmp_path):
    params, _ = params_and_rest()
    checkpoint.save_params(tmp_path / "weights" / "nano", params, CONFIG)
    back, config = checkpoint.restore_params(tmp_path / "weights" / "nano", params)
    assert config == CONFIG
    assert_same_bits(params, back)
    checkpoint.save_params(tmp_path / "weights" / "nano", back, {})  # in place
    assert checkpoint.restore_params(tmp_path / "weights" / "nano")[1] == {}
    assert os.listdir(tmp_path / "weights") == ["nano"]
    flip_bit(tmp_path / "weights" / "nano")
    with pytest.raises(SpektronError, match="nano: damaged"):
        checkpoint.restore_params(tmp_path / "weights" / "nano")


def test_params_from_workdir_or_step_folder(tmp_path):
    params, _ = save(tmp_path, 3)
    for path in (tmp_path, folder(tmp_path, 3), str(tmp_path)):
        assert_same_bits(params, checkpoint.restore_params(path, params)[0])


def test_folders_that_are_no_checkpoint(tmp_path):
    params, _ = params_and_rest()
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(SpektronError, match="neither a checkpoint, nor weights"):
            checkpoint.restore_params(path)
    with pytest.raises(SpektronError, match="exists and holds no weights"):
        checkpoint.save_params(tmp_path, params, CONFIG)


# Failing while writing


def contents(workdir):
    return sorted(p.name for p in (workdir / "checkpoints").iterdir())


def test_a_full_disk_leaves_what_was_there(tmp_path):
    """The system refuses the write, inside orbax: not a simulated error."""
    save(tmp_path, 1)
    params = {"kernel": np.random.default_rng(0).normal(size=(200, 200))}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(SpektronError) as error:
            checkpoint.save(tmp_path, 2, params, {}, CONFIG, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "00000002: cannot be written (File too large); free" in str(error.value)
    assert contents(tmp_path) == ["00000001"]
    assert restore(tmp_path)[0] == 1


@pytest.mark.parametrize("place", ["_orbax_save", "archive.flush", "archive._rename"])
@pytest.mark.parametrize(
    "raised, seen",
    [(OSError(28, "No space left on device"), SpektronError), (KeyboardInterrupt,) * 2],
)
def test_a_failure_leaves_nothing_half_written(
    tmp_path, monkeypatch, place, raised, seen
):
    save(tmp_path, 1)

    def fail(*_):
        raise raised

    monkeypatch.setattr(f"{checkpoint.__name__}.{place}", fail)
    with pytest.raises(seen):
        save(tmp_path, 2)
    monkeypatch.undo()
    assert contents(tmp_path) == ["00000001"]
    assert checkpoint.latest(tmp_path) == 1


def test_a_killed_save_is_invisible_and_swept_up(tmp_path, monkeypatch):
    save(tmp_path, 1)
    # As if the process had died: nothing is cleaned up.
    monkeypatch.setattr(archive, "_rename", lambda *_: 1 / 0)
    monkeypatch.setattr(archive.shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(ZeroDivisionError):
        save(tmp_path, 2)
    monkeypatch.undo()
    assert len(contents(tmp_path)) == 2
    assert checkpoint.steps(tmp_path) == [1]
    save(tmp_path, 3)
    assert contents(tmp_path) == ["00000001", "00000003"]


def test_an_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        SpektronError, match="file/checkpoints/00000001: cannot be written"
    ):
        save(tmp_path / "file", 1)


# Several processes

PROCESS = """
import sys
import jax, numpy as np
from spektron_jax.training import checkpoint
index, port, workdir = int(sys.argv[1]), sys.argv[2], sys.argv[3]
jax.distributed.initialize(f"127.0.0.1:{port}", 2, index)
if index == 0:
    checkpoint.save(workdir, 1, {"a": np.ones(3)}, {"b": 1}, {}, {})
from jax.experimental import multihost_utils
multihost_utils.sync_global_devices("saved")
step, params, rest, _, _ = checkpoint.restore(workdir, {"b": 0}, {"a": np.ones(3)})
assert step == 1 and params["a"].tolist() == [1, 1, 1] and rest["b"] == 1
"""


def test_the_first_of_two_processes_saves_alone(tmp_path, free_port):
    """By default orbax would wait here for the second process until it times out."""
    code = textwrap.dedent(PROCESS)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(index), str(free_port), str(tmp_path)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
