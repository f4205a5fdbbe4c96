"""The recipe beside its rivals, on samples that no fit has seen.

A trial is what a method may see and a test set. Every method gets the same trials, so
that differences are paired. Rivals have one fixed setting each, the best of its family
over all corn cells at 10 pairs; PDS chooses window and components on left-out samples.

R = trials, m = test samples of a trial, L = points.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.evaluation.baselines import make
from spektron_jax.evaluation.baselines.preprocessing import WINDOW, treated
from spektron_jax.evaluation.metrics import INTERVAL, RESAMPLES, squared_sums
from spektron_jax.evaluation.transfer_data import TransferData
from spektron_jax.transfer.recipe import Encode, TransferRecipe

REPEATS = 15
TEST_SHARE = 0.2
LEAST_INSIDE = 5  # labelled target samples, so that 3 stay to calibrate on
PDS = tuple(f"pds_w{w}_{c}@t/sg1" for w in (3, 5, 11) for c in (1, 2))

WITHOUT, ENCODER, COMBINATION = "average, no network", "encoder only", "combination"
FLOOR, CEILING = "no transfer", "all target labels"
RIVALS = {
    FLOOR: "none/sg1",
    "mean-centring": "mc@t/sg1",
    "mean-centring, unpaired": "umc/sg1",
    "slope/bias": "sbc@t/sg1",
    "DS": "ds/sg1",
    "PDS": "pds",
    "SST": "sst/sg1",
    "EPO": "epo1@t/sg1",
    "GLSW": "glsw0.01/sg1",
    "CORAL": "coral_u/sg1",
    "pooled PLS": "pooled_mc_w1@t/sg1",
    "pooled PLS, uncentred": "pooled_w1@t/sg1",
    "ridge update": "prior_ridge@t/sg1",
    "target only": "target_only/sg1",
}


@dataclass(frozen=True, eq=False)
class Trial:
    """One split.

    Attributes:
      data: what methods may see
      X, y: test spectra of the target, and their labels            (m, L), (m,)
      rows: which samples they are                                  (m,)
      everything: `data` with all target labels, for the ceiling; None: not known
    """

    data: TransferData
    X: np.ndarray
    y: np.ndarray
    rows: np.ndarray
    everything: TransferData | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Predictions of all methods on the same trials.

    Attributes:
      measured: labels of each test set                              R x (m,)
      rows: their samples                                            R x (m,)
      predicted: method -> predictions                               R x (m,)
      impossible: method -> why it could not be fitted
    """

    measured: Sequence[np.ndarray]
    rows: Sequence[np.ndarray]
    predicted: Mapping[str, Sequence[np.ndarray]]
    impossible: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> list[dict[str, Any]]:
        """One JSON-ready entry a method, least RMSEP first.

        rmsep with low and high (95 %, trials resampled), bias, sep, r2 (pooled over
        trials, None where a test set has equal labels), rpd, n.
        """
        entries = []
        for name, predicted in self.predicted.items():
            error = np.concatenate(predicted) - np.concatenate(self.measured)
            sse, sst = squared_sums(self.measured, predicted)
            low, high = np.percentile(self._resampled(name), INTERVAL)
            rmsep = float(np.sqrt(np.mean(error**2)))
            spread = float(np.sqrt(sst.sum() / error.size))
            entries.append(
                {
                    "method": name,
                    "rmsep": rmsep,
                    "low": float(low),
                    "high": float(high),
                    "bias": float(error.mean()),
                    "sep": float(error.std(ddof=1)),
                    "r2": float(1 - sse.sum() / sst.sum()) if sst.sum() else None,
                    "rpd": spread / rmsep if rmsep else None,
                    "n": int(error.size),
                }
            )
        return sorted(entries, key=lambda entry: entry["rmsep"])

    def difference(self, first: str, second: str) -> dict[str, float]:
        """RMSEP of one method minus another's with a paired 95 % interval."""
        resampled = self._resampled(first) - self._resampled(second)
        low, high = np.percentile(resampled, INTERVAL)
        rmsep = {entry["method"]: entry["rmsep"] for entry in self.table()}
        difference = rmsep[first] - rmsep[second]
        return {"difference": difference, "low": float(low), "high": float(high)}

    def _resampled(self, name: str) -> np.ndarray:
        sizes = np.array([len(y) for y in self.measured])
        sse, _ = squared_sums(self.measured, self.predicted[name])
        counts = np.random.default_rng(0).multinomial(
            sizes.size, np.full(sizes.size, 1 / sizes.size), RESAMPLES
        )
        return np.sqrt((counts @ sse) / (counts @ sizes))


def inside(data: TransferData, encode: Encode | None, seed: int = 0) -> Comparison:
    """Compare on repeated splits of the labelled target samples themselves."""
    return compare(splits_inside(data, seed), encode)


def splits_inside(
    data: TransferData, seed: int = 0, repeats: int = REPEATS
) -> list[Trial]:
    """Hold out a fifth of the labelled target samples, 2 at least, again and again."""
    labelled = data.labelled
    if labelled.size < LEAST_INSIDE:
        raise SpektronError(
            f"compare: needs {LEAST_INSIDE} labelled target samples to hold some out, "
            f"got {labelled.size}; use compare=False"
        )
    size = max(2, round(TEST_SHARE * labelled.size))
    trials = []
    for number in range(repeats):
        rng = np.random.default_rng([seed, number])
        rows = np.sort(rng.permutation(labelled)[:size])
        X, y = data.X_target[rows], data.y_target[rows]
        trials.append(Trial(data.without(rows), X, y, rows))
    return trials


def compare(
    trials: Sequence[Trial],
    encode: Encode | None = None,
    methods: Iterable[str] | None = None,
    watch: Callable[[Iterable], Iterable] = lambda trials: trials,
) -> Comparison:
    """Fit every method on every trial.

    Args:
      trials: the splits
      encode: encoder features; None: no rows of the encoder
      methods: names; None: all
      watch: wraps the trials, for a progress bar
    """
    builders = _builders(trials[0].X.shape[1], encode)
    if methods is not None:
        builders = {name: builders[name] for name in methods if name in builders}
    predicted: dict[str, list[np.ndarray]] = {name: [] for name in builders}
    impossible: dict[str, str] = {}
    for trial in watch(trials):
        for name, method in builders.items():
            data = trial.everything if name == CEILING else trial.data
            if data is None or name in impossible:
                continue
            try:
                predicted[name].append(method.fit(data)(trial.X))
            except SpektronError as error:
                impossible[name] = str(error)
    whole = {k: v for k, v in predicted.items() if len(v) == len(trials)}
    return Comparison(
        [t.y for t in trials], [t.rows for t in trials], whole, impossible
    )


@dataclass(frozen=True)
class Chosen:
    """Of several recipes the one with the least error on left-out samples."""

    names: tuple[str, ...]

    def fit(self, data: TransferData) -> Callable[[np.ndarray], np.ndarray]:
        """Choose, and fit the choice."""
        errors = []
        for name in self.names:
            recipe = make(name)
            ready, _ = treated(data, recipe.treatment)
            k = recipe.choose(ready)
            left_out = recipe.left_out(ready)[:, k - 1]
            errors.append(np.mean((left_out - data.y_target[data.labelled]) ** 2))
        return make(self.names[int(np.argmin(errors))]).fit(data)


def _builders(points: int, encode: Encode | None) -> dict[str, Any]:
    def named(name: str) -> Any:
        plain = name.replace("/sg1", "/raw") if points < WINDOW else name
        return make(plain)

    def best(names: Sequence[str]) -> Chosen:
        return Chosen(
            tuple(n.replace("/sg1", "/raw") if points < WINDOW else n for n in names)
        )

    builders = {k: best(PDS) if v == "pds" else named(v) for k, v in RIVALS.items()}
    builders[WITHOUT] = TransferRecipe("classical")
    if encode is not None:
        builders[ENCODER] = TransferRecipe("encoder", encode)
        builders[COMBINATION] = TransferRecipe("combination", encode)
    builders[CEILING] = named("ceiling/sg1")
    return builders
