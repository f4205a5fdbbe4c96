"""The drift monitor: its rates, its log, and what it says."""

import csv

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.transfer.control_charts import LIMIT, Beyond, Bias
from spektron_jax.transfer.monitor import AGAIN, IN_CONTROL, LOOK


@pytest.fixture(scope="module")
def transfer(instruments):
    X_s, axis, X_t, _, y = instruments(samples=70)
    ct = CalibrationTransfer(weights=None)
    ct.fit(X_s[:30], y[:30], axis, X_t[30:40], y_target=y[30:40])
    return ct, X_t[40:], y[40:]


@pytest.mark.parametrize("n", [0, 3, 10, 25])
def test_few_errors_cost_no_false_alarms(n):
    """Limits of a SEP taken as known alarm several times as often."""
    rng, alarms, controls = np.random.default_rng(n), 0, 0
    for _ in range(150):
        mean = rng.normal() / np.sqrt(n) if n else 5.0
        bias = Bias(n, n, float(rng.chisquare(n)) if n else 0.0)
        for value in mean + rng.normal(size=100):
            bias.add(float(value), 1)
            controls += 1
            if bias.worst > LIMIT:
                alarms += 1
                break
    assert 0 < alarms < 1.3 * controls / 200


def test_a_drift_is_found_and_not_got_used_to():
    rng, found = np.random.default_rng(0), 0
    for _ in range(60):
        bias = Bias(10, 10, float(rng.chisquare(10)))
        sums = []
        for number in range(60):
            bias.add(float(rng.normal() / np.sqrt(3) + (number >= 20)), 3)
            sums.append(bias.high)
        found += max(sums[20:30]) > LIMIT
        if max(sums[20:30]) > LIMIT:
            assert sums[-1] > LIMIT
    assert found > 0.85 * 60


def test_one_slip_is_no_drift():
    bias = Bias(10, 10, 10.0)
    bias.add(50.0, 1)
    assert bias.worst < LIMIT and bias.count == 11
    for _ in range(12):
        bias.add(0.0, 1)
    assert bias.worst == 0


def test_how_many_beyond_a_limit_are_too_many():
    """Of a limit that ten spectra set, one in eleven is beyond."""
    some = Beyond(10)
    for beyond in [True, False] * 10:
        some = some.after(beyond)
        assert not some.alarm
    all_ = Beyond(10)
    for _ in range(6):
        all_ = all_.after(True)
    assert all_.alarm
    for _ in range(30):
        all_ = all_.after(True)
    assert all_.alarm  # not got used to


def test_what_it_says(transfer):
    ct, X, y = transfer
    monitor = ct.monitor()
    assert str(monitor.status) == "in control: no control yet"
    for row in range(0, 20, 2):
        status = monitor.add(X[row : row + 2], y[row : row + 2])
    assert status.label == IN_CONTROL and "10 controls" in status.reason
    y_drift = y + 3 * np.sqrt(np.mean(ct.left_out_errors() ** 2))
    for row in range(20, 26, 2):
        status = monitor.add(X[row : row + 2], y_drift[row : row + 2])
    assert status.label == AGAIN and "lie above the predictions" in status.reason
    assert len(monitor.plot().axes) == 3


@pytest.mark.filterwarnings("ignore::spektron_jax.SpektronWarning")
def test_spectra_alone_tell(transfer):
    ct, X, _ = transfer
    monitor = ct.monitor()
    assert "a bias cannot be seen" in monitor.add(X[0]).reason
    strange = X[1] + 0.3 * np.sin(np.arange(X.shape[1]))
    status = monitor.add(strange, when="today")
    assert status.label == LOOK and "unlike anything" in status.reason
    assert monitor.controls[-1].when == "today"


def test_a_log_is_resumed_and_shared(transfer, tmp_path):
    ct, X, y = transfer
    path, alone = tmp_path / "control.csv", ct.monitor()
    ct.monitor(path).add(X[0], y[0], when="=1+1")
    other = ct.monitor(path)
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model")).monitor(path)
    other.add(X[1:3], [y[1], np.nan])
    loaded.add(X[3], when="-")  # sees what the other added
    for rows, values in ((0, y[0]), (slice(1, 3), [y[1], np.nan]), (3, None)):
        alone.add(X[rows], values)
    assert [c.bias for c in loaded.controls][:2] == [c.bias for c in alone.controls][:2]
    assert ct.monitor(path).status == alone.status
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["when"] == "'=1+1" and rows[2]["bias"] == ""
    assert [row["samples"] for row in rows] == ["1", "1", "0"]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda text: "a,b\n1,2\n", "no log of controls"),
        (lambda text: text[:-30], "row 3"),
        (lambda text: text.replace(",1,", ",x,", 1), "row 2 cannot be read"),
        (lambda text: text.replace(text[-13:-1], "0" * 12), "of another model"),
        (lambda text: text.replace(",", ";"), "no log of controls"),
        (lambda text: "", "no log of controls"),
        (lambda text: "\udcff", "cannot be read"),
    ],
)
def test_a_log_that_is_not_right(transfer, tmp_path, change, message):
    ct, X, y = transfer
    path = tmp_path / "control.csv"
    monitor = ct.monitor(path)
    for row in range(2):
        monitor.add(X[row], y[row], when="now")
    path.write_bytes(change(path.read_text()).encode(errors="surrogateescape"))
    with pytest.raises(SpektronError, match=message):
        ct.monitor(path)


def test_nothing_is_added_where_something_is_wrong(transfer, tmp_path):
    ct, X, y = transfer
    monitor = ct.monitor(tmp_path / "nowhere" / "control.csv")
    with pytest.raises(SpektronError, match="cannot be written"):
        monitor.add(X[0], y[0])
    assert monitor.controls == []
    with pytest.raises(SpektronError, match="2 reference values for 1 spectra"):
        ct.monitor().add(X[0], y[:2])
    with pytest.raises(SpektronError, match="infinity"):
        ct.monitor().add(X[0], np.inf)
    with pytest.raises(SpektronError, match="features"):
        ct.monitor().add(X[0, 1:], y[0])
    with pytest.raises(SpektronError, match="call fit"):
        CalibrationTransfer().monitor()


def test_a_monitor_stays_with_its_model(instruments):
    """Another target's model must not be judged by this one's limits."""
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(weights=None)
    ct.fit(X_s, y, axis, X_t[:6], y_target=y[:6])
    monitor, before = ct.monitor(), ct.predict(X_t[9:10])
    ct.fit(X_s, y + 5, axis, X_t[:6], y_target=y[:6] + 5)
    monitor.add(X_t[9], y[9])
    assert monitor.controls[0].bias == pytest.approx(y[9] - before[0])
