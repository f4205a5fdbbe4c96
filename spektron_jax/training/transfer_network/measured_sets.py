"""Measured spectra of one instrument, ready to be measured again by a simulated one.

The simulated instrument acts on light, so reflectance becomes absorbance, -log10 R.
Derivatives, counts and normalised spectra have no level of light: they are taken as
intensities, in shares of the strongest band of their mean. Spectra lie on a uniform
axis of 700 points at most, the mean of neighbours.

N = samples, p = points.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from spektron_jax.spectra.axis import GAP_STEPS

FOLDERS = ("open", "judge")
MOST_POINTS = 700  # as many as corn has
NORMALISED = 0.15  # no spectrum that was not normalised has so little absorbance
LEAST_SHARE = 1e-4  # of reflectance
INSTRUMENT = {"sugarcane": "MicroNIR1700"}  # else the first of the file
RANGE = {"tablets": (600.0, 1792.0), "fishoil_raman": (200.0, 3450.0)}
# Scans of the same sample: the label, or the target, that tells them.
SAMPLE_LABEL = {"fishoil_raman": "sample", "olive_oil_mir": "sample"}
SAMPLE_VALUE = {"cassava_ikeogu": "dry_matter"}
LEFT_OUT = {"tablets": "outlier"}  # label of spectra that are known to be bad


@dataclass(frozen=True, eq=False)
class MeasuredSet:
    """Spectra of different samples on one instrument.

    Attributes:
      name, judge, modality: as the file and its folder say
      unit: of the axis
      axis: uniform                                                    (p,)
      spectra: absorbance, or shares of the strongest band             (N, p)
      linear: whether they are such shares
      targets: name -> reference values, NaN: unknown                  (N,)
    """

    name: str
    judge: bool
    modality: str
    unit: str
    axis: np.ndarray
    spectra: np.ndarray
    linear: bool
    targets: Mapping[str, np.ndarray]


def set_files(data: Path) -> Iterator[tuple[str, bool, Path]]:
    """Name, whether it may judge only, and file of every measured set, by name."""
    found = [
        (path.stem, folder == "judge", path)
        for folder in FOLDERS
        for path in (data / "measured" / folder).glob("*.h5")
    ]
    return iter(sorted(found))


@lru_cache(maxsize=2)
def read_set(name: str, judge: bool, path: Path) -> MeasuredSet:
    """Read one set; only the first spectrum of each sample is kept."""
    with h5py.File(path) as file:
        instruments = file["instruments"]
        group = instruments[INSTRUMENT.get(name, next(iter(instruments)))]
        X, axis = group["spectra"][:].astype(np.float64), group["axis"][:]
        unit, quantity = group["axis"].attrs["unit"], group.attrs["quantity"]
        modality = str(file.attrs["modality"])
        names = [str(each) for each in file["targets"].attrs["names"]]
        values = file["targets"][:].astype(np.float64)
        targets = dict(zip(names, values.T, strict=True))
        labels = {key: file["labels"][key][:] for key in file.get("labels", ())}
    low, high = RANGE.get(name, (-np.inf, np.inf))
    inside = (axis >= low) & (axis <= high)
    axis, X = _uniform(axis[inside], X[:, inside])
    rows = _samples(name, X, targets, labels)
    X, linear = _signal(X[rows], str(quantity))
    targets = {key: value[rows] for key, value in targets.items()}
    return MeasuredSet(name, judge, modality, str(unit), axis, X, linear, targets)


def _uniform(axis: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The longest part without a gap, on a uniform axis of 700 points at most."""
    steps = np.diff(axis)
    ends = np.flatnonzero(steps > GAP_STEPS * np.median(steps)) + 1
    first, last = max(
        zip([0, *ends], [*ends, axis.size], strict=True),
        key=lambda part: part[1] - part[0],
    )
    axis, X = axis[first:last], X[:, first:last]
    near = -(-axis.size // MOST_POINTS)
    points = axis.size // near
    axis = axis[: points * near].reshape(points, near).mean(axis=1)
    X = X[:, : points * near].reshape(len(X), points, near).mean(axis=2)
    even = np.linspace(axis[0], axis[-1], points)
    return even, np.array([np.interp(even, axis, spectrum) for spectrum in X])


def _samples(name, X, targets, labels) -> np.ndarray:
    """One row of each sample that was measured, (N,)."""
    usable = np.isfinite(X).all(axis=1)
    if name in LEFT_OUT:
        usable &= labels[LEFT_OUT[name]].astype(str) == "no"
    rows = np.flatnonzero(usable)
    if name in SAMPLE_LABEL:
        sample = labels[SAMPLE_LABEL[name]][rows]
    elif name in SAMPLE_VALUE:
        sample = targets[SAMPLE_VALUE[name]][rows]
    else:
        sample = X[rows]
    return np.sort(rows[np.unique(sample, axis=0, return_index=True)[1]])


def _signal(X: np.ndarray, quantity: str) -> tuple[np.ndarray, bool]:
    """Absorbance, or shares of the strongest band, and which of the two."""
    kind = quantity.lower()
    light = not any(
        word in kind for word in ("derivative", "intensity", "counts", "drift")
    )
    if light and ("reflectance" in kind or (kind.startswith("as ") and X.max() > 5)):
        share = X / 100 if X.max() > 1.5 else X
        X = -np.log10(np.maximum(share, LEAST_SHARE))
    if light and X.max() > NORMALISED:
        return X, False
    return X / np.abs(X.mean(axis=0)).max(), True
