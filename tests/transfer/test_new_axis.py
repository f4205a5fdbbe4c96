"""New spectra on another axis than the target's at the fit."""

import warnings

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError, SpektronWarning


@pytest.fixture
def coarse(instruments):
    """Fitted with every 4th point of the target; spectra with all, axis, labels."""
    X_s, axis, X_t, _, y = instruments(points=161, samples=30)
    rows = np.arange(10)
    ct = CalibrationTransfer(None).fit(
        *(X_s, y, axis, X_t[rows, ::4], axis[::4]), y_target=y[rows], paired=rows
    )
    return ct, X_t, axis


def test_finer_spectra_are_what_the_fit_saw(coarse, tmp_path):
    ct, X, axis = coarse
    thin = X[:, ::4]
    expected = ct.predict(thin)
    assert np.abs(X @ np.ones(161) / 161 - thin @ np.ones(41) / 41).max() > 0
    ways = [(X, axis), (X[:, ::-1], axis[::-1])]
    other = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    other.switch(ct.save_adapter(tmp_path / "a.npz", "B", "2026-11-29"))
    for one in (ct, other):
        np.testing.assert_array_equal(one.predict(thin), expected)
        for spectra, points in ways:
            found = one.predict(spectra, points)
            np.testing.assert_allclose(found, expected, rtol=1e-12)
            np.testing.assert_allclose(
                one.predict_interval(spectra, axis=points), one.predict_interval(thin)
            )
            np.testing.assert_array_equal(
                one.applicability(spectra, axis=points), one.applicability(thin)
            )


def test_finer_spectra_that_end_between_two_points_of_the_fit(instruments):
    """The model's points lie within, the target's last ones do not."""
    X_s, axis, X_t, _, y = instruments(points=161, samples=30)
    inner = slice(2, 159)
    ct = CalibrationTransfer(None).fit(
        *(X_s[:, inner], y, axis[inner], X_t[:10, ::4], axis[::4]), paired=range(10)
    )
    expected = ct.predict(X_t[:, ::4])
    found = ct.predict(X_t[:, inner], axis[inner])
    near = ct.predict(X_t, axis)
    np.testing.assert_allclose(near, expected, rtol=1e-12)
    np.testing.assert_allclose(found, expected, atol=0.05 * np.ptp(y))
    with pytest.raises(SpektronError, match="does not cover"):
        ct.predict(X_t[:, 3:], axis[3:])


def test_coarser_spectra_than_at_the_fit_are_told(instruments):
    X_s, axis, X_t, _, y = instruments(points=161, samples=30)
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:10], paired=range(10))
    with pytest.warns(SpektronWarning, match="axis: steps of 30 nm, at the fit 7.5"):
        ct.predict(X_t[:, ::4], axis[::4])
    sparse = CalibrationTransfer(None).fit(
        *(X_s[:, ::4], y, axis[::4], X_t[:10], axis), paired=range(10)
    )
    with warnings.catch_warnings():  # those are all the points of the model
        warnings.simplefilter("error")
        sparse.predict(X_t[:, ::4], axis[::4])


@pytest.mark.parametrize("source, target", [(-1, -1), (-1, 1), (1, -1)])
def test_an_axis_may_fall(instruments, tmp_path, source, target):
    """Catches: another model from the same spectra turned round."""
    X_s, axis, X_t, _, y = instruments()
    n, known = 10, {"y_target": y[:10], "paired": np.arange(10)}
    rising = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:n], axis, **known)
    X = X_t[:, ::target]
    ct = CalibrationTransfer(None).fit(
        *(X_s[:, ::source], y, axis[::source], X[:n], axis[::target]), **known
    )
    assert ct.warnings_ == rising.warnings_
    np.testing.assert_array_equal(ct.axis_, axis)
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    loaded.switch(ct.save_adapter(tmp_path / "a.npz", "B", "2026-11-29"))
    for one in (ct, loaded):
        np.testing.assert_allclose(one.predict(X), rising.predict(X_t), rtol=1e-12)
        np.testing.assert_allclose(one.predict(X_t, axis), one.predict(X), rtol=1e-12)
        for found, expected in zip(
            (*one.distances(X), *one.predict_interval(X)),
            (*rising.distances(X_t), *rising.predict_interval(X_t)),
            strict=True,
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-7)
    _, raw, _ = ct.coefficients()
    np.testing.assert_allclose(raw[::target], rising.coefficients()[1], atol=1e-9)


def test_a_falling_axis_of_few_points(instruments):
    X_s, axis, X_t, _, y = instruments(points=12)
    down = slice(None, None, -1)
    rising = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:9], paired=range(9))
    ct = CalibrationTransfer(None).fit(
        *(X_s, y, axis, X_t[:9, down], axis[down]), paired=range(9)
    )
    np.testing.assert_allclose(ct.predict(X_t[:, down]), rising.predict(X_t))


@pytest.mark.parametrize("drift", [0.005, -0.005, 0.0099])
@pytest.mark.parametrize("turned", [1, -1])
def test_an_axis_that_drifts_by_less_than_a_hundredth_of_a_step(
    instruments, drift, turned
):
    """Catches: the axis of each scan of an FT instrument "does not cover" the model."""
    X_s, axis, X_t, _, y = instruments(points=80, samples=30)
    drifted = axis + drift * (axis[1] - axis[0])
    X_new, new = X_t[:, ::turned], drifted[::turned]
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:10], paired=range(10))
    expected = ct.predict(X_t)
    np.testing.assert_allclose(ct.predict(X_new, new), expected, atol=0.01 * np.ptp(y))
    ct = CalibrationTransfer(None).fit(
        *(X_s, y, axis, X_new[:10], new), paired=range(10)
    )
    np.testing.assert_array_equal(ct.axis_, axis)
    np.testing.assert_allclose(ct.predict(X_new), expected, atol=0.02 * np.ptp(y))


def test_ranges_that_print_alike_get_more_digits(instruments):
    X_s, axis, X_t, _, y = instruments(points=80, samples=30)
    axis = 1000 + 0.1 * np.arange(80)
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:10], paired=range(10))
    said = (
        r"axis: 1000\.004 to 1007\.904 nm does not cover the model's 1000 to 1007\.9 nm"
    )
    with pytest.raises(SpektronError, match=said):
        ct.predict(X_t, axis + 0.004)
