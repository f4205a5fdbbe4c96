"""Does the saliency map find what is known to be there?

A band of random height is added to every spectrum at one place, a read-out is fitted to
the heights on three quarters of the spectra, and the contributions (`saliency.py`) of
the others are summed over the band. They should be near 1. The same with shuffled
heights is the control: there is nothing to find, and a map that shows the band all the
same would show it whatever the read-out had learned.

Sizes: n spectra, p points.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spektron_jax.probes.interpretation.saliency import (
    contributions,
    linear_readout,
    saliency,
)

FITTED_SHARE = 0.75  # share of the spectra
EXPLAINED = 20  # spectra at most
PLACES = (0.25, 0.5, 0.75)  # of the axis
WIDTH = 0.025  # FWHM of the band, share of the axis
FOUND_RANGE = (0.5, 1.5)  # share on the band that counts as found
CONTROL_LIMIT = 0.25  # of the share that shuffled heights may put there


class Planted(NamedTuple):
    """One planted band."""

    place: float  # centre, in the axis's unit
    fwhm: float
    r2: float  # of the heights, on the spectra explained
    share: float  # of the prediction's variance that the map puts on centre +- FWHM
    control: float  # the same for shuffled heights
    points: float  # share of the axis's points that lie there
    map: np.ndarray  # (p,)
    control_map: np.ndarray  # (p,)

    @property
    def found(self) -> bool:
        """Whether the map points at the band and the control does not."""
        low, high = FOUND_RANGE
        return low <= self.share <= high and abs(self.control) < CONTROL_LIMIT


def band(axis: np.ndarray, place: float, fwhm: float) -> np.ndarray:
    """A Gaussian of height 1, (p,)."""
    return np.exp(-4 * np.log(2) * ((np.asarray(axis) - place) / fwhm) ** 2)


def plant(
    encoder: Any,
    spectra: np.ndarray,
    axis: np.ndarray,
    unit: str,
    modality: str,
    seed: int = 0,
    places: Sequence[float] = PLACES,
) -> list[Planted]:
    """A `Planted` for each place (share of the axis from its first point)."""
    rng = np.random.default_rng(seed)
    axis, spectra = np.asarray(axis, np.float64), np.asarray(spectra, np.float64)
    top = 2 * np.nanmean(np.nanstd(spectra, axis=0))
    fwhm = WIDTH * abs(axis[-1] - axis[0])
    fitted = int(FITTED_SHARE * len(spectra))
    explained = slice(fitted, fitted + EXPLAINED)
    found = []
    for share in places:
        place = axis[0] + share * (axis[-1] - axis[0])
        height = rng.uniform(0, top, len(spectra))
        changed = spectra + height[:, None] * band(axis, place, fwhm)
        z = encoder.embed(changed, axis, unit, modality)
        maps, predictions = [], []
        for labels in (height, rng.permutation(height)):
            readout = linear_readout(z[:fitted], labels[:fitted], seed)
            attributed = saliency(
                encoder,
                readout,
                changed[explained],
                axis,
                unit,
                modality,
                baseline=np.nanmean(changed[:fitted], axis=0),
            )
            maps.append(contributions(attributed))
            predictions.append(attributed.prediction)
        r = np.corrcoef(predictions[0], height[explained])[0, 1]
        near = np.abs(axis - place) <= fwhm
        found.append(
            Planted(
                float(place),
                float(fwhm),
                float(r**2),
                float(maps[0][near].sum()),
                float(maps[1][near].sum()),
                float(near.mean()),
                maps[0],
                maps[1],
            )
        )
    return found
