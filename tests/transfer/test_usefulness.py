"""Python says what the command says of a transfer."""

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.transfer.comparison import Comparison
from spektron_jax.transfer.usefulness import verdict

LABELS = np.array([8.0, 12.0, 8.0, 12.0])  # SD 2


@pytest.mark.parametrize(
    "rmse, label, use",
    [
        (1.4, "not good enough", "no use yet"),
        (1.2, "use this model", "telling high from low"),
        (0.9, "use this model", "screening"),
        (0.5, "use this model", "quantification"),
        (0.0, "use this model", "quantification"),
    ],
)
def test_labels_tell(rmse, label, use):
    found = verdict(rmse * np.array([1, -1, 1, -1.0]), LABELS, None)
    assert found.label == label and found.text.endswith(f"good for {use}")
    expected = f"RPD {2 / rmse:.2f}" if rmse else "RPD not defined"
    assert expected in found.text and "4 labelled target samples" in found.text


@pytest.mark.parametrize(
    "poor, label",
    [(None, "not checked"), (0.4, "not checked"), (0.6, "measure labels")],
)
def test_without_labels_disagreement_tells(poor, label):
    found = verdict(np.empty(0), np.empty(0), poor)
    assert found.label == label
    assert (f"probability of {poor}" in found.text) is (poor is not None)


@pytest.mark.parametrize("worse, label", [(3.0, "do not transfer"), (0.2, "use this")])
def test_a_transfer_that_does_harm(worse, label):
    rng = np.random.default_rng(0)
    y = [rng.normal(size=12) for _ in range(10)]
    floor = [each + 0.1 * rng.normal(size=12) for each in y]
    ours = [each + 0.1 * worse * rng.normal(size=12) for each in y]
    rows = [np.arange(12)] * 10
    compared = Comparison(y, rows, {"without network": ours, "no transfer": floor})
    found = verdict(np.full(4, 0.1), LABELS, None, (), compared)
    assert found.label.startswith(label)


def test_bad_data_come_first():
    found = verdict(np.full(4, 0.1), LABELS, None, ["label slip"])
    assert str(found).startswith("mend the data: checks that failed: label slip")


def test_the_estimator_says_it_and_keeps_it(instruments, tmp_path):
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(weights=None).fit(
        X_s[10:], y[10:], axis, X_t[:10], y_target=y[:10]
    )
    errors = ct.left_out_errors()
    rpd = y[:10].std() / np.sqrt(np.mean(errors**2))
    assert ct.verdict().label == "use this model" and f"{rpd:.2f}" in ct.verdict().text
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    assert loaded.verdict() == ct.verdict()
    ct.fit(X_s[10:], y[10:], axis, X_target=X_t[:10])
    assert ct.verdict().label == "not checked"


def test_one_label_cannot_tell_the_error(instruments, tmp_path):
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:3], paired=[4, -1, -1])
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    for one in (ct, loaded):
        assert one.verdict().label == "not checked"
        assert "one target label cannot tell the error" in one.verdict().text
        with pytest.raises(SpektronError, match="no error is known.*a single one"):
            one.expected_errors()


@pytest.mark.parametrize("n", [3, 10])
def test_equal_labels_cannot_tell_the_error(instruments, tmp_path, n):
    """Catches: intervals of 1e-8, called calibrated."""
    X_s, axis, X_t, _, y = instruments()
    level = np.full(n, y[0])
    level[0] *= 1 + 1e-15  # as the mean of scans
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:n], y_target=level)
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    assert any("labels are equal" in text for text in ct.warnings_)
    for one in (ct, loaded):
        assert one.interval_mark() == "not calibrated"
        low, high = one.predict_interval(X_t)
        assert (high - low).min() > 0.05 * y.std()
        assert one.left_out_errors().size == 0
        assert one.verdict().label == "not checked"
        assert f"{n} target labels cannot tell" in one.verdict().text
    assert ct.left_out_predictions()[0].size == 0
