"""Virtual instruments on disk: exact round trip, and faults named by file and field."""

import json
import os

import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.lab.instrument_file import (
    UNITS,
    load_instrument,
    save_instrument,
)
from spektron_jax.lab.instruments import Instruments, draw, ideal


@pytest.mark.parametrize("preset", ["documents", "handheld_nir", "raman_785"])
def test_round_trip_is_exact(tmp_path, preset):
    saved = draw(preset, 11, name="line 3, µ-probe")
    save_instrument(tmp_path / "one.json", saved)
    loaded = load_instrument(tmp_path / "one.json")
    for field in ("name", "preset", "points", "unit", "quantity"):
        assert getattr(loaded, field) == getattr(saved, field)
    assert (loaded.low, loaded.high) == (saved.low, saved.high)
    for field in Instruments._fields:
        np.testing.assert_array_equal(
            getattr(loaded.parameters, field), getattr(saved.parameters, field), field
        )
    assert os.listdir(tmp_path) == ["one.json"]  # no temporary file is left
    assert set(UNITS) == set(Instruments._fields)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "one.json"
    save_instrument(path, ideal("atr"))
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SpektronError, match="one.json: cannot be written"):
        save_instrument(path, ideal("ftir"))
    assert path.read_bytes() == before


BROKEN = {
    "no such format": (lambda c: c.update(format="x"), "format is not"),
    "newer": (lambda c: c.update(format_version=2), "format_version is 2"),
    "no name": (lambda c: c.pop("name"), "name: must be a str"),
    "preset": (lambda c: c.update(preset="nirvana"), "preset: .*unknown"),
    "unit": (lambda c: c.update(unit="cm-1"), "unit: preset grating_nir has 'nm'"),
    "units": (lambda c: c["units"].update(shift="cm-1"), "units: preset"),
    "range": (lambda c: c.update(low=3000.0), "low: must be greater than 0"),
    "nan": (lambda c: c.update(high=float("nan")), "high: must be a finite number"),
    "points": (lambda c: c.update(points=2), "points: must lie in"),
    "missing": (lambda c: c["parameters"].pop("gain"), "parameters.gain: missing"),
    "more": (lambda c: c["parameters"].update(hue=1), "parameters.hue: no such"),
    "text": (lambda c: c["parameters"].update(gain="1"), "parameters.gain: must be a"),
    "short": (lambda c: c["parameters"].update(baseline=[0.0]), "baseline: needs 5"),
    "sign": (lambda c: c["parameters"].update(sigma=-1.0), "parameters.sigma: must be"),
}


@pytest.mark.parametrize(("change", "match"), BROKEN.values(), ids=BROKEN)
def test_broken_files_are_named_with_their_field(tmp_path, change, match):
    path = tmp_path / "one.json"
    save_instrument(path, ideal("grating_nir"))
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(SpektronError, match=f"one.json: .*{match}"):
        load_instrument(path)


def test_cut_off_absent_and_foreign_files(tmp_path):
    path = tmp_path / "one.json"
    save_instrument(path, ideal("grating_nir"))
    path.write_text(path.read_text()[:100])
    with pytest.raises(SpektronError, match="one.json: not JSON"):
        load_instrument(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpektronError, match="one.json: not JSON"):
        load_instrument(path)
    path.write_text("[1, 2]")
    with pytest.raises(SpektronError, match="one.json: format is not"):
        load_instrument(path)
    with pytest.raises(SpektronError, match="absent.json: cannot be read"):
        load_instrument(tmp_path / "absent.json")
