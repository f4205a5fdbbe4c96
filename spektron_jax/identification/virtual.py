"""Spectra as another laboratory would publish them.

`remeasured` shows clean spectra on a virtual instrument. In order:

    x -> x + warp(x)                    axis error, and phase: bands move by themselves
    I -> I * exp(local + response)      orientation, phase; the detector's response
    lab.measure                         line function, stray light, gain, noise
    + background, - its estimate        fluorescence or drift, and its removal
    smoothed, cut, digitised, min 0 and max 1

No range was fitted to a measured set. They were changed three times because derivative
search beat plain cosine on them by more than on measured sets, and it still does: real
spectra differ in their fine structure by more than these.

n = spectra, L = points.
"""

from typing import NamedTuple

import jax
import numpy as np
from scipy.ndimage import gaussian_filter1d

from spektron_jax import lab

PRESETS = {"Raman": ("raman_532", "raman_785", "raman_1064"), "IR": ("ftir", "atr")}
POINTS = 1024


class Severity(NamedTuple):
    """How far two measurements of a compound differ, beyond the instruments."""

    position: float  # sd of a band's place, cm-1
    intensity: float  # in units of an sd of 35 %
    foreign: float  # in units of bands a tenth as high as the strongest
    background: float  # in units of the strongest band

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Severity":
        """Each by itself, log-uniform."""
        low, high = np.log([[0.5, 0.3, 0.3, 0.001], [5.0, 2.0, 2.0, 0.3]])
        return cls(*np.exp(rng.uniform(low, high)))


def remeasured(
    spectra: np.ndarray,
    axis_cm1: np.ndarray,
    modality: str,
    rng: np.random.Generator,
    severity: Severity,
) -> np.ndarray:
    """Spectra (strongest band 1) as one other virtual laboratory shows them.

    Args:
      spectra: (n, L).
      axis_cm1: (L,) even steps.
      modality: "Raman" or "IR".
      rng: numpy Generator; draws the instrument once, the samples' state per row.
      severity: Severity.

    Returns:
      (n, L) float64, each row from 0 to 1.
    """
    n, points = spectra.shape
    step = (axis_cm1[-1] - axis_cm1[0]) / (points - 1)
    field = _SmoothField(rng, points, step)
    warp = rng.normal(0, 1.5) + field(1, 400.0, 1.0)
    warp = warp + severity.position * field(n, 30.0, 1.0)
    moved = np.stack(
        [
            np.interp(axis_cm1 + w, axis_cm1, row)
            for w, row in zip(warp, spectra, strict=True)
        ]
    )
    moved = moved * np.exp(
        severity.intensity * field(n, 20.0, 0.35) + field(1, 300.0, 0.25)
    )
    moved = moved + severity.foreign * _foreign(rng, n, axis_cm1)
    preset = rng.choice(PRESETS[modality])
    instrument = lab.draw(str(preset), seed=int(rng.integers(2**31)))
    key = jax.random.key(int(rng.integers(2**31)))
    seen = lab.measure(moved, axis_cm1, "cm-1", instrument, key).astype(np.float64)
    noise = 10 ** rng.uniform(-3.5, -1.7, (n, 1)) * rng.normal(size=seen.shape)
    background = severity.background * np.exp(field(n, 400.0, 1.0))
    seen = seen + noise + background
    # Most laboratories know the background well enough to take all of it off.
    removed = rng.choice([0.0, 1.0, rng.uniform(0.7, 1.0)])
    seen = seen - removed * background
    blur = rng.uniform(0.5, 6.0)
    seen = gaussian_filter1d(seen, blur / step, axis=1)
    low = seen.min(1, keepdims=True)
    seen = (seen - low) / (seen.max(1, keepdims=True) - low)
    drawn = seen + 10 ** rng.uniform(-3.0, -1.3, (n, 1)) * field(n, 8.0, 1.0)
    return np.clip(drawn, 0.0, 1.0)


def measured_again(
    spectra: np.ndarray,
    axis_cm1: np.ndarray,
    modality: str,
    rng: np.random.Generator,
    severity: Severity,
) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of one's own as `remeasured` shows them, on an even axis.

    Returns:
      (n, POINTS) and the axis (POINTS,): one size, so that one compilation serves all.
    """
    even = np.linspace(axis_cm1[0], axis_cm1[-1], POINTS)
    rows = np.stack([np.interp(even, axis_cm1, row) for row in spectra])
    low = rows.min(1, keepdims=True)
    span = rows.max(1, keepdims=True) - low
    rows = (rows - low) / np.where(span > 0, span, 1.0)
    return remeasured(rows, even, modality, rng, severity), even


def _foreign(rng: np.random.Generator, n: int, axis_cm1: np.ndarray) -> np.ndarray:
    """Bands of something else: solvent, substrate, impurity, (n, L)."""
    count = 4
    centre = rng.uniform(axis_cm1[0], axis_cm1[-1], (n, count, 1))
    width = np.exp(rng.uniform(np.log(6.0), np.log(60.0), (n, count, 1)))
    height = 0.1 * rng.exponential(size=(n, count, 1))
    present = rng.uniform(size=(n, count, 1)) < 0.5
    bands = np.exp(-0.5 * ((axis_cm1 - centre) / width) ** 2)
    return (present * height * bands).sum(1)


class _SmoothField:
    """Smooth random curves of a given length scale and standard deviation."""

    def __init__(self, rng: np.random.Generator, points: int, step: float):
        self.rng, self.points, self.step_cm1 = rng, points, step

    def __call__(self, rows: int, length_cm1: float, sd: float) -> np.ndarray:
        sigma = length_cm1 / self.step_cm1
        pad = int(3 * sigma)
        white = self.rng.normal(size=(rows, self.points + 2 * pad))
        smooth = gaussian_filter1d(white, sigma, axis=1, mode="wrap")
        smooth *= sd * np.sqrt(2 * sigma * np.sqrt(np.pi))
        return smooth[:, pad : pad + self.points]
