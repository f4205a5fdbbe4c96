"""Two instruments that measure the same samples, for the tests of transfer."""

import numpy as np
import pytest


def _instruments(samples=30, points=80, seed=0, points_target=None):
    """Spectra in nm of the same samples on two instruments, and one property.

    Returns:
      X_source, axis_source, X_target, axis_target, y.
    """
    rng = np.random.default_rng(seed)
    heights = rng.uniform(0.2, 1.0, size=(samples, 3))

    def measure(axis, gain, bump, shift):
        bands = [
            np.exp(-(((axis - c - shift) / 90.0) ** 2)) for c in (1300, 1600, 2000)
        ]
        base = bump * np.exp(-(((axis - 1700) / 300) ** 2))
        clean = gain * heights @ bands + base
        return clean + 1e-3 * rng.normal(size=clean.shape)

    source = np.linspace(1100, 2300, points)
    target = source
    if points_target is not None:
        target = np.linspace(1150, 2350, points_target)
    y = 10 + 2 * heights[:, 1] - heights[:, 0] + 0.02 * rng.normal(size=samples)
    X_source = measure(source, 1.0, 0.0, 0.0)
    return X_source, source, measure(target, 0.92, 0.15, 3.0), target, y


@pytest.fixture
def instruments():
    """The function of that name, see above."""
    return _instruments
