"""Semi-real transfer tasks: measured spectra, and the same on a simulated instrument.

Chemistry, noise and reference values are measured; the second instrument is one of the
virtual laboratory (`spektron_jax/lab`) of one of ten kinds, from a near-twin to a noisy
handheld. It has its own axis, shift, width, response, baseline, stray light, scatter of
each sample and noise. Every set gets ten tasks, one of each kind; half of them go from
the real to the simulated instrument, half back. The property is a measured one, or a
random combination of principal components, whose labels to calibrate with have noise.

A task is drawn from the name of its set and its number alone, so that no other set
changes it. Parameters are magnitudes within RANGES; a task's spectra follow from them
and from the set's file.

N = samples of a task, p, q = points of the real and the simulated instrument.
"""

import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import legendre
from scipy.interpolate import CubicSpline

from spektron_jax import lab
from spektron_jax.lab.instruments import RIPPLES
from spektron_jax.lab.measurement import apply
from spektron_jax.spectra.grid import to_cm1
from spektron_jax.training.transfer_network.measured_sets import MeasuredSet
from spektron_jax.training.transfer_network.transfer_task import Pair, one_split

SEED, VERSION, TASKS = 61, 1, 10
MOST_SOURCE, LEAST_SOURCE = 200, 50
MOST_TEST, TEST_SHARE, LEAST_TEST = 60, 0.3, 10
LEAST_POINTS = 60  # of the simulated instrument
LEAST_KNOWN, LEAST_STEPS = 30, 4  # known values of a property, different ones
MEASURED_SHARE = 0.6  # of the tasks of sets with reference values
LABEL_NOISE = (0.02, 0.4)  # SD, in that of the property
COMPONENTS = (2, 10)

# Magnitudes; their signs are drawn. Shifts and widths in a step of 1 nm in the NIR (see
# UNITS); baselines in absorbance, or shares of the strongest band; noise in the mean SD
# of the set's spectra; step in the real one's; cut_* in shares of its range.
TWIN = {
    "shift": (0.03, 0.3),
    "stretch": (0.02, 0.2),
    "quadratic": (0.01, 0.1),
    "axis_ripple": (0.003, 0.03),
    "width": (1.0, 4.0),
    "gain": (0.002, 0.02),
    "tilt": (0.001, 0.01),
    "offset": (0.002, 0.02),
    "slope": (0.001, 0.01),
    "ripple": (3e-4, 1e-3),
    "stray": (1e-5, 1e-4),
    "nonlinearity": (0.001, 0.01),
    "sample_gain": (0.002, 0.02),
    "sample_offset": (0.002, 0.01),
    "sample_slope": (5e-4, 3e-3),
    "noise": (0.002, 0.02),
    "step": (1.0, 1.0),
    "cut_low": (0.0, 0.0),
    "cut_high": (0.0, 0.0),
}
MAKE = TWIN | {  # of another make
    "shift": (0.2, 1.5),
    "stretch": (0.1, 1.0),
    "quadratic": (0.05, 0.4),
    "axis_ripple": (0.02, 0.2),
    "width": (4.0, 14.0),
    "gain": (0.01, 0.08),
    "tilt": (0.01, 0.06),
    "offset": (0.01, 0.1),
    "slope": (0.01, 0.04),
    "ripple": (1e-3, 5e-3),
    "stray": (1e-4, 1e-3),
    "nonlinearity": (0.005, 0.03),
    "sample_gain": (0.01, 0.06),
    "sample_offset": (0.005, 0.03),
    "sample_slope": (0.002, 0.01),
    "noise": (0.01, 0.05),
    "step": (1.0, 2.0),
    "cut_low": (0.0, 0.08),
    "cut_high": (0.0, 0.08),
}
NOTHING = dict.fromkeys(TWIN, (0.0, 0.0)) | {"step": (1.0, 1.0)}
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "twin": TWIN,
    "gain": NOTHING | {"gain": (0.05, 0.4), "noise": (0.002, 0.02)},
    "make": MAKE,
    "axis": TWIN
    | {"shift": (1.0, 5.0), "stretch": (0.5, 4.0), "quadratic": (0.2, 1.5)},
    "resolution": TWIN | {"width": (15.0, 50.0), "step": (1.0, 4.0)},
    "scatter": MAKE
    | {
        "sample_gain": (0.06, 0.25),
        "sample_offset": (0.03, 0.15),
        "sample_slope": (0.01, 0.08),
    },
    "range": MAKE | {"cut_low": (0.0, 0.4), "cut_high": (0.0, 0.4)},
    "handheld": MAKE
    | {
        "width": (10.0, 30.0),
        "ripple": (3e-3, 1e-2),
        "stray": (1e-3, 1e-2),
        "sample_gain": (0.03, 0.15),
        "sample_offset": (0.01, 0.06),
        "noise": (0.03, 0.2),
        "step": (2.0, 5.0),
        "cut_low": (0.0, 0.2),
        "cut_high": (0.1, 0.4),
    },
    "noisy": TWIN | {"noise": (0.1, 0.6)},
    "photometry": TWIN
    | {
        "stray": (3e-3, 3e-2),
        "nonlinearity": (0.02, 0.1),
        "tilt": (0.05, 0.3),
        "gain": (0.02, 0.15),
        "offset": (0.02, 0.15),
        "slope": (0.02, 0.1),
        "ripple": (2e-3, 8e-3),
    },
}
KINDS = tuple(RANGES)
SIGNED: tuple[str, ...] = ("shift", "stretch", "quadratic", "gain", "tilt")
SIGNED += ("offset", "slope", "nonlinearity")
# (modality, unit) -> a shift of 1 and a width of 1 in the unit of the axis; 1 nm is
# 5 cm-1 at 7000 cm-1, and bands are narrower in the IR.
UNITS = {
    ("NIR", "nm"): (1.0, 1.0),
    ("NIR", "cm-1"): (5.0, 5.0),
    ("IR", "cm-1"): (1.0, 0.8),
    ("Raman", "cm-1"): (1.0, 0.6),
}


def draw(name: str, number: int) -> dict[str, Any]:
    """Parameters of a task of a set, JSON-ready.

    Tasks 0 to 9 are those of the benchmark, one of each kind; networks are trained on
    later ones.
    """
    code = zlib.crc32(name.encode())
    rng = np.random.default_rng([SEED, code, number])
    kind = KINDS[number % len(KINDS)]
    values = {key: _between(rng, *RANGES[kind][key]) for key in TWIN}
    for key in SIGNED:
        values[key] *= float(rng.choice([-1, 1]))
    to_simulated = kind == "noisy" or (code + number) % 2 == 0
    return {
        "version": VERSION,
        "set": name,
        "number": number,
        "kind": kind,
        "direction": "to simulated" if to_simulated else "from simulated",
        "source_samples": round(_between(rng, LEAST_SOURCE, MOST_SOURCE)),
        "measured_property": bool(rng.random() < MEASURED_SHARE),
        "components": int(rng.integers(COMPONENTS[0], COMPONENTS[1] + 1)),
        "label_noise": _rounded(_between(rng, *LABEL_NOISE)),
        "seed": int(rng.integers(2**31)),
        "instrument": {key: _rounded(value) for key, value in values.items()},
    }


def _rounded(value: float) -> float:
    """Six digits, which every machine computes alike."""
    return float(f"{value:.6g}")


def _between(rng, low: float, high: float) -> float:
    """Log-uniform; uniform from 0."""
    share = rng.random()
    if low > 0:
        return float(low * (high / low) ** share)
    return float(high * share)


def render(parameters: dict[str, Any], measured: MeasuredSet) -> Pair:
    """Spectra of both instruments, and values: calibration samples first."""
    rng = np.random.default_rng(parameters["seed"])
    y, known = _property(rng, parameters, measured)
    rows = rng.permutation(np.flatnonzero(known))
    test = min(MOST_TEST, max(LEAST_TEST, round(TEST_SHARE * rows.size)))
    calibration = min(rows.size - test, parameters["source_samples"])
    rows = rows[: calibration + test]
    real, truth = measured.spectra[rows], y[rows]
    labels = truth.copy()
    if not _is_measured(parameters, measured):
        noise = rng.normal(size=rows.size) * truth.std()
        labels += parameters["label_noise"] * noise
    sides = [(real, measured.axis), _simulated(rng, parameters, measured, real)]
    if parameters["direction"] == "from simulated":
        sides.reverse()
    (A, axis_a), (B, axis_b) = sides
    return Pair(
        *(A, axis_a, B, axis_b, measured.unit, labels, truth),
        splits=[one_split(A, calibration)],
    )


def usable_properties(measured: MeasuredSet) -> list[str]:
    """Reference values that a task may ask for."""
    found = []
    for name, values in measured.targets.items():
        known = values[np.isfinite(values)]
        if known.size >= LEAST_KNOWN and np.unique(known).size >= LEAST_STEPS:
            found.append(name)
    return found


def _is_measured(parameters: dict[str, Any], measured: MeasuredSet) -> bool:
    return parameters["measured_property"] and bool(usable_properties(measured))


def _property(rng, parameters: dict[str, Any], measured: MeasuredSet):
    """Values (N,) of all samples of the set, and where they are known (N,)."""
    if _is_measured(parameters, measured):
        y = measured.targets[rng.choice(usable_properties(measured))]
        return y, np.isfinite(y)
    X = measured.spectra
    U = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[0]
    y = U[:, : parameters["components"]] @ rng.normal(size=parameters["components"])
    return y / y.std(), np.ones(len(y), dtype=bool)


def _simulated(rng, parameters: dict[str, Any], measured: MeasuredSet, X: np.ndarray):
    """The samples on the simulated instrument, (N, q), and its axis (q,)."""
    p, axis = parameters["instrument"], measured.axis
    level = 0.0 if measured.linear else measured.spectra.mean(axis=0).min()
    centred = measured.spectra - measured.spectra.mean(axis=1, keepdims=True)
    instrument = _instrument(rng, p, measured, float(centred.std(axis=0).mean()))
    # As many rows for every task of a set, so that it is compiled for once.
    rows = np.arange(min(len(measured.spectra), MOST_SOURCE + MOST_TEST)) % len(X)
    key = jax.random.key(parameters["seed"])
    seen = _measured(
        instrument,
        jnp.asarray(X[rows] - level, jnp.float32),
        *(axis[0], axis[-1], jnp.asarray(to_cm1(axis, measured.unit), jnp.float32)),
        *(measured.linear, jax.random.split(key, rows.size)),
    )[: len(X)]
    t = np.linspace(-1, 1, axis.size)
    bent = p["sample_slope"] * rng.normal(size=(2, len(X))) / np.array([[1], [2]])
    curves = legendre.legval(t, np.vstack([np.zeros(len(X)), bent]))
    seen = np.asarray(seen, np.float64) + _room(measured) * curves + level
    own = _own_axis(p, axis)
    return CubicSpline(axis, seen, axis=1)(own), own


def _room(measured: MeasuredSet) -> float:
    """Scale of baselines: flat spectra are not drowned by them."""
    return float(min(1.0, np.ptp(measured.spectra.mean(axis=0))))


def _instrument(rng, p: dict[str, float], measured: MeasuredSet, spread: float):
    """Parameters for the laboratory."""
    shift, width = UNITS[measured.modality, measured.unit]
    room = _room(measured)
    falling = np.repeat(RIPPLES[0] / np.array(RIPPLES), 2)

    def waves(size):
        return size * falling * rng.normal(size=falling.size)

    return lab.ideal(
        "documents",
        shift=shift * p["shift"],
        stretch=shift * p["stretch"],
        quadratic=shift * p["quadratic"],
        axis_ripple=waves(shift * p["axis_ripple"]),
        fwhm=width * p["width"],
        gain=np.exp(p["gain"]),
        tilt=p["tilt"],
        stray=p["stray"],
        nonlinearity=p["nonlinearity"],
        baseline=room * np.array([p["offset"], p["slope"], p["slope"] / 2, 0, 0]),
        response_ripple=waves(p["ripple"]),
        baseline_ripple=waves(room * p["ripple"]),
        sample_gain=p["sample_gain"],
        sample_offset=room * p["sample_offset"],
        noise=spread * p["noise"],
        noise_growth=0.0 if measured.linear else 0.5,
    ).parameters


@jax.jit
def _measured(instrument, spectra, low, high, wavenumber, linear, keys):
    signal = apply(instrument, spectra, low, high, wavenumber, linear, keys)
    return signal.ideal + signal.noise


def _own_axis(p: dict[str, float], axis: np.ndarray) -> np.ndarray:
    """The simulated instrument's axis: part of the range, in its own steps."""
    span = axis[-1] - axis[0]
    low, high = axis[0] + p["cut_low"] * span, axis[-1] - p["cut_high"] * span
    points = round((high - low) / (p["step"] * (axis[1] - axis[0]))) + 1
    return np.linspace(low, high, max(points, LEAST_POINTS))
