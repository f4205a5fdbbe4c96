"""The task "pretrain": train, evaluate, report; run again, it resumes.

The run's own files are config.json, metrics.jsonl, checkpoints/, evaluation.json and
evaluation.npz; results.json holds the verdict.
"""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.commands.result import Result
from spektron_jax.config import accumulation, validate


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    validate(config)


def run(config: ConfigDict, workdir: Path) -> Result | None:
    """Pretrain and evaluate; None in processes that do not lead."""
    from spektron_jax.commands.report.metrics_log import read_metrics
    from spektron_jax.commands.report.pretrain_page import pretrain_result
    from spektron_jax.training import loop, memory

    if accumulation(config.train, 1) == 1:  # else batches are parted to save memory
        memory.keep_freed()
    evaluation = loop.train(config, workdir)
    if evaluation is None:
        return None
    with np.load(workdir / "evaluation.npz", allow_pickle=False) as file:
        arrays = dict(file)
    metrics = read_metrics(workdir / "metrics.jsonl")
    return pretrain_result(evaluation, arrays, metrics, workdir.resolve().name)
