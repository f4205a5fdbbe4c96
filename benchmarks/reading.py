"""Rows a second that `spektron_jax.read` takes from each format.

    python -m benchmarks.reading [--rows 1000] [--points 700]

The same random spectra are written in every format (into a temporary folder), read
ROUNDS times, and the fastest reading is printed, in CPU time of the one process.
JCAMP-DX and folders are written with a tenth of the rows.
"""

import argparse
import csv
import json
import math
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import spektron_jax
from spektron_jax.spectra import spectra_file
from spektron_jax.spectra.labels import choose
from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet

ROUNDS = 3


def writers():
    """Writers of the formats that the tests write, by name."""
    sys.path.append(str(Path(__file__).parents[1] / "tests" / "spectra" / "readers"))
    import spectra_files as files

    def folder(path, axis, spectra, names):
        path.mkdir()
        for name, row in zip(names, spectra, strict=True):
            files.opus(path / f"{name}.0", axis, row)

    def opus_units(path, axis, spectra, names):
        folder(path, 1e7 / axis, spectra, names)

    return {
        "CSV, wide": ("x.csv", files.wide_csv, 1),
        "CSV, long": ("y.csv", files.long_csv, 1),
        "Excel": ("x.xlsx", files.xlsx, 1),
        "JCAMP-DX, AFFN": ("x.jdx", files.jcamp, 10),
        "JCAMP-DX, DIFDUP": (
            "y.jdx",
            lambda *args: files.jcamp(*args, "DIFDUP"),
            10,
        ),
        "SPC": ("x.spc", lambda *args: files.spc(*args, xtype=3), 1),
        "OPUS, folder": ("opus", opus_units, 10),
        "MATLAB": ("x.mat", files.mat, 1),
        "NumPy": ("x.npz", files.npz, 1),
        "HDF5, plain": ("x.h5", files.plain_hdf5, 1),
    }


def seconds(path):
    """The fastest of some readings, and the rows read."""
    best, rows = np.inf, 0
    for _ in range(ROUNDS):
        start = time.process_time()
        found = spektron_jax.read(path, unit=None if path.suffix != ".csv" else "nm")
        best, rows = min(best, time.process_time() - start), len(found)
    return best, rows


def write_spectra(path: str | Path, spectra: SpectraSet, instrument: str = "") -> None:
    """Write one instrument as a wide CSV table that `read` takes back.

    Columns: sample, targets as "name (unit)", labels, then "position unit".

    Args:
      path: CSV file.
      spectra: the set.
      instrument: which one; may be left out if there is only one.
    """
    names = list(spectra.instruments)
    one = spectra.instruments[choose(instrument, names, "instrument", str(path))]
    pairs = zip(spectra.target_names, spectra.target_units, strict=True)
    header = ["sample", *(f"{name} ({unit})" if unit else name for name, unit in pairs)]
    header += [*spectra.labels, *(f"{x!r} {one.unit}" for x in one.axis.tolist())]
    rows = [header]
    for i, sample in enumerate(spectra.sample_ids.tolist()):
        rows.append(
            [
                sample,
                *map(_shortest, spectra.targets[i]),
                *(label[i] for label in spectra.labels.values()),
                *map(_shortest, one.spectra[i]),
            ]
        )
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _shortest(value: float) -> str:
    """The shortest text that gives a float32 back; empty if missing."""
    return "" if math.isnan(value) else str(np.float32(value))


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--points", type=int, default=700)
    parser.add_argument("--json", help="also write the figures here")
    given = parser.parse_args()
    axis = np.linspace(1100.0, 2498.0, given.points)
    rng = np.random.default_rng(0)
    spectra = rng.normal(0, 1e-3, (given.rows, given.points)).cumsum(axis=1)
    spectra = (0.5 + spectra).round(5)
    names = [f"s{i}" for i in range(given.rows)]
    print(f"| format | rows of {given.points} points | CPU s | rows/s |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for title, (name, write, share) in writers().items():
            path = Path(folder) / name
            rows = max(2, given.rows // share)
            write(path, axis, spectra[:rows], names[:rows])
            made[title] = path
        one = InstrumentSpectra(axis, "nm", "absorbance", spectra)
        found = SpectraSet({"spectra": one}, names)
        made["spectra set"] = Path(folder) / "set.h5"
        spectra_file.save(made["spectra set"], found)
        made["our own CSV"] = Path(folder) / "own.csv"
        write_spectra(made["our own CSV"], found)
        speed = {}
        for title, path in made.items():
            taken, rows = seconds(path)
            speed[title] = rows / taken
            print(f"| {title} | {rows} | {taken:.3f} | {rows / taken:,.0f} |")
    if given.json:
        content = {"points": given.points, "rows": given.rows, "rows_per_s": speed}
        Path(given.json).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
