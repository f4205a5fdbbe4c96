"""Models and adapters that are damaged, or edited and signed again: our own error."""

import hashlib
import json
import zipfile

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError, archive
from spektron_jax.transfer import persistence

WRONG = (None, "x", -1, [], {}, [1], 1e400, True)


@pytest.fixture
def fitted(instruments):
    X_s, axis, X_t, _, y = instruments()
    return CalibrationTransfer(weights=None).fit(
        X_s[10:], y[10:], axis, X_t[:10], y_target=y[:10]
    )


def tried(function, path):
    """The loaded model, usable, or None for our own error."""
    try:
        model = function(path)
    except SpektronError as error:
        assert str(path) in str(error)
        return None
    X = spectrum(model)
    try:
        with np.errstate(all="ignore"):
            model.predict_interval(X)
    except SpektronError:
        return None
    return model


def test_bytes_of_an_adapter_are_noticed_wherever_they_change(fitted, tmp_path):
    path = fitted.save_adapter(tmp_path / "a.npz", "B", "2024-01-01")
    good = path.read_bytes()
    rng, accepted = np.random.default_rng(0), 0
    for _ in range(300):
        damaged = bytearray(good)
        kind = rng.integers(3)
        at = int(rng.integers(len(good)))
        if kind == 0:
            damaged[at] ^= int(rng.integers(1, 256))
        elif kind == 1:
            del damaged[at:]
        else:
            damaged[at : at + 50] = rng.bytes(50)
        path.write_bytes(bytes(damaged))
        try:
            fitted.switch(path)
        except SpektronError as error:
            assert str(path) in str(error)
            continue
        # Dates and such of the archive are nobody's values.
        accepted += 1
        assert np.isfinite(fitted.predict_interval(spectrum(fitted))).all()
    assert accepted < 60
    path.write_bytes(good)
    fitted.switch(path)


def spectrum(model):
    return np.linspace(0.1, 0.5, model._axis_target.size)[None]


@pytest.mark.parametrize("kind", ["adapter", "model"])
def test_settings_that_are_edited_and_signed_again(fitted, tmp_path, kind):
    """Every one of them away, and of every wrong type."""
    settings, arrays = fitted._state()
    settings = json.loads(json.dumps(settings, default=str))
    cases = [{k: v for k, v in settings.items() if k != name} for name in settings]
    cases += [settings | {name: wrong} for name in settings for wrong in WRONG]
    for number, case in enumerate(cases):
        if kind == "adapter":
            path = tmp_path / f"{number}.npz"
            persistence.write_adapter(path, case, arrays)
            tried(fitted.switch, path)
        elif number % 4 == 0:
            path = persistence.write(tmp_path / str(number), case, arrays)
            tried(CalibrationTransfer.load, path)


@pytest.mark.parametrize("name", ["low", "high", "target", "stuck", "other"])
def test_what_a_calibration_has_seen_is_numbers(fitted, tmp_path, name):
    """A list there would fail only at the first prediction."""
    settings, arrays = fitted._state()
    settings = json.loads(json.dumps(settings, default=str))
    settings["known"][name] = [1, 2]
    path = persistence.write_adapter(tmp_path / "a.npz", settings, arrays)
    with pytest.raises(SpektronError, match="a.npz"):
        fitted.switch(path)


def test_arrays_that_are_edited_and_signed_again(fitted, tmp_path):
    settings, arrays = fitted._state()
    path = tmp_path / "a.npz"
    before = fitted.predict_interval(spectrum(fitted))
    for name, values in arrays.items():
        values = np.asarray(values)
        wrong = [values.ravel()[:1], np.repeat(values, 2), np.array("x")]
        if values.dtype.kind == "f":
            wrong.append(values * np.nan)
            negative = arrays | {name: -5e298 * np.abs(values)}
            persistence.write_adapter(path, settings, negative)
            tried(fitted.switch, path)  # numbers, and a root of them where it ends
        for bad in wrong:
            persistence.write_adapter(path, settings, arrays | {name: bad})
            model = tried(fitted.switch, path)
            if model is not None:  # of a distance or an error alone
                assert not name.startswith(("axis", "space/"))
        rest = {k: v for k, v in arrays.items() if k != name}
        persistence.write_adapter(path, settings, rest)
        tried(fitted.switch, path)
    persistence.write_adapter(path, settings, arrays)
    np.testing.assert_array_equal(
        fitted.switch(path).predict_interval(spectrum(fitted)), before
    )


def claim(path):
    """8 TiB in 128 bytes."""
    with zipfile.ZipFile(path, "w") as file, file.open("axis.npy", "w") as member:
        np.lib.format.write_array_header_1_0(
            member, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
        )


def bomb(path):
    """130 MB of zeros in 130 kB."""
    np.savez_compressed(path, axis=np.zeros(2**24))


def pickled(path):
    np.savez(path, axis=np.array([{"a": 1}], dtype=object))


def encrypted(path):
    np.savez(path, axis=np.ones(3))
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag of a local header, and of the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))


def deep(path):
    header = np.array("[" * 100_000)
    np.savez(path, **{persistence.HEADER: header})


@pytest.mark.parametrize("hostile", [claim, bomb, pickled, encrypted, deep])
def test_hostile_adapters(fitted, tmp_path, hostile):
    path = tmp_path / "a.npz"
    hostile(path)
    assert tried(fitted.switch, path) is None


def test_a_deep_model_file(fitted, tmp_path):
    folder = fitted.save(tmp_path / "model")
    (folder / "model.json").write_text("[" * 100_000)
    listed = json.loads((folder / archive.MANIFEST).read_text())
    content = (folder / "model.json").read_bytes()
    listed["files"]["model.json"] = hashlib.sha256(content).hexdigest()
    del listed["sha256"]
    (folder / archive.MANIFEST).write_text(json.dumps(archive.sealed(listed)))
    assert tried(CalibrationTransfer.load, folder) is None
    (folder / archive.MANIFEST).write_text("[" * 100_000)
    assert tried(CalibrationTransfer.load, folder) is None
