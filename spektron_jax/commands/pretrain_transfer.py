"""The task "pretrain_transfer": train the network that weighs members of a transfer.

The run's own files are lessons/, checkpoints/, metrics.jsonl and network/, the folder
that `CalibrationTransfer(weights=...)` takes.
"""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.commands.result import (
    Finding,
    Headline,
    Plot,
    Result,
    Section,
    Table,
    Text,
)
from spektron_jax.config import at_least, check_fields
from spektron_jax.errors import SpektronError

RULES = {
    "transfer_network.tasks": at_least(4),
    "transfer_network.workers": at_least(1),
    "transfer_network.width": at_least(1),
    "transfer_network.dropped": (lambda v: 0 <= v < 1, "must be 0 or more, below 1"),
    "transfer_network.noise": at_least(0),
    "transfer_network.penalty": at_least(0),
    "transfer_network.held_out": (lambda v: 0 < v <= 0.5, "must be in (0, 0.5]"),
    "train.steps": at_least(1),
    "train.batch_size": at_least(1),
    "train.devices": at_least(0),
    "optim.learning_rate": (lambda v: v > 0, "must be greater than 0"),
    "optim.clip": (lambda v: v > 0, "must be greater than 0"),
    "optim.weight_decay": at_least(0),
    "checkpoint.every_steps": at_least(1),
    "checkpoint.keep": at_least(1),
    "log.every_steps": at_least(1),
}


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    check_fields(config, RULES)
    data = config.transfer_network.data
    if data and not Path(data).is_dir():
        raise SpektronError(f"config.transfer_network.data = {data!r}: no such folder")


def run(config: ConfigDict, workdir: Path) -> Result:
    """Train, and say what the network gives on sets that it did not see."""
    from spektron_jax.commands.report.network_figures import learning
    from spektron_jax.training.transfer_network.run import train
    from spektron_jax.transfer.network_inputs import Inputs
    from spektron_jax.transfer.transfer_network import change

    trained = train(config, workdir)
    mean, error = trained.gain
    helps = mean + 2 * error < 0

    found: dict[tuple[str, str], list[float]] = {}
    for one in trained.probes:
        n = one.about["n"]
        text = "all" if n is None else "up to 7" if n <= 7 else "more than 7"
        found.setdefault((one.about["kind"], text), []).append(
            change(trained.network, Inputs(*one[:3]), one.errors)
        )
    rows = [
        [*key, str(len(x)), f"{np.mean(x):+.3f}", f"{np.std(x) / len(x) ** 0.5:.3f}"]
        for key, x in sorted(found.items())
    ]
    header = ["regime", "target samples", "transfers", "change", "standard error"]
    use = "It takes part in predictions."
    if not helps:
        use = "It takes no part in predictions: they are those of the recipe alone."
    verdict = Finding(helps, "helps" if helps else "does not help", use)
    sets = ", ".join(trained.held_out)
    return Result(
        "The transfer network",
        [verdict],
        [
            Section("held-out", "On sets that it did not see", [Table(header, rows)]),
            Section(
                "training",
                "Training",
                [
                    Plot(
                        learning(trained.rows),
                        "Mean change of the log error on lessons, members left out at "
                        "random.",
                    )
                ],
            ),
            Section(
                "use",
                "How to use it",
                [Text(f'CalibrationTransfer(weights="{workdir / "network"}")')],
            ),
        ],
        facts=f"{trained.lessons:,} lessons; held out: {sets}.",
        headline=Headline(
            "Change of the mean log error on sets held out, against the recipe alone",
            f"{mean:+.3f} ± {error:.3f}",
            note=f"{len(trained.probes)} transfers; negative is better.",
        ),
        data={"gain": trained.gain, "held_out": list(trained.held_out)}
        | {"lessons": trained.lessons, "regimes": rows},
        written={"network": workdir / "network"},
    )
