"""Settings of all tests; what stands in the environment is read when JAX is imported.

`--all` also runs the tests that are marked slow.
"""

import os
import socket
from pathlib import Path

import pytest

# Two virtual devices, so that every test of the training step crosses devices.
_DEVICES = "--xla_force_host_platform_device_count=2"
if "device_count" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DEVICES}".strip()
# Threads for collectives: on 2 cores, 2 devices in a tight loop can wait for ever.
os.environ.setdefault("PJRT_NPROC", "8")
# Most of the time of a test run is compilation; a second run finds it done.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".cache" / "jax")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--all"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --all"))


@pytest.fixture
def free_port():
    """A port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
