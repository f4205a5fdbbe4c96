"""The ensemble beside baselines, on samples that no fit has seen.

Every method gets the same trials, so that differences are paired. A baseline has one
fixed setting, the best of its family over all corn cells at 10 pairs; PDS chooses
window and components on left-out samples.

R = trials, m = test samples of a trial, L = points.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from spektron_jax.errors import SpektronError
from spektron_jax.metrics import (
    agreement,
    interval,
    pooled_errors,
    resampled_counts,
    squared_sums,
)
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.methods import make
from spektron_jax.transfer.methods.preprocessing import WINDOW
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.splits import Trial, trials_inside
from spektron_jax.transfer.threads import one_blas_thread

PDS = tuple(f"pds_w{w}_{c}@t/sg1" for w in (3, 5, 11) for c in (1, 2))

WITHOUT, ENCODER, COMBINATION = "without network", "encoder only", "combination"
NEIGHBOURS = "nearest in z_chem"
FLOOR, CEILING = "no transfer", "all target labels"
BASELINES = {
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
class Comparison:
    """Predictions of all methods on the same trials.

    Attributes:
      measured: labels of each test set                              R x (m,)
      rows: their samples                                            R x (m,)
      predicted: method -> predictions                               R x (m,)
      impossible: method -> why it could not be fitted
      on_source: what the source's own calibration says of the test samples' source
        spectra; empty where they were not measured                  R x (m,)
    """

    measured: Sequence[np.ndarray]
    rows: Sequence[np.ndarray]
    predicted: Mapping[str, Sequence[np.ndarray]]
    impossible: Mapping[str, str] = field(default_factory=dict)
    on_source: Sequence[np.ndarray] = ()

    def table(self) -> list[dict[str, Any]]:
        """One JSON-ready entry a method, least RMSEP first.

        What `metrics.pooled_errors` says, and low and high of rmsep (95 %, trials
        resampled).
        """
        entries = [
            {
                "method": name,
                **pooled_errors(self.measured, predicted),
                **interval(self._resampled(name)),
            }
            for name, predicted in self.predicted.items()
        ]
        return sorted(entries, key=lambda entry: entry["rmsep"])

    def difference(self, first: str, second: str) -> dict[str, float]:
        """RMSEP of one method minus another's with a paired 95 % interval."""
        one, other = (
            pooled_errors(self.measured, self.predicted[name])["rmsep"]
            for name in (first, second)
        )
        return {
            "difference": one - other,
            **interval(self._resampled(first) - self._resampled(second)),
        }

    def agreement(self, name: str) -> dict[str, float] | None:
        """Of a method on the target with the source's calibration on the source.

        As from `metrics.agreement`; None where the source has no test spectra.
        """
        if not len(self.on_source):
            return None
        target = np.concatenate(self.predicted[name])
        return agreement(np.concatenate(self.on_source), target)

    def _resampled(self, name: str) -> np.ndarray:
        sizes = np.array([len(y) for y in self.measured])
        sse, _ = squared_sums(self.measured, self.predicted[name])
        counts = resampled_counts(sizes.size)
        return np.sqrt((counts @ sse) / (counts @ sizes))


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the methods say of one trial.

    Attributes:
      predicted: method -> predictions                                 (m,)
      impossible: method -> why it could not be fitted
      on_source: what the source's own calibration says of the test samples' source
        spectra; None: not measured                                    (m,)
    """

    predicted: Mapping[str, np.ndarray]
    impossible: Mapping[str, str]
    on_source: np.ndarray | None = None


def inside(data: TransferData, recommended: Ensemble, random_state: Any) -> Comparison:
    """Compare on repeated splits of the labelled target samples themselves.

    `random_state` as scikit-learn takes it: a number, None or a RandomState.
    """
    seed = random_state
    if not isinstance(seed, int | np.integer):
        seed = check_random_state(seed).randint(2**31)
    trials = trials_inside(data, seed=int(seed))
    methods = methods_for(trials[0].data, recommended)
    return collected(trials, [tried(trial, methods) for trial in trials])


@one_blas_thread
def tried(trial: Trial, methods: Mapping[str, Any]) -> Outcome:
    """Fit methods, as from `methods_for`, on one trial."""
    space, predicted, impossible = Workspace(trial.data), {}, {}
    special = {NEIGHBOURS: trial.data, CEILING: trial.everything}
    for name, method in methods.items():
        if (known := special.get(name, space)) is None:
            continue
        try:
            predicted[name] = method.fit(known)(trial.X)
        except SpektronError as error:
            impossible[name] = str(error)
    if trial.on_source is None:
        return Outcome(predicted, impossible)
    floor = make(_fitting(BASELINES[FLOOR], trial.X.shape[1])).fit(space)
    return Outcome(predicted, impossible, floor(trial.on_source))


def collected(trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> Comparison:
    """The outcomes of trials in one; a method that fails in any of them is left out."""
    impossible: dict[str, str] = {}
    for outcome in outcomes:
        impossible = {**outcome.impossible, **impossible}
    predicted = {}
    for name in outcomes[0].predicted:
        each = [o.predicted[name] for o in outcomes if name not in impossible]
        if each and np.isfinite(np.concatenate(each)).all():
            predicted[name] = each
        else:
            impossible.setdefault(name, "its predictions are not finite")
    on_source = [each.on_source for each in outcomes if each.on_source is not None]
    return Comparison(
        [t.y for t in trials],
        [t.rows for t in trials],
        predicted,
        impossible,
        on_source if len(on_source) == len(trials) else (),
    )


@dataclass(frozen=True)
class LeastLeftOut:
    """Of several methods the one with the least error on left-out samples."""

    names: tuple[str, ...]

    def fit(self, data: TransferData | Workspace) -> Callable[[np.ndarray], np.ndarray]:
        """Choose, and fit the choice."""
        space, errors = Workspace.of(data), []
        known = space.data.y_target[space.data.labelled]
        for name in self.names:
            method = make(name)
            ready, _ = space.preprocessed(method.pretreatment)
            k = method.choose(ready)
            left_out = method.left_out(ready)[:, k - 1]
            errors.append(np.mean((left_out - known) ** 2))
        return make(self.names[int(np.argmin(errors))]).fit(space)


def _fitting(name: str, points: int) -> str:
    """The method's name without a derivative where the spectra are too short."""
    return name.replace("/sg1", "/raw") if points < WINDOW else name


def methods_for(data: TransferData, recommended: Ensemble) -> dict[str, Any]:
    """All methods by name.

    Args:
      data: of the first trial; at its mean spectrum the encoder is linearised for all
      recommended: the combination; without an encoder there are no rows of one
    """
    points, centre = data.X_source.shape[1], data.X_source.mean(axis=0)

    def named(name: str) -> Any:
        return make(_fitting(name, points))

    best = LeastLeftOut(tuple(_fitting(name, points) for name in PDS))
    builders = {k: best if v == "pds" else named(v) for k, v in BASELINES.items()}
    builders[WITHOUT] = Ensemble("classical")
    builders[COMBINATION] = replace(recommended, centre=centre)
    known: Any = recommended.encoder
    if hasattr(known, "linearised"):
        builders[ENCODER] = replace(recommended, kind="encoder", centre=centre)
    if hasattr(known, "adapted"):  # an encoder's, not an object of the user's
        from spektron_jax.encoder.neighbours import Neighbours

        builders[NEIGHBOURS] = Neighbours(known)
    builders[CEILING] = named("ceiling/sg1")
    return builders
