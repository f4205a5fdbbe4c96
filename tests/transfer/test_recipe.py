"""The recipe: its weight, its members, and the encoder in it."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from benchmarks import averages
from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.encoder.features import DEPTHS, Features
from spektron_jax.encoder.linearised import LinearView, linear_view
from spektron_jax.transfer import coefficient_prior
from spektron_jax.transfer.bayes import (
    RIDGE,
    Fit,
    evidence,
    fit_preprocessed,
    fit_view,
    scores,
)
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import (
    MOST,
    ODDS,
    TransferRecipe,
    _learned,
    bayes_share,
    classical_members,
)
from spektron_jax.transfer.methods import make
from spektron_jax.transfer.methods.preprocessing import preprocess

ELSEWHERE = SimpleNamespace(modality="IR")  # where no prior was learned


def data_of(instruments, n=8, labelled=True):
    X_s, axis, X_t, _, y = instruments()
    labels = y[:n] if labelled else np.full(n, np.nan)
    paired = np.arange(n) if labelled else np.full(n, -1)
    return TransferData(X_s[:24], y[:24], X_t[:n], labels, paired), X_t[24:], y[24:]


def test_without_the_network_it_is_the_average_and_the_bayesian_members(instruments):
    data, X, _ = data_of(instruments)
    plain = TransferRecipe("average").fit(data)(X)
    np.testing.assert_allclose(plain, averages.make("average").fit(data)(X), rtol=1e-9)
    share = bayes_share(data)
    bayes = _bayes(data, X, ("raw", "sg1", "sg2"))
    ours = TransferRecipe("classical").fit(data)(X)
    np.testing.assert_allclose(ours, (1 - share) * plain + share * bayes, rtol=1e-9)


def test_without_labels_coral_stays_beside_the_bayesian_members(instruments):
    data, X, _ = data_of(instruments, 24, labelled=False)
    share = bayes_share(data)
    bayes = _bayes(data, X, ("raw", "sg1"))
    coral = [make(f"coral_u/{t}").fit(data)(X) for t in ("raw", "sg1")]
    expected = (1 - share) * np.mean(coral, axis=0) + share * bayes
    ours = TransferRecipe("classical").fit(data)(X)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


def _bayes(data, X, pretreatments):
    """Members by their scores, written out."""
    rows = [
        (preprocess(X, t), fit)
        for t in pretreatments
        for fit in fit_preprocessed(data, t)
    ]
    each = np.array([Z @ fit.vector + fit.constant for Z, fit in rows])
    if not rows[0][1].asked:
        return each.mean(axis=0)
    power = -rows[0][1].asked * 3 / 8
    weights = np.array([fit.prior * fit.misfit**power for _, fit in rows])
    return weights @ each / weights.sum()


def test_without_labels_the_network_shares_by_its_evidence(instruments, monkeypatch):
    data, *_ = data_of(instruments, labelled=False)
    rival = evidence([fit for t in ("raw", "sg1") for fit in fit_preprocessed(data, t)])

    def share(ratio):
        fit = Fit(np.zeros(1), 0.0, rival + np.log(ratio), 1.0, 0, np.nan)
        monkeypatch.setattr(TransferRecipe, "_encoder", lambda *_: [("raw", fit)])
        return TransferRecipe("combination", ELSEWHERE).network_share(data)

    most = bayes_share(data) * MOST
    assert share(1e9) == pytest.approx(most)
    assert share(ODDS) == pytest.approx(most / 2)
    assert share(1.0) == pytest.approx(most / (1 + ODDS))
    assert share(1e-9) < 1e-9


def test_learned_members_are_weighed_among_the_others(instruments, monkeypatch):
    """The same members once more, with as much weight as they have already."""
    monkeypatch.setattr(coefficient_prior, "scales", lambda data: np.full(80, 2.5))
    data, X, _ = data_of(instruments)
    recipe = TransferRecipe("combination", SimpleNamespace(modality="NIR"))
    fits = [fit for t in ("raw", "sg1", "sg2") for fit in fit_preprocessed(data, t)]
    weights = softmax(scores([*fits, *fits[4:8]]))
    expected = bayes_share(data) * weights[-4:].sum()
    assert recipe.network_share(data) == pytest.approx(expected, rel=1e-4)
    twice = softmax(scores(fits) + np.log(np.repeat([1, 2, 1], 4)))
    rows = [
        (preprocess(X, t), f)
        for t in ("raw", "sg1", "sg2")
        for f in fit_preprocessed(data, t)
    ]
    bayes = twice @ [Z @ fit.vector + fit.constant for Z, fit in rows]
    plain = TransferRecipe("average").fit(data)(X)
    share = bayes_share(data)
    ours = recipe.fit(data)(X)
    np.testing.assert_allclose(ours, (1 - share) * plain + share * bayes, rtol=1e-6)


def test_learned_members_need_pairs_with_labels_and_the_range_they_know(instruments):
    data, *_ = data_of(instruments)
    known = SimpleNamespace(modality="NIR")
    assert len(_learned(data, known)) == 4
    assert _learned(data, ELSEWHERE) == []
    assert _learned(data_of(instruments, 3)[0], known) == []
    assert _learned(data_of(instruments, labelled=False)[0], known) == []
    narrow = TransferData(
        data.X_source[:, :20], data.y_source, data.X_target[:, :20], *_labels(data)
    )
    assert _learned(narrow, known) == []


def test_members_follow_what_is_known(instruments):
    data, *_ = data_of(instruments)
    assert len(classical_members(data)) == 20
    unlabelled, *_ = data_of(instruments, 5, labelled=False)
    assert set(classical_members(unlabelled)) == {"umc/raw", "umc/sg1"}
    many, *_ = data_of(instruments, 24, labelled=False)
    assert "coral_u/sg1" in classical_members(many)
    narrow = TransferData(
        data.X_source[:, :10], data.y_source, data.X_target[:, :10], *_labels(data)
    )
    assert all(name.endswith("/raw") for name in classical_members(narrow))


def _labels(data):
    return data.y_target, data.paired


def test_each_spectrum_is_encoded_once(instruments, tiny_weights, monkeypatch):
    X_s, axis, *_ = instruments()
    features = Features(tiny_weights, axis, "nm", "NIR")
    calls = []
    encode = features.encoded
    monkeypatch.setattr(
        features, "encoded", lambda X, *how: calls.append(len(X)) or encode(X, *how)
    )
    first = features(X_s[:6])
    again = features(X_s[[5, 0, 6]])
    assert calls == [6, 1]
    assert set(first) == set(DEPTHS)
    for depth in DEPTHS:
        np.testing.assert_array_equal(again[depth][0], first[depth][5])
    assert features(X_s[:0])["chem"].shape == (0, 32)
    calls.clear()
    view = linear_view(features, X_s[0])
    found = view(X_s[1:5])
    np.testing.assert_array_equal(view(X_s[[3, 1]]), found[[2, 0]])
    assert linear_view(features, X_s[0]) is view
    assert sum(calls) == 8  # both ways


@pytest.mark.parametrize("unit", [1.0, 2e4])  # absorbance; counts
def test_the_view_is_the_derivative_of_the_encoder(instruments, tiny_weights, unit):
    X_s, axis, *_ = instruments()
    X_s = unit * X_s
    features = Features(tiny_weights, axis, "nm", "NIR")
    view = LinearView(features, X_s[0])
    rows = np.vstack([X_s[1:9] - X_s[0], X_s[2] - X_s[7], 3 * (X_s[2] - X_s[7])])
    images = view(rows)
    size = np.abs(images).max()
    np.testing.assert_allclose(images[9], 3 * images[8], atol=0.01 * size)
    np.testing.assert_allclose(images[1] - images[6], images[8], atol=0.01 * size)
    vector = np.random.default_rng(0).normal(size=images.shape[1])
    expected = images @ vector
    size = np.abs(expected).max()
    np.testing.assert_allclose(rows @ view.back(vector), expected, atol=0.01 * size)


@pytest.mark.parametrize("labelled", [True, False])
def test_encoder_rows_fit(instruments, tiny_weights, labelled, monkeypatch):
    monkeypatch.setattr("spektron_jax.transfer.ensemble._learned", lambda *_: [])
    data, X, _ = data_of(instruments, 12, labelled=labelled)
    features = Features(tiny_weights, instruments()[1], "nm", "NIR")
    rows = {k: TransferRecipe(k, features) for k in ("encoder", "combination")}
    models = {kind: recipe.fit(data) for kind, recipe in rows.items()}
    share, whole = rows["combination"].network_share(data), bayes_share(data)
    # With labels the encoder has no part.
    assert share == 0 if labelled else 0 < share < whole
    bayes = _bayes(data, X, ("raw", "sg1", "sg2") if labelled else ("raw", "sg1"))
    expected = TransferRecipe("classical").fit(data)(X)
    expected += share * (models["encoder"](X) - bayes)
    np.testing.assert_allclose(models["combination"](X), expected, rtol=1e-8)
    # The encoder's member predicts alike from features and from spectra.
    centre = data.X_source.mean(axis=0)
    view = linear_view(features, centre)
    fits = fit_view(data.shifted(-centre), view, RIDGE["sg1"], centre)
    each = [view(X - centre) @ fit.vector + fit.constant for fit in fits]
    on_features = softmax(scores(fits)) @ each
    spread = data.y_source.std()
    np.testing.assert_allclose(models["encoder"](X), on_features, atol=0.02 * spread)


def test_a_saved_model_needs_no_weights(
    instruments, tiny_weights, tmp_path, monkeypatch
):
    monkeypatch.setattr(TransferRecipe, "network_share", lambda *_: 0.25)
    X_s, axis, X_t, _, y = instruments()
    weights = tmp_path / "weights"
    shutil.copytree(tiny_weights, weights)
    ct = CalibrationTransfer(weights=str(weights)).fit(
        X_s, y, axis, X_t[:5], y_target=y[:5], paired=np.arange(5)
    )
    ct.save(tmp_path / "model")
    shutil.rmtree(weights)
    other = CalibrationTransfer.load(tmp_path / "model")
    np.testing.assert_array_equal(ct.predict(X_t), other.predict(X_t))
    assert other.provenance_["weights_sha256"] == ct.provenance_["weights_sha256"]


def test_a_recipe_names_its_kinds():
    with pytest.raises(SpektronError, match="use one of average, classical"):
        TransferRecipe("magic")
    with pytest.raises(SpektronError, match="needs an encoder"):
        TransferRecipe("encoder")
