"""The log of a training run, a row of numbers for each logged step, as columns."""

import json
from pathlib import Path

import numpy as np

from spektron_jax.errors import SpektronError


def read_metrics(path: Path) -> dict[str, np.ndarray]:
    """Columns of metrics.jsonl in order of the steps.

    A resumed run logs some steps again: the last row of a step counts.

    Returns:
      name -> (rows,) float64, NaN where a row has no such number.

    Raises:
      SpektronError: the file cannot be read, or a line is damaged; names it.
    """
    rows: dict[int, dict[str, float]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SpektronError(
            f"{path}: cannot be read ({error}); train in a new --workdir"
        ) from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            rows[int(row["step"])] = row
        except (KeyError, TypeError, ValueError) as error:
            raise SpektronError(
                f"{path}: line {number} is not a JSON object with a step; delete that "
                "line and run the same command again"
            ) from error
    if not rows:
        raise SpektronError(f"{path}: holds no row; train at least one logged step")
    ordered = [rows[step] for step in sorted(rows)]
    names = dict.fromkeys(name for row in ordered for name in row)
    return {
        name: np.array([row.get(name, np.nan) for row in ordered], np.float64)
        for name in names
    }
