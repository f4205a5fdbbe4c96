"""What a person checks at a glance: the printed summary and the figure."""

import subprocess
import sys

import numpy as np
import pytest

from spektron_jax import SpectraSet
from spektron_jax.spectra.spectra_set import InstrumentSpectra, Problem
from spektron_jax.transfer.applicability import outliers

AXIS = np.linspace(1000, 1400, 41)


def make(n=30, odd=(), axis=AXIS, unit="nm", modality="NIR"):
    rng = np.random.default_rng(0)
    bands = np.exp(-(((np.arange(41) - np.array([[10], [25]])) / 6) ** 2))
    X = rng.uniform(0.5, 1.5, (n, 2)) @ bands + 1e-3 * rng.normal(size=(n, 41))
    for row in odd:  # each in its own way, or they would be a component
        X[row, row : row + 3] += 2.0
    one = InstrumentSpectra(axis, unit, "absorbance", X)
    y = np.linspace(8, 12, n)[:, None]
    ids = [f"$s_{i}" for i in range(n)]
    return SpectraSet({"m$5": one}, ids, modality, y, ("protein",), ("%",))


def test_the_summary():
    spectra = make()
    spectra.problems = [Problem(f"line {i}", "odd") for i in range(25)]
    spectra.notes = [Problem("table", "read as wide")]
    text = str(spectra)
    for part in (
        "30 samples, NIR",
        "sample ids: $s_0, $s_1, $s_2, $s_3, $s_4, ...",
        "instrument m$5: 30 spectra of 41 points, 1000 to 1400 nm (step 10), abs",
        "target protein: 30 values, 8 to 12 %",
        "notes: 1\n    table: read as wide",
        "problems: 25\n    line 0: odd",
        "... 5 more in .problems",
    ):
        assert part in text
    assert "sample ids: $s_0, $s_1\n" in str(make(2))


@pytest.mark.parametrize("odd", [(), (4,), (4, 20)])
def test_unlike_spectra_are_named(odd, tmp_path):
    spectra = make(odd=odd)
    figure = spectra.plot()
    (axes,) = figure.axes
    found = outliers(spectra.instruments["m$5"].spectra.astype(float))
    assert found.tolist() == list(odd)
    legend = axes.get_legend()
    named = [text.get_text() for text in legend.get_texts()] if legend else []
    assert named == [f"$s_{row}" for row in odd]
    for line, row in zip(axes.lines[30 - len(odd) :], odd, strict=True):
        np.testing.assert_array_equal(
            line.get_ydata(), spectra.instruments["m$5"].spectra[row]
        )
    assert ("unlike" in axes.get_title(loc="left")) == bool(odd)
    figure.savefig(tmp_path / "figure.png")


def test_each_instrument_has_its_panel():
    spectra = make()
    raman = InstrumentSpectra(
        AXIS, "cm-1", "counts", spectra.instruments["m$5"].spectra.copy()
    )
    spectra.instruments["other"] = raman
    spectra.instruments["m$5"].spectra[3] = np.nan  # not measured
    spectra.instruments["m$5"].spectra[5, 7] = np.nan  # a gap
    first, second = spectra.plot().axes
    assert (first.get_xlabel(), second.get_xlabel()) == (
        "wavelength (nm)",
        "wavenumber (cm-1)",
    )
    assert second.xaxis.get_inverted() and not first.xaxis.get_inverted()
    assert first.get_title(loc="left").startswith("m$5: 29 spectra")
    assert (len(first.lines), len(second.lines)) == (29, 30)
    shift = make(axis=AXIS, unit="cm-1", modality="Raman").plot().axes[0]
    assert shift.get_xlabel() == "Raman shift (cm-1)"
    assert not shift.xaxis.get_inverted()


@pytest.mark.parametrize("n", [1, 5, 1201])
def test_few_and_many_spectra(n):
    (axes,) = make(n).plot().axes
    assert len(axes.lines) <= 510
    assert ("one in 3 drawn" in axes.get_title(loc="left")) == (n > 1000)


def test_matplotlib_is_imported_only_when_called():
    code = (
        "import sys, spektron_jax.spectra.spectra_figure as figure\n"
        "assert not {'matplotlib', 'sklearn'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
