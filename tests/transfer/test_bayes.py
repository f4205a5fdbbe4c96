"""The Bayesian members: against a reference, invariant, and on awkward data."""

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from spektron_jax.transfer import bayes
from spektron_jax.transfer.bayes import (
    NoiseSplit,
    evidence,
    fit_features,
    fit_preprocessed,
    scores,
    white_noise,
)
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.label_process import (
    GAMMA,
    INTERCEPT_VARIANCE,
    SIGNALS,
    Rows,
    solved,
)
from spektron_jax.transfer.methods.preprocessing import preprocess


def predict(data, X, pretreatment="raw"):
    fits = fit_preprocessed(data, pretreatment)
    each = [preprocess(X, pretreatment) @ fit.vector + fit.intercept for fit in fits]
    return softmax(scores(fits)) @ each


def data_of(found, n=8, labels=True, pairs=True, source=slice(0, 24)):
    X_s, _, X_t, _, y = found
    return TransferData(
        X_s[source],
        y[source],
        X_t[:n],
        y[:n] if labels else np.full(n, np.nan),
        np.arange(n) if pairs else np.full(n, -1),
    )


def rmse(a, b):
    return np.sqrt(np.mean((a - b) ** 2))


def test_evidence_and_posterior_are_those_of_the_gaussian():
    """Against the multivariate t density and the kernel formula, written out."""
    rng = np.random.default_rng(1)
    X, y, own = rng.normal(size=(12, 5)), rng.normal(size=12), rng.normal(size=(6, 5))
    kind = np.repeat([0, 1, 2], [6, 4, 2])
    a, f, common = 0.5, 3.0, 0.25
    found = solved(Rows(X, y, kind, own), a, f, common)
    noise = np.array([1 + a * f, 1 + a * (1 - a) * f, 1 + (1 - a) * f])[kind]
    o = np.sqrt(f * common) * np.array([0, a, 1])[kind]
    unit = np.sum(X**2) / 12
    new = rng.normal(size=5)
    (shape, scale), broad = GAMMA, INTERCEPT_VARIANCE
    reference = []
    for number, g in enumerate(SIGNALS):
        K = g * X @ X.T / unit + np.diag(noise) + np.outer(o, o) + INTERCEPT_VARIANCE
        alpha = np.linalg.solve(K, y)
        cross = g * X @ new / unit + np.sqrt(f * common) * o + broad
        ours = new @ found[1][:, number] + found[2][number]
        assert ours == pytest.approx(cross @ alpha, rel=1e-6, abs=1e-8)
        for row in range(12 - 6, 12):  # each left out, predicted as a target spectrum
            rest = np.arange(12) != row
            near = (
                g * X @ own[row - 6] / unit
                + np.sqrt(f * common) * o
                + INTERCEPT_VARIANCE
            )
            expected = near[rest] @ np.linalg.solve(K[np.ix_(rest, rest)], y[rest])
            left_out = found[3][row - 6, number]
            assert left_out == pytest.approx(expected, rel=1e-4, abs=1e-5)
        log_t = -0.5 * np.linalg.slogdet(K)[1]
        log_t -= (shape + 6) * np.log(scale + y @ alpha / 2)
        reference.append(log_t)
    np.testing.assert_allclose(found[0], reference, rtol=1e-8)


def test_difference_is_shrunk_where_samples_vary_more_than_instruments():
    C, prior = np.diag([1.0, 1e-4]), np.diag([1e-2, 1e-2])
    seen = np.array([1.0, 0.1])
    mean, V = bayes._difference(seen, C, prior)
    assert abs(mean[0]) < 0.5 and mean[1] == pytest.approx(0.1, rel=0.1)
    # Posterior of a known size: s (s + c)^-1 of each direction.
    size = mean / (seen - mean) * np.diag(C) / np.diag(prior)
    assert size[0] == pytest.approx(size[1], rel=1e-6)
    np.testing.assert_allclose(np.diag(V), mean / seen * np.diag(C), rtol=1e-6)


def test_few_unlabelled_spectra_beat_centring_on_them(instruments):
    """The mean of five samples is not the instrument's."""
    ours, centred = [], []
    for seed in range(8):
        X_s, _, X_t, _, y = instruments(samples=60, seed=seed)
        rich = np.argsort(y)[-5:]  # samples unlike the source's mean
        rest = np.setdiff1d(np.arange(60), rich)
        data = TransferData(
            X_s[rest[:40]], y[rest[:40]], X_t[rich], np.full(5, np.nan), np.full(5, -1)
        )
        X, truth = X_t[rest[40:]], y[rest[40:]]
        ours.append(rmse(predict(data, X), truth))
        shift = data.X_source.mean(axis=0) - data.X_target.mean(axis=0)
        none = TransferData(
            data.X_source, data.y_source, X_t[:0], [], np.empty(0, dtype=int)
        )
        centred.append(rmse(predict(none, X + shift), truth))
    assert np.mean(ours) < 0.8 * np.mean(centred)


@pytest.mark.slow
@pytest.mark.parametrize("noisy", ["source", "target"])
def test_it_finds_the_noisier_instrument(instruments, noisy):
    """With repacking errors on one side it beats the model of the other noise split."""
    right, wrong, ours = [], [], []
    for seed in range(6):
        X_s, axis, X_t, _, y = instruments(samples=60, seed=seed)
        rng = np.random.default_rng(seed)
        each = X_s if noisy == "source" else X_t
        each += 0.15 * rng.normal(size=(60, 60)) / 8 @ (X_s - X_s.mean(axis=0))
        each += 0.1 * rng.normal(size=(60, 1)) * np.exp(-(((axis - 1650) / 120) ** 2))
        data = data_of((X_s, axis, X_t, axis, y), 12, source=slice(0, 40))
        X, truth = X_t[40:], y[40:]
        side = 1.0 if noisy == "source" else 0.0
        for a, errors in ((side, right), (1 - side, wrong)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(bayes, "NOISE_SPLITS", (NoiseSplit("one", a),))
                errors.append(rmse(predict(data, X), truth))
        ours.append(rmse(predict(data, X), truth))
    assert np.mean(ours) < np.mean(wrong)
    assert np.mean(ours) < 1.1 * np.mean(right)


@pytest.mark.parametrize("labels, pairs", [(True, True), (True, False), (False, False)])
def test_units_and_order_do_not_matter(instruments, labels, pairs):
    found = instruments()
    data, X = data_of(found, labels=labels, pairs=pairs), found[2][24:]
    expected = predict(data, X)
    scaled = TransferData(
        7 * data.X_source,
        100 * data.y_source + 3,
        7 * data.X_target,
        100 * data.y_target + 3,
        data.paired,
    )
    np.testing.assert_allclose((predict(scaled, 7 * X) - 3) / 100, expected, rtol=1e-6)
    order = np.random.default_rng(0).permutation(8)
    mixed = TransferData(
        data.X_source,
        data.y_source,
        data.X_target[order],
        data.y_target[order],
        data.paired[order],
    )
    np.testing.assert_allclose(predict(mixed, X), expected, rtol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("labels, pairs", [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize("points", [3, 80])
def test_awkward_data_give_finite_predictions(instruments, n, labels, pairs, points):
    X_s, axis, X_t, _, y = instruments(samples=12)
    X_s, X_t = X_s[:, :points].copy(), X_t[:, :points].copy()
    X_s[:, 0] = X_t[:, 0] = 0.3  # a constant channel
    data = data_of((X_s, axis, X_t, axis, y), n, labels, pairs, slice(0, 6))
    for pretreatment in ("raw",) if points < 15 else ("raw", "sg1"):
        assert np.isfinite(predict(data, X_t, pretreatment)).all()


def test_spectra_without_information_give_the_mean():
    data = TransferData(
        np.ones((6, 4)), np.arange(6.0), np.ones((2, 4)), [np.nan] * 2, [-1, -1]
    )
    np.testing.assert_allclose(predict(data, np.ones((3, 4))), 2.5, rtol=1e-2)


def test_evidence_prefers_the_features_that_holds_the_analyte(instruments):
    data = data_of(instruments(), 6)
    points = data.X_source.shape[1]
    rng = np.random.default_rng(0)
    scrambled = rng.normal(size=(points, 1))  # one number a spectrum, at random
    full = fit_preprocessed(data, "raw")
    other = fit_features(data, lambda X: X @ scrambled, 5e-5)
    assert evidence(full) > evidence(other) + 5
    assert logsumexp(scores(full)) > logsumexp(scores(other)) + 1
    # Evidence and predictions are those of the spectra in any other basis.
    turned, _ = np.linalg.qr(rng.normal(size=(points, points)))
    for same, fit in zip(
        fit_features(data, lambda X: X @ turned, 5e-5), full, strict=True
    ):
        assert same.evidence == pytest.approx(fit.evidence, abs=1e-6)
        assert same.loo_mse == pytest.approx(fit.loo_mse, rel=1e-3)
        back = turned @ same.vector
        np.testing.assert_allclose(back, fit.vector, rtol=1e-6, atol=1e-9)


def test_a_clean_target_speaks_alone(instruments):
    """Source spectra full of what is not chemistry, target spectra without any."""
    X_s, axis, X_t, _, y = instruments(samples=60)
    rng = np.random.default_rng(0)
    X_s = X_s + rng.normal(size=(60, 60)) / 8 @ (X_s - X_s.mean(axis=0))
    data = data_of((X_s, axis, X_t, axis, y), 12, source=slice(0, 40))
    fits = fit_preprocessed(data, "raw")
    assert [fit.split.prior for fit in fits] == [1.0, 1.0, 1.0, 0.2]
    assert all(fit.n_labelled == 12 for fit in fits)
    noisy_target, *_ = softmax(scores(fits))
    assert noisy_target < 0.1
    errors = [rmse(X_t[40:] @ fit.vector + fit.intercept, y[40:]) for fit in fits]
    assert rmse(predict(data, X_t[40:]), y[40:]) < 0.7 * errors[0]


@pytest.mark.parametrize("sd", [1e-5, 1e-3])
def test_white_noise_is_read_from_spectra(sd):
    """Smooth spectra of three components on 400 points, with noise of a known size."""
    rng, t = np.random.default_rng(3), np.linspace(-1, 1, 400)
    bands = np.exp(-(((t - np.array([[-0.4], [0.1], [0.5]])) / 0.15) ** 2))
    X = 1 + rng.normal(size=(60, 3)) @ bands + sd * rng.normal(size=(60, 400))
    for rows in (60, 10):
        assert np.sqrt(white_noise(X[:rows])) == pytest.approx(sd, rel=0.25)


def test_white_noise_is_never_above_what_varies():
    """Rough spectra of few channels: principal components tell signal from noise."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 12))
    assert white_noise(X) < 1e-6 * X.var()
    assert white_noise(X[:1]) == white_noise(X[:0]) == 0.0
    assert white_noise(X[:, :1]) == pytest.approx(X[:, 0].var(ddof=1))
    assert white_noise(np.ones((5, 30))) == 0.0


def test_a_noisy_target_gets_coefficients_that_bear_it(instruments):
    """Ten pairs cannot show white noise in 300 directions: it is read apart."""
    modelled, ignored = [], []
    for seed in range(6):
        X_s, axis, X_t, _, y = instruments(samples=60, points=300, seed=seed)
        rng = np.random.default_rng(seed)
        X_t = X_t + X_s.std(axis=0).mean() * rng.normal(size=X_t.shape)
        data = data_of((X_s, axis, X_t, axis, y), 10, source=slice(0, 40))
        modelled.append(rmse(predict(data, X_t[40:]), y[40:]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bayes, "white_noise", lambda X: 0.0)
            ignored.append(rmse(predict(data, X_t[40:]), y[40:]))
    assert np.mean(modelled) < 0.7 * np.mean(ignored)
