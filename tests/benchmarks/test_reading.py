"""The CSV of our own that readers are timed on: `read` takes it back bit for bit."""

import numpy as np
import pytest

import spektron_jax
from benchmarks.reading import write_spectra
from spektron_jax import SpektronError
from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet


@pytest.mark.parametrize(
    "axis, unit",
    [(np.linspace(1100, 2498, 40), "nm"), (np.geomspace(400, 4000, 33), "cm-1")],
)
def test_spectra_come_back_bit_for_bit(tmp_path, axis, unit):
    rng = np.random.default_rng(0)
    spectra = rng.normal(size=(7, axis.size)).astype(np.float32)
    spectra[3] = np.nan
    one = InstrumentSpectra(axis, unit, "absorbance", spectra)
    found = SpectraSet(
        {"a": one},
        [f"n {i}" for i in range(7)],
        targets=rng.normal(size=(7, 2)),
        target_names=("protein", "oil"),
        target_units=("%", ""),
        labels={"species": list("aabbccd")},
    )
    write_spectra(tmp_path / "x.csv", found)
    back = spektron_jax.read(tmp_path / "x.csv")
    (again,) = back.instruments.values()
    np.testing.assert_array_equal(again.axis, axis)
    np.testing.assert_array_equal(again.spectra, spectra)
    np.testing.assert_array_equal(back.sample_ids, found.sample_ids)
    np.testing.assert_array_equal(back.targets, found.targets)
    assert back.target_units == ("%", "") and again.unit == unit
    assert back.labels["species"].tolist() == list("aabbccd")
    with pytest.raises(SpektronError, match="choose one of a"):
        write_spectra(tmp_path / "x.csv", found, "b")
