"""What the tables of calibration transfer share: the corn study, rows, and files.

Every finished cell is one line of a records file, so that a stopped run goes on where
it was; the table is written from the records.
"""

import argparse
import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy
from tqdm import tqdm

import spektron_jax
from benchmarks.cells import mean_r2, paired_difference
from benchmarks.harness import Row, Study, table
from benchmarks.protocol import read_splits
from spektron_jax.archive import replacing
from spektron_jax.transfer.splits import Regime

COLUMNS = ("r2", "r2_sd", "rmsep", "bias", "sep", "rpd", "rpiq")


def corn_arguments(description: str) -> argparse.ArgumentParser:
    """Parser with the two files that the corn tables need."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--data", required=True, help="corn.h5")
    parser.add_argument("--protocol", required=True, help="corn_protocol.json")
    return parser


def read_study(data: str, protocol: str) -> Study:
    """Read corn.h5 (a spectra set) and the fixed splits."""
    with h5py.File(data) as file:
        spectra = {
            name: group["spectra"][:].astype(np.float64)
            for name, group in file["instruments"].items()
        }
        targets = file["targets"]
        names = [str(name) for name in targets.attrs["names"]]
        values = targets[:].astype(np.float64)
    return Study(
        spectra, dict(zip(names, values.T, strict=True)), read_splits(protocol)
    )


def watch(results: Iterable, total: int) -> Iterable:
    """A progress bar around the harness's results."""
    return tqdm(results, total=total, unit="cell")


def regime_of(n: int) -> Regime:
    """n > 0: pairs; n < 0: that many unlabelled target spectra; 0: all of them."""
    return Regime("paired", n) if n > 0 else Regime("unlabelled", -n or None)


def checksum() -> str:
    """Of the code of the estimator and the encoder: other code makes other rows."""
    package, digest = Path(spektron_jax.__file__).parent, hashlib.sha256()
    for room in ("transfer", "encoder"):
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def entries_of(
    rows: Iterable[Row], records: Iterable[Mapping[str, Any]], base: str
) -> list[dict[str, Any]]:
    """One JSON-ready entry a row: mean R2, difference to the base row, cells.

    What stands behind "#" in a method's name tells versions apart in the records; it is
    left out here.
    """
    results = table(records)
    entries = []
    for row in rows:
        result = results[row.method, str(row.regime)]
        entry: dict[str, Any] = {
            "method": row.method.split("#")[0],
            "regime": str(row.regime),
            "mean_r2": round(mean_r2(result["sse"], result["sst"]), 4),
        }
        other = results.get((base, str(row.regime)))
        if other is not None and base != row.method:
            change = paired_difference(result["sse"], other["sse"], result["sst"])
            entry["minus_base"] = {k: round(v, 4) for k, v in change.items()}
        entry["cells"] = {
            f"{source} -> {target}, {name}": [
                float(f"{errors[key]:.4g}") for key in COLUMNS
            ]
            for (source, target, name), errors in result["cells"].items()
        }
        entries.append(entry)
    return entries


def show(
    entries: Sequence[Mapping[str, Any]], base: str, more: Sequence[str] = ()
) -> str:
    """Entries as a Markdown table; `more` names further numbers to show."""
    head = ["regime", "method", "mean R2", *more, f"minus {base}"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for entry in entries:
        cells = [entry["regime"], entry["method"], f"{entry['mean_r2']:.3f}"]
        cells += ["" if entry[key] is None else f"{entry[key]:.3f}" for key in more]
        change = entry.get("minus_base")
        cells.append(
            "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format(**change)
            if change
            else ""
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write(path: str | Path, head: Mapping[str, Any], entries: Sequence) -> None:
    """Write a summary, one row a line: readable differences between versions."""
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }
    top = {**head, "versions": versions, "cell_columns": COLUMNS}
    text = json.dumps(top, indent=1).removesuffix("\n}")
    rows = ",\n".join(json.dumps(entry) for entry in entries)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        draft.write_text(f'{text},\n "rows": [\n{rows}\n]\n}}\n', encoding="utf-8")
