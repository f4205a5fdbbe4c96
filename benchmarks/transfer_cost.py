"""CPU time and memory of a calibration transfer, beside PLS and PDS on the same data.

    python -m benchmarks.transfer_cost [--sizes=all] [--json=FILE]

ours   `CalibrationTransfer(weights=None)`: fit, and intervals of 50 spectra
PLS    scikit-learn on the source alone, 1 to 22 components by 10-fold cross-validation
several properties: four in one fit, against each by itself (64 x 700, 10 pairs)
PDS    chemotools on the pairs, 5 points and 1 component, without the calibration

Synthetic NIR spectra of two instruments. Every row is measured in a process of its own
with one BLAS thread, after a small fit, so that imports do not count. CPU seconds are
user and system; a fit is repeated for 5 s, five times at most, and the median taken.
Memory is the largest resident size of fit and intervals, and what it was before them;
Linux only.
The largest size, of `--sizes=huge`, takes minutes.

S = source spectra, L = points, n = pairs, u = unlabelled target spectra.
"""

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

SEED, PROPERTIES = 0, 4
COMPONENTS, FOLDS, INTERVALS, MANY = 22, 10, 50, 10_000
PDS_HALF, PDS_COMPONENTS = 2, 1
DENSE_POINTS = 1500  # up to which chemotools advises a full matrix
BANDS, PURE = 40, 6
ONES, MOST_FITS, FIT_SECONDS = 300, 5, 5.0
BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
PACKAGES = ("numpy", "scipy", "scikit-learn", "chemotools")


class Size(NamedTuple):
    """Of a data set."""

    source: int
    points: int
    pairs: int
    unlabelled: int = 0


SMALL = (Size(64, 700, 10), Size(64, 2000, 10), Size(500, 700, 10))
SMALL += (Size(64, 700, 0, 1000),)
ALL = (*SMALL, Size(2000, 700, 10))
SIZES = {"small": SMALL, "all": ALL, "huge": (*ALL, Size(10_000, 700, 25))}
TINY = Size(30, 60, 6)


class Data(NamedTuple):
    """Both instruments.

    Attributes:
      axis: nm                                                           (L,)
      X_source, y_source: with labels                              (S, L), (S,)
      X_target: the samples of the first n source spectra, or others     (T, L)
      paired: rows of X_source                                           (T,)
      X_new: other target spectra                                        (., L)
    """

    axis: np.ndarray
    X_source: np.ndarray
    y_source: np.ndarray
    X_target: np.ndarray
    paired: np.ndarray
    X_new: np.ndarray


def draw(size: Size, seed: int = SEED, new: int = INTERVALS) -> Data:
    """Mixtures of broad bands; the target's axis, gain and noise differ."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(1100.0, 2500.0, size.points)
    centres, widths = rng.uniform(1100, 2500, BANDS), rng.uniform(20, 80, BANDS)
    pure = rng.gamma(0.5, size=(PURE, BANDS))
    target = size.pairs + size.unlabelled
    content = rng.dirichlet(np.full(PURE, 3.0), size.source + size.unlabelled + new)
    path = rng.normal(1, 0.05, len(content))

    def measured(rows, shift, gain, noise):
        bands = np.exp(-((((axis + shift)[:, None] - centres) / widths) ** 2) / 2)
        spectra = path[rows, None] * (content[rows] @ (pure @ bands.T))
        slopes = rng.normal(0, 0.01, (len(spectra), 2))
        spectra += slopes @ np.vstack([np.ones(size.points), (axis - 1800) / 700])
        return gain * spectra + noise * rng.normal(size=spectra.shape)

    first, others = np.arange(size.pairs), np.arange(size.source, len(content))
    B = measured(np.concatenate([first, others]), 0.6, 1.02, 3e-4)
    A = measured(np.arange(size.source), 0.0, 1.0, 1e-4)
    paired = np.where(np.arange(target) < size.pairs, np.arange(target), -1)
    y = content[: size.source, 0] + rng.normal(0, 0.005, size.source)
    return Data(axis, A, y, B[:target], paired, B[target:])


# What is measured: a fit, which returns what is asked of it once, and how it predicts.
Fitted = tuple[Callable, Callable]


def ours(data: Data) -> Fitted:
    """The transfer."""
    from spektron_jax.transfer.estimator import CalibrationTransfer

    fitted = CalibrationTransfer(weights=None).fit(
        *(data.X_source, data.y_source, data.axis),
        data.X_target,
        paired=data.paired,
    )
    return fitted.predict_interval, fitted.predict


def pls(data: Data) -> Fitted:
    """The source's calibration."""
    from sklearn.cross_decomposition import PLSRegression
    from sklearn.model_selection import GridSearchCV, KFold

    grid = {"n_components": range(1, COMPONENTS + 1)}
    folds = KFold(FOLDS, shuffle=True, random_state=SEED)
    search = GridSearchCV(PLSRegression(scale=False), grid, cv=folds,
                          scoring="neg_mean_squared_error")  # fmt: skip
    fitted = search.fit(data.X_source, data.y_source)
    return fitted.predict, fitted.predict


def pds(data: Data) -> Fitted:
    """Target spectra to those of the source."""
    from chemotools.adaptation import PiecewiseDirectStandardization

    fitted = PiecewiseDirectStandardization(
        window_length=PDS_HALF,
        n_components=PDS_COMPONENTS,
        scale=False,
        storage="dense" if data.axis.size <= DENSE_POINTS else "band",
    ).fit(data.X_target, X_source=data.X_source[data.paired])
    return fitted.transform, fitted.transform


PROCEDURES = {"ours": ours, "PLS": pls, "PDS": pds}


def resident(key: str) -> float:
    """VmRSS or VmHWM of this process, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) / 1e3 for x in lines if x.startswith(key + ":"))


def cpu_seconds(function: Callable, *arguments) -> tuple[float, object]:
    """User and system time of a call, and what it returns."""
    begun = time.process_time()
    found = function(*arguments)
    return time.process_time() - begun, found


def measure(name: str, size: Size, many: int = MANY) -> dict[str, float]:
    """One procedure on one size, in this process."""
    fit = PROCEDURES[name]
    asked, _ = fit(draw(TINY))
    asked(draw(TINY).X_new)
    data = draw(size)
    Path("/proc/self/clear_refs").write_text("5")  # the largest size, from here on
    before, spent = resident("VmRSS"), []
    while len(spent) < MOST_FITS and sum(spent) < FIT_SECONDS:
        seconds, (asked, predict) = cpu_seconds(fit, data)
        spent.append(seconds)
        if len(spent) == 1:
            interval = cpu_seconds(asked, data.X_new)[0]
            peak = resident("VmHWM")
    ones = [cpu_seconds(predict, data.X_new[:1])[0] for _ in range(ONES)]
    X = np.tile(data.X_new, (many // INTERVALS, 1))
    return {
        "fit_s": statistics.median(spent),
        "interval_s": interval,
        "one_ms": 1e3 * statistics.median(ones),
        "many_s": min(cpu_seconds(predict, X)[0] for _ in range(3)),
        "before_MB": before,
        "peak_MB": peak,
    }


def several(size: Size = SMALL[0], count: int = PROPERTIES) -> dict[str, float]:
    """Properties in one fit and one after the other: CPU seconds."""
    from spektron_jax.transfer.estimator import CalibrationTransfer

    def labelled(size: Size) -> tuple[Data, np.ndarray]:
        data, rng = draw(size), np.random.default_rng(SEED + 1)
        others = data.X_source @ rng.normal(size=(size.points, count - 1))
        noise = 0.02 * others.std(axis=0) * rng.normal(size=others.shape)
        return data, np.column_stack([data.y_source, others + noise])

    def fit(data: Data, y: np.ndarray) -> CalibrationTransfer:
        return CalibrationTransfer(weights=None).fit(
            *(data.X_source, y, data.axis), data.X_target, paired=data.paired
        )

    data, y = labelled(TINY)
    fit(data, y)
    (data, y), found = labelled(size), []
    for _ in range(MOST_FITS):
        alone = sum(cpu_seconds(fit, data, column)[0] for column in y.T)
        found.append((alone, cpu_seconds(fit, data, y)[0]))
    alone, together = np.median(found, axis=0)
    seconds = {"one_s": float(alone / count), "several_s": float(together)}
    return {"properties": count} | seconds | {"times_one": count * together / alone}


def apart(name: str, size: Size) -> dict[str, float]:
    """`measure` in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (name, size))


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, write."""
    # Not above: the processes that are measured would load it too.
    from benchmarks import cost_tables, tables
    from spektron_jax.archive import replacing

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", choices=list(SIZES), default="all")
    parser.add_argument("--json", help="figures to write")
    given = parser.parse_args(arguments)
    os.environ.update(dict.fromkeys(BLAS, "1"))
    rows = []
    for size in SIZES[given.sizes]:
        row = size._asdict()
        for name in PROCEDURES:
            if name != "PDS" or size.pairs:
                row[name] = apart(name, size)
        rows.append(row)
        print(json.dumps(row), flush=True)
    print(cost_tables.transfer_rows(rows))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(json.dumps(pool.apply(several)), flush=True)
    content = {
        "command": f"python -m benchmarks.transfer_cost --sizes={given.sizes}",
        "made_with": tables.checksum(),
        "seed": SEED,
        "machine": platform.machine(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "rows": rows,
    }
    if given.json:
        with replacing(given.json) as draft:
            draft.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
