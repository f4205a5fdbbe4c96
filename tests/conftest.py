"""Settings of all tests; what stands in the environment is read when JAX is imported.

`--all` also runs the tests that are marked slow.
"""

import mmap
import os
import socket
from importlib.util import find_spec
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
# Two workers on two cores: two BLAS threads each would wait for one another.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


# Files that take longest, in the order in which they start: with two workers a long
# one at the end would have one of them wait.
LONGEST = (
    "training/test_loop.py",
    "training/test_steps.py",
    "multiprocess/test_processes.py",
    "training/test_evaluate.py",
    "multidevice/test_devices.py",
    "models/test_spektron.py",
    "test_encoder.py",
)


def pytest_addoption(parser):
    parser.addoption(
        "--all", action="store_true", help="the slow tests too, as optimised as a run"
    )


def pytest_configure(config):
    """Compile in a hurry: a quarter of the time, for steps at a third of the speed.

    With --all programs are compiled as they are in a real run.
    """
    if config.getoption("--all"):
        return
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    flag = "xla_cpu_use_fusion_emitters"
    if _known_to_xla(flag) and flag not in os.environ["XLA_FLAGS"]:
        os.environ["XLA_FLAGS"] += f" --{flag}=false"


def _known_to_xla(flag):
    """XLA ends the process at a flag that its version does not know."""
    folder = Path(find_spec("jaxlib").submodule_search_locations[0])
    for library in folder.glob("libjax_common.*"):
        with open(library, "rb") as file:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return content.find(flag.encode()) >= 0
    return False


def pytest_collection_modifyitems(config, items):
    def place(item):
        name = item.path.relative_to(Path(__file__).parent).as_posix()
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=place)
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


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    """A folder with the weights of an untrained tiny model."""
    import json

    import jax

    from configs.pretrain import get_config
    from spektron_jax.training import checkpoint
    from spektron_jax.training.state import build_model, init_params

    config = get_config("tiny")
    params = jax.device_get(init_params(build_model(config), 3))
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    checkpoint.save_params(folder, params, json.loads(config.to_json()))
    return str(folder)
