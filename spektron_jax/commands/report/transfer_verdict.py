"""What the numbers of a calibration transfer mean, in plain words.

Rules of the verdict, fixed before any data:

- Two methods differ when the 95 % interval of the difference of their RMSEP over the
  same splits leaves out 0; otherwise there is no clear difference.
- RPD says what a calibration is good for: `transfer/usefulness.py`.
- Of fewer than 20 held-out samples no ranking of methods is claimed.
- That there are enough samples is said only where more labels were tried.
"""

from collections.abc import Sequence

import numpy as np

from spektron_jax.commands.report.transfer_outlook import risk
from spektron_jax.commands.report.transfer_summary import (
    Compared,
    Estimate,
    MethodErrors,
    Summary,
)
from spektron_jax.commands.report.wording import interval, number
from spektron_jax.commands.result import Finding
from spektron_jax.transfer.comparison import CEILING, ENCODER, FLOOR, WITHOUT
from spektron_jax.transfer.ensemble import LIKELY
from spektron_jax.transfer.expected_errors import FEWEST, expected
from spektron_jax.transfer.intervals import CALIBRATED, TOO_WIDE
from spektron_jax.transfer.usefulness import USES, use_of

MIN_SHARE = 0.005  # of the model; below it a difference is one of rounding
NEAR_CEILING = 1.1  # times the RMSEP of all target labels


def verdict(summary: Summary, compared: Compared) -> list[Finding]:
    """Most important first."""
    ours = compared.of(compared.ours)
    if ours is None:
        found = [_first(summary, compared)]
    else:
        found = [_recommendation(summary, compared, ours), _baseline(summary, compared)]
        found += _learned(summary, compared) + _ceiling(summary, compared, ours)
    found += [*_network(summary), _interval(summary), *_more(summary)]
    return [*found, *risk(summary)]


def _more(summary: Summary) -> list[Finding]:
    """What a few labels more are expected to give."""
    known = summary.left_out
    if known is None or known.n < FEWEST:
        return []
    now, then = expected(np.full(known.n, known.rmse), [FEWEST])
    text = (
        f"{FEWEST} more labelled target samples are expected to bring the "
        f"cross-validated error from {_error(summary, now.error)} to "
        f"{_error(summary, then.error)} ({number(then.low)} to {number(then.high)} in "
        "nine of ten transfers of other data)."
    )
    return [Finding(None, "what more labels give", text)]


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
        if known.before is not None:
            text += f" Without transfer it is {_error(summary, known.before)}."
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
    held = compared.tested or ours.n
    text = (
        f"With {summary.samples.target} target samples the ensemble predicts "
        f"{names.property} on {names.target} with an RMSEP of {error} "
        f"{interval(vars(ours))}, bias {number(ours.bias)}, RPD "
        f"{number(ours.rpd) if ours.rpd else 'not defined'}, on {held} samples that "
        f"the fits had not seen: good for {use}."
    )
    if compared.few:
        text += f" {held} samples are few: take these numbers as a rough guide."
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
    if useful and compared.few:
        return Finding(None, "use this model, few samples tested", text)
    return Finding(useful, "use this model" if useful else "not good enough", text)


def _baseline(summary: Summary, compared: Compared) -> Finding:
    skip = {compared.ours, CEILING, WITHOUT, FLOOR, ENCODER}
    single = [row for row in compared.table if row.method not in skip]
    if not single:
        text = "No single method could be fitted beside it."
        return Finding(None, "no single method", text)
    best = single[0]
    ahead = [row.method for row in single if row.rmsep < _ours(compared)]
    name, change = best.method, compared.differences[best.method]
    text = (
        f"Of {len(single)} single methods {name} has the least RMSEP, "
        f"{_error(summary, best.rmsep)}; the ensemble's minus it: "
        f"{with_interval(change)}"
    )
    if compared.few:
        text += f". Too few samples ({compared.tested}) to rank methods by."
        text += _also(ahead)
        return Finding(None, "methods not ranked", text)
    better = [one for one in ahead if clearly(compared.differences[one]) > 0]
    if better:
        text += ". The choice was made on these same samples, so it flatters "
        text += f"{' and '.join(better)} somewhat."
        text += _also([one for one in ahead if one not in better])
        are = "is" if len(better) == 1 else "are"
        return Finding(False, f"{', '.join(better)} {are} better here", text)
    if clearly(change) < 0:
        return Finding(True, "better than any single method", f"{text}.")
    text += ": no clear difference. The ensemble spares the choice, which these "
    text += "samples alone could not make safely."
    text += _also(ahead)
    return Finding(None, f"{name} would do as well", text)


def _network(summary: Summary) -> list[Finding]:
    """What a transfer network did."""
    if summary.network_gain is None:
        return []
    seen = (
        "On its probes, transfers of sets that it was not trained on, it changes the "
    )
    seen += "mean log error by {:+.3f} ± {:.3f}.".format(*summary.network_gain)
    share = summary.network_share
    if not share:
        text = f"It takes no part: it was not found to help. {seen}"
        return [Finding(None, "transfer network", text)]
    text = f"It moved {100 * share:.0f} % of the weight between the models. {seen}"
    return [Finding(None, "transfer network", text)]


def _learned(summary: Summary, compared: Compared) -> list[Finding]:
    """What was learnt on other spectra: the encoder, or the prior of coefficients."""
    found, what, share = [], "network", summary.network_share
    if summary.network_gain is not None:
        what, share = "learned prior", summary.prior_share
        if summary.network_share:
            what += ", and the transfer network,"
    elif not share:
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
    if ceiling is None or compared.more_labels == 0:
        return []  # the same labels: nothing is learned of more
    ratio = ours.rmsep / ceiling.rmsep if ceiling.rmsep else float("inf")
    text = "A calibration on all target labels "
    if ratio > 1:
        text += f"has an RMSEP of {_error(summary, ceiling.rmsep)}, {number(ratio)} "
        text += "times less."
    else:
        text += f"is no better: RMSEP {_error(summary, ceiling.rmsep)}."
    if compared.more_labels:
        text += f" It had {compared.more_labels} labels more."
    change = compared.differences.get(CEILING)
    if compared.few or (change and ratio > NEAR_CEILING and clearly(change) <= 0):
        text += " The difference is within what the test can tell."
        return [Finding(None, "whether more samples help is open", text)]
    if ratio <= NEAR_CEILING:
        return [Finding(True, "enough samples", text)]
    return [Finding(None, "more samples can help", text)]


def _also(ahead: Sequence[str]) -> str:
    """The methods with a lower RMSEP, where there is more than the one named."""
    if len(ahead) < 2:
        return ""
    return f" Lower RMSEP than the ensemble's: {'; '.join(ahead)}."


def _ours(compared: Compared) -> float:
    row = compared.of(compared.ours)
    return float("inf") if row is None else row.rmsep


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
