"""Every classical method on synthetic instruments; rules of choice; names."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RidgeCV

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods import make
from spektron_jax.transfer.methods.coral import covariance_power
from spektron_jax.transfer.methods.preprocessing import PRETREATMENTS, preprocess
from spektron_jax.transfer.methods.ridge_update import STRENGTHS, ridge_update
from spektron_jax.transfer.methods.workspace import Workspace

GOOD = (
    *("mc+bias", "mc+bias@t", "sbc@t", "ds@t", "ds_res@t", "pds_w5_1@t", "sst@t"),
    *("epo2", "epo2+bias@t", "glsw0.0001", "glsw1e-4@t", "pooled", "pooled@t"),
    *("pooled_w1", "pooled_mc@t", "pooled_mc_w1@t", "prior_ridge@t"),
)


@pytest.mark.parametrize("head", GOOD)
def test_transfer_beats_no_transfer(head, paired_data):
    data, X_test, y_test = paired_data(np.random.default_rng(0), n=12)
    rmse = {
        name: np.sqrt(np.mean((make(f"{name}/raw").fit(data)(X_test) - y_test) ** 2))
        for name in ("none", head)
    }
    # The SD of the property is 0.3; without transfer the error is several times that.
    assert rmse["none"] > 0.4
    assert rmse[head] < 0.5 * rmse["none"]


@pytest.mark.parametrize("name", ["umc/raw", "coral_u/raw"])
def test_unlabelled_spectra_help(name, two_instruments):
    X, B, y = two_instruments(np.random.default_rng(2), samples=60, tilt=0.02)
    data = TransferData(X[:40], y[:40], B[:40], np.full(40, np.nan), np.full(40, -1))
    error = make(name).fit(data)(B[40:]) - y[40:]
    floor = make("none/raw").fit(data)(B[40:]) - y[40:]
    assert np.mean(error**2) < 0.5 * np.mean(floor**2)


@pytest.mark.parametrize(
    "name", ["umc+bias/raw", "pooled/raw", "pooled_w1@t/raw", "target_only/raw"]
)
def test_labels_without_pairs_help(name, two_instruments):
    A, B, y = two_instruments(np.random.default_rng(15), samples=70)
    data = TransferData(A[:40], y[:40], B[40:60], y[40:60], np.full(20, -1))
    error = make(name).fit(data)(B[60:]) - y[60:]
    floor = make("none/raw").fit(data)(B[60:]) - y[60:]
    assert np.mean(error**2) < 0.25 * np.mean(floor**2)


def test_methods_are_blind_to_the_order_of_test_spectra(paired_data):
    data, X_test, _ = paired_data(np.random.default_rng(3))
    for name in ("glsw0.01/sg1", "prior_ridge@t/snv"):
        predict = make(name).fit(data)
        whole = predict(X_test)
        single = np.concatenate([predict(row[None]) for row in X_test[::-1]])
        np.testing.assert_allclose(single[::-1], whole, rtol=1e-9)


@pytest.mark.parametrize("name", ["mc@t/sg1", "glsw0.01/snv+sg1", "pooled_mc@t/raw"])
def test_units_of_the_property_do_not_matter(name, paired_data):
    data, X_test, _ = paired_data(np.random.default_rng(4))
    scaled = TransferData(
        data.X_source,
        100 * data.y_source - 7,
        data.X_target,
        100 * data.y_target - 7,
        data.paired,
    )
    expected = 100 * make(name).fit(data)(X_test) - 7
    np.testing.assert_allclose(make(name).fit(scaled)(X_test), expected, rtol=1e-7)


def test_target_only_never_reads_the_source(paired_data):
    data, X_test, _ = paired_data(np.random.default_rng(5), n=10)
    other = TransferData(
        np.roll(data.X_source, 1, axis=0) ** 2,
        data.y_source[::-1],
        data.X_target,
        data.y_target,
        np.full(10, -1),
    )
    name = "target_only/raw"
    np.testing.assert_allclose(
        make(name).fit(data)(X_test), make(name).fit(other)(X_test), rtol=1e-9
    )


def test_sbc_is_a_line_through_the_source_predictions(paired_data):
    data, X_test, _ = paired_data(np.random.default_rng(6))
    floor = make("none/raw").fit(data)
    line = LinearRegression().fit(floor(data.X_target)[:, None], data.y_target)
    expected = line.predict(floor(X_test)[:, None])
    np.testing.assert_allclose(make("sbc/raw").fit(data)(X_test), expected, rtol=1e-9)


def test_bias_makes_the_transfer_samples_right_on_average(paired_data):
    data, _, _ = paired_data(np.random.default_rng(7))
    fitted = make("epo1+bias/sg1").fit(data)(data.X_target)
    assert np.mean(fitted - data.y_target) == pytest.approx(0, abs=1e-10)


def test_ridge_update_is_scikit_learns_leave_one_out_ridge(paired_data):
    data, X_test, _ = paired_data(np.random.default_rng(8), n=9)
    predicted = np.random.default_rng(9).normal(size=(9, 3))
    update = ridge_update(data, predicted)(X_test, np.zeros((10, 3)))
    Bc = data.X_target - data.X_target.mean(0)
    strengths = STRENGTHS * np.trace(Bc @ Bc.T) / 9
    for k in range(3):
        ridge = RidgeCV(strengths).fit(Bc, data.y_target - predicted[:, k])
        expected = ridge.predict(X_test - data.X_target.mean(0))
        np.testing.assert_allclose(update[:, k], expected, rtol=1e-6)


def test_coral_gives_the_target_covariance():
    rng = np.random.default_rng(10)
    A, B = (rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6)) for _ in range(2))
    whiten = covariance_power(A, -0.5, ridge=1e-12)
    colour = covariance_power(B, 0.5, ridge=1e-12)
    moved = colour(whiten(A - A.mean(0)))
    np.testing.assert_allclose(np.cov(moved.T), np.cov(B.T), rtol=1e-6, atol=1e-6)


def test_fewer_points_than_components_and_fewer_samples_than_groups(paired_data):
    data, X_test, _ = paired_data(np.random.default_rng(11), n=5, points=16)
    for name in ("pooled@t/raw", "target_only/raw", "pds_w11_2@t/raw"):
        assert np.isfinite(make(name).fit(data)(X_test)).all()


@pytest.mark.parametrize("pretreatment", PRETREATMENTS)
def test_one_constant_scales_both_instruments(pretreatment, paired_data):
    data, X_test, _ = paired_data(np.random.default_rng(13))
    space, scale = Workspace(data).preprocessed(pretreatment)
    ready = space.data
    np.testing.assert_allclose(
        ready.X_target * scale, preprocess(data.X_target, pretreatment)
    )
    assert ready.X_source.std(axis=0).mean() == pytest.approx(1)


def test_pretreatments_by_hand():
    X = np.array([np.arange(20.0), 2 + 3 * np.arange(20.0)])
    np.testing.assert_allclose(preprocess(X, "sg1"), [[1.0] * 20, [3.0] * 20])
    np.testing.assert_allclose(preprocess(X, "snv")[0], preprocess(X, "snv")[1])
    assert preprocess(X, "snv").std(axis=1, ddof=1) == pytest.approx(1)
    np.testing.assert_array_equal(preprocess(np.ones((1, 20)), "snv"), 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("glsw0.01", "needs a pretreatment"),
        ("glsw0.01/sg3", "needs a pretreatment"),
        ("magic/raw", "unknown family"),
        ("pds_w5/raw", "unknown family"),
        ("sbc+bias/raw", "has its own correction"),
    ],
)
def test_wrong_names(name, message):
    with pytest.raises(SpektronError, match=message):
        make(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mc/raw", "mc: needs 1 samples measured on both"),
        ("pds_w5_1/raw", "pds: needs 2 samples measured on both"),
        ("mc@t/raw", "needs 2 labelled ones and 3 others of the source, got 0"),
        ("target_only/raw", "target_only: needs 3 labelled target spectra, got 0"),
        ("umc/raw", "umc: needs at least 1 target spectrum"),
        ("coral_u/raw", "coral_u: needs at least 2 target spectra"),
    ],
)
def test_methods_say_what_they_lack(name, message, two_instruments):
    X, _, y = two_instruments(np.random.default_rng(14))
    data = TransferData(X, y, X[:0], y[:0], np.empty(0, int))
    with pytest.raises(SpektronError, match=message):
        make(name).fit(data)


def test_short_spectra_have_no_derivative():
    with pytest.raises(SpektronError, match="10 points are too few"):
        preprocess(np.ones((2, 10)), "sg1")
