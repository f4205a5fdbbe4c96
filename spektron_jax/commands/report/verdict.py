"""What the numbers of a run mean, in plain words, whichever way they fall.

Rules, fixed before any run is looked at:

- Two methods differ when the 95 % interval of the ratio of their errors, paired by
  molecule, leaves out 1; otherwise there is no clear difference.
- z_chem is disentangled, leaking or collapsed by the table in
  `evaluation/disentanglement.py`.
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


def gap_names(config: Mapping[str, Any]) -> dict[str, str]:
    """Words for the two kinds of gaps, from the run's settings."""
    mask = config.get("mask")
    mask = mask if isinstance(mask, Mapping) else {}
    low, high, block = (
        mask.get(name) for name in ("long_low_cm1", "long_high_cm1", "block")
    )
    known = all(isinstance(value, int | float) for value in (low, high))
    return {
        "long": f"gaps of {low:g}–{high:g} cm⁻¹" if known else "long gaps",
        "short": f"gaps of {block} points" if isinstance(block, int) else "short gaps",
    }


def reconstruction_finding(errors: Mapping[str, Any], gap: str) -> Finding:
    """Compare the model with the better of the two interpolations.

    Args:
      errors: method -> {"mse", ...}, and optionally "ratio": method -> {"ratio",
        "low", "high"}, the model's error divided by that method's
      gap: words for the kind of gap, such as "gaps of 60–100 cm⁻¹"
    """
    best = min(INTERPOLATIONS, key=lambda name: errors[name]["mse"])
    ratio = ratio_to(errors, best)
    name = INTERPOLATIONS[best]
    bounds = f" {interval(ratio)}" if "low" in ratio else ""
    text = (
        f"In {gap} the model's squared error is {number(ratio['ratio'])}{bounds} times "
        f"that of the better interpolation ({name})"
    )
    low, high = ratio.get("low", ratio["ratio"]), ratio.get("high", ratio["ratio"])
    if high < 1:
        good, label = True, "model better"
        text += ", less than half of it." if high < 0.5 else ": the model is better."
    elif low > 1:
        good, label = False, "model worse"
        text += f": {name} interpolation is better."
    else:
        good, label = None, "no clear difference"
        text += ": no clear difference."
    if not bounds:
        text += " (No interval was recorded for this ratio.)"
    if errors["mean"]["mse"] < errors["model"]["mse"]:
        good, label = False, "model worse"
        text += (
            " The mean training spectrum, which ignores its input, has a smaller error "
            "than the model: the model has not learned to use the visible points."
        )
    return Finding(good, label, text)


def ratio_to(errors: Mapping[str, Any], method: str) -> dict[str, float]:
    """The model's error over a method's: as recorded, else from the two means."""
    recorded = errors.get("ratio", {}).get(method)
    if recorded is not None:
        return dict(recorded)
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.float64(errors["model"]["mse"]) / errors[method]["mse"]
    return {"ratio": float(plain)}


def chemistry_finding(probe: Mapping[str, Any], collapsed: float) -> Finding:
    """Is z_chem disentangled, leaking or collapsed?

    Args:
      probe: instrument and molecule probes of z_chem.
      collapsed: share of its dimensions below 0.01 nats.
    """
    instrument, molecule = probe["instrument"], probe["molecule"]
    said = (
        f"A linear probe reads the instrument from z_chem in "
        f"{share(instrument['accuracy'])} of cases (a guesser: "
        f"{interval(instrument, share)}); the molecule is found again on another "
        f"instrument in {share(molecule['accuracy'])} (chance "
        f"{share(molecule['chance'])}). "
    )
    label = verdict([probe], collapsed)
    if label == "disentangled":
        text = "It hides the instrument and keeps the molecule: disentangled."
    elif label == "leaking":
        text = "It gives the instrument away: leaking."
        if not knows_molecule(probe):
            text = "It gives the instrument away and is weak on the molecule: leaking."
    elif collapsed > COLLAPSED_SHARE:
        text = f"{share(collapsed)} of its dimensions carry nothing: collapsed."
    else:
        text = (
            "It hides the instrument, but below 80 % retrieval that is no achievement: "
            "the code is collapsed or too weak."
        )
    return Finding(label == "disentangled", label, said + text)


def instrument_code_finding(probe: Mapping[str, Mapping[str, float]]) -> Finding:
    """Does z_inst know the instrument, as it should?"""
    instrument = probe["instrument"]
    said = (
        f"A linear probe reads the instrument from z_inst in "
        f"{share(instrument['accuracy'])} of cases (a guesser: "
        f"{interval(instrument, share)}): "
    )
    if hides_instrument(probe):
        return Finding(
            False, "instrument code empty", said + "it carries no instrument."
        )
    return Finding(True, "instrument code informed", said + "it knows the instrument.")


def collapse_reading(kl: Mapping[str, float]) -> str:
    """One line on the KL summary of a code."""
    if kl["collapsed"] > COLLAPSED_SHARE:
        return "collapse: more than 30 % of dimensions carry nothing"
    return "alive" if kl["collapsed"] == 0 else "alive, a few dimensions unused"


def loss_finding(step: np.ndarray, total: np.ndarray) -> Finding:
    """How the total loss moved, from the first tenth of the rows to the last."""
    rows = max(1, total.size // 10)
    if total.size < 2 or not np.all(np.isfinite(total)) or not np.any(total[:rows]):
        return Finding(
            False, "training", "Too few finite rows to tell how the total loss moved."
        )
    first, last = total[:rows].mean(), total[-rows:].mean()
    change = f"{100 * (last - first) / abs(first):+.0f} %".replace("-", "−")
    text = (
        f"The total loss went from {number(first)} to {number(last)} ({change}; means "
        f"of the first and last tenth of {total.size} rows) by step {int(step[-1])}."
    )
    return Finding(None, "training", text)


def expert_reading(experts: Mapping[str, list[float]]) -> str:
    """Are experts used, and do modalities choose differently?"""
    shares = np.array(list(experts.values()), dtype=np.float64)
    # A fifth of even use: below that an expert hardly gets a gradient.
    idle = np.flatnonzero(shares.max(axis=0) < 0.2 / shares.shape[1]) + 1
    text = "All experts are in use. "
    if idle.size:
        text = f"Hardly used by any modality: expert {', '.join(map(str, idle))}. "
    if len(shares) > 1:
        apart = 0.5 * np.abs(shares[:, None] - shares[None]).sum(axis=-1).max()
        text += (
            f"Modalities place up to {share(apart)} of their tokens differently "
            "(0 %: no specialisation)."
        )
    return text.strip()
