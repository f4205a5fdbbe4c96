"""The user's own preprocessing: any scikit-learn transformer that works row by row.

It is fitted on source spectra and applied to both instruments. A saved model holds its
class, parameters and fitted state as JSON and plain arrays, never code: classes come
from `ALLOWED` packages, and what cannot be restored bit for bit is not saved.

n = spectra, L, F = points before and after.
"""

import importlib
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData

ALLOWED = ("sklearn", "chemotools", "pybaselines", "spektron_jax")
CHECKED_ROWS = 5  # rows that are transformed alone, to compare
TOLERANCE = 1e-6  # of the largest value: sums of a batch round differently


def applied(transformer: Any, data: TransferData) -> tuple[Any, TransferData]:
    """A copy fitted on the source spectra, and both instruments after it.

    Raises:
      SpektronError: as `fitted_rowwise` and `transformed`.
    """
    fitted = fitted_rowwise(transformer, data.X_source)
    X_source = transformed(fitted, data.X_source)
    X_target = np.empty((0, X_source.shape[1]))
    if len(data.X_target):
        X_target = transformed(fitted, data.X_target)
    return fitted, data.on(X_source, X_target)


def fitted_rowwise(transformer: Any, X: np.ndarray) -> Any:
    """A copy fitted on source spectra (n, L).

    Raises:
      SpektronError: it cannot be fitted without labels, or what it makes of a spectrum
        depends on the spectra beside it.
    """
    try:
        fitted = clone(transformer).fit(X)
    except Exception as error:  # whatever a foreign class raises
        raise SpektronError(
            f"preprocessing: {_name(transformer)} cannot be fitted on the source "
            f"spectra ({error}); give a scikit-learn transformer that needs no labels"
        ) from error
    whole = transformed(fitted, X)
    for row in range(0, len(X), max(1, len(X) // CHECKED_ROWS)):
        alone = transformed(fitted, X[row : row + 1])[0]
        if np.abs(alone - whole[row]).max() > TOLERANCE * np.abs(whole[row]).max():
            raise SpektronError(
                f"preprocessing: what {_name(transformer)} makes of a spectrum depends "
                "on the spectra beside it; give a transformer that treats each row by "
                "itself once it is fitted"
            )
    return fitted


def transformed(fitted: Any, X: np.ndarray) -> np.ndarray:
    """Spectra (n, L) after a fitted transformer, (n, F)."""
    try:
        found = np.asarray(fitted.transform(X), np.float64)
    except Exception as error:  # whatever a foreign class raises
        raise SpektronError(
            f"preprocessing: {_name(fitted)} failed: {error}"
        ) from error
    if found.ndim != 2 or len(found) != len(X) or not np.isfinite(found).all():
        raise SpektronError(
            f"preprocessing: {_name(fitted)} must give finite numbers, a row for each "
            f"spectrum; gave {found.shape} for {X.shape}"
        )
    return found


def packed(fitted: Any, X: np.ndarray | None) -> tuple[Any, dict[str, np.ndarray]]:
    """JSON-ready description and arrays of a fitted transformer.

    Args:
      fitted: the transformer
      X: spectra to compare the restored one on; None: came from a file itself (n, L)

    Raises:
      SpektronError: names what cannot be saved.
    """
    arrays: dict[str, np.ndarray] = {}
    described = _encode(fitted, _name(fitted), arrays)
    if X is not None:
        again = transformed(unpacked(described, arrays), X)
        if not np.array_equal(again, transformed(fitted, X)):
            raise SpektronError(
                f"preprocessing: {_name(fitted)} cannot be restored exactly, so this "
                "model cannot be saved; use another transformer"
            )
    return described, arrays


def unpacked(described: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The inverse of `packed`.

    Raises:
      SpektronError: a class of no allowed package, or not of the version installed.
    """
    if isinstance(described, list):
        return [unpacked(each, arrays) for each in described]
    if not isinstance(described, dict):
        return described
    if "array" in described:
        return arrays[described["array"]]
    if "tuple" in described:
        return tuple(unpacked(each, arrays) for each in described["tuple"])
    module, _, name = described["class"].rpartition(".")
    try:
        if module.split(".")[0] not in ALLOWED:
            raise ImportError(f"only classes of {', '.join(ALLOWED)} are loaded")
        kind = getattr(importlib.import_module(module), name)
        if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
            raise TypeError("is no scikit-learn class")
        found = kind(**{k: unpacked(v, arrays) for k, v in described["params"].items()})
    except (ImportError, AttributeError, TypeError) as error:
        raise SpektronError(
            f"preprocessing: {described['class']} of the saved model cannot be made "
            f"({error}); install the version that it was saved with"
        ) from error
    for attribute, value in described["state"].items():
        setattr(found, attribute, unpacked(value, arrays))
    return found


def _encode(value: Any, where: str, arrays: dict[str, np.ndarray]) -> Any:
    """JSON of a parameter or of fitted state; `where` names it in errors."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biufU":
        name = f"preprocessing/{len(arrays)}"
        arrays[name] = np.asarray(value)
        return {"array": name}
    if isinstance(value, list | tuple):
        each = [_encode(one, f"{where}[{i}]", arrays) for i, one in enumerate(value)]
        return each if isinstance(value, list) else {"tuple": each}
    kind = type(value)
    allowed = kind.__module__.split(".")[0] in ALLOWED
    if not (isinstance(value, BaseEstimator) and allowed):
        raise SpektronError(
            f"preprocessing: {where} is a {kind.__module__}.{kind.__qualname__}, which "
            f"cannot be saved; use transformers of {', '.join(ALLOWED)} with plain "
            "parameters"
        )
    params = value.get_params(deep=False)
    state = {k: v for k, v in vars(value).items() if k not in params}
    parts = {"params": params, "state": state}
    return {"class": f"{kind.__module__}.{kind.__qualname__}"} | {
        part: {k: _encode(v, f"{where}.{k}", arrays) for k, v in content.items()}
        for part, content in parts.items()
    }


def _name(transformer: Any) -> str:
    return type(transformer).__name__
