"""Every measured set at hand opens, and a calibration can be fitted on it."""

import numpy as np
import pytest

import spektron_jax
from spektron_jax import CalibrationTransfer

# Sets of classes, without a reference value.
CLASSES = {"forensic_ketamine", "fruit_puree_mir", "instant_coffee_mir", "mayonnaise"}
CLASSES |= {"olive_oil_mir"}


@pytest.mark.filterwarnings("ignore::spektron_jax.errors.SpektronWarning")
def test_every_measured_set_opens_and_fits(shared_data):
    files = sorted((shared_data / "measured").glob("*/*.h5"))
    if not files:
        pytest.skip("no measured sets beside the checkout")
    fitted = set()
    for path in files:
        spectra = spektron_jax.read(path)
        for instrument in spectra.instruments.values():
            if not spectra.target_names:
                continue
            y = spectra.target(spectra.target_names[0])
            known = np.isfinite(y) & np.isfinite(instrument.spectra).all(axis=1)
            rows = np.flatnonzero(known)
            rows = rows[:: max(1, rows.size // 12)]  # the whole range of the labels
            X, y = instrument.spectra[rows], y[rows]
            few = 3
            ct = CalibrationTransfer(weights=None).fit(
                X,
                y,
                instrument.axis,
                1.02 * X[:few] + 0.01,
                y_target=y[:few],
                unit=instrument.unit,
                modality=spectra.modality,
            )
            assert np.isfinite(ct.predict(X)).all(), path.name
            fitted.add(path.stem)
    assert {path.stem for path in files} - fitted <= CLASSES
