"""Masked arrays: what is masked is not known, whatever number lies underneath."""

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpectralLibrary, SpektronError
from spektron_jax.spectra.masks import unmasked
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.inputs import column, spectra


def masked(values, *at):
    """With one masked entry that holds 999."""
    found = np.ma.masked_array(np.array(values, float), mask=False)
    found.data[at] = 999.0
    found[at] = np.ma.masked
    return found


@pytest.mark.parametrize("kind", [float, np.float32, int, bool, object])
def test_what_is_masked_is_nan(kind):
    values = np.ma.masked_array(np.ones(3, kind), mask=[0, 1, 0])
    for given in (values, list(values), [values, values]):
        found = np.asarray(unmasked(given), float)
        expected = np.broadcast_to([1, np.nan, 1], found.shape)
        np.testing.assert_array_equal(found, expected)
    plain = np.ones(3, np.float32)
    assert unmasked(plain) is plain
    np.testing.assert_array_equal(column(values, "y"), [1, np.nan, 1])


def test_masked_labels_are_unknown(instruments):
    X_s, axis, X_t, _, y = instruments()
    nan = y[:8].copy()
    nan[3] = np.nan
    label = masked(y[:8], 3)
    columns = np.ma.stack([label, y[:8]], axis=1)
    ct = CalibrationTransfer(None)
    expected = ct.fit(X_s, y, axis, X_t[:8], y_target=nan).predict(X_t)
    found = ct.fit(X_s, y, axis, X_t[:8], y_target=label)
    assert found.regime_ == "7 labelled unpaired and 1 unlabelled target spectra"
    np.testing.assert_array_equal(found.predict(X_t), expected)
    monitor = found.monitor()
    monitor.add(X_t[8:10], masked(y[8:10], 0))
    assert monitor.controls[0].samples == 1 and abs(monitor.controls[0].bias) < 1
    both = np.column_stack([y, y])
    for target in (columns, {"a": label, "b": y[:8]}):
        two = ct.fit(X_s, both, axis, X_t[:8], y_target=target, properties=["a", "b"])
        np.testing.assert_allclose(two.predict(X_t)[:, 0], expected, rtol=1e-9)
    with pytest.raises(SpektronError, match="y_source: row 5 has no label"):
        ct.fit(X_s, masked(y, 5), axis, X_t)
    data = TransferData(X_s, y, X_t[:8], label, np.full(8, -1))
    assert data.labelled.tolist() == [0, 1, 2, 4, 5, 6, 7]


def test_masked_points_are_not_measured(instruments):
    X_s, axis, X_t, _, y = instruments()
    with pytest.raises(SpektronError, match="X: row 2 holds NaN"):
        spectra(masked(X_s, 2, 5), "X")
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:8], paired=range(8))
    for call in (ct.predict, ct.monitor().add):
        with pytest.raises(SpektronError, match="X: row 2 holds NaN"):
            call(masked(X_t, 2, 5))
    library = SpectralLibrary(X_s, axis, np.arange(30), "nm", "NIR")
    with pytest.raises(SpektronError, match="query: row 2 has missing"):
        library.search(masked(X_s, 2, 5))


def test_masked_pairs_and_ids(instruments):
    X_s, axis, X_t, _, y = instruments()
    rows = np.ma.masked_array(np.arange(8), mask=[0, 0, 1, 0, 0, 0, 0, 0])
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:8], paired=rows)
    assert ct.regime_ == "7 labelled paired and 1 unlabelled target spectra"
    ids = np.ma.masked_array(np.arange(30), mask=np.arange(30) == 4)
    with pytest.raises(SpektronError, match="groups: row 4 has no sample id"):
        ct.fit(X_s, y, axis, X_t[:8], groups=ids)
