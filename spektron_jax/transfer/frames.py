"""Tables with column names, such as pandas': spectra with their axis in, names out.

A column's name is its position, alone or with text: 1100, "1100.5", "1100 nm", "X1100".
Names that count the columns (0, 1, 2, ...; f0, f1, ...; pixel_1, pixel_2, ...) are no
positions.

n = spectra, p = points.
"""

import re
from typing import Any

import numpy as np
from sklearn import get_config

from spektron_jax.errors import InputError, SpektronError
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.axis_words import unit_of
from spektron_jax.transfer.inputs import same

NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
DIGITS = 0.01  # of a step: what printed positions may be off by
UNIT = re.compile(r"cm\s*\^?\(?-?1\)?|1/cm", re.IGNORECASE)


def is_frame(X: Any) -> bool:
    """Whether X is a table whose columns have names."""
    return hasattr(X, "columns") and hasattr(X, "to_numpy")


def names_of(X: Any) -> np.ndarray | None:
    """Names of a table's columns where all are text, as scikit-learn keeps them."""
    if not is_frame(X):
        return None
    names = list(X.columns)
    return np.array(names, object) if all(isinstance(n, str) for n in names) else None


def axis_of(X: Any, unit: str, modality: str) -> tuple[np.ndarray, str] | None:
    """Positions and unit that a table's columns name; None: they name no axis."""
    if not is_frame(X):
        return None
    names = list(X.columns)
    positions = [_position(name) for name in names]
    if len(names) < 2 or None in positions:
        return None
    words = (NUMBER.sub("", name, 1) for name in names if isinstance(name, str))
    units = {unit_of(word) for word in words} - {None}
    axis = np.array(positions, np.float64)
    if len(units) == 1:
        unit = str(units.pop())
    elif _counts(axis):
        return None
    try:
        axes.check(np.sort(axis), unit, modality, "columns")
    except SpektronError:
        return None
    return axis, unit


def _counts(positions: np.ndarray) -> bool:
    """Whether positions are 0, 1, 2, ... or 1, 2, 3, ... in any order."""
    rising = np.sort(positions)
    return bool(rising[0] in (0, 1) and (np.diff(rising) == 1).all())


def converted(
    axis: np.ndarray, unit: str, to: str, known: np.ndarray | None
) -> np.ndarray:
    """Positions (p,) that columns name, in the unit of another axis.

    Args:
      axis: positions in `unit`                                        (p,)
      to: the unit wanted
      known: an axis in it, which is returned, turned if need be, where the positions
        are its points but for the digits that were printed; None: there is none (q,)
    """
    if unit == to:
        return axis
    axis = axes.convert(axis, unit, to)
    for one in () if known is None else (known, known[::-1]):
        if same(one, axis, DIGITS):
            return one
    return axis


def in_order(X: Any, axis: np.ndarray) -> tuple[Any, np.ndarray]:
    """A table's columns with rising positions, where they do not run one way."""
    steps = np.diff(axis)
    if (steps > 0).all() or (steps < 0).all():
        return X, axis
    order = np.argsort(axis, kind="stable")
    return X.iloc[:, order] if hasattr(X, "iloc") else X[:, order], axis[order]


def check_names(X: Any, expected: np.ndarray | None) -> None:
    """Raise where a table's columns are others than those of `fit`, or in disorder."""
    names = names_of(X)
    if names is None or expected is None or names.size != expected.size:
        return
    other = np.flatnonzero(names != expected)
    if other.size:
        raise InputError(
            "The feature names should match those that were passed during fit: column "
            f"{other[0]} is {names[other[0]]!r}, was {expected[other[0]]!r}"
        )


def labelled_like(values: np.ndarray, X: Any, names: str | list[str] | None) -> Any:
    """Predictions (n,) or (n, k) as the caller asked for with `sklearn.set_config`.

    A pandas Series, of columns a DataFrame, with the index of X where X is a table of
    pandas and `transform_output` is "pandas"; else an array, as of every regressor.
    """
    if not (is_frame(X) and hasattr(X, "index")):
        return values
    if get_config()["transform_output"] != "pandas":
        return values
    if isinstance(names, list):
        return type(X)(values, index=X.index, columns=names)
    column = X.iloc[:, 0].astype(float)
    column = column.set_axis(X.index)
    column[:] = values
    column.name = names
    return column


def _position(name: Any) -> float | None:
    if isinstance(name, int | float | np.integer | np.floating):
        return float(name)
    if not isinstance(name, str):
        return None
    numbers = NUMBER.findall(UNIT.sub("", name))
    return float(numbers[0]) if len(numbers) == 1 else None
