"""Preprocessing by name: a recipe that is written down with the model.

    recipe = Recipe.of("snv", {"name": "savgol", "window": 15, "order": 2})
    fitted = recipe.fit(training_spectra, axis)
    features = fitted.apply(spectra, axis)
    settings = fitted.to_dict()              # plain numbers and text, for JSON

| step | what it does | parameters |
|---|---|---|
| snv | each spectrum to mean 0, sd 1 | |
| msc | each spectrum regressed on a reference, by default the mean of `fit` | |
| savgol | Savitzky-Golay smoothing or derivative, per unit of the axis | window, order, derivative |
| detrend | subtract a polynomial in the axis | order |
| asls | subtract an asymmetric least-squares baseline | lam, p |
| arpls | subtract an asymmetrically reweighted baseline | lam |
| center | subtract the mean spectrum of `fit` | |

Nothing is on unless it is named: SNV, for one, takes corn moisture on m5 from
R2 1.000 to 0.81. snv and msc come from chemotools 0.5, savgol from scipy, baselines
from pybaselines 1.2; the tests check each against its equation.

Sizes: n spectra, p points.
"""  # noqa: E501 (a table cannot be wrapped)

import importlib
import json
from dataclasses import dataclass, field

import numpy as np
import scipy.signal

from spektron_jax.errors import SpektronError

# step -> its parameters and their default values
STEPS: dict[str, dict[str, float]] = {
    "snv": {},
    "msc": {},
    "savgol": {"window": 15, "order": 2, "derivative": 1},
    "detrend": {"order": 2},
    "asls": {"lam": 1e6, "p": 0.01},
    "arpls": {"lam": 1e5},
    "center": {},
}
_NEED_FIT = ("msc", "center")
_NEED_WHOLE = ("snv", "msc", "savgol", "detrend", "asls", "arpls")
UNEVEN = 0.01  # share by which steps of the axis may differ for a derivative


@dataclass(frozen=True)
class Recipe:
    """Steps in their order.

    Attributes:
      steps: each a dict with "name" and the parameters of that step.
      state: for each step, the spectrum it took from the training data, or None.
      points: length of the spectra it was fitted on, 0 before `fit`.
    """

    steps: tuple[dict, ...] = ()
    state: tuple[tuple[float, ...] | None, ...] = field(default=(), repr=False)
    points: int = 0

    @classmethod
    def of(cls, *steps: str | dict) -> "Recipe":
        """Build a recipe from names, or dicts with a name and parameters."""
        return cls(tuple(_checked(step) for step in steps))

    def fit(self, spectra: np.ndarray, axis: np.ndarray) -> "Recipe":
        """Return the recipe with the state that the training spectra give it."""
        values, state = _matrix(spectra, axis), []
        for step in self.steps:
            taken = None
            if step["name"] in _NEED_FIT:
                known = values[~np.isnan(values).all(axis=1)]
                if not len(known):
                    raise SpektronError("preprocessing: no spectrum to fit on")
                taken = tuple(known.mean(axis=0).tolist())
            state.append(taken)
            values = _apply(step, taken, values, axis)
        return Recipe(self.steps, tuple(state), values.shape[1])

    def apply(self, spectra: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Return (n, p) float64; rows of NaN stay so, other NaN is an error."""
        values = _matrix(spectra, axis)
        if self.points == 0 and any(s["name"] in _NEED_FIT for s in self.steps):
            raise SpektronError(
                "preprocessing: fit the recipe on training spectra first"
            )
        if self.points and values.shape[1] != self.points:
            raise SpektronError(
                f"preprocessing: fitted on {self.points} points, these have "
                f"{values.shape[1]}; use the axis of the training spectra"
            )
        state = self.state or (None,) * len(self.steps)
        for step, taken in zip(self.steps, state, strict=True):
            values = _apply(step, taken, values, axis)
        return values

    def to_dict(self) -> dict:
        """Return plain lists, numbers and text: JSON-able, and complete."""
        state = [None if s is None else list(s) for s in self.state]
        return {
            "steps": [dict(step) for step in self.steps],
            "state": state,
            "points": self.points,
        }

    @classmethod
    def from_dict(cls, values: dict) -> "Recipe":
        """Return the recipe of `to_dict`, also after a way through JSON."""
        try:
            values = json.loads(json.dumps(values))
            steps = tuple(_checked(step) for step in values["steps"])
            state = tuple(None if s is None else tuple(s) for s in values["state"])
            points = values["points"]
        except (TypeError, KeyError, ValueError) as error:
            raise SpektronError(
                f"preprocessing: not a saved recipe ({error})"
            ) from error
        fits = all(s is None or len(s) == points for s in state)
        if not fits or (points and len(state) != len(steps)):
            raise SpektronError("preprocessing: saved recipe is incomplete")
        return cls(steps, state, points)


def _checked(step: str | dict) -> dict:
    given = {"name": step} if isinstance(step, str) else dict(step)
    name = given.pop("name", None)
    if name not in STEPS:
        raise SpektronError(
            f"preprocessing {name!r}: unknown; use one of {', '.join(STEPS)}"
        )
    unknown = set(given) - set(STEPS[name])
    if unknown:
        allowed = ", ".join(STEPS[name]) or "none"
        raise SpektronError(
            f"preprocessing {name}: no parameter {', '.join(sorted(unknown))}; it has "
            f"{allowed}"
        )
    values = STEPS[name] | given
    if name == "savgol":
        window, order, derivative = (values[k] for k in STEPS["savgol"])
        if not (window % 2 == 1 and window > order >= derivative >= 0):
            raise SpektronError(
                "preprocessing savgol: window must be odd and greater than order, and "
                "order at least derivative"
            )
    if not all(value >= 0 for value in values.values()) or values.get("p", 0) >= 1:
        raise SpektronError(f"preprocessing {name}: {values} is out of range")
    return {"name": name, **values}


def _matrix(spectra: np.ndarray, axis: np.ndarray) -> np.ndarray:
    values = np.atleast_2d(np.asarray(spectra, np.float64))
    if values.ndim != 2 or values.shape[1] != len(axis):
        raise SpektronError(
            f"preprocessing: spectra {values.shape} and {len(axis)} positions; make "
            "them agree"
        )
    return values


def _apply(
    step: dict, taken: tuple[float, ...] | None, values: np.ndarray, axis: np.ndarray
) -> np.ndarray:
    name = step["name"]
    if name == "center":
        return values - np.asarray(taken)
    missing = np.isnan(values)
    rows = ~missing.all(axis=1)
    if name in _NEED_WHOLE and missing[rows].any():
        row = int(np.flatnonzero(missing.any(axis=1) & rows)[0])
        raise SpektronError(
            f"preprocessing {name}: row {row} has missing values; cut the axis to "
            "where all is measured"
        )
    result = np.full_like(values, np.nan)
    if rows.any():
        result[rows] = _WAYS[name](step, taken, values[rows], np.asarray(axis, float))
    return result


def _snv(step, taken, values, axis):
    if (values.std(axis=1) == 0).any():
        raise SpektronError("preprocessing snv: a spectrum is constant; leave it out")
    scatter = _library("chemotools.scatter")
    return scatter.StandardNormalVariate().fit_transform(values)


def _msc(step, taken, values, axis):
    scatter = _library("chemotools.scatter")
    reference = np.asarray(taken)
    way = scatter.MultiplicativeScatterCorrection(reference=reference)
    return way.fit(reference[None]).transform(values)


def _savgol(step, taken, values, axis):
    steps = np.diff(axis)
    uneven = np.ptp(steps) > UNEVEN * abs(np.mean(steps))
    if step["derivative"] and uneven:
        raise SpektronError(
            "preprocessing savgol: a derivative needs even steps of the axis, these go "
            f"from {steps.min():g} to {steps.max():g}; resample first"
        )
    window = int(step["window"])
    if window > values.shape[1]:
        raise SpektronError(f"preprocessing savgol: window {window} is too long")
    return scipy.signal.savgol_filter(
        values,
        window,
        int(step["order"]),
        deriv=int(step["derivative"]),
        delta=float(np.mean(steps)),
        axis=1,
    )


def _detrend(step, taken, values, axis):
    place = 2 * (axis - axis.mean()) / np.ptp(axis)
    terms = np.polynomial.legendre.legvander(place, int(step["order"]))
    return values - values @ np.linalg.pinv(terms).T @ terms.T


def _baseline(step, taken, values, axis):
    way = getattr(_library("pybaselines").Baseline(axis), step["name"])
    parameters = {key: value for key, value in step.items() if key != "name"}
    return np.stack([row - way(row, **parameters)[0] for row in values])


_WAYS = {
    "snv": _snv,
    "msc": _msc,
    "savgol": _savgol,
    "detrend": _detrend,
    "asls": _baseline,
    "arpls": _baseline,
}


def _library(name: str):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SpektronError(
            f"this preprocessing needs the library {name.split('.')[0]}: install it "
            "with `pip install spektron_jax[preprocess]`"
        ) from error
