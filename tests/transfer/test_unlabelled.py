"""Without labels, predictions that labels could not be are taken back."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spektron_jax import CalibrationTransfer
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble, prior_weights
from spektron_jax.transfer.members import bayes_members, combined
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.unlabelled import agreement, plausible, poor_probability
from spektron_jax.transfer.views import preprocessed


def unlabelled(instruments, n):
    X_s, _, X_t, _, y = instruments(samples=60)
    none = np.full(n, np.nan), np.full(n, -1)
    return TransferData(X_s[30:], y[30:], X_t[:n], *none), X_t, y


def stretched(member, data, factor, shift):
    """The same model with predictions of this spread and mean, in the labels' own."""
    p, y = member.predicted(), data.y_source
    k = factor * y.std(ddof=1) / p.std(ddof=1)
    c = y.mean() + shift * y.std() + k * (member.intercepts - p.mean())
    return replace(member, vectors=k * member.vectors, intercepts=c)


@pytest.mark.parametrize("n", [5, 12, 30])
@pytest.mark.parametrize("factor, shift", [(0.6, 0.1), (1.05, 0.3), (4, 0), (9, -2)])
def test_spread_and_mean_are_taken_back_to_what_labels_can_be(
    instruments, n, factor, shift
):
    data, *_ = unlabelled(instruments, n)
    member = bayes_members(preprocessed(data, "raw"))[0]
    wild = stretched(member, data, factor, shift)
    (found,), kept = plausible([wild], data, np.ones(1))
    before, after, y = wild.predicted(), found.predicted(), data.y_source
    limit = np.sqrt(stats.chi2.ppf(0.95, n - 1) / (n - 1)) * y.std(ddof=1)
    k = min(1, limit / before.std(ddof=1))
    assert kept[0] == pytest.approx(k)
    assert after.std(ddof=1) == pytest.approx(k * k * before.std(ddof=1))
    z = abs(before.mean() - y.mean()) / (y.std() / np.sqrt(n))
    left = 1.0 if z <= 2 else 4 / z**2
    expected = y.mean() + left * (before.mean() - y.mean())
    assert after.mean() == pytest.approx(expected)
    # The model of any spectrum moves with it, not only of those that were seen.
    X = data.X_target[:1] + 0.01
    one = combined([found], np.ones(1))(X) - after.mean()
    was = combined([wild], np.ones(1))(X) - before.mean()
    np.testing.assert_allclose(one, k * k * was, rtol=1e-9)


@pytest.mark.parametrize(
    "times, apart", [(1.2, 0.0), (1.2, 0.3), (1.2, 2.0), (2.0, 0.0)]
)
def test_a_spread_on_which_members_agree_is_left(instruments, times, apart):
    """`times`: of what labels can spread; beyond 1.65 no agreement helps."""
    n = 10
    data, *_ = unlabelled(instruments, n)
    limit = np.sqrt(stats.chi2.ppf(0.95, n - 1) / (n - 1))
    member = bayes_members(preprocessed(data, "raw"))[0]
    first = stretched(member, data, times * limit, 0.0)
    bent = np.random.default_rng(0).normal(size=first.vectors.shape)
    bent *= np.std(first.predicted()) / np.std(replace(first, vectors=bent).predicted())
    second = replace(first, vectors=first.vectors + apart * bent)
    weights = np.array([0.7, 0.3])
    (found, _), kept = plausible([first, second], data, weights)
    p = first.predicted() - first.predicted().mean()
    q = second.predicted() - second.predicted().mean()
    r2 = 0.7 * 0.3 * np.mean((p - q) ** 2) / np.mean((0.7 * p + 0.3 * q) ** 2)
    expected = max(0.0, 1 - 5 * r2 / (1 - 0.7**2 - 0.3**2))
    assert agreement(np.stack([p, q]), weights) == pytest.approx(expected)
    assert 0.0 < expected < 1.0 if apart == 0.3 else expected in (0.0, 1.0)
    left = max(times**-2, expected) if times < 1.65 else times**-2
    assert found.predicted().std() == pytest.approx(left * p.std())
    assert kept[0] == pytest.approx(1 / times)


def test_agreement_is_weighed_as_the_recipe_weighs(instruments):
    """Extreme samples, whose predictions spread further than labels can."""
    X_s, _, X_t, _, y = instruments(samples=60)
    far = np.argsort(np.abs(y - np.median(y)))[-12:]
    none = np.full(12, np.nan), np.full(12, -1)
    data = TransferData(X_s, y, X_t[far], *none)
    space = Workspace.of(data)
    members = Ensemble("classical").members(space, [])
    own = prior_weights(members, 12)
    fitted = Ensemble("classical").fit(space)
    found = {}
    for name, weights in (("recipe", own), ("alike", np.full(own.size, 1 / own.size))):
        left, kept = plausible(members, data, weights)
        assert kept.min() < 1.0
        found[name] = combined(left, own * kept / (own @ kept))(X_t)
    np.testing.assert_allclose(fitted(X_t), found["recipe"], rtol=1e-9)
    assert np.abs(found["alike"] - found["recipe"]).max() > 1e-4 * y.std()


def test_a_member_alone_agrees_with_nobody():
    each = np.random.default_rng(0).normal(size=(2, 8))
    assert agreement(each[:1], np.ones(1)) == 0.0
    assert agreement(each, np.array([1.0, 0.0])) == 0.0


def test_few_spectra_say_nothing(instruments):
    data, *_ = unlabelled(instruments, 4)
    wild = stretched(bayes_members(preprocessed(data, "raw"))[0], data, 9, 9)
    found, kept = plausible([wild], data, np.ones(1))
    assert found == [wild] and kept[0] == 1


def test_equal_predictions_stay(instruments):
    data, *_ = unlabelled(instruments, 8)
    member = bayes_members(preprocessed(data, "raw"))[0]
    flat = replace(member, vectors=0 * member.vectors, intercepts=data.y_source[:1])
    (found,), kept = plausible([flat], data, np.ones(1))
    assert kept[0] == 1 and np.isfinite(found.predicted()).all()


def test_a_target_without_anything_of_the_property_is_predicted_near_the_mean(
    instruments,
):
    """Noise of many times the signal: no transfer says anything, and none shouts."""
    data, X, y = unlabelled(instruments, 10)
    rng = np.random.default_rng(0)
    wild = data.on(data.X_source, data.X_target + rng.normal(0, 0.5, (10, X.shape[1])))
    predicted = Ensemble("classical").fit(wild)(
        X[30:] + rng.normal(0, 0.5, X[30:].shape)
    )
    assert np.sqrt(np.mean((predicted - y.mean()) ** 2)) < 1.5 * y.std()


def test_labels_speak_for_themselves(instruments):
    """With labels of another range no prediction is pulled to the source's mean."""
    X_s, axis, X_t, _, y = instruments(samples=60)
    high = np.argsort(y)[-20:]
    low = np.setdiff1d(np.arange(60), high)
    ct = CalibrationTransfer(weights=None).fit(
        X_s[low], y[low], axis, X_t[high[:10]], axis, y_target=y[high[:10]]
    )
    bias = np.mean(ct.predict(X_t[high[10:]]) - y[high[10:]])
    assert abs(bias) < 0.5 * y.std()


@pytest.mark.parametrize("ratio", [0.05, 0.4, 2.0])
@pytest.mark.parametrize("spread", [0.1, 0.9])
def test_disagreement_and_spread_are_a_probability(
    instruments, ratio, spread, monkeypatch
):
    """Of two models that differ by +- ratio spreads from their mean."""
    data, *_ = unlabelled(instruments, 12)
    member = bayes_members(preprocessed(data, "raw"))[0]
    p = member.predicted()
    p = p * (spread * data.y_source.std() / p.std(ddof=1))
    off = ratio * p.std(ddof=1) * np.resize([1.0, -1.0], 12)
    two, half = [member, member], np.array([0.5, 0.5])

    def found(kept):
        values = iter([p + off, p - off])
        monkeypatch.setattr(type(member), "predicted", lambda self: next(values))
        return poor_probability(two, half, np.array([1.0, kept]), data)

    expected = 1 / (1 + np.exp(-0.90) * ratio**-1.61 * spread**2.27)
    assert found(0.4) == pytest.approx(expected)
    assert found(0.3) == pytest.approx(max(0.64, expected))


def test_models_that_disagree_are_a_warning(instruments):
    X_s, axis, X_t, _, y = instruments(samples=60)
    rng = np.random.default_rng(0)
    for noise, warned in ((0.0, False), (3.0, True)):
        X = X_t[:12] + noise * rng.normal(size=X_t[:12].shape)
        ct = CalibrationTransfer(weights=None).fit(X_s[12:], y[12:], axis, X_target=X)
        assert (ct.poor_probability_ > 0.5) is warned
        assert (
            any("measure labels of target samples" in text for text in ct.warnings_)
            is warned
        )
    ct.fit(X_s[12:], y[12:], axis, X_target=X_t[:12], y_target=y[:12])
    assert ct.poor_probability_ is None


def test_a_single_label_does_not_silence_the_warning(instruments):
    """It cannot tell the error, so that the models' disagreement still has to."""
    X_s, axis, X_t, _, y = instruments(samples=60)
    one = np.where(np.arange(12) == 0, y[:12], np.nan)
    for gain, poor in ((1.0, False), (10.0, True)):
        ct = CalibrationTransfer(weights=None)
        ct.fit(X_s[12:], y[12:], axis, X_target=gain * X_t[:12], y_target=one)
        assert (ct.poor_probability_ > 0.5) is poor
        assert (ct.verdict().label == "measure labels") is poor
        assert any("probability of" in text for text in ct.warnings_) is poor
