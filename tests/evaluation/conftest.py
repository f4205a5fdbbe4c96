"""Small two-instrument data sets for the tests of transfer."""

import numpy as np
import pytest

from spektron_jax.evaluation.transfer_data import TransferData


def _two_instruments(
    rng, samples=40, points=60, noise=1e-3, gain=0.9, shift=0.6, tilt=0.2
):
    """Spectra of the same samples on two instruments, and one property.

    Three smooth bands whose heights vary; the target has another gain, a broad bump
    under the bands and a slope over the axis that changes with the sample.

    Returns:
      X_source, X_target (samples, points), y (samples,).
    """
    axis = np.linspace(-1, 1, points)
    bands = np.stack([np.exp(-((axis - c) ** 2) / 0.1) for c in (-0.6, 0.0, 0.5)])
    heights = rng.uniform(0.5, 1.5, size=(samples, 3))
    clean = heights @ bands
    sloped = np.outer(rng.normal(size=samples), axis) * tilt
    X_source = clean + noise * rng.normal(size=clean.shape)
    bump = shift * np.exp(-((axis - 0.1) ** 2) / 0.3)
    X_target = gain * clean + bump + sloped + noise * rng.normal(size=clean.shape)
    return X_source, X_target, 10 + heights[:, 1] - 0.5 * heights[:, 0]


def _paired_data(rng, n=8, samples=40, **kwargs):
    """TransferData with n pairs, and the spectra and labels of 10 test samples."""
    X_source, X_target, y = _two_instruments(rng, samples=samples + 10, **kwargs)
    rows = rng.permutation(samples)[:n]
    data = TransferData(X_source[:samples], y[:samples], X_target[rows], y[rows], rows)
    return data, X_target[samples:], y[samples:]


@pytest.fixture
def two_instruments():
    """The function of that name, see above."""
    return _two_instruments


@pytest.fixture
def paired_data():
    """The function of that name, see above."""
    return _paired_data
