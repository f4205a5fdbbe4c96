"""What scikit-learn's users rely on: checks, files, cross-validation, tables."""

import copy
import io
import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import estimator_checks

from spektron_jax import CalibrationTransfer, SpektronError, TargetFolds
from spektron_jax.transfer import frames

# check -> why the estimator does otherwise; docs/transfer.md says the same.
EXPECTED = {
    "check_fit_score_takes_y": "labels are of the source and called y_source",
    "check_dtype_object": "what is no number is a SpektronError, a ValueError",
    "check_fit2d_predict1d": "a single spectrum may be one-dimensional",
}


def test_check_estimator():
    if not hasattr(estimator_checks, "estimator_checks_generator"):
        pytest.skip("scikit-learn before 1.6 takes no list of expected failures")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = estimator_checks.check_estimator(
            CalibrationTransfer(None), expected_failed_checks=EXPECTED, on_skip=None
        )
    failed = {one["check_name"] for one in found if one["status"] == "xfail"}
    assert failed == set(EXPECTED)  # a shorter list is to be shortened


@pytest.fixture
def both(instruments):
    """Spectra of 30 samples on two instruments, axis, labels."""
    X_s, axis, X_t, _, y = instruments()
    return X_s, X_t, axis, y


def fitted(both, n=10, **kwargs):
    X_s, X_t, axis, y = both
    known = {"y_target": y[:n], "paired": np.arange(n)}
    return CalibrationTransfer(None, **kwargs).fit(X_s, y, axis, X_t[:n], **known)


def test_it_is_a_regressor_with_a_score(both):
    _, X_t, _, y = both
    ct = fitted(both)
    off = y[10:] - ct.predict(X_t[10:])
    r2 = 1 - np.sum(off**2) / np.sum((y[10:] - y[10:].mean()) ** 2)
    assert ct.score(X_t[10:], y[10:]) == pytest.approx(r2, abs=1e-12)
    assert is_regressor(ct) and ct.n_features_in_ == X_t.shape[1]
    assert clone(ct).get_params() == ct.get_params()


@pytest.mark.parametrize("kind", [NotFittedError, SpektronError, ValueError])
@pytest.mark.parametrize("call", ["predict", "applicability", "predict_interval"])
def test_not_fitted(both, kind, call):
    with pytest.raises(kind, match="call fit or load first"):
        getattr(CalibrationTransfer(None), call)(both[1])


@pytest.mark.parametrize("more", [{}, {"compare": True}, {"weights": "tiny"}])
def test_pickle_joblib_and_deepcopy(both, more, tiny_weights, few_trials):
    """Catches: caches with functions of their own stop a fitted object's pickle."""
    X_s, X_t, axis, y = both
    weights = tiny_weights if more.pop("weights", None) else None
    ct = CalibrationTransfer(weights, **more)
    ct.fit(X_s, y, axis, X_t[:10], y_target=y[:10])
    buffer = io.BytesIO()
    joblib.dump(ct, buffer)
    buffer.seek(0)
    for other in (pickle.loads(pickle.dumps(ct)), joblib.load(buffer), copy.copy(ct)):
        np.testing.assert_array_equal(other.predict(X_t), ct.predict(X_t))
        intervals = other.predict_interval(X_t), ct.predict_interval(X_t)
        np.testing.assert_array_equal(*intervals)
    np.testing.assert_array_equal(copy.deepcopy(ct).predict(X_t), ct.predict(X_t))


def test_a_path_as_a_parameter_is_saved(both, tiny_weights, tmp_path):
    X_s, X_t, axis, y = both
    ct = CalibrationTransfer(Path(tiny_weights), random_state=np.int64(2))
    ct.fit(X_s, y, axis, X_t[:10], y_target=y[:10])
    ct.about_ = {"file": tmp_path / "x.csv", "n": np.float32(2)}
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    assert loaded.random_state == 2 and loaded.about_["n"] == 2
    np.testing.assert_array_equal(loaded.predict(X_t), ct.predict(X_t))


def test_a_default_axis_is_said(both, tmp_path):
    X_s, X_t, axis, y = both
    ct = CalibrationTransfer().fit(X_s, y, X_target=X_t[:8], y_target=y[:8])
    assert any("no axis was given" in text for text in ct.warnings_)
    with_axis = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:8], y_target=y[:8])
    np.testing.assert_allclose(ct.predict(X_t), with_axis.predict(X_t))
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(X_t), ct.predict(X_t))
    for model in (ct, loaded):
        with pytest.raises(SpektronError, match="fitted without one"):
            model.predict(X_t, axis=axis)
    with pytest.raises(SpektronError, match="axis_source: missing, but axis_target"):
        CalibrationTransfer(None).fit(X_s, y, X_target=X_t, axis_target=axis)
    named = CalibrationTransfer(None).fit(X_s, y, axis=axis)
    np.testing.assert_array_equal(named.axis_, axis)
    with pytest.raises(SpektronError, match="axis: axis_source is given too"):
        CalibrationTransfer(None).fit(X_s, y, axis, axis=axis)


def stacked(both, n=15):
    """Both instruments in one matrix: 15 samples on both, 15 on the source alone."""
    X_s, X_t, axis, y = both
    X, labels = np.vstack([X_s, X_t[:n]]), np.concatenate([y, y[:n]])
    ids = np.array([f"s{i}" for i in (*range(30), *range(n))])
    return X, labels, ids, np.repeat(["source", "target"], [30, n])


@pytest.mark.parametrize("form", [str, lambda word: int(word == "target"), None])
def test_both_instruments_in_one_matrix(both, form):
    X, labels, ids, instrument = stacked(both)
    if form is None:
        instrument = instrument == "target"
    else:
        instrument = [form(word) for word in instrument]
    ct = CalibrationTransfer(None).fit(
        X, labels, both[2], groups=ids, instrument=instrument
    )
    np.testing.assert_array_equal(
        ct.predict(both[1]), fitted(both, n=15).predict(both[1])
    )
    with pytest.raises(SpektronError, match="neither 'source' nor 'target'"):
        CalibrationTransfer(None).fit(X, labels, instrument=["old"] * 45)
    with pytest.raises(SpektronError, match="give no X_target"):
        CalibrationTransfer(None).fit(X, labels, instrument=instrument, X_target=X)


def test_target_folds_hold_samples_out_on_both_instruments(both):
    """Catches: a test sample's source spectrum stays in the fit."""
    X, labels, ids, instrument = stacked(both)
    labels[-1] = np.nan
    tested = []
    for fit, test in TargetFolds(instrument, 4).split(X, labels, ids):
        assert not set(ids[fit]) & set(ids[test])
        assert (instrument[test] == "target").all()
        tested += test.tolist()
    assert sorted(tested) == list(range(30, 44))


def test_cross_validation_judges_the_target(both):
    """Catches: scores of the source's own spectra pass for those of the transfer."""
    X, labels, ids, instrument = stacked(both)
    with sklearn.config_context(enable_metadata_routing=True):
        ct = CalibrationTransfer(None).set_fit_request(
            groups=True, instrument=True, axis_source=True
        )
        params = {"groups": ids, "instrument": instrument, "axis_source": both[2]}
        folds = TargetFolds(instrument, 3)
        scores = cross_val_score(ct, X, labels, cv=folds, params=params)
        assert scores.shape == (3,) and scores.min() > 0.9
        first = FunctionTransformer(np.asarray)
        search = GridSearchCV(
            ct, {"preprocessing": [None, first]}, cv=folds, error_score="raise"
        ).fit(X, labels, **params)
        assert search.best_estimator_.regime_ == "15 labelled paired target spectra"


def test_a_step_that_sees_the_source_alone_is_told(both):
    """Catches: a scaler in front of the transfer gives R2 -87 and no word."""
    X_s, X_t, axis, y = both
    pipe = make_pipeline(StandardScaler(), CalibrationTransfer(None))
    name = "calibrationtransfer__"
    given = {"axis_source": axis, "X_target": X_t[:10], "y_target": y[:10]}
    pipe.fit(X_s, y, **{name + key: value for key, value in given.items()})
    ct = pipe[-1]
    assert any("in a Pipeline sees the source alone" in text for text in ct.warnings_)
    assert ct.interval_mark() == "not calibrated"


class Table:
    """As much of a table with column names as is used; pandas may be missing."""

    def __init__(self, values, columns):
        self.values, self.columns = np.asarray(values), list(columns)

    @property
    def shape(self):
        return self.values.shape

    def to_numpy(self):
        return self.values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)

    def __getitem__(self, key):
        return Table(self.values[key], np.array(self.columns, object)[key[1]])


@pytest.mark.parametrize(
    "name", [float, str, "{:g} nm".format, "X{:.2f}".format, "wl_{:.1f}".format]
)
def test_the_axis_is_taken_from_column_names(both, name):
    X_s, X_t, axis, y = both
    columns = [name(value) for value in axis]
    ct = CalibrationTransfer(None).fit(
        Table(X_s, columns), y, X_target=Table(X_t[:10], columns), y_target=y[:10]
    )
    np.testing.assert_allclose(ct.axis_, axis, atol=0.05)
    assert not any("no axis" in text for text in ct.warnings_)
    order = np.random.default_rng(0).permutation(axis.size)
    mixed = Table(X_t[:, order], [columns[i] for i in order])
    np.testing.assert_allclose(ct.predict(mixed), ct.predict(X_t))


def test_the_unit_is_taken_from_column_names(both):
    X_s, _, axis, y = both
    columns = [f"{1e7 / value:.6f} cm-1" for value in axis]
    ct = CalibrationTransfer(None).fit(Table(X_s, columns), y)
    assert ct.unit_ == "cm-1"
    np.testing.assert_allclose(ct.axis_, np.sort(1e7 / axis), atol=1e-5)


@pytest.mark.parametrize(
    "name", [int, "f{}".format, lambda k: f"pixel_{k + 1}", lambda k: str(k + 1)]
)
def test_numbered_columns_are_no_positions(both, name):
    """0 to 79 cm-1 are Raman shifts: numbers of columns were taken for them."""
    X_s, X_t, axis, y = both
    axis = axis - 900  # as if in cm-1
    columns = [name(k) for k in range(axis.size)]
    given = {"unit": "cm-1", "modality": "Raman", "paired": range(10)}
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:10], **given)
    expected = ct.predict(X_t)
    np.testing.assert_array_equal(ct.predict(Table(X_t, columns)), expected)
    tables = Table(X_s, columns), Table(X_t[:10], columns)
    again = CalibrationTransfer(None).fit(tables[0], y, axis, tables[1], **given)
    np.testing.assert_array_equal(again.predict(Table(X_t, columns)), expected)
    numbered = CalibrationTransfer(None).fit(tables[0], y, X_target=tables[1], **given)
    assert numbered.unit_ == "points"
    assert any("no axis was given" in text for text in numbered.warnings_)


@pytest.mark.parametrize(
    "name",
    [lambda nm: f"{nm / 1000:.5f} um", lambda nm: f"{1e7 / nm:.3f} cm-1"],
)
def test_columns_in_another_unit_are_converted(both, name):
    """Catches: 1.1 um taken for 1.1 nm."""
    X_s, X_t, axis, y = both
    ct, columns = fitted(both), [name(value) for value in axis]
    table, expected = Table(X_t, columns), ct.predict(X_t)
    np.testing.assert_allclose(ct.predict(table), expected, rtol=1e-12)
    order = np.random.default_rng(0).permutation(axis.size)
    np.testing.assert_allclose(ct.predict(table[:, order]), expected, rtol=1e-12)
    some = slice(4, None)  # too few points, but in the right unit
    with pytest.raises(SpektronError, match="nm does not cover the model's"):
        ct.predict(Table(X_t[:, some], columns[some]))
    again = CalibrationTransfer(None).fit(
        *(X_s, y, axis, Table(X_t[:10], columns), None, y[:10], np.arange(10))
    )
    np.testing.assert_allclose(again.predict(X_t, axis), expected, rtol=1e-12)
    assert again.warnings_ == ct.warnings_


@pytest.mark.parametrize("columns", [list("abcdefgh"), [f"col{i}" for i in range(8)]])
def test_other_column_names_are_no_axis(columns):
    rng = np.random.default_rng(0)
    table = Table(rng.normal(size=(12, 8)), columns)
    assert frames.axis_of(table, "nm", "NIR") is None
    ct = CalibrationTransfer(None).fit(table, table.values[:, 2])
    assert ct.feature_names_in_.tolist() == columns
    other = Table(table.values, columns[::-1])
    with pytest.raises(ValueError, match="feature names should match"):
        ct.predict(other)


def test_pandas_in_and_out(both):
    pandas = pytest.importorskip("pandas")
    X_s, X_t, axis, y = both
    columns = [f"{value:.4f}" for value in axis]
    source = pandas.DataFrame(X_s, columns=columns)
    target = pandas.DataFrame(X_t, columns=columns, index=[f"s{i}" for i in range(30)])
    ct = CalibrationTransfer(None).fit(
        source,
        pandas.Series(y, name="fat"),
        X_target=target[:10],
        y_target=pandas.Series(y[:10]),
    )
    assert isinstance(ct.predict(target), np.ndarray)  # as of every regressor
    with sklearn.config_context(transform_output="pandas"):
        found = ct.predict(target)
        assert isinstance(ct.predict(X_t), np.ndarray)
    assert isinstance(found, pandas.Series) and found.name == "fat"
    assert found.index.tolist() == target.index.tolist()
    np.testing.assert_allclose(found, ct.predict(X_t), rtol=1e-12)
    np.testing.assert_allclose(ct.predict(target[columns[::-1]]), ct.predict(X_t))
