"""Memory that a process keeps, in processes of their own."""

import platform
import subprocess
import sys

import pytest

from spektron_jax.commands import pretrain
from spektron_jax.config import get_default
from spektron_jax.training import loop, memory

SIZE = 256 << 20  # more than an arena of a thread holds
SCRIPT = f"""
import ctypes, threading
from pathlib import Path
from spektron_jax.training import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def step():
    block = libc.malloc(ctypes.c_size_t({SIZE}))
    ctypes.memset(block, 1, {SIZE})
    full = resident()
    libc.free(ctypes.c_void_p(block))
    print((full - resident()) / {SIZE})

if {{keep}}:
    assert memory.keep_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
thread = threading.Thread(target=step)  # as JAX computes
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
@pytest.mark.parametrize("keep", [True, False])
def test_freed_memory_stays_with_the_process(keep):
    command = [sys.executable, "-c", SCRIPT.format(keep=keep)]
    given_back = float(subprocess.check_output(command))
    assert given_back < 0.1 if keep else given_back > 0.9


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert memory.keep_freed() is False


@pytest.mark.parametrize(
    "parts, most, keeps", [(1, 64, True), (1, 8, False), (4, 64, False)]
)
def test_a_run_keeps_it_unless_batches_are_parted(
    parts, most, keeps, monkeypatch, tmp_path
):
    kept = []
    monkeypatch.setattr(memory, "keep_freed", lambda: kept.append(True))
    monkeypatch.setattr(loop, "train", lambda config, workdir: kept.append("train"))
    config = get_default()
    config.train.update({"batch_size": 64, "accumulate": parts, "most_at_once": most})
    pretrain.run(config, tmp_path)
    assert kept == ([True, "train"] if keeps else ["train"])
