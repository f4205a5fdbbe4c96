"""What a run says of itself: rows of metrics, the progress bar, warnings.

Metrics stay on the devices until a row is due; that is the only time at which the host
waits for them.
"""

import json
import math
import time

import numpy as np
from absl import logging
from tqdm import tqdm

from spektron_jax.errors import SpektronError
from spektron_jax.losses.objective import TERMS
from spektron_jax.metrics import COLLAPSED_KL
from spektron_jax.training import parallel
from spektron_jax.training.curves import Curves
from spektron_jax.training.metric_writers import make_writers
from spektron_jax.training.outlook import SignsOfLife
from spektron_jax.training.schedules import phases, warmup_steps
from spektron_jax.training.state import build_model

COLLAPSE_STEP, COLLAPSE_SHARE = 5000, 0.3  # warn from here on, above this share


class Progress:
    """Rows of metrics, and how far the run is: files and progress bar.

    All processes make the rows; the one that leads shows and writes them.
    """

    def __init__(self, config, workdir, start, until, source):
        self.config, self.until, self.warned = config, until, False
        self.window, self.shares = [], []  # of the steps since the last row
        primary = parallel.is_primary()
        self.writers = self.curves = None
        if primary:
            self.writers = make_writers(
                workdir, start, console=True, tensorboard=config.log.tensorboard
            )
        if primary and config.eval.curve_every_steps:
            self.curves = Curves(config, build_model(config), source)
        self.bar = tqdm(
            total=until,
            initial=start,
            unit="step",
            disable=not (config.log.progress and primary),
            mininterval=0.5,
        )
        self.begun = self.marked = time.monotonic()
        self.life = SignsOfLife(self.window, primary and config.log.progress)
        self.life.start()

    def shares_due(self, number):
        """Whether the shares of the terms are measured at this step."""
        every = self.config.log.shares_every_steps
        return every > 0 and number > 0 and number % every == 0

    def due(self, done):
        """Whether there is a row after this step, of metrics or of the curves."""
        return done % self.config.log.every_steps == 0 or self.curve_due(done)

    def curve_due(self, done):
        """Whether the row after this step holds a point of the curves."""
        every = self.config.eval.curve_every_steps
        return every > 0 and done % every == 0

    def row(self, done, params):
        """What is known since the last row; begins a new window."""
        self.life.stop()
        row = read_window(self.window, done)
        if self.shares:
            row |= read_window(self.shares, done)
        now, steps = time.monotonic(), len(self.window)
        row["samples_per_s"] = (
            self.config.train.batch_size * steps / (now - self.marked)
        )
        row["minutes"] = (now - self.begun) / 60
        self.bar.update(steps)
        self.bar.set_postfix_str(
            f"loss {row['loss/total']:.3f}, {row['samples_per_s']:.1f} samples/s"
        )
        if self.curves and self.curve_due(done):
            row |= self.curves(parallel.unreplicate(params))
        self.window, self.shares, self.marked = [], [], time.monotonic()
        self.warned = self.warned or warn_of_collapse(done, row)
        return row

    def write(self, done, row):
        """The row, into every file."""
        if self.writers:
            self.writers.write(done, row)

    def say(self, message):
        """A line on the console."""
        if self.writers:
            print(message, flush=True)

    def close(self):
        """Close files and bar."""
        self.life.stop()
        self.bar.close()
        if self.writers:
            self.writers.close()


def read_window(window, done):
    """Mean of each metric over the steps since the last row.

    Raises:
      SpektronError: naming the first step and term that are not finite.
    """
    rows = parallel.unreplicate(window)
    for back, row in enumerate(rows):
        bad = [name for name, value in sorted(row.items()) if not np.isfinite(value)]
        if bad:
            # Terms before their sum: the total only repeats them.
            bad.sort(key=lambda name: (not name.startswith("loss/"), "total" in name))
            raise SpektronError(
                f"step {done - len(rows) + back + 1}: {bad[0]} is not finite; lower "
                "config.optim.learning_rate or look at the data of that step (the "
                "newest checkpoint is from before it)"
            )
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def warn_of_collapse(done, row):
    """Warn once when too many dimensions of z_chem carry nothing."""
    if done < COLLAPSE_STEP or row["kl/collapsed"] <= COLLAPSE_SHARE:
        return False
    logging.warning(
        "step %d: %.0f %% of the z_chem dimensions have a KL below %g: posterior "
        "collapse; lower config.losses.beta_start or use beta_schedule=cyclical",
        done,
        100 * row["kl/collapsed"],
        COLLAPSED_KL,
    )
    return True


def stopped_early(config, done):
    """The message after train.max_minutes, with the schedules cut short."""
    steps, optim = config.train.steps, config.optim
    total = sum(phases(config.train))
    if done >= steps:
        unfinished = ["training of the heads"]
    else:
        unfinished = ["reversal strength", "learning-rate decay"]
    if done < math.ceil(config.losses.beta_fraction * steps):
        unfinished.append("beta annealing")
    if done < warmup_steps(optim, steps):
        unfinished.append("learning-rate warm-up")
    if done < steps < total:
        unfinished.append("bottleneck in closed form and heads on it")
    return (
        f"stopped by train.max_minutes at step {done} of {total}, checkpoint saved; "
        f"unfinished: {', '.join(unfinished)}. The same command resumes from here."
    )


def mean_shares(config, workdir):
    """Mean share of each term in the encoder's gradient since the warm-up, by name.

    Empty if none was measured.
    """
    path, rows = workdir / "metrics.jsonl", []
    first = warmup_steps(config.optim, config.train.steps)
    for line in path.read_text().splitlines() if path.exists() else ():
        row = json.loads(line)
        if row["step"] > first and f"share/{TERMS[0]}" in row:
            rows.append([row[f"share/{name}"] for name in TERMS])
    return dict(zip(TERMS, np.mean(rows, axis=0).tolist(), strict=True)) if rows else {}
