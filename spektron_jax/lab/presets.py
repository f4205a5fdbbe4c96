"""Kinds of spectrometers: the ranges that one instrument's parameters come from.

Ranges are what makers and standards state for a class of spectrometer, with their
usual unit-to-unit differences; none was fitted to measured transfer sets. Shifts and
widths are in the unit of the preset's axis, noise in micro-absorbance at 100 %
transmittance (of the strongest band in Raman). "documents" is the design's: +-3 cm-1,
sigma 2-8 cm-1, baseline of order 2-4, SNR 30-60 dB.

Low-order differences alone are too easy: on real pairs, correcting a polynomial shift,
width, offset and gain leaves most of the difference. So every preset but "documents"
has fine structure too (`ripple`), of several length scales.
"""

from typing import NamedTuple

from spektron_jax.errors import SpektronError

# White noise, micro-absorbance, by class of instrument.
NOISE_UAU = {"lab": (10.0, 50.0), "process": (50.0, 100.0), "handheld": (100.0, 500.0)}
# Noise grows as transmittance^-p: detector noise (FT), photon noise (dispersive).
NOISE_GROWTH = {"FT": 1.0, "dispersive": 0.5}
DOCUMENTS = "documents"


class Preset(NamedTuple):
    """Ranges (low, high) are uniform, `stray` and noise log-uniform; *_sd normal."""

    unit: str  # of the axis: "nm" or "cm-1"
    low: float
    high: float
    points: int
    shift_sd: float  # stretch: half of it; quadratic: a quarter
    fwhm: tuple[float, float]  # of the Gaussian line function
    stray: tuple[float, float]  # share of the light
    noise: str  # of NOISE_UAU
    optics: str  # of NOISE_GROWTH
    quantity: str = "absorbance"  # or "intensity" (Raman)
    fwhm_slope: float = 0.15  # sd of the relative change from centre to end
    nonlinearity: float = 0.02  # +-
    gain_sd: float = 0.02
    baseline: float = 0.06  # +- offset; slope and curvature a third of it
    sample_gain: tuple[float, float] = (0.05, 0.15)  # sd from sample to sample
    ripple: float = 3e-3  # sd of fine structure, absorbance and share of the signal
    axis_ripple: float = 0.1  # sd of fine structure of the axis, in shift_sd
    tilt: float = 0.0  # sd of the log of a response that is not divided out
    penetration: float = 0.0  # absorbance ~ wavenumber^-p (1 = ATR)
    smoothed: float = 0.0  # share of the instruments that smooth


LOW_STRAY, HIGH_STRAY = (1e-5, 1e-3), (1e-4, 1e-2)
PRESETS = {
    "grating_nir": Preset(
        "nm", 1100.0, 2498.0, 700, 0.3, (6.0, 12.0), LOW_STRAY, "lab", "dispersive"
    ),
    "process_nir": Preset(
        "nm", 1100.0, 2200.0, 551, 0.5, (6.0, 12.0), LOW_STRAY, "process", "dispersive",
        smoothed=0.5,
    ),
    "ft_nir": Preset(
        "cm-1", 4000.0, 10000.0, 1557, 0.1, (4.0, 16.0), LOW_STRAY, "lab", "FT"
    ),
    "handheld_nir": Preset(
        "nm", 950.0, 1650.0, 141, 1.0, (10.0, 25.0), HIGH_STRAY, "handheld",
        "dispersive", ripple=6e-3, smoothed=0.5,
    ),
    "ftir": Preset(
        "cm-1", 500.0, 4000.0, 1816, 0.1, (2.0, 8.0), LOW_STRAY, "lab", "FT",
        sample_gain=(0.0, 0.05),
    ),
    "atr": Preset(
        "cm-1", 600.0, 4000.0, 1764, 0.1, (2.0, 8.0), LOW_STRAY, "lab", "FT",
        penetration=1.0,
    ),
    "raman_532": Preset(
        "cm-1", 200.0, 3800.0, 2048, 1.0, (3.0, 12.0), LOW_STRAY, "lab", "dispersive",
        "intensity", tilt=0.2,
    ),
    "raman_785": Preset(
        "cm-1", 200.0, 3200.0, 2048, 1.0, (3.0, 12.0), LOW_STRAY, "process",
        "dispersive", "intensity", tilt=0.6,
    ),  # silicon detectors fade towards 1050 nm, a shift of 3,200 cm-1
    "raman_1064": Preset(
        "cm-1", 200.0, 3500.0, 1024, 0.3, (4.0, 12.0), LOW_STRAY, "handheld", "FT",
        "intensity", tilt=0.3,
    ),
    # Wide mixes for pretraining: any of the above on one axis.
    "wide": Preset(
        "cm-1", 500.0, 4000.0, 2048, 0.8, (2.0, 16.0), LOW_STRAY, "lab", "dispersive",
        ripple=5e-3,
    ),
    "wide_nir": Preset(
        "cm-1", 4000.0, 9090.0, 2048, 2.0, (4.0, 100.0), HIGH_STRAY, "process",
        "dispersive", fwhm_slope=0.3, ripple=5e-3, smoothed=0.3,
    ),  # in cm-1 a grating's width grows as the square of the wavenumber
}  # fmt: skip
DOCUMENTS_PRESET = Preset(
    "cm-1", 500.0, 4000.0, 2048, 3.0, (4.71, 18.84), (0.0, 0.0), "lab", "dispersive"
)
NAMES = (DOCUMENTS, *PRESETS)


def preset_of(name):
    """The Preset of this name; SpektronError lists the names."""
    if name == DOCUMENTS:
        return DOCUMENTS_PRESET
    if name not in PRESETS:
        raise SpektronError(
            f"instrument preset {name!r}: unknown; use one of {', '.join(NAMES)}"
        )
    return PRESETS[name]
