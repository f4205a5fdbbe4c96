"""The task "lines": a list of molecules to a file of line lists (`corpus/lines.py`)."""

from pathlib import Path

from ml_collections import ConfigDict

from spektron_jax.corpus import lines


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    lines.check(config.lines)


def run(config: ConfigDict, workdir: Path) -> None:
    """Compute or convert; prints where the lines are."""
    lines.run(config, workdir)
