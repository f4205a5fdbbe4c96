"""Several scans of a sample: averaged, paired by id, counted once, never split."""

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.transfer.replicates import listed, scans_of

N, NOISE = 10, 3e-3


@pytest.fixture
def both(instruments):
    """30 samples on two instruments."""
    X_s, axis, X_t, _, y = instruments()
    return X_s, X_t, axis, y


def scanned(X, times, seed=0):
    rng = np.random.default_rng(seed)
    X = np.repeat(X, times, axis=0)
    return X + NOISE * rng.normal(size=X.shape)


def means(X, times):
    return X.reshape(-1, times, X.shape[1]).mean(axis=1)


@pytest.mark.parametrize("names", [np.arange, lambda n: [f"s{i}" for i in range(n)]])
@pytest.mark.parametrize("order", ["together", "mixed"])
def test_scans_are_as_good_as_their_means(both, names, order):
    """Catches: replicates of a sample weigh as samples of their own."""
    X_s, X_t, axis, y = both
    S, T = scanned(X_s[:20], 3), scanned(X_t[:N], 2, seed=1)
    ids = np.array(names(30))
    given = [S, np.repeat(y[:20], 3), np.repeat(ids[:20], 3)]
    if order == "mixed":
        rows = np.random.default_rng(2).permutation(60)
        given = [one[rows] for one in given]
    ct = CalibrationTransfer(None).fit(
        given[0], given[1], axis, T, y_target=np.repeat(y[:N], 2),
        groups=given[2], groups_target=np.repeat(ids[:N], 2),
    )  # fmt: skip
    plain = CalibrationTransfer(None).fit(
        means(S, 3), y[:20], axis, means(T, 2), None, y[:N], np.arange(N)
    )
    if order == "together":
        np.testing.assert_allclose(ct.predict(X_t), plain.predict(X_t), rtol=1e-9)
    np.testing.assert_allclose(ct.predict(X_t), plain.predict(X_t), atol=0.02)
    assert ct.regime_ == plain.regime_ == "10 labelled paired target spectra"
    assert ct.left_out_errors().shape == (N,)
    widths = [np.subtract(*one.predict_interval(X_t)[::-1]) for one in (ct, plain)]
    np.testing.assert_allclose(*widths, rtol=0.2)


def test_repeatability_is_told(both):
    X_s, X_t, axis, y = both
    ct = CalibrationTransfer(None).fit(
        X_s, y, axis, scanned(X_t[:N], 4), y_target=np.repeat(y[:N], 4),
        groups=np.arange(30), groups_target=np.repeat(np.arange(N), 4),
    )  # fmt: skip
    scans = ct.predict(scanned(X_t[20:], 50, seed=5)).reshape(10, 50)
    expected = np.sqrt(scans.var(axis=1, ddof=1).mean())
    assert ct.repeatability_ == pytest.approx(expected, rel=0.5)
    single = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:N])
    assert single.repeatability_ is None


def test_rows_of_pairs_with_scans(both):
    """`paired` names rows of X_source as it was given, scans and all."""
    X_s, X_t, axis, y = both
    S, T = np.repeat(X_s, 2, axis=0), np.repeat(X_t[:N], 3, axis=0)
    by_row = CalibrationTransfer(None).fit(
        S, np.repeat(y, 2), axis, T, None, None, 2 * np.repeat(np.arange(N), 3) + 1,
        groups=np.repeat(np.arange(30), 2), groups_target=np.repeat(np.arange(N), 3),
    )  # fmt: skip
    plain = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:N], paired=np.arange(N))
    np.testing.assert_allclose(by_row.predict(X_t), plain.predict(X_t), rtol=1e-6)


def test_pairs_by_id_without_replicates(both):
    X_s, X_t, axis, y = both
    rows = [25, 3, 14, 8, 9, 1]
    known = {"X_target": X_t[rows], "y_target": y[rows]}
    by_id = CalibrationTransfer(None).fit(
        X_s[:20], y[:20], axis, **known, groups=np.arange(20), groups_target=rows
    )
    by_row = CalibrationTransfer(None).fit(
        X_s[:20], y[:20], axis, **known, paired=np.array([-1, 3, 14, 8, 9, 1])
    )
    assert (
        by_id.regime_
        == by_row.regime_
        == ("5 labelled paired and 1 labelled unpaired target spectra")
    )
    np.testing.assert_array_equal(by_id.predict(X_t), by_row.predict(X_t))


def test_ids_that_do_not_match_are_told(both):
    X_s, X_t, axis, y = both
    ct = CalibrationTransfer(None).fit(
        X_s, y, axis, X_t[:8], y_target=y[:8],
        groups=[f"S{i}" for i in range(30)], groups_target=np.arange(8),
    )  # fmt: skip
    assert any("ids look like 'S0' and 0)" in text for text in ct.warnings_)
    assert ct.regime_ == "8 labelled unpaired target spectra"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"groups": np.arange(29)}, "groups: 29 sample ids for 30 spectra"),
        ({"groups_target": np.arange(3)}, "groups_target: 3 sample ids for 8"),
        ({"groups": ["a", None] * 15}, "groups: row 1 has no sample id"),
        ({"groups": [""] * 30}, "groups: row 0 has no sample id"),
        ({"groups": [np.nan] * 30}, "groups: row 0 has no sample id"),
        (
            {"paired": np.arange(8), "groups_target": [0] * 8},
            "different source samples",
        ),
        (
            {"X_target": None, "groups_target": [1]},
            "X_target: missing, but groups_target",
        ),
        ({"paired": np.zeros(8, int)}, "give the sample ids of the scans as groups"),
    ],
)
def test_ids_that_cannot_be_used_are_refused(both, change, message):
    X_s, X_t, axis, y = both
    given = {"X_target": X_t[:8]} | change
    with pytest.raises(SpektronError, match=message):
        CalibrationTransfer(None).fit(X_s, y, axis, **given)


def test_findings_name_samples(both):
    X_s, X_t, axis, y = both
    T = np.repeat(X_t[:N], 2, axis=0)
    T[7] = 0
    ct = CalibrationTransfer(None).fit(
        X_s, y, axis, T, y_target=np.repeat(y[:N], 2),
        groups=[f"s{i}" for i in range(30)],
        groups_target=np.repeat([f"s{i}" for i in range(N)], 2),
    )  # fmt: skip
    assert any("X_target: row 7 (s3) has one value" in text for text in ct.warnings_)


def test_words():
    assert (
        listed([3], "row") == "row 3" and listed(["a", "b"], "sample") == "samples a, b"
    )
    assert listed(range(9), "row") == "rows 0, 1, 2, 3, 4, ... (9 in all)"
    scans = scans_of(np.ones((3, 2)), np.array(["b", "a", "b"]), "groups")
    assert scans.ids == ["b", "a"] and scans.sample.tolist() == [0, 1, 0]
    assert scans.sd(np.array([1.0, 5.0, 3.0])) == pytest.approx(np.sqrt(2))
