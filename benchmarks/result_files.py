"""Result files of the benchmarks, and tables made of them."""

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def load(name: str):
    """A result file by name."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def markdown(head, rows) -> str:
    """A table, cells as text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
