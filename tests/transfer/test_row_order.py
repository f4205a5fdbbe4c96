"""The same samples in another order of rows give the same calibration."""

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer
from spektron_jax.transfer.applicability import outliers

LABELLED, PAIRED = 12, 8


def fitted(instruments, kind, source, target):
    """A transfer with rows in these orders, and new spectra; labels have ties."""
    X_s, y, X_t, _, truth = instruments(samples=60)
    y, truth = np.round(y, 1), np.round(truth, 1)
    source = np.arange(40) if source is None else source
    target = np.arange(LABELLED) if target is None else target
    place = np.argsort(source)
    labels, paired = truth[target], np.where(target < PAIRED, place[target], -1)
    if kind == "unlabelled":
        labels, paired = np.full(LABELLED, np.nan), np.full(LABELLED, -1)
    ct = CalibrationTransfer(weights=None).fit(
        X_s[source], y[source], np.arange(1000.0, 1000 + X_s.shape[1]), X_t[target],
        y_target=labels, paired=paired,
    )  # fmt: skip
    return ct, X_t[40:]


@pytest.mark.parametrize("kind", ["labelled", "unlabelled"])
@pytest.mark.filterwarnings("ignore::spektron_jax.SpektronWarning")
def test_the_order_of_rows_changes_nothing(instruments, kind):
    rng = np.random.default_rng(4)
    first, X = fitted(instruments, kind, None, None)
    orders = rng.permutation(40), rng.permutation(LABELLED)
    second, _ = fitted(instruments, kind, *orders)
    scale = first.predict(X).std()
    for one, other in (
        (first.predict(X), second.predict(X)),
        *zip(first.predict_interval(X), second.predict_interval(X), strict=True),
    ):
        np.testing.assert_allclose(other, one, atol=1e-6 * scale)
    assert str(second.verdict()) == str(first.verdict())
    assert second.domain_.q_limit == pytest.approx(first.domain_.q_limit, rel=1e-6)


def test_an_outlier_is_one_in_any_order(instruments):
    X = instruments(samples=60)[0]
    X[7] += 0.2 * np.sin(np.arange(X.shape[1]))
    order = np.random.default_rng(0).permutation(60)
    assert outliers(X).tolist() == [7]
    assert order[outliers(X[order])].tolist() == [7]
