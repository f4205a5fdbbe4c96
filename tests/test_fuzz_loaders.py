"""All that loads a file or a setting, damaged or hostile: our own error, or right.

Damage is random bytes, which checksums must show: what loads is what was saved. A
hostile file is edited and signed again: it may hold anything and must not end in a
traceback. Some 13,000 inputs a run, from a seed of its own, which a failure prints;
SPEKTRON_FUZZ_SEED repeats it. What fails becomes a test of its own beside the code it
failed in.
"""

import copy
import json
import os
import secrets
import warnings
from pathlib import Path

import numpy as np
import pytest

import spektron_jax
from spektron_jax import (
    CalibrationTransfer,
    LineCorpus,
    SpectralLibrary,
    SpektronError,
    SpektronWarning,
    archive,
)
from spektron_jax.commands import config_file, runner
from spektron_jax.corpus import lines_file
from spektron_jax.identification import library_file
from spektron_jax.transfer import persistence
from spektron_jax.transfer.trial_log import TrialLog

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


JSON_VALUES = [
    *(None, True, -1, 0, 3, 2**70, 1e400, float("nan"), "", "x", "a" * 5000, "../x"),
    *([], [[]], {}, {"x": 1}, [1, 2], ["a", "b"], "/dev/zero", -1e300, 0.5),
]


def edited(content, rng):
    """JSON with one value, at any depth, taken away, exchanged or doubled."""
    content = copy.deepcopy(content)
    places = []

    def walk(node):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in list(items):
            places.append((node, key))
            if isinstance(value, dict | list):
                walk(value)

    walk(content)
    node, key = places[int(rng.integers(len(places)))]
    kind = int(rng.integers(5))
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[f"{key}2"] = node[key]
    else:
        node[key] = JSON_VALUES[int(rng.integers(len(JSON_VALUES)))]
    return content


def edited_arrays(arrays, rng):
    """Arrays of which one is gone, of another size, type or not finite."""
    arrays = dict(arrays)
    name = sorted(arrays)[int(rng.integers(len(arrays)))]
    values, kind = np.asarray(arrays[name]), int(rng.integers(7))
    if kind == 0:
        del arrays[name]
    elif kind == 6 or values.dtype.kind != "f":
        arrays[name] = np.array(["x"] * int(rng.integers(1, 4)))
    else:
        wrong = [
            values.ravel()[:0],
            np.repeat(values, 2),
            values[None],
            values * np.nan,
        ]
        arrays[name] = [*wrong, values * -1e300][kind - 1]
    return arrays


def tried(function, *inputs):
    """What a function returns, or None for our own error."""
    try:
        with np.errstate(all="ignore"):
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
    for number in range(2500):
        path = files[number % len(files)]
        path.write_bytes(damaged(whole[path], rng))
        if path == adapter:
            found = tried(lambda: fitted.switch(adapter))
        else:
            found = tried(CalibrationTransfer.load, folder)
        if found is not None and hasattr(found, "predict"):
            np.testing.assert_array_equal(found.predict(X), right)
        path.write_bytes(whole[path])


@pytest.mark.filterwarnings("ignore")
def test_models_and_adapters_signed_again(fitted, instruments, tmp_path, rng):
    X = instruments()[2][:3]
    fitted = fitted(None)
    settings, arrays = fitted._state()
    settings = json.loads(json.dumps(settings, default=str))
    for number in range(1500):
        kept, held = settings, arrays
        if rng.random() < 0.7:
            kept = edited(settings, rng)
        else:
            held = edited_arrays(arrays, rng)
        if number % 3:
            path = persistence.write_adapter(tmp_path / "a.npz", kept, held)
            model = tried(fitted.switch, path)
        else:
            path = persistence.write(tmp_path / "model", kept, held)
            model = tried(CalibrationTransfer.load, path)
        if model is not None:
            tried(model.predict_interval, X)
            tried(model.predict, X)


@pytest.fixture
def known(tmp_path, rng):
    """A library's spectra and file."""
    axis = np.linspace(500, 1500, 120)
    spectra = rng.normal(size=(6, 120)).cumsum(axis=1)
    path = SpectralLibrary(spectra, axis, list("abcdef")).save(tmp_path / "known.npz")
    return spectra, path


@pytest.mark.filterwarnings("ignore")
def test_libraries_signed_again(known, rng):
    spectra, path = known
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop(library_file.HEADER)))
    header.pop("sha256")
    for _ in range(700):
        about, held = header, arrays
        if rng.random() < 0.5:
            about = edited(header, rng)
        else:
            held = edited_arrays(arrays, rng)
        if about.get("arrays") == header["arrays"]:
            about = about | {
                "arrays": library_file.sha256_of(*(held[n] for n in sorted(held)))
            }
        text = np.array(json.dumps(archive.sealed(about)))
        np.savez(path, **held, **{library_file.HEADER: text})
        found = tried(SpectralLibrary.load, path)
        if found is not None:
            tried(found.search, spectra[:2])


def test_libraries(known, rng):
    spectra, path = known
    whole = path.read_bytes()
    for _ in range(1000):
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


def test_checkpoints_signed_again(tmp_path, rng):
    """What the manifest says, and the settings, edited."""
    from spektron_jax.training import checkpoint

    params = {"a": {"w": np.arange(6.0, dtype=np.float32)}}
    rest = {"step": np.int32(0), "m": np.zeros(3, np.float32)}
    for step in (1, 2):
        checkpoint.save(tmp_path, step, params, rest, {"x": 1}, {"step": step})
    folder = tmp_path / "checkpoints" / "00000002"
    names = (archive.MANIFEST, "config.json", "position.json")
    texts = {name: (folder / name).read_text() for name in names}
    listed = json.loads(texts[archive.MANIFEST])
    listed.pop("sha256")
    for _ in range(400):
        name = names[int(rng.integers(3))]
        if name == archive.MANIFEST:
            changed = edited(listed, rng)
        else:
            (folder / name).write_text(json.dumps(edited(json.loads(texts[name]), rng)))
            files = {**listed["files"], name: archive.checksum(folder / name)}
            changed = listed | {"files": files}
        (folder / archive.MANIFEST).write_text(json.dumps(archive.sealed(changed)))
        tried(checkpoint.restore, tmp_path, rest, params)
        tried(checkpoint.settings, tmp_path, 2)
        for name, text in texts.items():
            (folder / name).write_text(text)


def test_settings_of_weights(tiny_weights, rng):
    """Edited in config.json and signed again; the encoder is not loaded."""
    from spektron_jax.encoder.weights import completed
    from spektron_jax.training.state import build_model

    settings = json.loads((Path(tiny_weights) / "config.json").read_text())
    for _ in range(700):
        tried(lambda: build_model(completed(edited(settings, rng))))


def molecules(rng):
    """Line lists of three molecules, as they are written."""
    for name in ("C", "CC", "CO"):
        found = {field: rng.random(1) for field in lines_file.MOLECULE_DTYPES}
        found["natoms"] = np.array([3])
        found |= {field: 500 + 100 * rng.random(4) for field in lines_file.LINE_FIELDS}
        found |= {field: rng.random(1) for field in lines_file.BOND_FIELDS}
        found["xh_share"] = np.zeros((4, 6), np.uint8)
        found["xh_type"] = np.zeros(1, np.uint8)
        yield name, name, found


def test_line_lists(tmp_path, rng):
    """HDF5 has no checksum: a damaged number is a number; that of a part is noticed."""
    path = tmp_path / "lines.h5"
    lines_file.write(path, molecules(rng), {"title": "t"})
    whole = path.read_bytes()
    for _ in range(700):
        path.write_bytes(damaged(whole, rng))
        tried(LineCorpus.load, path)
    path = tmp_path / "part.npz"
    _, _, arrays = next(molecules(rng))
    lines_file.save_arrays(path, arrays)
    whole = path.read_bytes()
    for _ in range(300):
        path.write_bytes(damaged(whole, rng))
        found = lines_file.load_arrays(path)
        if found is not None:
            for name, values in arrays.items():
                np.testing.assert_array_equal(found[name], values)


def test_logs_of_trials(tmp_path, rng):
    trial = {"rests_on": "x", "trial": "a", "predicted": {"PLS": [1.0, 2.0]}}
    trial |= {"impossible": [], "on_source": None}
    whole = "".join(json.dumps(trial | {"trial": n}) + "\n" for n in "abcdef").encode()
    path = tmp_path / "trials.jsonl"
    for number in range(300):
        path.write_bytes(damaged(whole, rng))
        if number % 2:
            path.write_text(json.dumps(edited(trial, rng)) + "\n")
        tried(TrialLog, path, "x")


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


@pytest.mark.filterwarnings("ignore::spektron_jax.SpektronWarning")
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
