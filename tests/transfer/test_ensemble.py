"""The ensemble: its members, their weights, and the encoder among them."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.encoder.features import Features
from spektron_jax.encoder.linearised import linearised
from spektron_jax.transfer import ensemble, views
from spektron_jax.transfer import members as member_module
from spektron_jax.transfer.bayes import NOISE_SPLITS, fits
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import (
    CLASSICAL_PRIOR,
    EVIDENCE_POWER,
    MAX_ENCODER_SHARE,
    ODDS,
    TRUST,
    USUAL_FACTOR,
    Ensemble,
    error_weights,
    weighted,
)
from spektron_jax.transfer.members import (
    bayes_members,
    classical_names,
    combined,
    prior_members,
    spectral_members,
    unlabelled_shares,
)
from spektron_jax.transfer.methods import make
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.priors import difference_terms
from spektron_jax.transfer.unlabelled import plausible
from spektron_jax.transfer.views import COVARIANCE_RIDGE, preprocessed, view


def data_of(instruments, n=8, labelled=True):
    X_s, axis, X_t, _, y = instruments()
    labels = y[:n] if labelled else np.full(n, np.nan)
    paired = np.arange(n) if labelled else np.full(n, -1)
    return TransferData(X_s[:24], y[:24], X_t[:n], labels, paired), X_t[24:], y[24:]


def say(member, X, fit=0):
    """What one member predicts."""
    return combined([member], np.ones(1), fit)(X)


def weights_by_hand(members, errors):
    """prior x (mean size)^(-1.2 sqrt(n)) of left-out errors (members, samples), sum 1.

    Sizes of a sample are shrunk until half of the members miss it by 3 times the usual.
    """
    prior = {"target alone": 0.2, "": 0.3}
    prior = np.array([prior.get(m.split, 1.0) for m in members])
    sizes = abs(errors)
    usual = np.median([np.median(column) for column in sizes.T])
    for column in sizes.T:
        column *= min(1, 3 * usual / np.median(column))
    weights = prior * sizes.mean(axis=1) ** (-1.2 * np.sqrt(errors.shape[1]))
    return weights / weights.sum()


@pytest.mark.parametrize("n, pairs", [(19, 19), (8, 8), (6, 0), (2, 2), (2, 0), (5, 3)])
def test_weights_are_those_of_left_out_errors(instruments, n, pairs):
    """And each fit without a group has weights that its errors have no part in."""
    X_s, _, X_t, _, y = instruments(samples=60)
    paired = np.where(np.arange(n) < pairs, np.arange(n), -1)
    source = np.r_[np.arange(pairs), np.arange(n, n + 24)]
    data = TransferData(X_s[source], y[source], X_t[:n], y[:n], paired)
    X, groups = X_t[45:], data.groups()
    members = spectral_members([data], groups)[0]
    fitted = Ensemble("classical").fit(data)
    assert [part[:2] for part in fitted.members] == [(m.name, m.kind) for m in members]
    errors = np.full((len(members), n), np.nan)
    for number, rows in enumerate(groups):
        errors[:, rows] = [say(m, X_t[rows], 1 + number) - y[rows] for m in members]
    weights = weights_by_hand(members, errors)
    found = [part.weight for part in fitted.members]
    np.testing.assert_allclose(found, weights, rtol=1e-6)
    assert sum(found) == pytest.approx(1) and len(fitted.without) == min(n, 5)
    expected = weights @ [say(m, X) for m in members]
    np.testing.assert_allclose(fitted(X), expected, rtol=1e-9)
    for number, rows in enumerate(groups):
        weights = weights_by_hand(members, np.delete(errors, rows, axis=1))
        expected = weights @ [say(m, X, 1 + number) for m in members]
        np.testing.assert_allclose(fitted.without[number](X), expected, rtol=1e-9)
        np.testing.assert_array_equal(fitted.groups[number], rows)


def test_a_wrong_label_does_not_decide(instruments):
    """However wrong it is, members that come near it by chance gain little from it."""
    data, *_ = data_of(instruments)
    members = spectral_members([data], data.groups())[0][:2]
    members = [replace(members[0], name=name) for name in ("near", "far")]
    errors = np.full((2, 9), 0.1)
    for size in (10, 1000):
        errors[:, 4] = 0.5 * size, 1.5 * size
        near, far = error_weights(members, errors)
        assert 1 < near / far < 4
        by_squares = (np.mean(errors**2, axis=1)) ** (-0.6 * 3)
        assert by_squares[0] / by_squares[1] > 30


def test_the_priors_and_the_power_are_those_documented():
    assert (CLASSICAL_PRIOR, TRUST, EVIDENCE_POWER) == (0.3, 1.2, 0.05)
    assert USUAL_FACTOR == 3
    assert [split.prior for split in NOISE_SPLITS] == [1.0, 1.0, 1.0, 0.2]
    assert unlabelled_shares(20) == {"coral_u/raw": 0.4, "coral_u/sg1": 0.2}
    assert unlabelled_shares(19) == {"umc/raw": 0.1, "umc/snv": 0.1}
    assert (MAX_ENCODER_SHARE, ODDS) == (0.5, 20)


def test_members_without_an_error_share_by_their_priors(instruments):
    data, *_ = data_of(instruments)
    groups = data.groups()
    data = data.on(data.X_source, 0 * data.X_target)
    data = replace(data, y_target=np.full(8, 11.0))
    own = bayes_members(preprocessed(data, "raw"), groups)[0]
    exact = {"vectors": np.zeros((6, own.view.span.shape[1]))}
    exact["intercepts"] = np.full(6, 11.0)
    found = weighted(
        [
            replace(own, name="bayes", **exact),
            replace(own, name="target", split="target alone", **exact),
            replace(own, name="pls", kind="classical", split="", **exact),
            replace(own, name="bad", **exact | {"intercepts": np.full(6, 12.0)}),
        ],
        data,
        groups,
    )
    weights = np.array([part.weight for part in found.members])
    np.testing.assert_allclose(weights[:3], np.array([1, 0.2, 0.3]) / 1.5, rtol=1e-3)
    assert 0 < weights[3] < 1e-3


@pytest.mark.parametrize("kind", ["none", "one label", "one pair", "unlabelled", "few"])
def test_without_samples_to_leave_out_weights_are_prior_and_evidence(instruments, kind):
    X_s, _, X_t, _, y = instruments()
    n = {"none": 0, "unlabelled": 24, "few": 5}.get(kind, 1)
    labels = y[:n] if kind.startswith("one") else np.full(n, np.nan)
    paired = np.arange(n) if kind == "one pair" else np.full(n, -1)
    data = TransferData(X_s[:24], y[:24], X_t[:n], labels, paired)
    members = spectral_members([data])[0]
    fitted = Ensemble("classical").fit(data)
    assert list(fitted.groups) == list(fitted.without) == []
    share = {"unlabelled": {"coral_u/raw": 0.4, "coral_u/sg1": 0.2}, "none": {}}
    share = share.get(kind, {"umc/raw": 0.1, "umc/snv": 0.1})
    bayes = [m for m in members if m.kind == "bayes"]
    evidence = np.array([m.evidence for m in bayes])
    weight = np.exp((evidence - evidence.max()) / 20)
    weight *= [0.2 if m.split == "target alone" else 1.0 for m in bayes]
    weight *= [0.3 if "/snv" in m.name else 1.0 for m in bayes]
    weight *= (1 - sum(share.values())) / weight.sum()
    by_name = share | {m.name: w for m, w in zip(bayes, weight, strict=True)}
    if not kind.startswith("one"):
        own = np.array([by_name.get(m.name, 0.0) for m in members])
        members, kept = plausible(members, data, own)
        factor = dict(zip([m.name for m in members], kept, strict=True))
        by_name = {name: w * factor[name] for name, w in by_name.items()}
    by_name = {name: w / sum(by_name.values()) for name, w in by_name.items()}
    found = {part.name: part.weight for part in fitted.members}
    assert sum(found.values()) == pytest.approx(1)
    expected = {m.name: by_name.get(m.name, 0.0) for m in members}
    assert found == pytest.approx(expected, rel=1e-9)
    X = X_t[24:]
    expected = sum(found[m.name] * say(m, X) for m in members)
    np.testing.assert_allclose(fitted(X), expected, rtol=1e-9)


def test_corals_share_is_that_of_the_method(instruments):
    data, X, _ = data_of(instruments, 24, labelled=False)
    members = spectral_members([data])[0]
    coral = [m for m in members if m.kind == "classical"]
    assert [m.name for m in coral] == ["coral_u/raw", "coral_u/sg1"]
    for member in coral:
        np.testing.assert_allclose(
            say(member, X), make(member.name).fit(data)(X), rtol=1e-8
        )


def test_without_labels_the_encoder_shares_by_its_evidence(instruments, monkeypatch):
    data, *_ = data_of(instruments, 24, labelled=False)
    members = [m for m in spectral_members([data])[0] if m.kind == "bayes"]
    evidence = np.array([m.evidence for m in members])
    on_spectra = np.log(np.mean(np.exp(evidence - evidence.max()))) + evidence.max()

    def share(ratio):
        member = replace(
            members[0],
            **{"name": "planted", "kind": "encoder"},
            evidence=on_spectra + np.log(ratio),
        )
        monkeypatch.setattr(
            "spektron_jax.transfer.ensemble.encoder_members", lambda *_: [[member]]
        )
        fitted = Ensemble("combination", encoder=object()).fit(data)
        assert sum(part.weight for part in fitted.members) == pytest.approx(1)
        assert fitted.share("classical") == pytest.approx(0.6)
        return fitted.share("encoder")

    most = 0.4 * MAX_ENCODER_SHARE
    assert share(1e9) == pytest.approx(most)
    assert share(ODDS) == pytest.approx(most / 2)
    assert share(1.0) == pytest.approx(most / (1 + ODDS))
    assert share(1e-9) < 1e-9


def test_learned_members_are_weighted_among_the_others(instruments, monkeypatch):
    """The same members once more, with as much weight as they have already."""
    monkeypatch.setattr(
        member_module, "coefficient_scales", lambda data: np.full(80, 2.5)
    )
    data, X, _ = data_of(instruments)
    fitted = Ensemble("combination", "NIR").fit(data)
    weight = {part.name: part.weight for part in fitted.members}
    assert len(weight) == len(fitted.members) == 4 * 4 + 2 * 7 + 4
    for split in (split.name for split in NOISE_SPLITS):
        prior, same = f"prior, {split}/sg1", f"bayes, {split}/sg1"
        assert weight[prior] == pytest.approx(weight[same], rel=1e-6)
    groups = data.groups()
    members = spectral_members([data], groups)[0] + prior_members(data, groups, "NIR")
    y = np.concatenate([data.y_target[rows] for rows in groups])
    errors = np.array([member.left_out(groups) - y for member in members])
    expected = weights_by_hand(members, errors)
    for member, one in zip(members, expected, strict=True):
        assert weight[member.name] == pytest.approx(one, rel=1e-6)
    assert 0 < fitted.share("prior") < 1 and fitted.share("encoder") == 0


def test_learned_members_need_pairs_with_labels_and_the_range_they_know(instruments):
    data, *_ = data_of(instruments)
    assert len(prior_members(data, data.groups(), "NIR")) == 4
    assert prior_members(data, (), "IR") == []
    assert prior_members(data_of(instruments, 3)[0], (), "NIR") == []
    assert prior_members(data_of(instruments, labelled=False)[0], (), "NIR") == []
    narrow = TransferData(
        data.X_source[:, :20], data.y_source, data.X_target[:, :20], *_labels(data)
    )
    assert prior_members(narrow, (), "NIR") == []


def test_members_follow_what_is_known(instruments):
    data, *_ = data_of(instruments)
    paired = {"mc", "ds_res", "glsw0.01", "pooled_mc", "pooled_w1"}
    assert set(classical_names(data, "raw")) == paired | {"sbc", "target_only"}
    assert set(classical_names(data, "snv")) == paired | {"sbc", "target_only"}
    assert classical_names(data, "sg1") == classical_names(data, "snv+sg1") == []
    one = replace(data, y_target=np.r_[data.y_target[:1], np.full(7, np.nan)])
    assert set(classical_names(one, "raw")) == paired
    few, *_ = data_of(instruments, 3)  # pairs
    unpaired = {"umc", "umc+bias", "pooled", "pooled_w1"}
    assert set(classical_names(few, "raw")) == unpaired | {"sbc"}
    few = replace(few, y_target=np.r_[few.y_target[:2], np.nan])
    assert set(classical_names(few, "raw")) == unpaired
    four = replace(data, paired=np.full(8, -1))
    assert set(classical_names(four, "raw")) == unpaired | {"sbc", "target_only"}
    for n, name in ((0, None), (19, "umc"), (20, "coral_u")):
        known = data_of(instruments, n, labelled=False)[0]
        second = {"umc": "snv", "coral_u": "sg1"}.get(name)
        for own in ("raw", "sg1", "snv", "snv+sg1"):
            expected = [name] if name and own in ("raw", second) else []
            assert classical_names(known, own) == expected
    narrow = TransferData(
        data.X_source[:, :14], data.y_source, data.X_target[:, :14], *_labels(data)
    )
    views_used = {m.view.name for m in spectral_members([narrow])[0]}
    assert views_used == {"raw", "snv"}
    assert {m.view.name for m in spectral_members([data])[0]} == {
        *("raw", "sg1", "snv", "snv+sg1")
    }


def _labels(data):
    return data.y_target, data.paired


def counting(monkeypatch, module, name):
    calls, inner = [], getattr(module, name)
    monkeypatch.setattr(
        module, name, lambda *given: calls.append(given) or inner(*given)
    )
    return calls


@pytest.mark.parametrize("n, most", [(4, 4), (19, 5)])
def test_members_are_fitted_once_for_all_ensembles(instruments, monkeypatch, n, most):
    """Once on everything and once without each group, whatever is asked afterwards."""
    data, X, _ = data_of(instruments, n)
    kinds = "classical", "combination"
    alone = [Ensemble(kind, "NIR").fit(data)(X) for kind in kinds]
    calls = counting(monkeypatch, member_module, "fits")
    treated = counting(monkeypatch, views, "preprocess")
    space = Workspace(data)
    for kind, expected in zip(kinds, alone, strict=True):
        np.testing.assert_array_equal(Ensemble(kind, "NIR").fit(space)(X), expected)
    assert len(calls) == 5 * (1 + most)  # four views and the learned prior's
    # Both instruments, scatter and derivative; one for each term of the prior.
    sizes = [len(given[0]) for given in treated if len(given[0]) != 80]
    terms = len(difference_terms(data.X_source[0]))
    assert sorted(sizes) == sorted(5 * [n, n, 24, 24, terms])


def test_intervals_fit_nothing_once_more(instruments, monkeypatch):
    X_s, axis, X_t, _, y = instruments()
    calls = counting(monkeypatch, member_module, "fits")
    paths = counting(monkeypatch, member_module, "_coefficients")
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:12], paired=np.arange(12))
    assert len(calls) == 5 * 6 and len(paths) == 2 * 7 * 6
    ct.predict_interval(X_t)
    ct.left_out_errors()
    assert len(calls) == 5 * 6 and len(paths) == 2 * 7 * 6


@pytest.mark.parametrize("labelled", [True, False])
def test_encoder_rows_fit(instruments, tiny_weights, labelled, monkeypatch):
    monkeypatch.setattr("spektron_jax.transfer.ensemble.prior_members", lambda *_: [])
    # The encoder shares with Bayesian members alone.
    monkeypatch.setattr(ensemble, "unlabelled_shares", lambda *_: {})
    data, X, _ = data_of(instruments, 12, labelled=labelled)
    features = Features(tiny_weights, instruments()[1], "nm", "NIR")
    models = {
        kind: Ensemble(kind, "NIR", features).fit(data)
        for kind in ("encoder", "classical", "combination")
    }
    share = models["combination"].share("encoder")
    # With labels the encoder has no part.
    assert share == 0 if labelled else 0 < share < MAX_ENCODER_SHARE
    expected = (1 - share) * models["classical"](X) + share * models["encoder"](X)
    np.testing.assert_allclose(models["combination"](X), expected, rtol=1e-8)
    # The encoder's member predicts alike from features and from spectra.
    centre = data.X_source.mean(axis=0)
    linear = linearised(features, centre)
    moved = data.on(data.X_source - centre, data.X_target - centre)
    own = view(
        *(moved, "features", linear, COVARIANCE_RIDGE["sg1"], linear.back, centre),
        np.eye(centre.size),
    )
    on = (linear(X - centre) - own.origin) @ own.span
    each = [on @ fit.vector + fit.intercept for fit in fits([own.space])[0]]
    weights = [part.weight for part in models["encoder"].members]
    assert len(weights) == len(each)
    on_features = np.array(weights) @ each
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
    with pytest.raises(
        SpektronError, match="use one of classical, encoder, combination"
    ):
        Ensemble("magic")
    with pytest.raises(SpektronError, match="needs an encoder"):
        Ensemble("encoder")
