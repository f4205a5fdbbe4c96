"""How spectrometers of one kind differ, before any spectrum of the second is seen.

An instrument changes a spectrum m(t), t in [-1, 1] along the axis, by

    d = c0 + c1 t + c2 P2(t)            baseline: offset, slope, curvature
      + (s0 + s1 t) m' + w m''          axis shift and stretch, bandwidth
      + (g0 + g1 t) m + q m^2           gain, tilt, non-linearity
      + smooth random curves            fine structure of three length scales

with normal coefficients: first-order differences, as the virtual laboratory draws them
(`lab/instruments.py`). So differences are normal with covariance J'J, J one row for
each term times its standard deviation. Baseline terms are in units of the standard
deviation of m along the axis; a grating NIR of 1,400 nm has a shift of 1.4 nm, a line
function of 8 against 10 nm and a gain of 2 %, as in the "typical" and "hard" virtual
tasks (`lab/tasks.py`). Nothing was fitted to measured sets; the size of a difference
as a whole is left to the data (`bayes.py`).

Differences of this kind in a calibration filter: Sulub & Small, Analyst 133 (2008)
1221, who simulate them; here they are the prior of a mean.

L = points, R = terms.
"""

import numpy as np

BASELINE = (0.2, 0.1, 0.1)  # SD of offset, slope, curvature
SHIFT, STRETCH = 1e-3, 5e-4  # SD, share of the axis
BANDWIDTH = 2e-6  # SD of half the change of the line function's variance, share^2
GAIN, TILT, NONLINEAR = 0.02, 0.01, 0.02
# Fine structure: width of the curves in t and their SD.
RIPPLES = ((0.3, 0.03), (0.1, 0.015), (0.03, 0.0075))
SPACING = 0.8  # of the curves, in widths


def difference_terms(mean: np.ndarray) -> np.ndarray:
    """Rows J of the header for a mean spectrum (L,), (R, L)."""
    L = mean.size
    t = np.linspace(-1.0, 1.0, L)
    unit = mean.std()
    # Derivatives by the share of the axis.
    first = np.gradient(mean) * L if L > 2 else np.zeros(L)
    second = np.gradient(first) * L if L > 2 else np.zeros(L)
    top = np.abs(mean).max() or 1.0
    offset, slope, curvature = BASELINE
    rows = [
        offset * unit * np.ones(L),
        slope * unit * t,
        curvature * unit * (3 * t**2 - 1) / 2,
        SHIFT * first,
        STRETCH * t * first,
        BANDWIDTH * second,
        GAIN * mean,
        TILT * t * mean,
        NONLINEAR * mean**2 / top,
    ]
    for width, size in RIPPLES:
        centres = np.arange(-1 - width, 1 + width + 1e-9, SPACING * width)
        curves = np.exp(-0.5 * ((t - centres[:, None]) / width) ** 2)
        rows.extend(size * unit * curves)
    return np.array(rows)
