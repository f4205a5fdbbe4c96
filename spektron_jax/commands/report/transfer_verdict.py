"""What the numbers of a calibration transfer mean, in plain words.

Rules of the verdict, fixed before any data:

- Two methods differ when the 95 % interval of the difference of their RMSEP over the
  same splits leaves out 0; otherwise there is no clear difference.
- RPD says what a calibration is good for: `transfer/usefulness.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spektron_jax.commands.report.wording import interval, number
from spektron_jax.commands.result import Finding
from spektron_jax.transfer.comparison import CEILING, ENCODER, FLOOR, WITHOUT
from spektron_jax.transfer.ensemble import LIKELY
from spektron_jax.transfer.intervals import CALIBRATED, TOO_WIDE
from spektron_jax.transfer.usefulness import USES, use_of

MIN_SHARE = 0.005  # of the model; below it a difference is one of rounding
NEAR_CEILING = 1.1  # times the RMSEP of all target labels

Estimate = Mapping[str, float]  # difference, low, high


@dataclass(frozen=True)
class MethodErrors:
    """Errors of one method on held-out samples; low and high bound the RMSEP."""

    method: str
    rmsep: float
    low: float
    high: float
    bias: float
    sep: float
    r2: float | None
    r2_sd: float | None
    rpd: float | None
    rpiq: float | None
    n: int


@dataclass(frozen=True)
class Compared:
    """All methods on the same splits; no table: nothing was compared.

    Attributes:
      table: least RMSEP first
      ours: which of them is the fitted procedure
      differences: method -> RMSEP of ours minus this method's
      impossible: method -> why it could not be fitted
      agreement: of ours with the source's own calibration, see `metrics.agreement`
      trials: number of splits
      curve: method -> rows of n, rmsep, low, high
      to_come: nothing was compared yet, but it will be
    """

    table: Sequence[MethodErrors] = ()
    ours: str | None = None
    differences: Mapping[str, Estimate] = field(default_factory=dict)
    impossible: Mapping[str, str] = field(default_factory=dict)
    agreement: Estimate | None = None
    trials: int = 0
    curve: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    to_come: bool = False
    floor: str = FLOOR
    ceiling: str = CEILING
    without: str = WITHOUT

    def of(self, method: str | None) -> MethodErrors | None:
        """Errors of a method; None: it is not in the table."""
        return next((row for row in self.table if row.method == method), None)


@dataclass(frozen=True)
class Names:
    """Of the instruments and what they measure."""

    source: str
    target: str
    property: str
    property_unit: str
    quantity: str


@dataclass(frozen=True)
class Counts:
    """Samples that the source, the target and the files have."""

    source: int
    target: int
    all: int


@dataclass(frozen=True)
class LeftOut:
    """Cross-validated errors of n labelled target samples; rpd None: no error."""

    n: int
    rmse: float
    rpd: float | None


@dataclass(frozen=True)
class Summary:
    """What a transfer found; with `Compared` all of results.json."""

    regime: str
    names: Names
    axis_unit: str
    samples: Counts
    network_share: float  # of the encoder in the model
    prior_share: float  # of members with the learned prior
    weights: str | None
    provenance: Mapping[str, object]
    coverage: float
    interval: str  # as from `Intervals.mark`
    warnings: Sequence[str]
    forecast: Mapping[str, str] | None  # level and text
    poor_probability: float | None  # of R2 below 0.5, where no label tells
    left_out: LeftOut | None  # None: fewer than 2 labelled target samples
    failed_checks: Sequence[str] = ()  # of the data, see `checks.NAMES`
    repeatability: float | None = None  # SD of a sample's scans, predicted


def verdict(summary: Summary, compared: Compared) -> list[Finding]:
    """Most important first."""
    ours = compared.of(compared.ours)
    if ours is None:
        found = [_first(summary, compared)]
    else:
        found = [_recommendation(summary, compared, ours), _baseline(summary, compared)]
        found += _learned(summary, compared) + _ceiling(summary, compared, ours)
    found.append(_interval(summary))
    if forecast := summary.forecast:
        label = f"risk before transfer: {forecast['level']}"
        found.append(Finding(forecast["level"] == "low", label, forecast["text"]))
    return found


def clearly(change: Estimate) -> int:
    """-1: clearly less, 1: clearly more, 0: no clear difference."""
    return int(change["low"] > 0) - int(change["high"] < 0)


def _first(summary: Summary, compared: Compared) -> Finding:
    """What is known without samples held out."""
    names, known, good = summary.names, summary.left_out, None
    label, text = "not checked", f"The model was fitted on {summary.regime}, but its "
    text += "error on the target was not measured."
    if (poor := summary.poor_probability) is not None:
        if poor >= LIKELY:
            good, label = False, "measure labels"
        text += (
            f" By how far its models disagree, R2 is below 0.5 with a probability of "
            f"{poor:.2f}."
        )
    if known:
        use = use_of(known.rpd)
        good = use != USES[0][1]
        label = f"first answer: {'use this model' if good else 'not good enough'}"
        text = (
            f"By cross-validated errors of {known.n} labelled target samples the "
            f"ensemble predicts {names.property} on {names.target} with an RMSE of "
            f"{_error(summary, known.rmse)}, RPD "
            f"{number(known.rpd) if known.rpd else 'not defined'}: good for {use}."
        )
        if summary.samples.target < summary.samples.all:
            text += " They are chosen to be extreme: errors of others tend to be less."
    if compared.to_come:
        text += " The comparison with other methods on held-out samples is still to "
        return Finding(good, label, text + "come.")
    text += " Held-out samples take 5 labelled target samples or more and "
    return Finding(good, label, text + "--config.transfer.compare.")


def _recommendation(
    summary: Summary, compared: Compared, ours: MethodErrors
) -> Finding:
    names, use = summary.names, use_of(ours.rpd)
    error = _error(summary, ours.rmsep)
    text = (
        f"With {summary.samples.target} target samples the ensemble predicts "
        f"{names.property} on {names.target} with an RMSEP of {error} "
        f"{interval(vars(ours))}, bias {number(ours.bias)}, RPD "
        f"{number(ours.rpd) if ours.rpd else 'not defined'}: good for {use}."
    )
    useful = use != USES[0][1]
    if not summary.samples.target:
        text += " Nothing is known of the target: a few samples on it may change much."
        return Finding(useful, "the source model as it is", text)
    floor = compared.of(FLOOR)
    if floor is None:
        return Finding(useful, "use this model", text)
    change = clearly(compared.differences[FLOOR])
    text += f" Without transfer the RMSEP is {_error(summary, floor.rmsep)}"
    text += (
        ": transfer is needed.",
        ": transfer makes no clear difference.",
        ": transfer does harm here; use the source model as it is.",
    )[change + 1]
    if change > 0:
        return Finding(False, "do not transfer", text)
    return Finding(useful, "use this model" if useful else "not good enough", text)


def _baseline(summary: Summary, compared: Compared) -> Finding:
    skip = {compared.ours, CEILING, WITHOUT, FLOOR, ENCODER}
    single = [row for row in compared.table if row.method not in skip]
    if not single:
        text = "No single method could be fitted beside it."
        return Finding(None, "no single method", text)
    best = single[0]
    name, change = best.method, compared.differences[best.method]
    text = (
        f"Of {len(single)} single methods {name} has the least RMSEP, "
        f"{_error(summary, best.rmsep)}; the ensemble's minus it: "
        f"{with_interval(change)}"
    )
    if clearly(change) > 0:
        text += ". The choice was made on these same samples, so it flatters "
        return Finding(False, f"{name} is better here", f"{text}{name} somewhat.")
    if clearly(change) < 0:
        return Finding(True, "better than any single method", f"{text}.")
    text += ": no clear difference. The ensemble spares the choice, which these "
    text += "samples alone could not make safely."
    return Finding(None, f"{name} would do as well", text)


def _learned(summary: Summary, compared: Compared) -> list[Finding]:
    """What was learnt on other spectra: the encoder, or the prior of coefficients."""
    found, what, share = [], "network", summary.network_share
    if not share:
        what, share = "learned prior", summary.prior_share
        if summary.weights:
            text = "The encoder has no weight in the model: predictions do not use it."
            found.append(Finding(None, "network", text))
    change = compared.differences.get(WITHOUT)
    if change is None or not share:
        return found
    text = (
        f"The combination's RMSEP minus that of the same procedure without the {what}: "
        f"{with_interval(change)}. It has a weight of {100 * share:.0f} % in the model."
    )
    better = clearly(change) if share >= MIN_SHARE else 0
    if better >= 0 and share >= MIN_SHARE and what == "network":
        text += " Give --config.transfer.weights= to leave it out."
    added = (
        Finding(True, f"the {what} helps", text),
        Finding(None, f"the {what} does not help here", text),
        Finding(False, f"the {what} does harm here", text),
    )[better + 1]
    return [*found, added]


def _ceiling(summary: Summary, compared: Compared, ours: MethodErrors) -> list[Finding]:
    ceiling = compared.of(CEILING)
    if ceiling is None:
        return []
    ratio = ours.rmsep / ceiling.rmsep if ceiling.rmsep else float("inf")
    text = "A calibration on all target labels "
    if ratio > 1:
        text += f"has an RMSEP of {_error(summary, ceiling.rmsep)}, {number(ratio)} "
        text += "times less."
    else:
        text += f"is no better: RMSEP {_error(summary, ceiling.rmsep)}."
    if ratio <= NEAR_CEILING:
        return [Finding(True, "enough samples", text)]
    return [Finding(None, "more samples can help", text)]


def _interval(summary: Summary) -> Finding:
    text = f"{100 * summary.coverage:.0f} % intervals rest on "
    if summary.interval == CALIBRATED:
        text += "the errors of left-out target samples."
        return Finding(True, "intervals calibrated", text)
    if summary.interval == TOO_WIDE:
        text += "the errors of left-out target samples, and reach further to each side "
        text += "than the labels vary (1 SD): they say little of a single sample. More "
        text += "labelled samples narrow them."
        return Finding(False, "intervals too wide to be of use", text)
    if summary.failed_checks:
        text = "Checks of the data failed (" + ", ".join(summary.failed_checks)
        text += "): see the warnings. Until they are put right, the coverage of "
        text += "intervals is not known."
        return Finding(False, "intervals not calibrated", text)
    text += "too few labelled target samples; they are widened by the shift between "
    text += "the instruments, and their coverage is not known."
    return Finding(False, "intervals not calibrated", text)


def _error(summary: Summary, value: float) -> str:
    """An error in the unit of the property."""
    return f"{number(value)} {summary.names.property_unit}".rstrip()


def with_interval(change: Estimate) -> str:
    """A difference and its interval."""
    return f"{number(change['difference'])} {interval(change)}"
