"""Protocol files: fixed splits of a data set (JSON), checked before use.

N = physical samples, L = points.
"""

import json
from pathlib import Path

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.splits import Split


def read_splits(path: str | Path) -> list[Split]:
    """Read fixed splits from a protocol file (JSON) and check every one."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        splits = [
            Split(
                int(entry["seed"]),
                np.array(entry["calibration"], dtype=int),
                np.array(entry["test"], dtype=int),
                {
                    name: np.array(order, dtype=int)
                    for name, order in entry["transfer_order"].items()
                },
            )
            for entry in content["splits"]
        ]
    except OSError as error:
        raise SpektronError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpektronError(f"{path}: not a protocol file ({error!r})") from None
    if not splits:
        raise SpektronError(f"{path}: holds no split")
    for split in splits:
        check_rows(split)
    return splits


def check_rows(split: Split) -> None:
    """Raise unless calibration and test are disjoint and transfer rows calibrate."""
    both = np.intersect1d(split.calibration, split.test)
    if both.size:
        raise SpektronError(
            f"split {split.seed}: row {both[0]} is in calibration and test"
        )
    for name, order in split.transfer_order.items():
        strange = np.setdiff1d(order, split.calibration)
        if strange.size or np.unique(order).size < order.size:
            raise SpektronError(
                f"split {split.seed}, {name}: transfer samples must be different "
                "calibration rows"
            )


def check_duplicates(split: Split, spectra: np.ndarray, sample_ids: np.ndarray) -> None:
    """Raise when a physical sample, or a very spectrum, is on both sides of a split.

    Args:
      split: rows
      spectra: of one instrument; NaN rows were not measured           (N, L)
      sample_ids: of the physical samples                              (N,)
    """
    ids = np.asarray(sample_ids)
    both = np.intersect1d(ids[split.calibration], ids[split.test])
    if both.size:
        raise SpektronError(
            f"split {split.seed}: sample {both[0]} is in calibration and test"
        )
    known = {
        np.ascontiguousarray(spectra[row]).tobytes(): row
        for row in split.calibration
        if np.isfinite(spectra[row]).all()
    }
    for row in split.test:
        twin = known.get(np.ascontiguousarray(spectra[row]).tobytes())
        if twin is not None:
            raise SpektronError(
                f"split {split.seed}: rows {twin} (calibration) and {row} (test) hold "
                "the same spectrum"
            )
