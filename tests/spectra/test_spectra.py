"""The set of spectra and its file: round trips, refusals, real files."""

import h5py
import numpy as np
import pytest

import spektron_jax
from spektron_jax.errors import SpektronError
from spektron_jax.spectra import spectra_file
from spektron_jax.spectra.spectra_set import (
    InstrumentSpectra,
    SpectraSet,
    find_problems,
)

NM = np.linspace(1100.0, 2498.0, 30)
FT = "instruments/ft/axis"
CM1 = np.linspace(4000.0, 10000.0, 41)


def make(n=6, **changes):
    rng = np.random.default_rng(0)
    grating = InstrumentSpectra(
        NM, "nm", "log(1/R)", rng.normal(size=(n, 30)), "a grating"
    )
    grating.spectra[2] = np.nan
    grating.standards = np.array(["glass"]), rng.normal(size=(1, 30))
    grating.replicates = rng.normal(size=(2, n, 30))
    values = {
        "instruments": {
            "grating": grating,
            "ft": InstrumentSpectra(
                CM1, "cm-1", "absorbance", rng.normal(size=(n, 41))
            ),
        },
        "sample_ids": [f"Gerste {i} ä" for i in range(n)],
        "modality": "NIR",
        "targets": np.where(np.eye(n, 2), np.nan, rng.normal(size=(n, 2))),
        "target_names": ("protein", "oil"),
        "target_units": ("%", "g/kg"),
        "labels": {"species": ["wheat"] * n},
        "split": ["train"] * n,
        "metadata": {"title": "Grain", "licence": "own"},
    }
    return SpectraSet(**values | changes)


def assert_equal(a, b):
    assert a.describe() == b.describe() and a.metadata == b.metadata
    np.testing.assert_array_equal(a.sample_ids, b.sample_ids)
    np.testing.assert_array_equal(a.targets, b.targets)
    assert (a.target_names, a.target_units) == (b.target_names, b.target_units)
    assert a.labels.keys() == b.labels.keys()
    np.testing.assert_array_equal(a.split, b.split)
    for name, one in a.instruments.items():
        other = b.instruments[name]
        for what in ("axis", "spectra", "replicates", "unit", "quantity"):
            np.testing.assert_array_equal(getattr(one, what), getattr(other, what))
        assert one.description == other.description
        for ours, theirs in zip(
            one.standards or (), other.standards or (), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("compress", [True, False])
def test_file_gives_back_everything(tmp_path, compress):
    spectra_file.save(tmp_path / "set.h5", make(), compress=compress)
    assert_equal(spectra_file.load(tmp_path / "set.h5"), make())
    assert_equal(spektron_jax.read(tmp_path / "set.h5"), make())
    assert [p.name for p in tmp_path.iterdir()] == ["set.h5"]
    with h5py.File(tmp_path / "set.h5") as file:
        assert (
            file.attrs["format"] == "spectra-set" and file.attrs["format_version"] == 1
        )
        spectra = file["instruments/ft/spectra"]
        assert (spectra.compression == "gzip") == compress


def test_an_older_file_stays_when_writing_fails(tmp_path, monkeypatch):
    spectra_file.save(tmp_path / "set.h5", make())
    before = (tmp_path / "set.h5").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(spectra_file, "_write", fail)
    with pytest.raises(SpektronError, match="set.h5: cannot be written .disk full"):
        spectra_file.save(tmp_path / "set.h5", make(5))
    assert (tmp_path / "set.h5").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(SpektronError, match="choose another folder"):
        spectra_file.save(tmp_path / "absent" / "set.h5", make())


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: f.attrs.update(format_version=2), "format_version is .*2.*reads 1"),
        (lambda f: f.attrs.pop("format_version"), "format_version is None"),
        (lambda f: f.pop("sample_ids"), "'sample_ids' is missing"),
        (lambda f: f.pop("instruments"), "group 'instruments' is missing"),
        (lambda f: f.pop("instruments/ft/axis"), "'instruments/ft/axis' is missing"),
        (lambda f: f[FT].attrs.pop("unit"), "no attribute 'unit'"),
        (
            lambda f: f[FT].attrs.update(unit="nm"),
            "cm-1 it would fit",
        ),
        (
            lambda f: f[FT].write_direct(CM1[::-1].copy()),
            "runs down",
        ),
        (lambda f: f.pop("targets"), "'targets' is missing"),
        (lambda f: f["targets"].attrs.update(names=["a"]), "1 names"),
    ],
)
def test_files_that_are_refused(tmp_path, change, message):
    path = tmp_path / "set.h5"
    spectra_file.save(path, make())
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(SpektronError, match=message) as caught:
        spektron_jax.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"instruments": {}}, "holds no instrument"),
        ({"sample_ids": ["a"] * 5}, "targets: .* for 5 samples"),
        ({"labels": {"species": ["x"]}}, "label 'species': \\(1,\\) values"),
        ({"split": ["x"]}, "split: \\(1,\\)"),
        ({"target_names": ("a",)}, "1 names"),
        ({"instruments": {"a/b": make().instruments["ft"]}}, "without '/'"),
        ({"modality": "Raman"}, "not a Raman shift"),
    ],
)
def test_parts_that_do_not_fit(changes, message):
    with pytest.raises(SpektronError, match=message):
        make(**changes)


def test_targets_and_rows_by_name():
    found = make()
    np.testing.assert_array_equal(found.target("oil"), found.targets[:, 1])
    with pytest.raises(SpektronError, match="which has protein, oil"):
        found.target("starch")
    part = found.take(np.arange(6) > 3)
    assert len(part) == 2 and part.instruments["grating"].replicates.shape[1] == 2
    np.testing.assert_array_equal(part.targets, found.targets[4:])
    assert part.instruments["grating"].measured.all()
    assert not found.instruments["grating"].measured[2]


def test_summary():
    text = make().describe()
    assert text.startswith("Grain: 6 samples, NIR\n")
    assert "instrument grating: 5 spectra of 30 points, 1100 to 2498 nm" in text
    assert "target oil: 5 values" in text and "label species: 1 classes" in text
    assert "4000 to 10000 cm-1, absorbance" in repr(make())


def test_problems_of_the_contents_are_found():
    found = make()
    found.sample_ids[3] = found.sample_ids[1]
    spectra = found.instruments["ft"].spectra
    spectra[0] = 0.5
    spectra[1, 3] = np.inf
    spectra[4, 10:20] = 9.0
    found.targets[5, 0] = -np.inf
    errors, warnings = find_problems(found, "x.h5")
    texts = "\n".join(map(str, errors))
    assert "row 4: sample id 'Gerste 1 ä' stands 2 times" in texts
    assert "instrument ft, row 1 (Gerste 0 ä): constant: every value is 0.5" in texts
    assert "point 4 is infinite" in texts and "row 6: a target is infinite" in texts
    assert len(errors) == 4
    assert [(r.row, r.instrument) for r in warnings] == [(4, "ft")]
    assert "saturated: 10 points at 9" in str(warnings[0])


def test_faults_raise_or_are_left_out(tmp_path):
    found = make()
    found.instruments["ft"].spectra[0] = 0.5
    found.sample_ids[3] = found.sample_ids[1]
    spectra_file.save(tmp_path / "set.h5", found)
    with pytest.raises(SpektronError, match="set.h5: samples, row 4: sample id"):
        spektron_jax.read(tmp_path / "set.h5")
    kept = spektron_jax.read(tmp_path / "set.h5", strict=False)
    assert len(kept) == 5 and len(kept.problems) == 2
    assert kept.instruments["ft"].measured.tolist() == [False] + 4 * [True]
    assert "problems: 2" in kept.describe()


@pytest.mark.parametrize(
    "name, samples, instruments",
    [
        ("corn", 80, 3),
        ("ir_meats", 60, 2),
        ("raman_biomolecules", 141, 5),
        ("raman_reference", 8, 10),
    ],
)
def test_real_files(shared_data, tmp_path, name, samples, instruments):
    found = spektron_jax.read(shared_data / f"{name}.h5")
    assert len(found) == samples and len(found.instruments) == instruments
    assert found.problems == []
    spectra_file.save(tmp_path / "copy.h5", found)
    copy = spektron_jax.read(tmp_path / "copy.h5")
    assert copy.describe() == found.describe()
    for key, one in found.instruments.items():
        np.testing.assert_array_equal(copy.instruments[key].spectra, one.spectra)


def test_line_lists_are_no_spectra(shared_data):
    with pytest.raises(SpektronError, match="format 'spektron-lines' holds no set"):
        spektron_jax.read(shared_data / "xtb_lines.h5")
