"""The headline of a calibration transfer, its risk, and what to do next."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from spektron_jax.commands.report.transfer_summary import FEW, Compared, Summary
from spektron_jax.commands.report.wording import interval, number
from spektron_jax.commands.result import Finding, Headline
from spektron_jax.transfer.applicability import IN_DOMAIN
from spektron_jax.transfer.comparison import FLOOR
from spektron_jax.transfer.intervals import MIN_CALIBRATED

_LEVELS = {
    "low": "the target's spectra look like those the old model knows",
    "moderate": "the instruments differ, mostly within the variation that the old "
    "model knows",
    "high": "most of the target's spectra lie outside what the old model knows, so it "
    "was not to be used on this instrument as it is",
}
USUAL = 0.9  # of spectra in the domain: the limits of T2 and Q pass 1 % each


def headline(summary: Summary, compared: Compared) -> Headline | None:
    """RMSEP before and after, and what it rests on; None: no label tells."""
    names, ours = summary.names, compared.of(compared.ours)
    where = f"of {names.property} on {names.target}"
    if ours is not None:
        floor = compared.of(FLOOR)
        held = compared.tested or ours.n
        note = f"{held} held-out samples in {compared.trials} splits; 95 % interval "
        note += f"{interval(vars(ours))}"
        if compared.few:
            note += f". {held} samples are few: {_by_chance(held)}"
        before = "" if floor is None else number(floor.rmsep)
        what = f"Prediction error (RMSEP) {where}, before and after the transfer"
        after = number(ours.rmsep)
    elif known := summary.left_out:
        note = f"cross-validated on the {known.n} labelled target samples themselves: "
        note += f"{_by_chance(known.n)}"
        before = "" if known.before is None else number(known.before)
        what = f"Prediction error (RMSE) {where}, before and after the transfer"
        after = number(known.rmse)
    else:
        return None
    return Headline(what, after, before, names.property_unit, f"{note}.")


def next_steps(summary: Summary, compared: Compared, odd: Sequence[str]) -> list[str]:
    """What to do now, most urgent first; odd: names of samples to look at."""
    steps, known = [], compared.tested or (summary.left_out and summary.left_out.n) or 0
    if summary.failed_checks:
        steps.append("Put right what the warnings say of the data, and run this again.")
    if odd:
        steps.append(
            f"Look at {', '.join(odd)}: measure again what was measured wrongly, leave "
            "out what is another kind of sample."
        )
    if summary.samples.target < MIN_CALIBRATED:
        steps.append(
            f"Measure {MIN_CALIBRATED - summary.samples.target} more transfer samples: "
            f"from {MIN_CALIBRATED} with labels on, intervals are calibrated."
        )
    if known < FEW:
        steps.append(
            f"Check it on {FEW} or more samples with reference values that took no "
            "part in the transfer."
        )
    steps.append(
        'Predict new spectra with the folder model/ (task "predict"), or take the '
        'calibration to an instrument, a spreadsheet or a browser (task "export").'
    )
    steps.append("Keep a few of the samples, and measure them again to watch drift.")
    return steps


def risk(summary: Summary) -> list[Finding]:
    """How foreign the target was to the source's model, and is to this one."""
    if (before := summary.forecast) is None:
        return []
    total, inside = sum(summary.flags.values()), summary.flags.get(IN_DOMAIN, 0)
    now = "" if not total else "low" if inside >= USUAL * total else "raised"
    text = f"Before: {_LEVELS.get(before['level'], before['text'])}."
    if now:
        text += f" After: {inside} of {total} target spectra are in the domain of the "
        text += "transferred calibration."
    label = f"risk before the transfer: {before['level']}"
    label += f"; after: {now}" if now else ""
    return [Finding(True if now == "low" else None, label, text)]


def _by_chance(n: int) -> str:
    """The 95 % interval of an RMSE of n normal errors, as a factor."""
    low, high = np.sqrt(n / stats.chi2.ppf([0.975, 0.025], n))
    return f"by chance alone other {n} samples give {low:.1f} to {high:.1f} times this"
