"""Two priors that a calibration starts from: of instruments' differences, of itself.

How spectrometers of one kind differ, before any spectrum of the second is seen: an
instrument changes a spectrum m(t), t in [-1, 1] along the axis, by

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
as a whole is left to the data (`bayes.py`). Differences of this kind in a calibration
filter: Sulub & Small, Analyst 133 (2008) 1221, who simulate them; here they are the
prior of a mean.

Where along the axis a calibration may look, a network's prior of its coefficients:

    features(X) = first derivative * s(t),   coefficients of the derivative ~ N(0, s^2)

Without it every point of a spectrum has the same prior. Two convolutions read, point by
point, the mean spectrum, its derivatives, the spread of either instrument's spectra and
of their differences, and how a point goes with the labels, and give s. They were
trained on virtual calibrations, so that a Gaussian process with that prior predicts
other samples of the target well (`benchmarks/learned_prior.py`). Only for the NIR,
where they were trained, and pairs with labels.

L = points, R = terms, F = features.
"""

import functools
from pathlib import Path

import numpy as np

from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.preprocessing import preprocess

BASELINE_SD = (0.2, 0.1, 0.1)  # offset, slope, curvature
SHIFT_SD, STRETCH_SD = 1e-3, 5e-4  # share of the axis
BANDWIDTH_SD = 2e-6  # half the change of the line function's variance, share^2
GAIN_SD, TILT_SD, NONLINEARITY_SD = 0.02, 0.01, 0.02
RIPPLES = ((0.3, 0.03), (0.1, 0.015), (0.03, 0.0075))  # width in t and SD of curves
RIPPLE_SPACING = 0.8  # widths
KINDS: tuple[str, ...] = ("offset", "slope", "curvature", "shift", "stretch")
KINDS += ("bandwidth", "gain", "tilt", "nonlinearity")
KINDS += ("wide ripples", "ripples", "narrow ripples")

PRIOR_PRETREATMENT, PRIOR_MODALITY = "sg1", "NIR"
WEIGHTS = Path(__file__).parent / "coefficient_prior.npz"
MAX_FEATURE = 6.0
MAX_LOG_SCALE = 4.0
TINY = 1e-12


def difference_terms(mean: np.ndarray) -> np.ndarray:
    """Rows J of the header for a mean spectrum (L,), (R, L)."""
    L = mean.size
    t = np.linspace(-1.0, 1.0, L)
    unit = mean.std()
    # Derivatives by the share of the axis.
    first = np.gradient(mean) * L if L > 2 else np.zeros(L)
    second = np.gradient(first) * L if L > 2 else np.zeros(L)
    top = np.abs(mean).max() or 1.0
    offset, slope, curvature = BASELINE_SD
    rows = [
        offset * unit * np.ones(L),
        slope * unit * t,
        curvature * unit * (3 * t**2 - 1) / 2,
        SHIFT_SD * first,
        STRETCH_SD * t * first,
        BANDWIDTH_SD * second,
        GAIN_SD * mean,
        TILT_SD * t * mean,
        NONLINEARITY_SD * mean**2 / top,
    ]
    for width, sd in RIPPLES:
        centres = np.arange(-1 - width, 1 + width + 1e-9, RIPPLE_SPACING * width)
        curves = np.exp(-0.5 * ((t - centres[:, None]) / width) ** 2)
        rows.extend(sd * unit * curves)
    return np.array(rows)


def kinds_of_terms() -> np.ndarray:
    """Index of KINDS for each row of `difference_terms`, (R,)."""
    reach = [
        np.arange(-1 - w, 1 + w + 1e-9, RIPPLE_SPACING * w).size for w, _ in RIPPLES
    ]
    counts = [1] * (len(KINDS) - len(RIPPLES)) + reach
    return np.repeat(np.arange(len(KINDS)), counts)


def coefficient_scales(data: TransferData) -> np.ndarray:
    """s of the header, (L,)."""
    w = _weights()
    h = (point_features(data) - w["mean"]) / w["sd"]
    for name in ("Conv_0", "Conv_1"):
        h = _gelu(_convolved(h, w[f"{name}.kernel"]) + w[f"{name}.bias"])
    logs = MAX_LOG_SCALE * np.tanh(h @ w["Dense_0.kernel"][:, 0] / MAX_LOG_SCALE)
    return np.exp(logs - logs.mean())


def point_features(data: TransferData) -> np.ndarray:
    """What the network reads, (L, F)."""

    def derived(X: np.ndarray) -> np.ndarray:
        return preprocess(X, PRIOR_PRETREATMENT)

    A, B = derived(data.X_source), derived(data.X_target)
    difference = np.subtract(*(derived(X) for X in data.pairs()))
    mean, spread = data.X_source.mean(axis=0), A.std(axis=0) + TINY
    shapes = [mean, *(preprocess(mean[None], t)[0] for t in ("sg1", "sg2"))]
    y = (data.y_source - data.y_source.mean()) / data.y_source.std()
    rows = [(shape - shape.mean()) / (shape.std() + TINY) for shape in shapes]
    rows += [np.log(spread / spread.mean())]
    rows += [np.log((X.std(axis=0) + TINY) / spread) for X in (B, difference)]
    rows += [np.abs(((A - A.mean(axis=0)) * y[:, None]).mean(axis=0) / spread)]
    return np.clip(np.array(rows).T, -MAX_FEATURE, MAX_FEATURE)


@functools.cache
def _weights() -> dict[str, np.ndarray]:
    with np.load(WEIGHTS, allow_pickle=False) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


def _convolved(h: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """(L, F), (K, F, H) -> (L, H); zeros beyond the ends."""
    reach = len(kernel) // 2
    padded = np.pad(h, ((reach, reach), (0, 0)))
    return np.sum([padded[k : k + len(h)] @ kernel[k] for k in range(len(kernel))], 0)


def _gelu(x: np.ndarray) -> np.ndarray:
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
