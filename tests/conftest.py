"""Settings of all tests; what stands in the environment is read when JAX is imported.

`--all` also runs the tests that are marked slow.
"""

import gc
import mmap
import os
import socket
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import install_import_hook

from spektron_jax import compile_cache

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


# Shapes in the annotations of these are checked at every call.
HOOKED = tuple(f"spektron_jax.{name}" for name in ("models", "losses", "lab"))

# Files that take longest, in the order in which they start: with two workers a long
# one at the end would have one of them wait.
LONGEST = (
    "models/test_scans.py",
    "training/test_steps.py",
    "models/test_spektron.py",
    "training/test_evaluate.py",
    "training/test_wiring.py",
    "training/test_separate.py",
    "multiprocess/test_processes.py",
    "commands/test_transfer_command.py",
    "encoder/test_encoder.py",
    "training/test_loop.py",
    "multidevice/test_devices.py",  # after test_evaluate: finds its program compiled
)


def pytest_addoption(parser):
    parser.addoption(
        "--all", action="store_true", help="the slow tests too, as optimised as a run"
    )


def pytest_configure(config):
    """Check shapes; compile in a hurry: a quarter of the time, a third of the speed.

    With --all programs are compiled as they are in a real run.
    """
    install_import_hook(HOOKED, "beartype.beartype")
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


def pytest_collection_finish(session):
    """Python looks for garbage less often, as in a run, and not among the imports."""
    compile_cache.trace_quickly()
    gc.freeze()


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


ROOT = Path(__file__).parents[1]
FOLDERS = [place / "shared" / "data" for place in (ROOT, ROOT.parent)]


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real spectra sets beside the repository's files."""
    found = [folder for folder in FOLDERS if folder.is_dir()]
    if not found:
        pytest.skip("no shared/data folder with real spectra in or beside the checkout")
    return found[0]


def _two_instruments(
    rng, samples=40, points=60, noise=1e-3, gain=0.9, shift=0.6, tilt=0.2
):
    """Spectra of the same samples on two instruments, and one property.

    Three smooth bands whose heights vary; the target has another gain, a broad bump
    under the bands and a slope over the axis that changes with the sample.

    Returns:
      X_source, X_target (samples, points), y (samples,).
    """
    axis = np.linspace(-1, 1, points)
    bands = np.stack([np.exp(-((axis - c) ** 2) / 0.1) for c in (-0.6, 0.0, 0.5)])
    heights = rng.uniform(0.5, 1.5, size=(samples, 3))
    clean = heights @ bands
    sloped = np.outer(rng.normal(size=samples), axis) * tilt
    X_source = clean + noise * rng.normal(size=clean.shape)
    bump = shift * np.exp(-((axis - 0.1) ** 2) / 0.3)
    X_target = gain * clean + bump + sloped + noise * rng.normal(size=clean.shape)
    return X_source, X_target, 10 + heights[:, 1] - 0.5 * heights[:, 0]


def _paired_data(rng, n=8, samples=40, **kwargs):
    """TransferData with n pairs, and the spectra and labels of 10 test samples."""
    X_source, X_target, y = _two_instruments(rng, samples=samples + 10, **kwargs)
    from spektron_jax.transfer.data import TransferData

    rows = rng.permutation(samples)[:n]
    data = TransferData(X_source[:samples], y[:samples], X_target[rows], y[rows], rows)
    return data, X_target[samples:], y[samples:]


@pytest.fixture
def two_instruments():
    """The function of that name, see above."""
    return _two_instruments


@pytest.fixture
def paired_data():
    """The function of that name, see above."""
    return _paired_data


@pytest.fixture
def few_trials(monkeypatch):
    """`compare=True` makes two trials; which methods it compares stays as it is."""
    from spektron_jax.transfer import comparison, splits

    def two(data, seed=0):
        return splits.trials_inside(data, 2, seed)

    monkeypatch.setattr(comparison, "trials_inside", two)


def _instruments(samples=30, points=80, seed=0, points_target=None):
    """Spectra in nm of the same samples on two instruments, and one property.

    Returns:
      X_source, axis_source, X_target, axis_target, y.
    """
    rng = np.random.default_rng(seed)
    heights = rng.uniform(0.2, 1.0, size=(samples, 3))

    def measure(axis, gain, bump, shift):
        bands = [
            np.exp(-(((axis - c - shift) / 90.0) ** 2)) for c in (1300, 1600, 2000)
        ]
        base = bump * np.exp(-(((axis - 1700) / 300) ** 2))
        clean = gain * heights @ bands + base
        return clean + 1e-3 * rng.normal(size=clean.shape)

    source = np.linspace(1100, 2300, points)
    target = source
    if points_target is not None:
        target = np.linspace(1150, 2350, points_target)
    y = 10 + 2 * heights[:, 1] - heights[:, 0] + 0.02 * rng.normal(size=samples)
    X_source = measure(source, 1.0, 0.0, 0.0)
    return X_source, source, measure(target, 0.92, 0.15, 3.0), target, y


@pytest.fixture(scope="session")
def instruments():
    """The function of that name, see above."""
    return _instruments


MICRO_CONFIG = str(Path(__file__).parent / "training" / "micro_config.py")


@pytest.fixture(scope="session")
def micro_config():
    """The config file of a model that trains in seconds, for the command line."""
    return MICRO_CONFIG


@pytest.fixture(scope="session")
def micro():
    """Makes a micro config: micro({"train.steps": 3}) changes single settings."""
    from spektron_jax.commands import config_file

    def make(changes=None):
        config = config_file.load(MICRO_CONFIG)
        config.update_from_flattened_dict(changes or {})
        return config

    return make


@pytest.fixture(scope="session")
def corpus():
    """The shipped molecules."""
    from spektron_jax.training.examples import open_source

    return open_source("lines")
