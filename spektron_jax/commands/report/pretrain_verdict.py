"""What the numbers of a pretraining run mean, whichever way they fall.

Rules, fixed before any run is looked at:

- Two methods differ when the 95 % interval of the ratio of their errors, paired by
  molecule, leaves out 1; otherwise there is no clear difference.
- z_chem is disentangled, leaking or collapsed by the table in
  `probes/disentanglement.py`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spektron_jax.commands.report.wording import interval, number, share
from spektron_jax.commands.result import Finding
from spektron_jax.probes.disentanglement import (
    COLLAPSED_SHARE,
    hides_instrument,
    knows_molecule,
    verdict,
)

INTERPOLATIONS = {"linear": "linear", "spline": "cubic spline"}


def gap_names(mask: Mapping[str, Any]) -> dict[str, str]:
    """Words for the two kinds of gaps, from the run's settings of the mask."""
    low, high = mask["long_low_cm1"], mask["long_high_cm1"]
    return {
        "long": f"gaps of {low:g}–{high:g} cm⁻¹",
        "short": f"gaps of {mask['block']} points",
    }


def reconstruction_finding(errors: Mapping[str, Any], gap: str) -> Finding:
    """Compare the model with the better of the two interpolations.

    Args:
      errors: method -> {"mse", ...}, and "ratio": method -> {"ratio", "low", "high"},
        the model's error divided by that method's
      gap: words for the kind of gap, such as "gaps of 60–100 cm⁻¹"
    """
    best = min(INTERPOLATIONS, key=lambda name: errors[name]["mse"])
    ratio, name = errors["ratio"][best], INTERPOLATIONS[best]
    good, label, text = None, "no clear difference", ": no clear difference."
    if ratio["high"] < 1:
        good, label = True, "model better"
        half = ratio["high"] < 0.5
        text = ", less than half of it." if half else ": the model is better."
    elif ratio["low"] > 1:
        good, label = False, "model worse"
        text = f": {name} interpolation is better."
    if errors["mean"]["mse"] < errors["model"]["mse"]:
        good, label = False, "model worse"
        text += (
            " The mean training spectrum, which ignores its input, has a smaller error "
            "than the model: the model has not learned to use the visible points."
        )
    return Finding(
        good,
        label,
        f"In {gap} the model's squared error is {number(ratio['ratio'])} "
        f"{interval(ratio)} times that of the better interpolation ({name}){text}",
    )


def chemistry_finding(probe: Mapping[str, Any], collapsed: float) -> Finding:
    """Is z_chem disentangled, leaking or collapsed?

    Args:
      probe: instrument and molecule probes of z_chem.
      collapsed: share of its dimensions below 0.01 nats.
    """
    molecule = probe["molecule"]
    label = verdict([probe], collapsed)
    if label == "disentangled":
        text = "It hides the instrument and keeps the molecule: disentangled."
    elif label == "leaking":
        weak = "" if knows_molecule(probe) else " and is weak on the molecule"
        text = f"It gives the instrument away{weak}: leaking."
    elif collapsed > COLLAPSED_SHARE:
        text = f"{share(collapsed)} of its dimensions carry nothing: collapsed."
    else:
        text = (
            "It hides the instrument, but below 80 % retrieval that is no achievement: "
            "the code is collapsed or too weak."
        )
    return Finding(
        label == "disentangled",
        label,
        f"{_instrument_accuracy(probe, 'z_chem')}; top-1 retrieval of the molecule "
        f"across instruments is {share(molecule['accuracy'])} (chance: "
        f"{share(molecule['chance'])}). {text}",
    )


def instrument_code_finding(probe: Mapping[str, Any]) -> Finding:
    """Does z_inst know the instrument, as it should?"""
    said = _instrument_accuracy(probe, "z_inst")
    if hides_instrument(probe):
        text = f"{said}: it carries no instrument."
        return Finding(False, "instrument code empty", text)
    text = f"{said}: it knows the instrument."
    return Finding(True, "instrument code informed", text)


def _instrument_accuracy(probe: Mapping[str, Any], code: str) -> str:
    instrument = probe["instrument"]
    return (
        f"Linear probe accuracy on the instrument is {share(instrument['accuracy'])} "
        f"from {code} (chance: 95 % interval {interval(instrument, share)})"
    )


def collapse_reading(kl: Mapping[str, float]) -> str:
    """One line on the KL summary of a code."""
    if kl["collapsed"] > COLLAPSED_SHARE:
        return "collapse: more than 30 % of dimensions carry nothing"
    return "alive" if kl["collapsed"] == 0 else "alive, a few dimensions unused"


def loss_finding(step: np.ndarray, total: np.ndarray, until: int) -> Finding:
    """How the total loss moved, from the first tenth of the rows to the last.

    Args:
      step, total: of the rows
      until: the last step that trained everything; later ones, which train the heads
        on another bottleneck, are told apart
    """
    main = (step <= until) | (until < step.min(initial=np.inf))
    moved = _moved(total[main])
    if moved is None:
        return Finding(
            False, "training", "Too few finite rows to tell how the total loss moved."
        )
    text = (
        f"The total loss went from {moved} (means of the first and last tenth of "
        f"{main.sum()} rows) by step {int(step[main][-1])}."
    )
    heads = _moved(total[~main])
    if heads is not None:
        text += f" Then the heads alone, on the bottleneck in closed form: {heads}."
    return Finding(None, "training", text)


def _moved(total: np.ndarray) -> str | None:
    """From the first tenth to the last, in words; None: too few finite values."""
    rows = max(1, total.size // 10)
    if total.size < 2 or not np.all(np.isfinite(total)) or not np.any(total[:rows]):
        return None
    first, last = total[:rows].mean(), total[-rows:].mean()
    change = f"{100 * (last - first) / abs(first):+.0f} %".replace("-", "−")
    return f"{number(first)} to {number(last)} ({change})"
