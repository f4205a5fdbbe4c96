"""Messages name the rows of what the user gave."""

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError


@pytest.fixture
def mixed(instruments):
    """One matrix of both instruments, 10 rows of the target first; labels, side."""
    X_s, axis, X_t, _, y = instruments()
    X = np.vstack([X_t[:10], X_s])
    return X, np.r_[y[:10], y], axis, np.repeat(["target", "source"], [10, 30])


def refused(X, y, axis, **more):
    with pytest.raises(SpektronError) as error:
        CalibrationTransfer(None).fit(X, y, axis, **more)
    return str(error.value)


@pytest.mark.parametrize("several", [False, True])
def test_rows_where_one_matrix_holds_both_instruments(mixed, several):
    X, y, axis, side = mixed

    def labels(y):
        return np.column_stack([y, y + 1]) if several else y

    gone, bad = y.copy(), X.copy()
    gone[13] = np.inf
    text = refused(X, labels(gone), axis, instrument=side)
    assert "y_source: row 13 holds infinity" in text
    gone[13] = np.nan
    if not several:  # of several, the sample takes no part
        text = refused(X, labels(gone), axis, instrument=side)
        assert "y_source: row 13 has no label" in text
    bad[20, 5] = np.nan
    text = refused(bad, labels(gone), axis, instrument=side)
    assert text.startswith("X_source: row 20 holds NaN")
    bad[20], bad[4] = 0.3, 0.2
    ct = CalibrationTransfer(None).fit(bad, labels(y), axis, instrument=side)
    text = "\n".join(ct.warnings_)
    assert "X_source: row 20 has one value" in text
    assert "X_target: row 4 has one value" in text


def test_rows_of_samples_without_a_label_are_not_counted_off(instruments):
    X_s, axis, X_t, _, y = instruments()
    labels = np.column_stack([y, y + 1])
    labels[:6, 1] = np.nan
    X = X_s.copy()
    X[20] = 0.3
    ct = CalibrationTransfer(None).fit(X, labels, axis, X_t[:10], paired=range(10))
    found = [text for text in ct.warnings_ if "one value at every point" in text]
    assert len(found) == 1 and found[0].startswith("X_source: row 20 has")
    X[20, 3] = np.nan
    assert refused(X, labels, axis).startswith("X_source: row 20 holds NaN")
    text = refused(X_s, labels, axis, X_target=X_t[:2], paired=[1, 30])
    assert "paired: rows must lie in 0..29" in text


def test_rows_of_scans(instruments):
    X_s, axis, _, _, y = instruments()
    ids = [f"s{k // 2}" for k in range(30)]
    gone = y.copy()
    gone[6] = np.nan  # the other scan of the sample has one
    ct = CalibrationTransfer(None).fit(X_s, gone, axis, groups=ids)
    assert ct.provenance_["n"] == 0
    gone[7] = np.nan
    text = refused(X_s, gone, axis, groups=ids)
    assert "y_source: row 6 (s3) has no label" in text
    gone[7] = -np.inf
    text = refused(X_s, gone, axis, groups=ids)
    assert "y_source: row 7 holds infinity" in text
    y_target = np.r_[y[:3], np.inf]
    text = refused(X_s, y, axis, X_target=X_s[:4], y_target=y_target)
    assert "y_target: row 3 holds infinity" in text
