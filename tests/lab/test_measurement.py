"""What instruments do: identity, linearity, the order of steps, and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.lab.instruments import draw, ideal
from spektron_jax.lab.measurement import apply, measure
from spektron_jax.lab.presets import NAMES
from spektron_jax.lab.resample import GAUSSIAN_FWHM

AXIS = np.linspace(1100.0, 2498.0, 700)  # 2 nm


def bands(*positions, fwhm=60.0, height=1.0):
    """One spectrum (1, 700) of Gaussian bands, above 1e-38, which XLA flushes to 0."""
    width = fwhm / GAUSSIAN_FWHM
    return 1e-6 + height * sum(
        np.exp(-0.5 * ((AXIS - p) / width) ** 2)[None] for p in positions
    ).astype(np.float32)


SPECTRA = np.concatenate([bands(1450, 1940), bands(1725, 2310, fwhm=30.0, height=2.0)])


def on(spectra=SPECTRA, key=None, **changes):
    """The spectra on a grating that is ideal but for the changes."""
    return measure(spectra, AXIS, "nm", ideal("grating_nir", **changes), key)


@pytest.mark.parametrize("preset", NAMES)
def test_the_ideal_instrument_is_exactly_the_identity(preset):
    perfect = ideal(preset)
    axis = AXIS if perfect.unit == "nm" else np.linspace(4000.0, 9000.0, 700)
    for key in (None, jax.random.key(0)):
        np.testing.assert_array_equal(
            measure(SPECTRA, axis, perfect.unit, perfect, key), SPECTRA
        )


def test_falling_axes_keep_their_order():
    falling = measure(SPECTRA[:, ::-1], AXIS[::-1], "nm", ideal("grating_nir", shift=3))
    np.testing.assert_array_equal(falling[:, ::-1], on(shift=3))


def centre(spectrum):
    weight = np.maximum(spectrum - 0.5 * spectrum.max(), 0)
    return np.sum(weight * AXIS) / np.sum(weight)


def test_shift_stretch_and_quadratic_move_bands_by_what_they_say():
    for position in (1250.0, 1799.0, 2348.0):
        t = (position - 1799.0) / 699.0
        for changes, wanted in (
            ({"shift": 1.3}, 1.3),
            ({"stretch": 2.0}, 2.0 * t),
            ({"quadratic": 2.0}, 3.0 * t**2 - 1.0),
        ):
            moved = on(bands(position), **changes)[0]
            assert centre(moved) - position == pytest.approx(wanted, abs=0.02)


def test_the_line_function_averages_light_and_not_absorbance():
    seen = on(fwhm=40.0)[0]
    sigma = 40.0 / GAUSSIAN_FWHM
    weights = np.exp(-0.5 * ((AXIS[:, None] - AXIS) / sigma) ** 2)
    weights /= weights.sum(1, keepdims=True)
    inner = slice(60, -60)
    light = -np.log10(10.0 ** -SPECTRA[0] @ weights.T)
    np.testing.assert_allclose(seen[inner], light[inner], atol=2e-4)
    absorbance = SPECTRA[0] @ weights.T
    assert np.abs(seen - absorbance)[inner].max() > 0.02
    # A Raman spectrum is light itself: broadening it is linear.
    raman = ideal("raman_785", fwhm=20.0)
    shifts = np.linspace(200.0, 1598.0, 700)
    a, b, both = (
        measure(s, shifts, "cm-1", raman)
        for s in (SPECTRA[:1], SPECTRA[1:], SPECTRA[:1] + SPECTRA[1:])
    )
    np.testing.assert_allclose(both, a + b, atol=1e-5)


def test_width_may_change_along_the_axis():
    narrow, wide = bands(1250.0, fwhm=20.0), bands(2348.0, fwhm=20.0)
    heights = [
        on(s, fwhm=20.0, sigma_slope=slope).max()
        for slope in (0.0, 0.3)
        for s in (narrow, wide)
    ]
    assert heights[0] == pytest.approx(heights[1], rel=2e-3)
    t = (2348.0 - 1799.0) / 699.0
    low, high = (
        on(s, fwhm=20.0 * (1 + 0.3 * d)).max() for s, d in ((narrow, -t), (wide, t))
    )
    assert heights[2] == pytest.approx(low, rel=0.02)
    assert heights[3] == pytest.approx(high, rel=0.02)


def test_stray_light_bounds_absorbance_and_nonlinearity_bends_it():
    strong = on(bands(1800, height=5.0), stray=1e-3)
    assert strong.max() == pytest.approx(-np.log10(1e-3 / 1.001), abs=0.01)
    np.testing.assert_allclose(
        on(nonlinearity=-0.02), SPECTRA - 0.02 * SPECTRA**2, atol=1e-6
    )


def test_electronics_and_line_up_of_linear_steps():
    changes = {"gain": 1.01, "baseline": [0.05, 0.02, -0.01, 0, 0], "shift": 0.7}
    a, b, both, none = (
        on(s, **changes)
        for s in (SPECTRA[:1], SPECTRA[1:], SPECTRA[:1] + SPECTRA[1:], 0 * SPECTRA[:1])
    )
    t = (AXIS - 1799.0) / 699.0
    wanted = 0.05 + 0.02 * t - 0.01 * (3 * t**2 - 1) / 2
    np.testing.assert_allclose(none[0], wanted, atol=1e-6)
    np.testing.assert_allclose(both - none, a + b - 2 * none, atol=2e-6)


def test_atr_weakens_bands_at_high_wavenumber():
    axis = np.linspace(600.0, 3400.0, 700)
    seen = measure(np.ones((1, 700)), axis, "cm-1", ideal("atr", penetration=1.0))[0]
    np.testing.assert_allclose(seen, 2000.0 / axis, rtol=1e-3)


def test_noise_has_the_level_of_its_class_and_grows_where_light_is_scarce():
    flat = np.repeat(np.array([[0.0], [1.0]], np.float32), 700, 1)
    flat = np.tile(flat, (20, 1))
    for optics, growth in (("FT", 1.0), ("dispersive", 0.5)):
        seen = on(flat, jax.random.key(1), noise=3e-4, noise_growth=growth) - flat
        clear, dark = seen[::2].std(), seen[1::2].std()
        assert clear == pytest.approx(3e-4, rel=0.03), optics
        assert dark / clear == pytest.approx(10.0**growth, rel=0.03)
    smoothed = on(flat, jax.random.key(1), noise=3e-4, smoothing=1.5) - flat
    assert smoothed.std() < 0.6 * 3e-4
    again = on(flat, jax.random.key(1), noise=3e-4, smoothing=1.5) - flat
    np.testing.assert_array_equal(smoothed, again)


def test_samples_differ_by_scatter_only_when_a_key_is_given():
    many = np.repeat(SPECTRA[:1], 400, 0)
    seen = on(many, jax.random.key(2), sample_gain=0.1, sample_offset=0.02)
    slope = np.polyfit(SPECTRA[0], seen.T, 1)
    assert slope[0].std() == pytest.approx(0.1, rel=0.15)
    assert slope[1].std() == pytest.approx(0.02, rel=0.15)
    np.testing.assert_array_equal(on(many, sample_gain=0.1, sample_offset=0.02), many)


def test_other_units_and_uneven_axes_give_the_same_answer():
    uneven = 1e7 / AXIS  # even in nm, uneven and falling in cm-1
    np.testing.assert_allclose(
        measure(SPECTRA, uneven, "cm-1", ideal("grating_nir", shift=2.0, fwhm=20.0)),
        on(shift=2.0, fwhm=20.0),
        atol=1e-6,
    )
    kept = AXIS + 0.4 * np.sin(AXIS / 40)
    smooth = [np.interp(kept, AXIS, s) for s in SPECTRA]
    seen = measure(smooth, kept, "nm", ideal("grating_nir", shift=2.0, fwhm=20.0))
    wanted = [np.interp(kept, AXIS, s) for s in on(shift=2.0, fwhm=20.0)]
    assert np.abs(seen - wanted).max() < 0.01


def test_on_the_axis_of_the_instrument():
    handheld = draw("handheld_nir", 3)
    axis = np.linspace(900.0, 1700.0, 1601)
    seen = measure(
        np.exp(-(((axis - 1300) / 30) ** 2)), axis, "nm", handheld, own_axis=True
    )
    assert seen.shape == (1, 141)
    assert abs(handheld.axis()[seen[0].argmax()] - 1300) < 10
    with pytest.raises(SpektronError, match="does not cover instrument handheld_nir-3"):
        measure(SPECTRA, AXIS, "nm", handheld, own_axis=True)


def test_gradients_reach_every_continuous_parameter():
    instrument = draw("grating_nir", 0)
    fields = ("shift", "stretch", "sigma", "stray", "nonlinearity", "gain", "baseline")

    @jax.jit
    @jax.grad
    def slope(parameters):
        seen = apply(
            parameters, SPECTRA, 1100.0, 2498.0, jnp.asarray(1e7 / AXIS), False
        ).ideal
        return jnp.sum(seen * jnp.cos(AXIS / 30)) / seen.size

    gradient = slope(instrument.parameters)
    for field in fields:
        value = np.asarray(getattr(gradient, field))
        assert np.isfinite(value).all() and (value != 0).any(), field


@pytest.mark.parametrize(
    ("spectra", "axis", "unit", "match"),
    [
        (SPECTRA, AXIS, "", "unit: missing; say whether"),
        (SPECTRA, AXIS, "furlong", "unit 'furlong': unknown"),
        (SPECTRA, AXIS[:-1], "nm", "one position for each point"),
        (SPECTRA[:, :0], AXIS[:0], "nm", "needs 4 or more positions"),
        (SPECTRA, np.roll(AXIS, 5), "nm", "only rise or only fall"),
        (SPECTRA, AXIS - 1100.0, "nm", "greater than 0"),
        (np.where(SPECTRA > 1.9, np.nan, SPECTRA), AXIS, "nm", "row 1 holds values"),
    ],
)
def test_bad_input_is_named(spectra, axis, unit, match):
    with pytest.raises(SpektronError, match=match):
        measure(spectra, axis, unit, ideal("grating_nir"))
