"""The Bayesian members: against a reference, invariant, and on awkward data."""

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.special import softmax
from scipy.stats import multivariate_normal

from spektron_jax.transfer import bayes, label_process, views
from spektron_jax.transfer.bayes import Coordinates, NoiseSplit, evidence, fits
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble, weighted
from spektron_jax.transfer.label_process import (
    GAMMA,
    INTERCEPT_VARIANCE,
    SIGNALS,
    Rows,
    averaged,
)
from spektron_jax.transfer.members import bayes_members, combined
from spektron_jax.transfer.methods.preprocessing import preprocess
from spektron_jax.transfer.views import preprocessed, view, white_noise


def predict(data, X, pretreatment="raw"):
    groups = data.groups()
    members = bayes_members(preprocessed(data, pretreatment), groups)
    if len(members) == 1:
        return combined(members, np.ones(1))(X)
    return weighted(members, data, groups)(X)


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


@pytest.mark.parametrize(
    ("sources", "pairs", "targets", "points"),
    [
        (9, 4, 2, 5),  # more source rows than coordinates
        (3, 4, 2, 8),  # fewer: the rest adds directions
        (4, 0, 0, 6),
        (12, 0, 0, 6),
        (0, 4, 2, 5),
        (4, 14, 10, 5),
    ],
)
@pytest.mark.parametrize("elements", [30, label_process.MAX_ELEMENTS])
def test_evidence_and_posterior_are_those_of_the_gaussian(
    sources, pairs, targets, points, elements, monkeypatch
):
    """Against the multivariate t density and the kernel formula, written out."""
    monkeypatch.setattr(label_process, "MAX_ELEMENTS", elements)
    kind = np.repeat([0, 1, 2], [sources, pairs, targets])
    rng, m = np.random.default_rng(1), kind.size
    X, y, new = (
        rng.normal(size=(m, points)),
        rng.normal(size=m),
        rng.normal(size=points),
    )
    a, common, extra = 0.5, 0.25, (0.0, 3.0, 40.0)
    rows = Rows(X[:sources], X[sources:], np.array([3 - 2 * y, y]), kind)
    _, found = averaged(rows, a, extra, common, SIGNALS)
    unit, (shape, scale), logs, each = np.sum(X**2) / m, GAMMA, [], []
    for f in extra:
        noise = np.array([1 + a * f, 1 + a * (1 - a) * f, 1 + (1 - a) * f])[kind]
        o = np.sqrt(f * common) * np.array([0, a, 1])[kind]
        for g in SIGNALS:
            K = g * X @ X.T / unit + np.diag(noise) + np.outer(o, o)
            alpha = np.linalg.solve(K + INTERCEPT_VARIANCE, y)
            cross = np.sqrt(f * common) * o + INTERCEPT_VARIANCE  # of a new target
            each.append([*(g * X.T @ alpha / unit), cross @ alpha])
            log_t = -0.5 * np.linalg.slogdet(K + INTERCEPT_VARIANCE)[1]
            logs.append(log_t - (shape + m / 2) * np.log(scale + y @ alpha / 2))
    weights = np.exp(np.array(logs) - max(logs))
    whole = np.log(weights.mean()) + max(logs)
    expected = weights @ np.array(each) / weights.sum()
    assert found.evidence == pytest.approx(whole, rel=1e-8)
    np.testing.assert_allclose(found.vector, expected[:-1], rtol=1e-6, atol=1e-9)
    assert found.constant == pytest.approx(expected[-1], rel=1e-6, abs=1e-8)
    assert new @ found.vector == pytest.approx(new @ expected[:-1], rel=1e-6, abs=1e-8)


def test_few_covariances_are_solved_at_once(monkeypatch):
    sizes, inner = [], label_process._solved

    def noting(rows, a, f, common, g):
        sizes.append(f.size)
        return inner(rows, a, f, common, g)

    monkeypatch.setattr(label_process, "_solved", noting)
    monkeypatch.setattr(label_process, "MAX_ELEMENTS", 1000)
    rng = np.random.default_rng(0)
    rows = Rows(rng.normal(size=(4, 3)), rng.normal(size=(10, 3)),
                rng.normal(size=(1, 14)), np.repeat([0, 2], [4, 10]))  # fmt: skip
    averaged(rows, 0.5, (0.0, 1.0), 1.0, SIGNALS)
    assert sizes == [10, 8]


@pytest.mark.parametrize("points", [80, 160])  # fewer and more than terms of the prior
@pytest.mark.parametrize("n, pairs", [(0, False), (5, False), (5, True)])
def test_without_labels_nothing_outside_the_coordinates_counts(
    instruments, monkeypatch, points, n, pairs
):
    """Fits on all features are the same, at spectra that were not among them."""
    found = instruments(points=points)
    data, X = data_of(found, n, labels=False, pairs=pairs), found[2][24:]
    for name in ("raw", "sg1", "snv+sg1"):
        ours = [m(X) for m in _each(preprocessed(data, name))]
        with monkeypatch.context() as patch:
            patch.setattr(views, "spanned", lambda rows, size=0: np.eye(rows.shape[1]))
            whole = preprocessed(data, name)
        assert whole.span.shape == (points, points)
        expected = [m(X) for m in _each(whole)]
        np.testing.assert_allclose(ours, expected, atol=1e-6 * data.y_source.std())


def _each(own):
    members = bayes_members(own)
    return [combined([member], np.ones(1)) for member in members]


@pytest.mark.parametrize("labels, pairs", [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize("points", [20, 80])  # fewer and more than spectra
def test_fits_are_the_same_on_any_coordinates_of_a_space(
    instruments, labels, pairs, points
):
    data = data_of(instruments(points=points), 8, labels, pairs)
    own = preprocessed(data, "raw")
    assert own.spectral == min(points, 24 - 1 + 8)
    space, (spectra, r) = own.space, (own.space.data, own.span.shape[1])
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(r, r)))
    moved = Coordinates(
        spectra.on(spectra.X_source @ turn, spectra.X_target @ turn),
        space.terms @ turn,
        tuple(turn.T @ W @ turn for W in space.noise),
        space.ridge,
    )
    for same, fit in zip(fits([moved])[0], fits([space])[0], strict=True):
        size = np.abs(fit.vector).max()
        np.testing.assert_allclose(turn @ same.vector, fit.vector, atol=1e-6 * size)
        assert same.intercept == pytest.approx(fit.intercept, rel=1e-6)


@pytest.mark.parametrize("pairs, own", [(6, 4), (6, 0), (1, 3), (0, 5)])
def test_fits_are_those_of_the_header_written_out(instruments, pairs, own):
    """With inverses of whole matrices, for each noise split and its grid of f."""
    X_s, _, X_t, _, y = instruments(samples=50, points=12)
    n, k = pairs, pairs + own
    paired = np.where(np.arange(k) < n, np.arange(k), -1)
    source = np.r_[np.arange(n), np.arange(k, k + 30)]
    data = TransferData(X_s[source], y[source], X_t[:k], y[:k], paired)
    view = preprocessed(data, "raw")
    inv, space, S = np.linalg.inv, view.space, n + 30
    A, B, J = space.data.X_source, space.data.X_target, space.terms
    W_A, W_B = space.noise
    prior, C_A = J.T @ J, A.T @ A / S
    C_A = C_A + 5e-5 * np.trace(C_A) * np.eye(12)
    F = 0.01 / (1 + max(n - 1, 0) / 2) * prior
    if n > 1:
        E = B[:n] - A[:n] - (B[:n] - A[:n]).mean(axis=0)
        F = F + E.T @ E / (n - 1)
    if n:
        seen = (B[:n] - A[:n]).mean(axis=0)
        C = (F if n > 1 else prior) / n + 5e-5 * C_A / n
    else:
        seen, C = B.mean(axis=0), C_A * (1 / k + 1 / S)
    sizes = np.array([0.03, 0.1, 0.3, 1, 3, 10, 30]) ** 2
    logs = [
        multivariate_normal(np.zeros(12), s * prior + C).logpdf(seen) for s in sizes
    ]
    s = sizes @ softmax(logs)
    D = s * prior @ inv(s * prior + C) @ seen
    V = s * prior - s * prior @ inv(s * prior + C) @ prior * s
    found = fits([space])[0]
    assert len(found) == (4 if n > 1 else 1)
    labels = np.r_[y[source][n:], y[:n], y[n:k]]
    mean, spread = y[source].mean(), y[source].std()
    for fit, a in zip(found, (0.0, 0.5, 1.0, 1.0), strict=False):
        N = a * F + W_A
        values, Q = eigh(N, C_A)
        Z = inv(Q.T) @ np.diag(np.maximum(1 - values, 0.02)) @ inv(Q)
        both = a * (1 - a) * F + (1 - a) ** 2 * W_A + a**2 * W_B
        toward = inv(Z + (1 - a) * (F + V) + W_B) @ Z
        X = [
            A[n:] @ inv(Z + N) @ Z,
            ((1 - a) * A[:n] + a * (B[:n] - D)) @ inv(Z + both) @ Z,
            (B[n:] - D) @ toward,
        ]
        kind = np.repeat([0, 1, 2], [30, n, own])
        extra = fit.split.extra if a or own else (0.0,)
        rows = Rows(X[0], np.vstack(X[1:]), (labels - mean)[None] / spread, kind)
        (expected,) = averaged(rows, a, extra, 1 / max(n, 1), SIGNALS)
        assert fit.evidence == pytest.approx(expected.evidence, abs=1e-6)
        vector = spread * toward @ expected.vector
        size = np.abs(vector).max()
        np.testing.assert_allclose(fit.vector, vector, atol=1e-6 * size)
        assert fit.intercept == pytest.approx(
            mean + spread * expected.constant - D @ vector
        )


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
    order = np.array([5, 6, 7, 3, 4, 0, 1, 2])  # the groups left out stay the same
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


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("labels", [1.0, np.nan])
def test_spectra_all_alike_on_many_points_can_be_fitted(level, labels):
    X, y = np.full((6, 40), level), labels * np.arange(3.0)
    for paired in (np.full(3, -1), np.arange(3)):
        data = TransferData(X, np.arange(6.0), X[:3], y, paired)
        assert np.isfinite(Ensemble("classical").fit(data)(X)).all()


def test_evidence_prefers_the_features_that_holds_the_analyte(instruments):
    data = data_of(instruments(), 6)
    points = data.X_source.shape[1]
    rng = np.random.default_rng(0)
    scrambled = rng.normal(size=(points, 1))  # one number a spectrum, at random
    groups = data.groups()
    y = data.y_target[np.concatenate(groups)]

    def on(axes):
        own = view(data, "own", lambda X: X @ axes, 5e-5, lambda v: axes @ v)
        return own, fits([own.space])[0], bayes_members(own, groups)

    spectra, full, members = on(np.eye(points))
    _, other, poor = on(scrambled)
    assert evidence(full) > evidence(other) + 5
    for good, bad in zip(members, poor, strict=True):
        error, worse = (m.left_out(groups) - y for m in (good, bad))
        assert error @ error < 0.2 * worse @ worse
    # Evidence and predictions are those of the spectra in any other basis.
    turned, _ = np.linalg.qr(rng.normal(size=(points, points)))
    own, again, _ = on(turned)
    for same, fit in zip(again, full, strict=True):
        assert same.evidence == pytest.approx(fit.evidence, abs=1e-6)
        np.testing.assert_allclose(
            own.on_spectra(same.vector)[0],
            spectra.on_spectra(fit.vector)[0],
            rtol=1e-6,
            atol=1e-9,
        )


def test_a_clean_target_speaks_alone(instruments):
    """Source spectra full of what is not chemistry, target spectra without any."""
    X_s, axis, X_t, _, y = instruments(samples=60)
    rng = np.random.default_rng(0)
    X_s = X_s + rng.normal(size=(60, 60)) / 8 @ (X_s - X_s.mean(axis=0))
    data = data_of((X_s, axis, X_t, axis, y), 12, source=slice(0, 40))
    groups = data.groups()
    members = bayes_members(preprocessed(data, "raw"), groups)
    assert [m.split for m in members] == [split.name for split in bayes.NOISE_SPLITS]
    fitted = weighted(members, data, groups)
    noisy_target, *_ = fitted.members
    assert noisy_target.weight < 0.1
    error = rmse(combined(members[:1], np.ones(1))(X_t[40:]), y[40:])
    assert rmse(fitted(X_t[40:]), y[40:]) < 0.7 * error


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
        modelled.append(_errors(data, X_t[40:], y[40:]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(views, "white_noise", lambda X: 0.0)
            ignored.append(_errors(data, X_t[40:], y[40:]))
    ratio = np.mean(modelled, axis=0) / np.mean(ignored, axis=0)
    assert (ratio < 1).all() and ratio[-1] < 0.6  # most where the target decides


@pytest.mark.parametrize("name", ["raw", "sg1", "snv+sg1"])
def test_white_noise_in_coordinates_is_that_of_spectra_filtered(instruments, name):
    data = data_of(instruments(points=60))
    scales = np.linspace(0.5, 2, 60)
    own = preprocessed(data, name, lambda X: X * scales)
    scatter, derivative = name.rpartition("+")[::2]
    each = (
        preprocess(np.eye(60), derivative) * scales @ own.span
    )  # a unit of each point
    for noise, X in zip(own.space.noise, (data.X_source, data.X_target), strict=True):
        variance = white_noise(preprocess(X, scatter or "raw"))
        np.testing.assert_allclose(noise, variance * each.T @ each, rtol=1e-9)


def _errors(data, X, y):
    return [rmse(m(X), y) for m in _each(preprocessed(data, "raw"))]
