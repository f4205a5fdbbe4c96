"""The task "formats": which files can be read."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from spektron_jax.spectra.readers import formats

SHOWN = 4  # suffixes of a format


def check(config: ConfigDict) -> None:
    """Nothing can be wrong."""


def run(config: ConfigDict, workdir: Path) -> dict[str, Any]:
    """Print a line for each format."""
    for one in formats():
        suffixes = " ".join(one.suffixes[:SHOWN])
        suffixes += " ..." if len(one.suffixes) > SHOWN else ""
        extra = f'; pip install "spektron-jax[{one.extra}]"' if one.extra else ""
        print(f"{one.name:12} {suffixes:26} {one.written_by}{extra}")
    return {"formats": [one._asdict() for one in formats()]}
