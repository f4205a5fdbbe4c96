"""What goes wrong with the data of a calibration transfer, planted into clean ones.

A fault changes the arguments of `CalibrationTransfer.fit` or new spectra and says which
checks may name it. None: the fault makes no sense there (a label below 0 has no
slip of the decimal point).

S, T = spectra of source and target, p, q = their points.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from spektron_jax.transfer import checks

Given = dict[str, Any]
Fault = Callable[[Given, np.random.Generator], Given | None]

CLIP, DUST = 0.6, 1e-5


def _target(change: Callable[[np.ndarray], np.ndarray]) -> Fault:
    return lambda given, rng: given | {"X_target": change(given["X_target"])}


def _row(side: str, change: Callable[[np.ndarray], np.ndarray]) -> Fault:
    def planted(given: Given, rng: np.random.Generator) -> Given:
        X = given[f"X_{side}"].copy()
        row = rng.integers(len(X))
        X[row] = change(X[row])
        return given | {f"X_{side}": X}

    return planted


def clip(X: np.ndarray) -> np.ndarray:
    """Spectra that stop at 60 % of the way to the top of their mean."""
    mean = X.mean(axis=0) if X.ndim > 1 else X
    return np.minimum(X, mean.min() + CLIP * np.ptp(mean))


def coded(x: np.ndarray) -> np.ndarray:
    """One spectrum (p,) with -999 at five points."""
    return np.where(np.arange(x.size) % max(x.size // 5, 1) == 0, -999.0, x)


def wavy(x: np.ndarray) -> np.ndarray:
    """One spectrum (p,) under a wave as high as itself."""
    return x + np.ptp(x) * np.sin(np.linspace(0, 40, x.size))


def _slip(side: str, factor: float) -> Fault:
    def planted(given: Given, rng: np.random.Generator) -> Given | None:
        y = given[f"y_{side}"].copy()
        if not (given["y_source"].min() > 0 and np.isfinite(y).all()):
            return None
        typical = np.flatnonzero(y >= np.median(y))
        y[rng.choice(typical)] *= factor
        return given | {f"y_{side}": y}

    return planted


def _code(given: Given, rng: np.random.Generator) -> Given | None:
    y = given["y_source"].copy()
    if np.abs(y).max() > 100:
        return None
    y[rng.permutation(y.size)[:3]] = -999.0
    return given | {"y_source": y}


def _moved(labels: bool, all_pairs: bool) -> Fault:
    """Pairs off by one, all of them or two exchanged; target labels known or not."""

    def planted(given: Given, rng: np.random.Generator) -> Given | None:
        paired = given["paired"].copy()
        if (paired < 0).any():
            return None
        rows = np.arange(paired.size) if all_pairs else rng.permutation(paired.size)[:2]
        paired[rows] = np.roll(paired[rows], 1)
        y = given["y_target"] if labels else None
        return given | {"paired": paired, "y_target": y}

    return planted


def _dust(given: Given, rng: np.random.Generator) -> Given:
    X = given["X_target"]
    same = np.repeat(X[:1], len(X), axis=0)
    noise = DUST * np.ptp(X[0]) * rng.normal(size=X.shape)
    return given | {"X_target": same + noise}


def _copied(given: Given, rng: np.random.Generator) -> Given | None:
    X, y = given["X_target"].copy(), given["y_target"]
    a, b = int(np.argmin(y)), int(np.argmax(y))
    X[a] = X[b]
    return given | {"X_target": X}


def _scaled(given: Given, rng: np.random.Generator) -> Given:
    X = given["X_source"]
    spread = np.maximum(X.std(axis=0), 1e-300)
    return given | {"X_source": (X - X.mean(axis=0)) / spread}


def _snv(given: Given, rng: np.random.Generator) -> Given:
    X = given["X_source"]
    X = X - X.mean(axis=1, keepdims=True)
    return given | {"X_source": X / X.std(axis=1, keepdims=True)}


def _unit(given: Given, rng: np.random.Generator) -> Given | None:
    y = given["y_source"]
    if y.min() <= 0 or 10 * np.nanmedian(given["y_target"]) < y.max():
        return None
    return given | {"y_target": 10 * given["y_target"], "paired": None}


SPECTRA = {checks.UNLIKE, checks.FLAT, checks.CLIPPED, checks.CODES}
SAME = {checks.QUANTITY, checks.TREATED}
WHO = {checks.PAIRS, checks.PAIR_LABELS, checks.QUANTITY}
LABELS = {checks.SLIPS, checks.LABEL_CODES, checks.PAIR_LABELS}

# name -> (checks that may say so, the fault)
FAULTS: dict[str, tuple[set[str], Fault]] = {
    "target in reflectance, source in its -log10": (
        SAME,
        _target(lambda X: 10.0**-X),
    ),
    "target in per cent reflectance": (SAME, _target(lambda X: 100 * 10.0**-X)),
    "target 100 times as large": (SAME, _target(lambda X: 100 * X)),
    "target spectra reversed": (SAME, _target(lambda X: X[:, ::-1])),
    "source standardised by column, target not": (SAME, _scaled),
    "source with SNV, target without": (SAME, _snv),
    "target spectra all but equal": (SAME, _dust),
    "two target labels, one spectrum": ({checks.COPIES}, _copied),
    "target clipped at 60 %": ({checks.CLIPPED}, _target(clip)),
    "one target spectrum 10 times as large": (
        SPECTRA,
        _row("target", lambda x: 10 * x),
    ),
    "one target spectrum 0": (SPECTRA, _row("target", np.zeros_like)),
    "one target spectrum reversed": (SPECTRA, _row("target", lambda x: x[::-1])),
    "one target spectrum wavy": (SPECTRA, _row("target", wavy)),
    "one target spectrum with codes": (SPECTRA, _row("target", coded)),
    "one source spectrum 0": (SPECTRA, _row("source", np.zeros_like)),
    "one source spectrum 10 times as large": (
        SPECTRA,
        _row("source", lambda x: 10 * x),
    ),
    "pairs off by one, labels of both": (WHO, _moved(True, True)),
    "pairs off by one, no target labels": (WHO, _moved(False, True)),
    "two pairs exchanged, labels of both": (WHO, _moved(True, False)),
    "two pairs exchanged, no target labels": (WHO, _moved(False, False)),
    "a target label times 10": (LABELS, _slip("target", 10.0)),
    "a target label divided by 10": (LABELS, _slip("target", 0.1)),
    "a source label times 10": (LABELS, _slip("source", 10.0)),
    "a source label divided by 10": (LABELS, _slip("source", 0.1)),
    "three source labels -999": (LABELS, _code),
    "target labels in another unit": ({checks.RANGE}, _unit),
}

# name -> change of new spectra (m, q)
NEW: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "0": np.zeros_like,
    "reversed": lambda X: X[:, ::-1],
    "in reflectance": lambda X: 10.0**-X,
    "10 times as large": lambda X: 10 * X,
    "clipped at 60 %": clip,
    "with codes": lambda X: np.array([coded(x) for x in X]),
}
