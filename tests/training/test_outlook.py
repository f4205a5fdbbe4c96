"""What a run says before it starts, and until its first row."""

import time
from types import SimpleNamespace

import jax
import pytest

from spektron_jax.config import accumulation, get_default
from spektron_jax.training import outlook
from spektron_jax.training.state import build_model, init_params


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01, "1 s"),
        (13, "13 s"),
        (420, "7 minutes"),
        (9000, "2 hours"),
        (2.1e7, "243 days"),
    ],
)
def test_durations_are_in_the_unit_that_suits(seconds, text):
    assert outlook.duration(seconds) == text


def test_a_gpu_that_jax_does_not_see_is_named_with_what_to_install(
    monkeypatch, tmp_path
):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(outlook.shutil, "which", lambda _: None)
    monkeypatch.setattr(outlook, "NVIDIA", (str(tmp_path / "none"),))
    assert outlook.unused_gpu("cpu") == ""
    monkeypatch.setattr(outlook, "NVIDIA", (str(tmp_path),))
    said = outlook.unused_gpu("cpu")
    assert "NVIDIA GPU" in said and "pip install 'jax[cuda12]'" in said
    assert outlook.unused_gpu("gpu") == ""
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")  # the user's own choice
    assert outlook.unused_gpu("cpu") == ""
    monkeypatch.delenv("JAX_PLATFORMS")
    monkeypatch.setattr(outlook, "NVIDIA", ())
    monkeypatch.setattr(outlook.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    assert outlook.unused_gpu("cpu")


def test_a_large_model_on_a_cpu_says_how_long_and_what_else_there_is(
    monkeypatch, micro
):
    config = micro()
    model = build_model(config)
    params = init_params(model, 0)
    monkeypatch.setattr(outlook, "unused_gpu", lambda platform: "")
    cpu, gpu = SimpleNamespace(platform="cpu"), SimpleNamespace(platform="gpu")

    def warn(device, left=20):
        return outlook.warn(config, model, params, [device], 1, left)

    assert warn(cpu) == []  # small
    monkeypatch.setattr(outlook, "LARGE", 1000)
    monkeypatch.setattr(outlook, "step_seconds", lambda *_: 416.0)
    (line,) = warn(cpu, 50_000)
    assert "a step of 8 spectra takes about 7 minutes" in line
    assert "241 days" in line and "pretrain.py:nano" in line and ":tiny" in line
    assert warn(gpu) == warn(cpu, 0) == []


def test_the_estimate_is_a_time(micro):
    config = micro()
    model = build_model(config)
    once = outlook.step_seconds(config, model, init_params(model, 0), 1)
    assert 0 < once < 10


def test_life_is_shown_until_the_first_row(capsys):
    computed = SimpleNamespace(is_ready=lambda: True)
    waiting = SimpleNamespace(is_ready=lambda: False)
    window = []
    life = outlook.SignsOfLife(window, every_s=0.05)
    life.start()
    time.sleep(0.2)
    window += [{"loss": computed}, {"loss": waiting}]
    time.sleep(0.4)
    life.stop()
    time.sleep(0.1)
    said = capsys.readouterr().out.splitlines()
    assert "compiling, or in the first step after" in said[0]
    assert "1 steps done after" in said[-1]
    time.sleep(0.2)
    assert not capsys.readouterr().out


def test_who_wants_no_progress_gets_no_signs(capsys):
    outlook.SignsOfLife([], wanted=False, every_s=0.01).start()
    time.sleep(0.1)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(("devices", "parts"), [(1, 8), (2, 4), (4, 4), (8, 4)])
def test_fewer_devices_accumulate_more(devices, parts):
    train = get_default().train
    assert accumulation(train, devices) == parts
    assert train.batch_size / (parts * devices) <= train.most_at_once == 8


def test_metrics_of_a_step_are_finished_when_all_are():
    assert outlook.finished({"a": jax.numpy.ones(2).block_until_ready()})
