"""One judge for all methods: rows of (method, regime) over cells and splits.

A method is anything with `fit(TransferData) -> predict`. A cell is (source, target,
property). Each finished cell is one line of a JSON-lines file, written in a single
append, so that a stopped run resumes where it was and several runs may share a file.
Encoders enter as spectra: give features computed once for each row instead of spectra.

N = physical samples, L = points, R = splits.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.averages import make
from spektron_jax.errors import SpektronError
from spektron_jax.metrics import pooled_errors, squared_sums
from spektron_jax.transfer.splits import Regime, Split, transfer_data

DIGITS = 9  # of stored predictions


@dataclass(frozen=True, eq=False)
class Study:
    """Data and protocol of a comparison.

    Attributes:
      spectra: instrument -> spectra, row i the same sample everywhere   (N, L)
      labels: property -> values, NaN: unknown                           (N,)
      splits: the repeats
    """

    spectra: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    splits: Sequence[Split]

    def cells(self) -> list[tuple[str, str, str]]:
        """All (source, target, property)."""
        return [
            (source, target, name)
            for source in self.spectra
            for target in self.spectra
            if target != source
            for name in self.labels
        ]

    def checksum(self) -> str:
        """Tells results of other data or other splits apart."""
        digest = hashlib.sha256()
        for name, values in [*self.spectra.items(), *self.labels.items()]:
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(values, dtype=np.float64).tobytes())
        for split in self.splits:
            orders = split.transfer_order
            parts = [
                split.calibration,
                split.test,
                *(orders[k] for k in sorted(orders)),
            ]
            digest.update(json.dumps([part.tolist() for part in parts]).encode())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Row:
    """One row of a table: a method's name and what it is allowed to see."""

    method: str
    regime: Regime


def evaluate_cell(
    study: Study,
    regime: Regime,
    methods: Sequence[str],
    cell: tuple[str, str, str],
    build: Callable[[str], Any] = make,
) -> list[dict[str, Any]]:
    """Fit and predict every split of one cell.

    The methods get the same TransferData, so that what they share is computed once.

    Returns:
      For each method a JSON-ready record: labels and predictions of each test set.
    """
    source, target, name = cell
    X_source, X_target = study.spectra[source], study.spectra[target]
    y, checksum = study.labels[name], study.checksum()
    usable = np.isfinite(X_target).all(axis=1) & np.isfinite(y)
    measured: list[list[float]] = []
    predicted: dict[str, list[list[float]]] = {method: [] for method in methods}
    for split in study.splits:
        data = transfer_data(X_source, X_target, y, split, source, regime)
        test = split.test[usable[split.test]]
        measured.append(_plain(y[test]))
        for method in methods:
            answer = np.asarray(build(method).fit(data)(X_target[test]), np.float64)
            if answer.shape != test.shape or not np.isfinite(answer).all():
                raise SpektronError(
                    f"{method}: {test.size} finite predictions expected for {cell}, "
                    f"split {split.seed}, got shape {answer.shape}"
                )
            predicted[method].append(_plain(answer))
    return [
        {
            **_key(checksum, Row(method, regime), cell),
            "seeds": [split.seed for split in study.splits],
            "measured": measured,
            "predicted": predicted[method],
        }
        for method in methods
    ]


def _plain(values: np.ndarray) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def run(
    study: Study,
    rows: Iterable[Row],
    path: str | Path,
    *,
    build: Callable[[str], Any] = make,
    workers: int = 1,
    watch: Callable[[Iterable, int], Iterable] = lambda results, total: results,
) -> list[dict[str, Any]]:
    """Run what the file does not hold yet, and return the records of all rows.

    Args:
      study: data and protocol
      rows: of the table
      path: JSON-lines file, created if missing
      build: from a method's name to an object with `fit`; a module-level function
        when workers > 1
      workers: processes; 1 runs here
      watch: wraps the stream of results, for a progress bar

    Returns:
      Records as made by `evaluate_cell`, in the order of rows and cells.
    """
    path, checksum, rows = Path(path), study.checksum(), list(rows)
    done = {_identity(record): record for record in read_records(path)}
    work, missing = [], 0
    for regime in dict.fromkeys(row.regime for row in rows):
        for cell in study.cells():
            methods = [
                row.method
                for row in rows
                if row.regime == regime
                and _identity(_key(checksum, row, cell)) not in done
            ]
            missing += len(methods)
            if methods:
                work.append((regime, methods, cell))
    path.parent.mkdir(parents=True, exist_ok=True)
    for record in watch(_results(study, work, build, workers), missing):
        append(path, record)
        done[_identity(record)] = record
    return [
        done[_identity(_key(checksum, row, cell))]
        for row in rows
        for cell in study.cells()
    ]


def _results(
    study: Study, work: list, build: Callable[[str], Any], workers: int
) -> Iterator[dict[str, Any]]:
    one = partial(_evaluate, study, build)
    if workers <= 1 or len(work) <= 1:
        for part in work:
            yield from one(part)
        return
    # Processes start afresh: a forked one could inherit locks of a running library.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for records in pool.map(one, work):
            yield from records


def _evaluate(study: Study, build: Callable[[str], Any], part: tuple) -> list[dict]:
    return evaluate_cell(study, *part, build=build)


def _key(checksum: str, row: Row, cell: tuple[str, str, str]) -> dict[str, Any]:
    source, target, name = cell
    return {
        "study": checksum,
        "method": row.method,
        "regime": str(row.regime),
        "source": source,
        "target": target,
        "property": name,
    }


def _identity(record: Mapping[str, Any]) -> tuple:
    names = ("study", "method", "regime", "source", "target", "property")
    return tuple(record[name] for name in names)


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add one line of JSON in a single write, which other writers cannot cut."""
    line = (json.dumps(record) + "\n").encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        if os.write(handle, line) != len(line):
            raise OSError(f"{path}: disk full")
    finally:
        os.close(handle)


def read_records(path: str | Path) -> list[dict[str, Any]]:
    """Read a result file; a last line cut off by a stopped run is left out."""
    path = Path(path)
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    records = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            _identity(record)
        except (ValueError, KeyError, TypeError):
            # The next append would continue the cut line: end it here.
            if number == len(lines):
                _end_line(path)
            continue
        records.append(record)
    return records


def _end_line(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\n")


def table(records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict]:
    """Sums of each row over cells.

    Returns:
      (method, regime) -> {"cells": {(source, target, property): errors as from
      `pooled_errors`}, "sse", "sst": (cells, splits)}, cells in sorted order.
    """
    rows: dict[tuple[str, str], dict] = {}
    for record in records:
        row = rows.setdefault((record["method"], record["regime"]), {})
        cell = (record["source"], record["target"], record["property"])
        measured = [np.array(values) for values in record["measured"]]
        predicted = [np.array(values) for values in record["predicted"]]
        sums = squared_sums(measured, predicted)
        if not sums[1].all():
            raise SpektronError(f"{cell}: a test set has equal labels; R2 is undefined")
        row[cell] = (pooled_errors(measured, predicted), *sums)
    return {
        key: {
            "cells": {cell: cells[cell][0] for cell in sorted(cells)},
            "sse": np.stack([cells[cell][1] for cell in sorted(cells)]),
            "sst": np.stack([cells[cell][2] for cell in sorted(cells)]),
        }
        for key, cells in rows.items()
    }
