"""Axes and quantities: conversions, refusals, and resampling that stays local."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from spektron_jax.errors import SpektronError
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra import axis_words

NM = np.linspace(1100.0, 2498.0, 700)
UNITS = st.sampled_from(["nm", "um", "cm-1"])
POSITIONS = st.lists(
    st.floats(0.01, 1e6), min_size=2, max_size=40, unique=True
).map(np.array)  # fmt: skip


@given(POSITIONS, UNITS, UNITS, UNITS)
@settings(max_examples=60, deadline=None)
def test_units_go_round_and_agree_by_any_way(values, unit, other, third):
    there = axes.convert(values, unit, other)
    np.testing.assert_allclose(axes.convert(there, other, unit), values, rtol=1e-12)
    np.testing.assert_allclose(
        axes.convert(there, other, third), axes.convert(values, unit, third), rtol=1e-12
    )
    turned = (unit == "cm-1") != (other == "cm-1")
    order = np.argsort(values)
    assert (np.diff(there[order]) < 0).all() == turned


def test_known_positions():
    np.testing.assert_allclose(axes.convert([1000, 2500], "nm", "cm-1"), [10000, 4000])
    np.testing.assert_allclose(axes.convert([2.5], "um", "nm"), [2500])
    np.testing.assert_allclose(axes.convert([4000], "cm-1", "um"), [2.5])
    with pytest.raises(SpektronError, match="only positions above 0"):
        axes.convert([0.0, 1.0], "cm-1", "nm")
    with pytest.raises(SpektronError, match="unit 'A': unknown; use one of cm-1, nm"):
        axes.convert([1.0], "A", "nm")


@pytest.mark.parametrize(
    "label, unit",
    [
        ("Wavelength (nm)", "nm"),
        ("NANOMETERS", "nm"),
        ("Wavenumber", "cm-1"),
        ("Raman shift / cm⁻¹", "cm-1"),
        ("1/CM", "cm-1"),
        ("cm^-1", "cm-1"),
        ("MICROMETERS", "um"),
        ("λ (µm)", "um"),
        ("sample", None),
        ("column 3", None),
        ("number", None),
    ],
)
def test_units_named_in_labels(label, unit):
    assert axis_words.unit_of(label) == unit


@pytest.mark.parametrize(
    "label, quantity",
    [
        ("ABSORBANCE", "absorbance"),
        ("% Transmittance", "%T"),
        ("TRANSMITTANCE", "transmittance"),
        ("log(1/R)", "log(1/R)"),
        ("Reflectance (%)", "%R"),
        ("Counts", "counts"),
        ("x", None),
    ],
)
def test_quantities_named_in_labels(label, quantity):
    assert axis_words.quantity_of(label) == quantity


def test_a_wavenumber_axis_read_as_nm_is_caught():
    wavenumber = np.linspace(4000.0, 10000.0, 300)
    with pytest.raises(SpektronError, match="NIR spectra .* in cm-1 it would fit"):
        axes.check(wavenumber, "nm", "NIR", "file.csv: axis")
    with pytest.raises(SpektronError, match="in nm it would fit: give unit='nm'"):
        axes.check(NM, "cm-1", "NIR")
    assert axes.check(wavenumber, "cm-1", "NIR") == []
    assert axes.check(wavenumber[::-1], "cm-1", "NIR") == []
    assert axes.plausible_units(NM, "NIR") == ["nm"]
    with pytest.raises(SpektronError, match="with the laser's wavelength"):
        axes.check(np.linspace(532.0, 600.0, 9), "nm", "Raman")
    assert axes.check(np.linspace(-200.0, 3000.0, 9), "cm-1", "Raman") == []
    with pytest.raises(SpektronError, match="check unit and modality"):
        axes.check(np.linspace(1.0, 5.0, 9), "cm-1", "NIR")


# Ranges of real instruments, from their makers' data sheets.
INSTRUMENTS = [
    ("ASD FieldSpec 4", "NIR", "nm", 350, 2500),
    ("Spectral Evolution PSR+", "NIR", "nm", 350, 2500),
    ("SVC HR-1024i", "NIR", "nm", 338, 2516),
    ("FOSS NIRSystems 6500", "NIR", "nm", 400, 2498),
    ("FOSS XDS", "NIR", "nm", 400, 2500),
    ("FOSS Infratec", "NIR", "nm", 570, 1100),
    ("Felix F-750", "NIR", "nm", 310, 1100),
    ("Metrohm DS2500", "NIR", "nm", 400, 2500),
    ("PerkinElmer Lambda 1050", "NIR", "nm", 300, 3300),
    ("Perten DA 7250", "NIR", "nm", 950, 1650),
    ("Viavi MicroNIR", "NIR", "nm", 908.1, 1676.2),
    ("TI NIRscan Nano", "NIR", "nm", 900, 1700),
    ("Si-Ware NeoSpectra", "NIR", "nm", 1299.4, 2604.1),
    ("Bruker MPA", "NIR", "cm-1", 3600, 12500),
    ("Foss tablet analyser", "NIR", "nm", 600, 1898),
    ("Bruker Tensor, mid-IR", "IR", "cm-1", 370, 7500),
    ("Thermo Nicolet iS50", "IR", "cm-1", 15, 12500),
    ("OMNIC export", "IR", "cm-1", 399, 7800),
    ("Bruker Vertex, far IR", "IR", "cm-1", 30, 680),
    ("Renishaw inVia", "Raman", "cm-1", -100, 4000),
    ("Kaiser RXN", "Raman", "cm-1", 100, 3425),
]


@pytest.mark.parametrize("name, modality, unit, low, high", INSTRUMENTS)
def test_ranges_of_real_instruments(name, modality, unit, low, high):
    axis = np.linspace(low, high, 200)
    assert axes.check(axis, unit, modality, name) == []
    if modality == "NIR":  # the same numbers in the other unit are a wrong unit
        other = {"nm": "cm-1", "cm-1": "nm"}[unit]
        with pytest.raises(SpektronError, match=f"{name}.*Vis-NIR.*give unit={unit!r}"):
            axes.check(axis, other, modality, name)
        assert axes.plausible_units(axis, modality) == [unit]


@pytest.mark.parametrize(
    "values, message",
    [
        ([1100, 1102, 1102, 1104], "1102 stands twice"),
        ([1100, 1102, 1104, 1102], "1102 stands twice"),
        ([1100, 1104, 1102, 1106], "turns back at point 3"),
        ([1100, np.nan, 1104], "point 2 is not a finite number"),
        ([1100], "2 positions or more"),
    ],
)
def test_axes_that_are_refused(values, message):
    with pytest.raises(SpektronError, match=message):
        axes.check(np.array(values, float), "nm", "unknown")
    with pytest.raises(SpektronError, match="modality 'x': unknown"):
        axes.check(NM, "nm", "x")
    with pytest.raises(SpektronError, match="unit 'A': use one of"):
        axes.check(NM, "A", "NIR")


def test_a_gap_is_told():
    (warning,) = axes.check(np.append(NM[:300], NM[400:]), "nm", "NIR")
    assert "gap of 202 nm after 1698" in warning


FAMILIES = (("absorbance", "transmittance", "%T"), ("log(1/R)", "reflectance", "%R"))


@given(
    st.lists(st.floats(0.01, 2.0), min_size=1, max_size=20),
    st.sampled_from(FAMILIES),
    st.data(),
)
@settings(max_examples=40, deadline=None)
def test_quantities_go_round_within_a_family(values, family, data):
    first, second = data.draw(st.permutations(family))[:2]
    there = axes.convert_quantity(values, first, second)
    back = axes.convert_quantity(there, second, first)
    np.testing.assert_allclose(back, values, atol=1e-12)


def test_quantities_by_hand_and_refused():
    np.testing.assert_allclose(
        axes.convert_quantity([1.0, 2.0], "absorbance", "%T"), [10.0, 1.0]
    )
    np.testing.assert_allclose(
        axes.convert_quantity([50.0], "%R", "log(1/R)"), [0.30103], atol=1e-6
    )
    with pytest.raises(SpektronError, match="different measurements"):
        axes.convert_quantity([1.0], "absorbance", "reflectance")
    with pytest.raises(SpektronError, match="counts cannot be turned into absorbance"):
        axes.convert_quantity([1.0], "counts", "absorbance")
    with pytest.raises(SpektronError, match="1 values, the first at \\[1\\]"):
        axes.convert_quantity([0.5, 0.0], "transmittance", "absorbance")
    kept = axes.convert_quantity([0.1, -1], "transmittance", "absorbance", strict=False)
    np.testing.assert_allclose(kept, [1.0, np.nan])
    with pytest.raises(SpektronError, match="'albedo': unknown"):
        axes.convert_quantity([1.0], "albedo", "counts")


def test_resampling_is_exact_on_lines_and_never_leaves_the_axis():
    values = np.stack([2 * NM + 1, -NM])
    new = np.linspace(1000.0, 2600.0, 500)
    done = axes.resample(values, NM, new, "nm")
    inside = (new >= 1100) & (new <= 2498)
    np.testing.assert_array_equal(done.valid, np.tile(inside, (2, 1)))
    np.testing.assert_allclose(done.spectra[0, inside], 2 * new[inside] + 1)
    assert np.isnan(done.spectra[:, ~inside]).all()
    assert "in gaps not valid" in done.report
    assert f"{(~inside).sum()} outside 1100 to 2498 nm" in done.report


def test_resampling_on_the_own_axis_changes_nothing_and_is_local():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, NM.size))
    values[1, 10] = np.nan
    same = axes.resample(values, NM, NM, "nm")
    np.testing.assert_array_equal(same.spectra, values)
    down = axes.resample(values[:, ::-1], NM[::-1], NM, "nm")
    np.testing.assert_array_equal(down.spectra, values)
    new = NM[:-1] + 0.5
    before = axes.resample(values, NM, new, "nm")
    values[0, 100] += 1
    moved = axes.resample(values, NM, new, "nm").spectra[0] != before.spectra[0]
    assert set(np.flatnonzero(moved)) == {99, 100}
    assert not before.valid[1, 9] and not before.valid[1, 10] and before.valid[1, 11]


def test_resampling_leaves_gaps_open_and_warns_of_lost_bands():
    cut = np.append(NM[:300], NM[400:])
    done = axes.resample(np.ones((1, cut.size)), cut, NM, "nm")
    assert (~done.valid[0]).sum() == 100
    assert "narrow bands" in axes.resample(np.ones(700), NM, NM[::5], "nm").report
    with pytest.raises(SpektronError, match="3 points and the axis 700"):
        axes.resample(np.ones((1, 3)), NM, NM, "nm")
