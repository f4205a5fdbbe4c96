"""The task "pretrain": train, evaluate, report; run again, it resumes."""

import os
from pathlib import Path

from ml_collections import ConfigDict

from spektron_jax.config import validate


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    validate(config)


def run(config: ConfigDict, workdir: Path) -> None:
    """Pretrain and evaluate; the process that leads writes the report."""
    from spektron_jax.commands.report.page import write_report
    from spektron_jax.training import loop

    if loop.train(config, workdir) is not None:
        print(f"report: {os.path.relpath(write_report(workdir))}")
