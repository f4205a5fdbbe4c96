"""The task "lines": a list of molecules to a file of line lists (`corpus/builder`)."""

from pathlib import Path

from ml_collections import ConfigDict

from spektron_jax.corpus.builder import line_lists


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    line_lists.check(config.lines)


def run(config: ConfigDict, workdir: Path) -> None:
    """Compute or convert; prints where the lines are."""
    line_lists.run(config, workdir)
