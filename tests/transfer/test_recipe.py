"""The recipe: its weight, its members, and the encoder in it."""

import shutil

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.evaluation.baselines import make
from spektron_jax.evaluation.baselines.preprocessing import treat
from spektron_jax.evaluation.transfer_data import TransferData
from spektron_jax.transfer.bayes import fit_affine
from spektron_jax.transfer.features import DEPTHS, Features
from spektron_jax.transfer.recipe import (
    MOST_SHARE,
    TransferRecipe,
    bayes_share,
    cautious_share,
    classical_members,
)


def data_of(instruments, n=8, labelled=True):
    X_s, axis, X_t, _, y = instruments()
    labels = y[:n] if labelled else np.full(n, np.nan)
    paired = np.arange(n) if labelled else np.full(n, -1)
    return TransferData(X_s[:24], y[:24], X_t[:n], labels, paired), X_t[24:], y[24:]


def test_without_the_network_it_is_the_average_and_the_bayesian_members(instruments):
    data, X, _ = data_of(instruments)
    plain = TransferRecipe("average").fit(data)(X)
    np.testing.assert_allclose(plain, make("average").fit(data)(X), rtol=1e-9)
    share = bayes_share(data)
    bayes = np.mean([_affine(data, t, X) for t in ("raw", "sg1")], axis=0)
    ours = TransferRecipe("classical").fit(data)(X)
    np.testing.assert_allclose(ours, (1 - share) * plain + share * bayes, rtol=1e-9)


def test_without_labels_coral_stays_beside_the_bayesian_members(instruments):
    data, X, _ = data_of(instruments, 24, labelled=False)
    share = bayes_share(data)
    bayes = np.mean([_affine(data, t, X) for t in ("raw", "sg1")], axis=0)
    coral = [make(f"coral_u/{t}").fit(data)(X) for t in ("raw", "sg1")]
    expected = (1 - share) * np.mean(coral, axis=0) + share * bayes
    ours = TransferRecipe("classical").fit(data)(X)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


def _affine(data, treatment, X):
    vector, constant = fit_affine(data, treatment)
    return treat(X, treatment) @ vector + constant


def test_share_follows_the_evidence():
    rng = np.random.default_rng(0)
    error = rng.normal(size=12)
    assert cautious_share(error, error) == MOST_SHARE
    assert cautious_share(error, -error) == 0.0
    assert cautious_share(error, np.zeros(12)) == 0.0
    useless = [cautious_share(error, rng.normal(size=12)) for _ in range(200)]
    assert np.mean(np.array(useless) == 0) > 0.95
    # b = 0.2 exactly: v = sum (e - b d)^2 / ((n - 1) sum d^2) with e - b d orthogonal.
    d = np.array([1.0, 1.0, -1.0, -1.0])
    e = 0.2 * d + 0.02 * np.array([1.0, -1.0, 1.0, -1.0])
    v = 0.0016 / 3 / 4
    t = 5.840909  # Student's 99 %, 3 degrees of freedom
    assert cautious_share(e, d) == pytest.approx(0.2 * (1 - t**2 * v / 0.04))


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
    encode = features._encode
    monkeypatch.setattr(
        features, "_encode", lambda X: calls.append(len(X)) or encode(X)
    )
    first = features(X_s[:6])
    again = features(X_s[[5, 0, 6]])
    assert calls == [6, 1]
    assert set(first) == set(DEPTHS)
    for depth in DEPTHS:
        np.testing.assert_array_equal(again[depth][0], first[depth][5])
    assert features(X_s[:0])["chem"].shape == (0, 32)


@pytest.mark.parametrize("labelled", [True, False])
def test_encoder_rows_fit(instruments, tiny_weights, labelled):
    data, X, _ = data_of(instruments, 12, labelled=labelled)
    features = Features(tiny_weights, instruments()[1], "nm", "NIR")
    rows = {k: TransferRecipe(k, features) for k in ("encoder", "combination")}
    models = {kind: recipe.fit(data) for kind, recipe in rows.items()}
    share = rows["combination"].encoder_share(data)
    assert 0 <= share <= (MOST_SHARE if labelled else 0.0)
    classical = TransferRecipe("classical").fit(data)(X)
    mixed = (1 - share) * classical + share * models["encoder"](X)
    np.testing.assert_allclose(models["combination"](X), mixed, rtol=1e-8)
    assert set(models["encoder"].coefficients) == set(DEPTHS)


def test_an_encoder_in_the_model_is_saved_by_checksum(
    instruments, tiny_weights, tmp_path, monkeypatch
):
    monkeypatch.setattr(TransferRecipe, "encoder_share", lambda *_: 0.25)
    X_s, axis, X_t, _, y = instruments()
    weights = tmp_path / "weights"
    shutil.copytree(tiny_weights, weights)
    ct = CalibrationTransfer(weights=str(weights)).fit(
        X_s, y, axis, X_t[:5], y_target=y[:5], paired=np.arange(5)
    )
    ct.save(tmp_path / "model")
    other = CalibrationTransfer.load(tmp_path / "model")
    np.testing.assert_array_equal(ct.predict(X_t), other.predict(X_t))
    manifest = weights / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(SpektronError, match="another version of the weights"):
        CalibrationTransfer.load(tmp_path / "model")


def test_a_recipe_names_its_kinds():
    with pytest.raises(SpektronError, match="use one of average, classical"):
        TransferRecipe("magic")
    with pytest.raises(SpektronError, match="needs an encoder"):
        TransferRecipe("encoder")
