"""How often a drift monitor is wrong, and how soon it is right, in simulated runs.

    python -m benchmarks.drift_monitor [--json=FILE]

Bias chart: runs of errors with an SD of 1 about a mean that the labels of the transfer
left uncertain (variance 1/n), n left-out errors and m samples a control. Counted are
false alarms per 200 controls, and drifts of 1 SEP that are found within 10 controls,
from the start and after 20 controls. "Known" is the same CUSUM with SD and mean known:
what no left-out errors can better.

Whole monitor: transfers between two simulated instruments with 10 labels, 200 controls
each: alarms of bias and of T2 and Q together; and after 20 controls a slope in the
spectra that moves predictions by 1 SEP.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import drift_tables
from benchmarks.result_files import write
from spektron_jax import CalibrationTransfer
from spektron_jax.transfer.control_charts import ALLOWANCE, LIMIT, Bias
from spektron_jax.transfer.monitor import IN_CONTROL

RUNS, CONTROLS, SOON, STARTS = 1000, 200, 10, (0, 20)
ERRORS, SAMPLES = (5, 10, 25), (1, 2, 3)
TRANSFERS, LABELS, SMALL = 40, 10, 1e-3


def first_alarm(rng, n: int, m: int, controls: int, start: int) -> int:
    """The control at which a run first goes beyond the limit; controls: it does not.

    Args:
      n: left-out errors; 0: SD and mean are known
      m: samples of a control
      start: controls before a drift of 1 SEP
    """
    mean = rng.normal() / np.sqrt(n) if n else 0.0
    values = mean + rng.normal(size=controls) / np.sqrt(m)
    values[start:] += 1.0
    if not n:
        high = low = 0.0
        for number, z in enumerate(values * np.sqrt(m)):
            high, low = max(0, high + z - ALLOWANCE), max(0, low - z - ALLOWANCE)
            if max(high, low) > LIMIT:
                return number
        return controls
    chart = Bias(n, n, float(rng.chisquare(n)))
    for number, value in enumerate(values):
        chart.add(float(value), m)
        if chart.worst > LIMIT:
            return number
    return controls


def bias_rows() -> Iterator[dict[str, Any]]:
    """A row for each n and m."""
    for n in (*ERRORS, 0):
        for m in SAMPLES:
            rng = np.random.default_rng([n, m])
            ends = [first_alarm(rng, n, m, CONTROLS, CONTROLS) for _ in range(RUNS)]
            alarms = sum(end < CONTROLS for end in ends)
            controls = sum(min(end + 1, CONTROLS) for end in ends)
            row = {"errors": n, "samples": m, "alarms": CONTROLS * alarms / controls}
            for start in STARTS:
                found = np.array(
                    [first_alarm(rng, n, m, start + SOON, start) for _ in range(RUNS)]
                )
                found = found[found >= start]
                row[f"found_{start}"] = float(np.mean(found < start + SOON))
            yield row


def measured(rng, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spectra of samples on source and target, and reference values with an error."""
    axis = np.linspace(-1, 1, 80)
    bands = np.stack([np.exp(-((axis - c) ** 2) / 0.1) for c in (-0.6, 0.0, 0.5)])
    heights = rng.uniform(0.5, 1.5, size=(count, 3))
    clean = heights @ bands
    bump = 0.3 * np.exp(-((axis - 0.1) ** 2) / 0.3)
    tilt = 0.05 * np.outer(rng.normal(size=count), axis)
    noise = 2e-3 * rng.normal(size=(2, *clean.shape))
    y = 10 + heights[:, 1] - 0.5 * heights[:, 0] + 0.03 * rng.normal(size=count)
    return clean + noise[0], 0.9 * clean + bump + tilt + noise[1], y


def whole_run(seed: int) -> dict[str, float]:
    """One transfer, its alarms of each kind, and a drift after 20 controls."""
    rng = np.random.default_rng(seed)
    X, B, y = measured(rng, 60 + CONTROLS)
    ct = CalibrationTransfer(weights=None)
    ct.fit(X[:50], y[:50], X_target=B[50:60], y_target=y[50:60])
    monitor, bias, spectra, since = ct.monitor(), 0, 0, 0
    for row in range(60, 60 + CONTROLS):
        status = monitor.add(B[row], y[row])
        if status.label != IN_CONTROL:  # counted once, then the monitor starts anew
            bias += "CUSUM" in status.reason or "SDs" in status.reason
            spectra += "beyond" in status.reason or "unlike" in status.reason
            monitor, since = ct.monitor(), since + 1
    fresh = ct.monitor()
    for row in range(60, 80):
        fresh.add(B[row], y[row])
    found, slope = 0.0, np.linspace(0, SMALL, B.shape[1])
    change = abs(float(np.mean(ct.predict(B[60:80] + slope) - ct.predict(B[60:80]))))
    size = float(np.sqrt(np.mean(ct.left_out_errors() ** 2))) / change
    for row in range(80, 80 + SOON):
        moved = B[row] + size * slope
        found = max(found, float(fresh.add(moved, y[row]).label != IN_CONTROL))
    return {"bias": bias, "spectra": spectra, "any": since, "found": found}


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", help="figures to write")
    given = parser.parse_args()
    rows = list(tqdm(bias_rows(), total=(len(ERRORS) + 1) * len(SAMPLES)))
    runs = [whole_run(seed) for seed in range(TRANSFERS)]
    whole = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
    content = {"command": "python -m benchmarks.drift_monitor", "runs": RUNS}
    content |= {"transfers": TRANSFERS, "bias": rows, "whole": whole}
    print(drift_tables.monitor_rows(content), whole)
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main()
