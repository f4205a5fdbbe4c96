"""The task "read": what is in a file; its spectra as a picture or another file."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError, SpektronWarning
from spektron_jax.spectra.readers import read
from spektron_jax.spectra.spectra_figure import unlike
from spektron_jax.spectra.spectra_set import SpectraSet
from spektron_jax.spectra.writers import write


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    if not config.data.path:
        raise SpektronError("config.data.path: give a file of spectra")
    for name in ("write", "figure"):
        if Path(config[name]).resolve() == Path(config.data.path).resolve():
            raise SpektronError(
                f"config.{name} = {config[name]!r}: is the file that is read, which "
                "stays as it is; give another name"
            )
    if config.data.rows < 0:
        raise SpektronError(f"config.data.rows = {config.data.rows}: must be 0 or more")


def run(config: ConfigDict, workdir: Path) -> dict[str, Any]:
    """Print what is there; write what was asked for."""
    given = config.data
    known = {name: given[name] or None for name in ("unit", "modality", "quantity")}
    found = read(given.path, strict=given.strict, rows=given.rows or None, **known)
    print(found)
    data, written = _data(found), {}
    if config.figure:
        try:
            found.plot().savefig(config.figure)
        except (OSError, ValueError) as error:
            raise SpektronError(
                f"config.figure = {config.figure!r}: {error}"
            ) from error
        written["figure"] = config.figure
        for name, one in found.instruments.items():
            data["instruments"][name]["unlike"] = found.sample_ids[unlike(one)].tolist()
    if config.write:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", SpektronWarning)
            write(found, config.write, instrument=config.instrument or None)
        for warning in told:
            print(f"warning: {warning.message}")
        written["spectra"] = config.write
    for name, path in written.items():
        print(f"{name}: {path}")
    return data | {"written": written}


def _data(found: SpectraSet) -> dict[str, Any]:
    instruments = {
        name: {
            "spectra": int(one.measured.sum()),
            "points": one.axis.size,
            "first": float(one.axis[0]),
            "last": float(one.axis[-1]),
            "unit": one.unit,
            "quantity": one.quantity,
        }
        for name, one in found.instruments.items()
    }
    known = np.isfinite(found.targets).sum(axis=0).tolist()
    return {
        "samples": found.sample_ids.tolist(),
        "numbered": found.numbered,
        "modality": found.modality,
        "instruments": instruments,
        "targets": dict(zip(found.target_names, known, strict=True)),
        "labels": list(found.labels),
        "notes": [str(one) for one in found.notes],
        "problems": [str(one) for one in found.problems],
    }
