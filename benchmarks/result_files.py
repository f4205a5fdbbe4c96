"""Result files of the benchmarks, and tables made of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spektron_jax.archive import replacing

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def load(name: str):
    """A result file by name."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def write(path: str | Path, content: Mapping[str, Any]) -> None:
    """A result file: whole, or as it was."""
    with replacing(Path(path)) as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def markdown(head, rows) -> str:
    """A table, cells as text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
