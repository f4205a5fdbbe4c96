"""The ensemble: its members, their weights, and the encoder among them."""

import shutil

import numpy as np
import pytest
from scipy.special import softmax

from benchmarks import averages
from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.encoder.features import Features
from spektron_jax.encoder.linearised import linearised
from spektron_jax.transfer import members
from spektron_jax.transfer.bayes import (
    COVARIANCE_RIDGE,
    NOISE_SPLITS,
    Fit,
    evidence,
    fit_features,
    fit_preprocessed,
    scores,
)
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import (
    MAX_ENCODER_SHARE,
    ODDS,
    Ensemble,
    bayes_share,
)
from spektron_jax.transfer.members import Member, classical_names, prior_members
from spektron_jax.transfer.methods import make
from spektron_jax.transfer.methods.preprocessing import preprocess
from spektron_jax.transfer.methods.workspace import Workspace


def data_of(instruments, n=8, labelled=True):
    X_s, axis, X_t, _, y = instruments()
    labels = y[:n] if labelled else np.full(n, np.nan)
    paired = np.arange(n) if labelled else np.full(n, -1)
    return TransferData(X_s[:24], y[:24], X_t[:n], labels, paired), X_t[24:], y[24:]


def test_without_the_network_it_is_the_average_and_the_bayesian_members(instruments):
    data, X, _ = data_of(instruments)
    plain = Ensemble("average").fit(data)(X)
    np.testing.assert_allclose(plain, averages.make("average").fit(data)(X), rtol=1e-9)
    share = bayes_share(data)
    bayes = _bayes(data, X, ("raw", "sg1", "sg2"))
    ours = Ensemble("classical").fit(data)(X)
    np.testing.assert_allclose(ours, (1 - share) * plain + share * bayes, rtol=1e-9)


def test_without_labels_coral_stays_beside_the_bayesian_members(instruments):
    data, X, _ = data_of(instruments, 24, labelled=False)
    share = bayes_share(data)
    bayes = _bayes(data, X, ("raw", "sg1"))
    coral = [make(f"coral_u/{t}").fit(data)(X) for t in ("raw", "sg1")]
    expected = (1 - share) * np.mean(coral, axis=0) + share * bayes
    ours = Ensemble("classical").fit(data)(X)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


def _bayes(data, X, pretreatments):
    """Members by their scores, written out."""
    rows = [
        (preprocess(X, t), fit)
        for t in pretreatments
        for fit in fit_preprocessed(data, t)
    ]
    each = np.array([Z @ fit.vector + fit.intercept for Z, fit in rows])
    if not rows[0][1].n_labelled:
        return each.mean(axis=0)
    power = -rows[0][1].n_labelled * 3 / 8
    weights = np.array([fit.split.prior * fit.loo_mse**power for _, fit in rows])
    return weights @ each / weights.sum()


def test_without_labels_the_encoder_shares_by_its_evidence(instruments, monkeypatch):
    data, *_ = data_of(instruments, labelled=False)
    on_spectra = evidence(
        [fit for t in ("raw", "sg1") for fit in fit_preprocessed(data, t)]
    )

    def share(ratio):
        own = on_spectra + np.log(ratio)
        fit = Fit(np.zeros(80), 0.0, own, NOISE_SPLITS[0], 0, np.nan)
        member = Member("planted", "encoder", "raw", fit.vector, 0.0)
        monkeypatch.setattr(
            "spektron_jax.transfer.ensemble.encoder_members",
            lambda *_: [(member, fit)],
        )
        fitted = Ensemble("combination", encoder=object()).fit(data)
        assert fitted.weights.sum() == pytest.approx(1)
        return fitted.share("encoder")

    most = bayes_share(data) * MAX_ENCODER_SHARE
    assert share(1e9) == pytest.approx(most)
    assert share(ODDS) == pytest.approx(most / 2)
    assert share(1.0) == pytest.approx(most / (1 + ODDS))
    assert share(1e-9) < 1e-9


def test_learned_members_are_weighted_among_the_others(instruments, monkeypatch):
    """The same members once more, with as much weight as they have already."""
    monkeypatch.setattr(members, "coefficient_scales", lambda data: np.full(80, 2.5))
    data, X, _ = data_of(instruments)
    fitted = Ensemble("combination", "NIR").fit(data)
    fits = [fit for t in ("raw", "sg1", "sg2") for fit in fit_preprocessed(data, t)]
    weights = softmax(scores([*fits, *fits[4:8]]))
    expected = bayes_share(data) * weights[-4:].sum()
    assert fitted.share("prior") == pytest.approx(expected, rel=1e-4)
    assert fitted.share("encoder") == 0
    assert len({member.name for member in fitted.members}) == len(fitted.weights) == 36
    twice = softmax(scores(fits) + np.log(np.repeat([1, 2, 1], 4)))
    rows = [
        (preprocess(X, t), f)
        for t in ("raw", "sg1", "sg2")
        for f in fit_preprocessed(data, t)
    ]
    bayes = twice @ [Z @ fit.vector + fit.intercept for Z, fit in rows]
    plain = Ensemble("average").fit(data)(X)
    share = bayes_share(data)
    ours = fitted(X)
    np.testing.assert_allclose(ours, (1 - share) * plain + share * bayes, rtol=1e-6)


def test_learned_members_need_pairs_with_labels_and_the_range_they_know(instruments):
    data, *_ = data_of(instruments)
    assert len(prior_members(data, "NIR")) == 4
    assert prior_members(data, "IR") == []
    assert prior_members(data_of(instruments, 3)[0], "NIR") == []
    assert prior_members(data_of(instruments, labelled=False)[0], "NIR") == []
    narrow = TransferData(
        data.X_source[:, :20], data.y_source, data.X_target[:, :20], *_labels(data)
    )
    assert prior_members(narrow, "NIR") == []


def test_members_follow_what_is_known(instruments):
    data, *_ = data_of(instruments)
    assert len(classical_names(data)) == 20
    unlabelled, *_ = data_of(instruments, 5, labelled=False)
    assert set(classical_names(unlabelled)) == {"umc/raw", "umc/sg1"}
    many, *_ = data_of(instruments, 24, labelled=False)
    assert "coral_u/sg1" in classical_names(many)
    narrow = TransferData(
        data.X_source[:, :10], data.y_source, data.X_target[:, :10], *_labels(data)
    )
    assert all(name.endswith("/raw") for name in classical_names(narrow))


def _labels(data):
    return data.y_target, data.paired


def test_members_are_fitted_once_for_all_ensembles(instruments, monkeypatch):
    data, X, _ = data_of(instruments)
    kinds = "classical", "combination"
    alone = [Ensemble(kind, "NIR").fit(data)(X) for kind in kinds]
    calls = []
    fit = members.fit_preprocessed
    monkeypatch.setattr(
        members, "fit_preprocessed", lambda *given: calls.append(given) or fit(*given)
    )
    space = Workspace(data)
    for kind, expected in zip(kinds, alone, strict=True):
        np.testing.assert_array_equal(Ensemble(kind, "NIR").fit(space)(X), expected)
    assert len(calls) == 3  # raw and two derivatives


@pytest.mark.parametrize("labelled", [True, False])
def test_encoder_rows_fit(instruments, tiny_weights, labelled, monkeypatch):
    monkeypatch.setattr("spektron_jax.transfer.ensemble.prior_members", lambda *_: [])
    data, X, _ = data_of(instruments, 12, labelled=labelled)
    features = Features(tiny_weights, instruments()[1], "nm", "NIR")
    models = {
        kind: Ensemble(kind, "NIR", features).fit(data)
        for kind in ("encoder", "combination")
    }
    share, whole = models["combination"].share("encoder"), bayes_share(data)
    # With labels the encoder has no part.
    assert share == 0 if labelled else 0 < share < whole
    bayes = _bayes(data, X, ("raw", "sg1", "sg2") if labelled else ("raw", "sg1"))
    expected = Ensemble("classical").fit(data)(X)
    expected += share * (models["encoder"](X) - bayes)
    np.testing.assert_allclose(models["combination"](X), expected, rtol=1e-8)
    # The encoder's member predicts alike from features and from spectra.
    centre = data.X_source.mean(axis=0)
    linear = linearised(features, centre)
    moved = data.on(data.X_source - centre, data.X_target - centre)
    fits = fit_features(moved, linear, COVARIANCE_RIDGE["sg1"], centre)
    each = [linear(X - centre) @ fit.vector + fit.intercept for fit in fits]
    on_features = softmax(scores(fits)) @ each
    spread = data.y_source.std()
    np.testing.assert_allclose(models["encoder"](X), on_features, atol=0.02 * spread)


def test_a_saved_model_needs_no_weights(instruments, tiny_weights, tmp_path):
    X_s, axis, X_t, _, y = instruments()
    weights = tmp_path / "weights"
    shutil.copytree(tiny_weights, weights)
    ct = CalibrationTransfer(weights=str(weights)).fit(X_s, y, axis, X_t[:5])
    assert ct.network_share_ > 0
    ct.save(tmp_path / "model")
    shutil.rmtree(weights)
    other = CalibrationTransfer.load(tmp_path / "model")
    np.testing.assert_array_equal(ct.predict(X_t), other.predict(X_t))
    assert other.network_share_ == ct.network_share_
    assert other.members_ == ct.members_ and len(ct.members_) > 2
    assert other.provenance_["weights_sha256"] == ct.provenance_["weights_sha256"]


def test_an_ensemble_names_its_kinds():
    with pytest.raises(SpektronError, match="use one of average, classical"):
        Ensemble("magic")
    with pytest.raises(SpektronError, match="needs an encoder"):
        Ensemble("encoder")
