"""What the numbers of a calibration transfer mean, in plain words.

Rules, fixed before any data:

- Two methods differ when the 95 % interval of the difference of their RMSEP over the
  same splits leaves out 0; otherwise there is no clear difference.
- RPD, the SD of the labels over the RMSEP, says what a calibration is good for
  (Williams & Norris, Near-Infrared Technology, 2001): below 1.5 nothing, below 2
  telling high from low, below 3 screening, from 3 quantification.
"""

from collections.abc import Mapping
from typing import Any

from spektron_jax.commands.report.verdict import Finding, interval, number

USES = ((1.5, "no use yet"), (2.0, "telling high from low"), (3.0, "screening"))
QUANTIFICATION = "quantification"
NEAR_CEILING = 1.1  # times the RMSEP of all target labels


def findings(results: Mapping[str, Any]) -> list[Finding]:
    """The verdict, most important first; results as in results.json."""
    if not results["table"]:
        found = [_unchecked(results)]
    else:
        rows = {entry["method"]: entry for entry in results["table"]}
        found = [_recommendation(results, rows), _rival(results, rows)]
        if results["weights"]:
            found.append(_network(results))
        found += _ceiling(results, rows)
    found.append(_interval(results))
    if results["forecast"]:
        level, text = results["forecast"]["level"], results["forecast"]["text"]
        found.append(Finding(level == "low", f"risk before labels: {level}", text))
    return found


def use_of(rpd: float | None) -> str:
    """What an RPD is good for."""
    if rpd is None:
        return QUANTIFICATION
    return next((use for limit, use in USES if rpd < limit), QUANTIFICATION)


def clearly(change: Mapping[str, float]) -> int:
    """-1: clearly less, 1: clearly more, 0: no clear difference."""
    return int(change["low"] > 0) - int(change["high"] < 0)


def _unit(results: Mapping[str, Any]) -> str:
    return f" {results['names']['property_unit']}".rstrip()


def _unchecked(results: Mapping[str, Any]) -> Finding:
    return Finding(
        None,
        "not checked",
        f"The model was fitted on {results['regime']}, but its error on the target was "
        "not measured: that takes 5 labelled target samples or more and "
        "transfer.compare.",
    )


def _recommendation(results: Mapping[str, Any], rows: Mapping) -> Finding:
    ours, floor = rows[results["ours"]], rows.get(results["floor"])
    unit, n = _unit(results), results["samples"]["target"]
    use = use_of(ours["rpd"])
    text = (
        f"With {n} target samples the recipe predicts {results['names']['property']} "
        f"on {results['names']['target']} with an RMSEP of {number(ours['rmsep'])}"
        f"{unit} {interval(ours)}, bias {number(ours['bias'])}, RPD "
        f"{number(ours['rpd']) if ours['rpd'] else 'not defined'}: good for {use}."
    )
    if not n:
        text += " Nothing is known of the target: a few samples on it may change much."
        return Finding(use != USES[0][1], "the source model as it is", text)
    if floor is None:
        return Finding(use != USES[0][1], "use this model", text)
    change = clearly(results["differences"][results["floor"]])
    text += f" Without transfer the RMSEP is {number(floor['rmsep'])}{unit}"
    text += (
        ": transfer is needed.",
        ": transfer makes no clear difference.",
        ": transfer does harm here; use the source model as it is.",
    )[change + 1]
    if change > 0:
        return Finding(False, "do not transfer", text)
    if use == USES[0][1]:
        return Finding(False, "not good enough", text)
    return Finding(True, "use this model", text)


def _rival(results: Mapping[str, Any], rows: Mapping) -> Finding:
    skip = {results["ours"], results["ceiling"], results["without"], results["floor"]}
    skip.add("encoder only")
    rivals = [entry for entry in results["table"] if entry["method"] not in skip]
    if not rivals:
        return Finding(None, "no rival", "No single method could be fitted beside it.")
    best = rivals[0]
    change = results["differences"][best["method"]]
    name, unit = best["method"], _unit(results)
    said = (
        f"Of {len(rivals)} single methods {name} has the least RMSEP, "
        f"{number(best['rmsep'])}{unit}; the recipe's minus it: "
        f"{number(change['difference'])} {interval(change)}"
    )
    verdict = clearly(change)
    if verdict > 0:
        return Finding(
            False,
            f"{name} is better here",
            f"{said}. The choice was made on these same samples, so it flatters {name} "
            "somewhat.",
        )
    if verdict < 0:
        return Finding(True, "better than any single method", f"{said}.")
    return Finding(
        None,
        f"{name} would do as well",
        f"{said}: no clear difference. The recipe spares the choice, which these "
        "samples alone could not make safely.",
    )


def _network(results: Mapping[str, Any]) -> Finding:
    without = results["differences"].get(results["without"])
    weight = round(100 * results["network_share"])
    share = f"It has a weight of {weight} % in the model."
    if without is None:
        return Finding(None, "network", share)
    text = (
        f"The combination's RMSEP minus that of the same procedure without the "
        f"network: {number(without['difference'])} {interval(without)}. {share}"
    )
    verdict = clearly(without) if weight else 0  # 0 %: a difference of rounding
    if verdict >= 0 and weight > 0:
        text += " Give --config.transfer.weights= to leave it out."
    return (
        Finding(True, "the network helps", text),
        Finding(None, "the network does not help here", text),
        Finding(False, "the network does harm here", text),
    )[verdict + 1]


def _ceiling(results: Mapping[str, Any], rows: Mapping) -> list[Finding]:
    ceiling = rows.get(results["ceiling"])
    if ceiling is None:
        return []
    ours = rows[results["ours"]]
    ratio = ours["rmsep"] / ceiling["rmsep"] if ceiling["rmsep"] else float("inf")
    text = (
        f"A calibration on all target labels has an RMSEP of "
        f"{number(ceiling['rmsep'])}{_unit(results)}, {number(ratio)} times less."
        if ratio > 1
        else f"A calibration on all target labels is no better: RMSEP "
        f"{number(ceiling['rmsep'])}{_unit(results)}."
    )
    if ratio <= NEAR_CEILING:
        return [Finding(True, "enough samples", text)]
    return [Finding(None, "more samples can help", text)]


def _interval(results: Mapping[str, Any]) -> Finding:
    good = results["interval"] == "calibrated"
    share = f"{100 * results['coverage']:.0f} %"
    if good:
        return Finding(
            True,
            "intervals calibrated",
            f"{share} intervals rest on the errors of left-out target samples.",
        )
    return Finding(
        False,
        "intervals not calibrated",
        f"{share} intervals rest on too few labelled target samples; they are widened "
        "by the shift between the instruments, and their coverage is not known.",
    )
