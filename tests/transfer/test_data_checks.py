"""Bad data are named, with rows, and never called calibrated; clean data are not."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.errors import SpektronWarning
from spektron_jax.transfer import (
    checks,
    label_checks,
    new_spectra,
    pair_checks,
    spectrum_checks,
)

N = 12


@pytest.fixture
def data(instruments):
    """Arguments of a clean fit on absorbances with 12 pairs, and test spectra."""
    X_s, axis, X_t, _, y = instruments(samples=50)
    given = {
        **{"X_source": X_s[:40], "y_source": y[:40], "axis_source": axis},
        **{"X_target": X_t[:N], "y_target": y[:N], "paired": np.arange(N)},
    }
    return given, X_t[40:]


def fitted(given):
    return CalibrationTransfer(weights=None).fit(**given)


def changed(given, side, row, change):
    X = given[f"X_{side}"].copy()
    X[row] = change(X[row])
    return given | {f"X_{side}": X}


def labelled(given, side, row, value):
    y = given[f"y_{side}"].copy()
    y[row] = value
    return given | {f"y_{side}": y}


def wave(x):
    return x + np.ptp(x) * np.sin(np.linspace(0, 40, x.shape[-1]))


def one_code(x):
    return np.where(np.arange(x.size) == 7, -999.0, x)


def clip(X):
    return np.minimum(X, 0.7 * X.max())


def test_clean_data_fail_no_check(data):
    given, X = data
    unpaired = {"paired": None, "X_source": given["X_source"][N:]}
    unpaired |= {"y_source": given["y_source"][N:]}
    for more in ({}, unpaired, {"y_target": None}, {"y_target": None, "paired": None}):
        assert fitted(given | more).failed_checks_ == []
    ct = fitted(given)
    assert ct.interval_mark() == "calibrated"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ct.predict(X)


@pytest.mark.parametrize(
    "change, name, words",
    [
        (lambda g: changed(g, "target", 4, np.zeros_like), "flat", "row 4 has one"),
        (
            lambda g: changed(g, "target", [4, 6], np.ones_like),
            "flat",
            "rows 4, 6 have",
        ),
        (lambda g: changed(g, "source", 30, np.zeros_like), "flat", "X_source: row 30"),
        (
            lambda g: changed(g, "target", 2, lambda x: 10 * x),
            "unlike",
            "row 2 differs",
        ),
        (lambda g: changed(g, "target", [2, 5], wave), "unlike", "rows 2, 5 differ"),
        (lambda g: changed(g, "source", 9, lambda x: 10 * x), "unlike", "row 9"),
        (lambda g: changed(g, "target", 3, one_code), "codes", "row 3 holds codes"),
        (lambda g: changed(g, "source", 3, one_code), "codes", "X_source: row 3"),
        (lambda g: changed(g, "target", slice(None), clip), "clipped", "saturated"),
        (lambda g: changed(g, "target", 1, clip), "clipped", "row 1 stays"),
        (lambda g: changed(g, "source", 8, clip), "clipped", "X_source: row 8"),
    ],
)
def test_bad_spectra_are_named(data, change, name, words):
    """Catches: a spectrum that no instrument measures is averaged in, in silence."""
    ct = fitted(change(data[0]))
    assert name in ct.failed_checks_
    assert any(words in text for text in ct.warnings_), ct.warnings_
    assert ct.interval_mark() == "not calibrated"


@pytest.mark.parametrize("noise", [1e-6, 1e-4, 1e-3])
def test_a_full_detector_with_noise_is_named(data, noise):
    """Catches: saturated spectra pass since no two values are equal."""
    X = data[0]["X_target"]
    X = np.minimum(X, 0.3 * X.mean(axis=0).max())
    X = X + noise * np.random.default_rng(0).normal(size=X.shape)
    ct = fitted(data[0] | {"X_target": X})
    assert checks.CLIPPED in ct.failed_checks_


def reflectance(X):
    return 10.0**-X


@pytest.mark.parametrize("kind", ["paired", "unpaired", "unlabelled"])
@pytest.mark.parametrize(
    "change, words",
    [
        (reflectance, "X_target looks like reflectance"),
        (lambda X: 100 * reflectance(X), "X_target looks like per cent reflectance"),
        (lambda X: 100 * X, "X_target looks like per cent, X_source like a share"),
        (lambda X: X / 100, "X_target looks like a share"),
        (lambda X: X[:, ::-1], "reversed"),
    ],
)
def test_another_quantity_is_named(data, kind, change, words):
    """Catches: reflectance against absorbance gives an R2 below 0 and no word."""
    given = data[0] | {"X_target": change(data[0]["X_target"])}
    if kind != "paired":
        given["paired"] = None
    if kind == "unlabelled":
        given["y_target"] = None
    ct = fitted(given)
    assert checks.QUANTITY in ct.failed_checks_, ct.warnings_
    assert any(words in text for text in ct.warnings_), ct.warnings_
    assert ct.interval_mark() == "not calibrated"


def test_the_source_may_be_the_one_in_reflectance(data):
    ct = fitted(data[0] | {"X_source": reflectance(data[0]["X_source"])})
    assert any("-log10 of what X_source holds" in text for text in ct.warnings_)


def test_a_bad_spectrum_like_the_others_shows_in_its_label(data):
    ct = fitted(changed(data[0], "target", 2, lambda x: x[::-1]))
    assert set(ct.failed_checks_) & {checks.UNLIKE, checks.SLIPS}
    assert any("row 2" in text for text in ct.warnings_), ct.warnings_


def roll(rows):
    paired = np.arange(N)
    paired[rows] = np.roll(paired[rows], 1)
    return paired


@pytest.mark.parametrize("rows", [np.arange(N), [0, 1], [2, 7], [3, 5, 9]])
@pytest.mark.parametrize("known", [True, False])
def test_pairs_that_are_not_pairs_are_named(data, rows, known):
    """Catches: pairs off by one row teach a wrong difference of the instruments."""
    given = data[0] | {"paired": roll(rows)}
    if not known:
        given["y_target"] = None
    ct = fitted(given)
    assert set(ct.failed_checks_) & {checks.PAIRS, checks.PAIR_LABELS}, ct.warnings_
    if known and len(rows) < N:
        listed = ", ".join(map(str, rows))
        assert any(f"rows {listed} of X_target" in text for text in ct.warnings_)
    assert ct.interval_mark() == "not calibrated"


def test_labels_measured_twice_contradict_nothing(data):
    """Catches: every lab that analyses its standards again is called wrong."""
    given, _ = data
    noise = 0.03 * np.random.default_rng(0).normal(size=N)
    assert fitted(given | {"y_target": given["y_target"] + noise}).failed_checks_ == []


@pytest.mark.parametrize(
    "side, row, value, name",
    [
        ("target", 3, 101.0, checks.PAIR_LABELS),
        ("source", 30, 101.0, checks.SLIPS),
        ("source", 30, 1.01, checks.SLIPS),
        ("source", [20, 25, 31], 101.0, checks.SLIPS),
        ("source", [20, 25, 31], -999.0, checks.LABEL_CODES),
        ("source", 22, 9999.0, checks.LABEL_CODES),
        ("target", [2], -99.0, checks.LABEL_CODES),
    ],
)
def test_slips_and_codes_in_labels_are_named(data, side, row, value, name):
    """Catches: one decimal slip in 50 labels takes R2 from 0.9 to -77."""
    ct = fitted(labelled(data[0], side, row, value))
    assert name in ct.failed_checks_, ct.warnings_
    first = np.atleast_1d(row)[0]
    assert any("label" in t and f" {first}" in t for t in ct.warnings_), ct.warnings_
    assert ct.interval_mark() == "not calibrated"


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_slip_in_an_unpaired_target_label(data, factor):
    given = data[0] | {"paired": None}
    given = labelled(given, "target", 5, factor * given["y_target"][5])
    ct = fitted(given)
    assert checks.SLIPS in ct.failed_checks_
    assert any("y_target: the label of row 5 is far" in text for text in ct.warnings_)


def test_another_unit_of_the_target_labels(data):
    given = data[0] | {"paired": None, "y_target": 10 * data[0]["y_target"]}
    assert checks.RANGE in fitted(given).failed_checks_


def test_one_spectrum_with_two_labels(data):
    given = changed(data[0], "target", 1, lambda x: data[0]["X_target"][8])
    ct = fitted(given)
    assert checks.COPIES in ct.failed_checks_
    assert any("rows 1, 8 have the same spectrum" in text for text in ct.warnings_)


def test_target_spectra_that_hardly_differ(data):
    """Catches: ten scans of one sample with ten labels, R2 -119."""
    rng = np.random.default_rng(0)
    X = np.repeat(data[0]["X_target"][:1], N, axis=0)
    ct = fitted(data[0] | {"X_target": X + 1e-5 * rng.normal(size=X.shape)})
    assert checks.QUANTITY in ct.failed_checks_ and ct.warnings_


@pytest.mark.parametrize("count", [1, 2, 6])
@pytest.mark.parametrize("value", [0.0, 0.3])
@pytest.mark.parametrize("side", ["source", "target"])
def test_spectra_without_a_sample_are_refused(data, count, value, side):
    given = {key: data[0][key] for key in ("X_source", "y_source", "axis_source")}
    if side == "source":
        given["X_source"] = np.full((40, 80), value)
    else:
        given["X_target"] = np.full((count, 80), value)
    with pytest.raises(SpektronError, match=f"X_{side}: all .* (0 every|flat|equal)"):
        fitted(given)


def test_labels_of_one_half_are_said(data):
    given, _ = data
    low = np.argsort(given["y_source"])[:12]
    ct = CalibrationTransfer(None).fit(
        given["X_source"], given["y_source"], given["axis_source"],
        given["X_source"][low] + 0.01, y_target=given["y_source"][low],
    )  # fmt: skip
    assert any("lie in one half of the source's" in text for text in ct.warnings_)


@pytest.mark.parametrize(
    "bad",
    [
        lambda x: 10 * x,
        np.zeros_like,
        lambda x: x[::-1],
        wave,
    ],
)
@pytest.mark.parametrize("side", ["source", "target"])
def test_one_bad_spectrum_leaves_the_domain_on(data, bad, side):
    """Catches: limits rise to the worst standard, and everything is in domain."""
    given, X = data
    ct = fitted(changed(given, side, 2, bad))
    for strange in (X[:, ::-1], np.zeros_like(X), reflectance(X), wave(X)):
        assert "in domain" not in set(ct.applicability(strange))
    assert np.mean(ct.applicability(X) == "in domain") > 0.7


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda X: np.zeros_like(X), "one value at every point"),
        (lambda X: X[:, ::-1], "unlike anything"),
        (reflectance, "unlike anything"),
        (clip, "saturated"),
        (lambda X: np.array([one_code(x) for x in X]), "codes"),
    ],
)
def test_strange_new_spectra_are_named(data, change, words, tmp_path):
    """Catches: a prediction of a closed shutter looks like any other; saved too."""
    given, X = data
    ct = fitted(given)
    for model in (ct, CalibrationTransfer.load(ct.save(tmp_path / "model"))):
        mixed = X.copy()
        mixed[3:5] = change(X[3:5])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model.predict(mixed)
        texts = [str(one.message) for one in told]
        assert any("rows 3, 4:" in text and words in text for text in texts), texts
        assert {one.category for one in told} == {SpektronWarning}


def test_predictions_far_outside_the_labels_are_named(data):
    given, X = data
    low = np.argsort(given["y_source"])[:20]
    ct = CalibrationTransfer(None).fit(
        given["X_source"][low], given["y_source"][low], given["axis_source"]
    )
    with pytest.warns(SpektronWarning, match="far outside the labels"):
        ct.predict(
            given["X_source"] + 2 * (given["X_source"] - given["X_source"][low[0]])
        )


def test_predictions_are_finite_or_refused(data):
    given, X = data
    ct = fitted(given)
    ct._model.coefficients["raw"][:] = 1e308
    with (
        np.errstate(all="ignore"),
        pytest.raises(SpektronError, match="rows? 0.*not a finite number"),
    ):
        ct.predict(X * 1e3)


def test_failed_checks_are_kept_with_a_model(data, tmp_path):
    ct = fitted(labelled(data[0], "source", 30, 101.0))
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    assert loaded.failed_checks_ == ct.failed_checks_ == [checks.SLIPS]
    assert loaded.interval_mark() == "not calibrated"


def test_rounded_spectra_are_not_clipped():
    x = np.round(np.exp(-(np.linspace(-3, 3, 200) ** 2)), 2)
    assert spectrum_checks.stuck(np.array([x]))[0] == 0
    clipped = np.array([np.minimum(np.exp(-(np.linspace(-3, 3, 200) ** 2)), 0.6)])
    assert spectrum_checks.clipped(clipped, 0.0).tolist() == [0]


def test_codes_among_labels_that_hold_such_numbers():
    """Catches: -1 among labels from -5 to 5 is called a code."""
    assert not label_checks.coded(np.linspace(-5, 5, 11)).size
    assert label_checks.coded(np.r_[np.linspace(0, 2, 9), -1.0, np.nan]).size == 0
    assert label_checks.coded(np.r_[np.linspace(1, 2, 9), -9.0]).tolist() == [9]


def test_preprocessing_of_one_side_is_told():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 30)).cumsum(axis=1) + 50
    snv = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    assert pair_checks.treated(snv, X) == "X_source has its rows centred"
    assert (
        pair_checks.treated(X, X - X.mean(axis=0)) == "X_target has its columns centred"
    )
    assert pair_checks.treated(X, X + 1) == pair_checks.treated(snv, snv) == ""


@pytest.mark.parametrize("value", [1e13, -2.9e28, 1e300])
def test_values_that_no_instrument_shows_are_refused(instruments, value):
    X_s, axis, X_t, _, y = instruments()
    X_t = X_t.copy()
    X_t[3, 7] = value
    with pytest.raises(SpektronError, match="X_target: row 3 holds .* repair these"):
        CalibrationTransfer(None).fit(X_s, y, axis, X_t)
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:3])
    with pytest.raises(SpektronError, match="X: row 3 holds"):
        ct.predict(X_t)


def test_a_strange_spectrum_gets_no_value_beyond_the_labels(data, tmp_path):
    """Catches: what the calibration has not seen is multiplied into any number."""
    given, X = data
    ct = fitted(given)
    y = np.concatenate([given["y_source"], given["y_target"]])
    low, high = np.nanmin(y), np.nanmax(y)
    coefficients = ct._model.coefficients["raw"]
    inside = ct.domain_.loadings
    new = coefficients - (coefficients @ inside.T) @ inside  # Q, and nothing else
    new *= 3 * (high - low) / (coefficients @ new)
    mixed = np.array([X[0], X[1] + new, X[2] - new])
    for model in (ct, CalibrationTransfer.load(ct.save(tmp_path / "model"))):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            predicted = model.predict(mixed)
        assert any(
            "rows 1, 2:" in str(t.message) and "set to" in str(t.message) for t in told
        )
        assert predicted[1:].tolist() == [high, low]
        plain = model._model(mixed)
        assert plain[1] > high and plain[2] < low and predicted[0] == plain[0]
        ends = np.array(model.predict_interval(mixed))
        np.testing.assert_allclose(ends.mean(axis=0), predicted, rtol=1e-9)


def test_a_sample_beyond_the_labels_is_extrapolated(data):
    """Catches: a limit for every spectrum, known kind or not."""
    given, X = data
    order = np.argsort(given["y_source"])
    few = order[: len(order) // 2]
    ct = CalibrationTransfer(None).fit(
        given["X_source"][few], given["y_source"][few], given["axis_source"]
    )
    known = replace(ct._known, target=9)
    beyond = given["X_source"][order[-3:]]
    predicted, q = ct._model(beyond), ct.domain_.distances(beyond)[1]
    assert (predicted > known.high).all() and (q > ct.domain_.q_limit).any()
    kept = new_spectra.limited(predicted, beyond, known, ct.domain_)
    assert (kept == predicted).all()
