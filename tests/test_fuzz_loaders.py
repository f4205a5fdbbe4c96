"""All that loads a file or a setting, with random damage: our own error, or right.

Every run draws from a seed of its own, which a failure prints; SPEKTRON_FUZZ_SEED
repeats it. What fails becomes a test of its own beside the code it failed in.
"""

import os
import secrets
import warnings
from pathlib import Path

import numpy as np
import pytest

import spektron_jax
from spektron_jax import (
    CalibrationTransfer,
    SpectralLibrary,
    SpektronError,
    SpektronWarning,
)
from spektron_jax.commands import config_file, runner

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
SEED = int(os.environ.get("SPEKTRON_FUZZ_SEED") or secrets.randbits(31))
VALUES = [
    *("", "x", "nan", "inf", "-1", "0", "1e400", "2**70", "None", "True", "(1,)", "()"),
    *("[]", "{}", "1;2", "\u00fc", "a" * 5000, "/proc/self/mem", "-0.0", "1_0"),
]


@pytest.fixture
def rng(request):
    """A generator of this run and test."""
    print(f"SPEKTRON_FUZZ_SEED={SEED}")  # shown where the test fails
    return np.random.default_rng([SEED, *request.node.name.encode()])


def damaged(data, rng):
    """Bytes with one of the faults that disks, networks and people make."""
    data, at = bytearray(data), int(rng.integers(max(len(data), 1)))
    kind = int(rng.integers(5))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        data[at : at + 1] = bytes([int(rng.integers(256))])
    elif kind == 2:
        data[at : at + 60] = rng.bytes(60)
    elif kind == 3:
        del data[at : at + int(rng.integers(1, 200))]
    else:
        data[at:at] = rng.bytes(int(rng.integers(1, 200)))
    return bytes(data)


def tried(function, *inputs):
    """What a function returns, or None for our own error."""
    try:
        return function(*inputs)
    except SpektronError as error:
        assert "\n" not in str(error)
        return None


@pytest.fixture
def fitted(instruments):
    """A model of one property, or of two with these names."""
    X_s, axis, X_t, _, y = instruments()

    def fit(properties):
        Y = y if properties is None else np.column_stack([y, X_s[:, 20]])
        return CalibrationTransfer(weights=None).fit(
            *(X_s[10:], Y[10:], axis, X_t[:10]),
            y_target=Y[:10],
            properties=properties,
        )

    return fit


@pytest.mark.parametrize("properties", [None, ["a", "b"]])
def test_models_and_adapters(fitted, instruments, tmp_path, rng, properties):
    fitted = fitted(properties)
    X = instruments()[2][:3]
    folder = fitted.save(tmp_path / "model")
    adapter = fitted.save_adapter(tmp_path / "b.npz", "B", "2024-01-01")
    right = fitted.predict(X)
    files = [adapter, *(path for path in folder.iterdir() if path.is_file())]
    whole = {path: path.read_bytes() for path in files}
    for number in range(1500):
        path = files[number % len(files)]
        path.write_bytes(damaged(whole[path], rng))
        if path == adapter:
            found = tried(lambda: fitted.switch(adapter))
        else:
            found = tried(CalibrationTransfer.load, folder)
        if found is not None and hasattr(found, "predict"):
            np.testing.assert_array_equal(found.predict(X), right)
        path.write_bytes(whole[path])


def test_libraries(tmp_path, rng):
    axis = np.linspace(500, 1500, 120)
    spectra = rng.normal(size=(6, 120)).cumsum(axis=1)
    path = SpectralLibrary(spectra, axis, list("abcdef")).save(tmp_path / "known.npz")
    whole = path.read_bytes()
    for _ in range(500):
        path.write_bytes(damaged(whole, rng))
        found = tried(SpectralLibrary.load, path)
        if found is not None:
            np.testing.assert_array_equal(found.spectra, spectra)


def test_checkpoints(tmp_path, rng):
    from spektron_jax.training import checkpoint

    params = {"a": {"w": np.arange(6.0, dtype=np.float32)}}
    rest = {"step": np.int32(0), "m": np.zeros(3, np.float32)}
    for step in (1, 2):
        params["a"]["w"] = params["a"]["w"] + step
        checkpoint.save(tmp_path, step, params, rest, {"x": 1}, {"step": step})
    older = params["a"]["w"] - 2
    files = [
        path
        for path in (tmp_path / "checkpoints" / "00000002").rglob("*")
        if path.is_file()
    ]
    for number in range(200):
        path = files[number % len(files)]
        whole = path.read_bytes()
        path.write_bytes(damaged(whole, rng))
        step, found, *_ = checkpoint.restore(tmp_path, rest, params)
        expected = params["a"]["w"] if step == 2 else older
        np.testing.assert_array_equal(found["a"]["w"], expected)
        path.write_bytes(whole)


def leaves(config, prefix=""):
    for name, value in config.items():
        if hasattr(value, "items"):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_settings(rng):
    """Of every config file; what passes the checks is not run."""
    names = sorted(path.stem for path in (ROOT / "configs").glob("*.py"))
    for name in names:
        fields = list(leaves(config_file.load(f"configs/{name}.py")))
        for _ in range(120):
            config = config_file.load(f"configs/{name}.py")
            field, value = rng.choice(fields), str(rng.choice(VALUES))
            flag = [f"--config.{field}={value}"]
            if tried(lambda: config_file.override(config, flag) or True):  # noqa: B023
                tried(runner.check, config)


def test_transfers_of_strange_tables(tmp_path, rng):
    """Random numbers, gaps and sizes: refused, or predictions that are finite."""
    for _ in range(40):
        points, samples = int(rng.integers(2, 40)), int(rng.integers(1, 12))
        paths = []
        for name in ("old", "new"):
            scale = 10.0 ** rng.integers(-30, 30)
            axis = np.linspace(1100, 2400, points)
            rows = [["id", "y", *map(str, axis)]]
            for number in range(samples):
                X = scale * rng.normal(size=points)
                cells = [f"{x:.6g}" if rng.random() > 0.003 else "" for x in X]
                rows.append([f"s{number}", f"{rng.normal():.3g}", *cells])
            paths.append(tmp_path / f"{name}.csv")
            paths[-1].write_text("\n".join(map(",".join, rows)) + "\n")
        model = tried(transferred, *paths)
        if model is not None:
            new = spektron_jax.read(paths[1], "nm", "NIR", strict=False)
            (held,) = new.instruments.values()
            predicted = tried(model.predict, held.spectra)
            assert predicted is None or np.isfinite(predicted).all()


def transferred(old, new):
    how = {"unit": "nm", "modality": "NIR", "weights": None, "strict": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpektronWarning)
        return spektron_jax.transfer(old, new, **how)
