"""Several properties of the same samples: one fit, one object, one file.

Each property has a model of its own, the same as if it were fitted alone. What depends
on spectra alone (checks, preprocessing, coordinates, noise, the domain, and most of the
Bayesian models) is found once for all properties that have labels of the same samples,
and let go when the fit ends.

n, t = spectra of source and target, k = properties.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, Self, TypeVar, cast

import numpy as np

from spektron_jax.errors import InputError, SpektronError
from spektron_jax.spectra.masks import unmasked
from spektron_jax.transfer import frames
from spektron_jax.transfer.arguments import Arguments, read
from spektron_jax.transfer.inputs import column

P = ParamSpec("P")
R = TypeVar("R")

# Of each property, in an object of several: a dict by name.
EACH = (
    *("regime_", "failed_checks_", "poor_probability_", "repeatability_", "members_"),
    *("network_share_", "prior_share_", "comparison_", "domain_", "provenance_"),
)
# The same for all of them.
SHARED = (
    *("unit_", "_modality", "axis_", "_axis_target", "preprocessing_", "features_"),
    "n_features_in_",
)


@dataclass(frozen=True, eq=False)
class Columns:
    """Labels of several properties, NaN: unknown.

    Attributes:
      names: of the properties                                         k
      source: labels of the source spectra                             (n, k)
      target: of the target spectra; None: all unknown                 (t, k)
    """

    names: tuple[str, ...]
    source: np.ndarray
    target: np.ndarray | None


def columns(y_source: Any, y_target: Any, properties: Any) -> Columns | None:
    """Labels as columns; None: they are those of one property, in no column.

    Args:
      y_source: (n, k), a table with named columns, or a mapping from names to (n,)
      y_target: the same, (t, k); columns with names are found by them; None: unknown
      properties: names, in the order of unnamed columns; None: those of the columns of
        y_source, else of y_target, else "property 1", ...

    Raises:
      InputError: no columns, names that do not fit them or stand twice, a column
        without labels.
    """
    source, own = _table(y_source, "y_source")
    if source is None or source.ndim != 2:
        if properties is not None:
            raise InputError(
                "properties: y_source is of one property; give y_source as columns, "
                "one for each property"
            )
        return None
    k = source.shape[1]
    if not k:
        raise InputError("y_source: has no column; give one for each property")
    names = own if properties is None else [str(name) for name in properties]
    if properties is None and (not own or _numbered(own)):
        names = _named(y_target, k) or names
    names = names or [f"property {number}" for number in range(1, k + 1)]
    if len(names) != k:
        raise InputError(
            f"properties: {len(names)} names for {k} columns of y_source; give one "
            "for each"
        )
    if set(names) == set(own):  # asked for in this order
        source, own = source[:, [own.index(name) for name in names]], names
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice or "" in names:
        what = f"{twice[0]!r} stands twice" if twice else "a name is empty"
        raise InputError(f"properties: {what}; give each column a name of its own")
    empty = [name for name, y in zip(names, source.T, strict=True) if _unknown(y)]
    if empty:
        raise InputError(
            f"y_source: {', '.join(empty)} has no label; leave that column out"
        )
    return Columns(tuple(names), source, _target(y_target, own, names))


def _named(y_target: Any, k: int) -> list[str]:
    """Names of the columns of y_target, for those of y_source, which have none."""
    _, names = _table(y_target, "y_target")
    return [] if _numbered(names) or len(names) != k else names


def _numbered(names: Sequence[str]) -> bool:
    return list(names) == [str(number) for number in range(len(names))]


def _unknown(y: np.ndarray) -> bool:
    return bool(y.size) and bool(np.isnan(y).all())


def _table(y: Any, name: str) -> tuple[np.ndarray | None, list[str]]:
    """Numbers and the names of their columns, if they have any."""
    names: list[str] = []
    if isinstance(y, Mapping):
        names = [str(one) for one in y]
        values = [column(one, f"{name} of {label}") for label, one in y.items()]
        if len({one.size for one in values}) > 1:
            raise InputError(f"{name}: its columns differ in length; mend them")
        return np.column_stack(values) if values else np.empty((0, 0)), names
    if frames.is_frame(y):
        names = [str(one) for one in y.columns]
    y = unmasked(y)
    try:
        if y is None or np.asarray(y).ndim < 2:
            return None, names
        return np.asarray(y, np.float64), names
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: must be numbers: {error}") from error


def _target(y: Any, own: Sequence[str], names: Sequence[str]) -> np.ndarray | None:
    """Columns of y_target in the order of y_source's, (t, k)."""
    if y is None:
        return None
    values, given = _table(y, "y_target")
    if values is None and len(names) == 1:
        return column(y, "y_target")[:, None]
    if values is None or values.ndim != 2 or values.shape[1] != len(names):
        raise InputError(
            f"y_target: must have a column for each of {', '.join(names)}, is "
            f"{np.shape(y) if values is None else values.shape}"
        )
    if not given or (not own and _numbered(given)):
        return values
    for known in (names, own):
        if sorted(given) == sorted(known):
            return values[:, [given.index(one) for one in known]]
    raise InputError(
        f"y_target: has columns {', '.join(given)}, y_source "
        f"{', '.join(own or names)}; name both alike, or give properties=..."
    )


def fit(whole: Any, table: Columns, asked: Mapping[str, Any]) -> None:
    """Fit an object to several properties.

    Args:
      whole: a CalibrationTransfer, which is given `models_`
      table: labels
      asked: the other arguments of `arguments.read`
    """
    given = {}
    for name, y in zip(table.names, range(len(table.names)), strict=True):
        target = None if table.target is None else table.target[:, y]
        try:
            given[name] = read(
                y_source=table.source[:, y], y_target=target, **asked, partly=True
            )
        except InputError as error:
            if not str(error).startswith("y_"):
                raise  # of the spectra
            raise InputError(f"{name}: {error}") from error
    alike: dict[tuple, dict[str, Any]] = {}
    for name, one in given.items():
        alike.setdefault(_samples(one), {})[name] = _one(whole, name)
    for models in alike.values():
        _fit_alike(models, {name: given[name] for name in models})
    models = {name: model for part in alike.values() for name, model in part.items()}
    whole.about_ = {}
    join(whole, {name: models[name] for name in table.names})


def _one(whole: Any, name: str) -> Any:
    """An object for one property, with the settings of another one."""
    one = type(whole)(**whole.get_params(deep=False))
    one._modality = whole._modality
    return one


def _samples(given: Arguments) -> tuple:
    """The same for properties that share all that depends on spectra."""
    data = given.inputs.data
    known = np.isfinite(data.y_target)
    return given.source.X.shape, *(
        part.tobytes() for part in (data.X_source, data.paired, known)
    ), bool(data.groups())  # fmt: skip


def _fit_alike(models: Mapping[str, Any], given: Mapping[str, Arguments]) -> None:
    """Fit objects to properties that have labels of the same samples."""
    first = None
    for name, model in models.items():
        model._begin(given[name], first)
        first = first or model
    assert first is not None
    fitted = first.ensemble_.fit_each([model._data for model in models.values()])
    like = None
    for (name, model), one in zip(models.items(), fitted, strict=True):
        model._end(given[name], one, like)
        model._label, model.about_["property"] = name, name
        like = like or model
        if without := given[name].unlabelled:
            model.warnings_.append(
                f"{without} source spectra have no label and do not calibrate"
            )


def join(whole: Any, models: dict[str, Any]) -> None:
    """Make an object that of several properties."""
    first = next(iter(models.values()))
    whole.models_, whole.properties_ = models, tuple(models)
    for name in SHARED:
        setattr(whole, name, getattr(first, name))
    for name in EACH:
        setattr(whole, name, {one: getattr(m, name) for one, m in models.items()})
    vars(whole).pop("feature_names_in_", None)
    if hasattr(first, "feature_names_in_"):
        whole.feature_names_in_ = first.feature_names_in_
    whole.warnings_ = common({one: m.warnings_ for one, m in models.items()})


def common(said: Mapping[str, Sequence[str]]) -> list[str]:
    """Sentences on several properties: each once, with names where not all have it."""
    found: dict[str, list[str]] = {}
    for name, texts in said.items():
        for text in texts:
            found.setdefault(text, []).append(name)
    return [
        text if len(names) == len(said) else f"{', '.join(names)}: {text}"
        for text, names in found.items()
    ]


def stacked(found: dict[str, Any]) -> Any:
    """Arrays of each property as one with a last axis for them; tuples part by part."""
    values = list(found.values())
    if isinstance(values[0], tuple):
        return tuple(np.stack(part, axis=-1) for part in zip(*values, strict=True))
    return np.stack(values, axis=-1)


def each(together: Callable[[dict[str, Any]], Any]) -> Callable:
    """Make a method that of one property and, put together, of several.

    Args:
      together: from what the method says of each property, by name
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(method)
        def asked(*args: P.args, **kwargs: P.kwargs) -> R:
            self, *rest = args
            models = getattr(self, "models_", None)
            if models is None:
                return method(*args, **kwargs)
            said = {
                name: getattr(one, method.__name__)(*rest, **kwargs)
                for name, one in models.items()
            }
            return cast(R, together(said))

        return asked

    return decorate


def of_one(method: Callable[P, R]) -> Callable[P, R]:
    """Make a method refuse an object of several properties, and say what to do."""

    @functools.wraps(method)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        names = list(getattr(args[0], "models_", ()))
        if names:
            raise SpektronError(
                f"{method.__name__}: is of one property; call "
                f"only({names[0]!r}).{method.__name__}(...) for one of "
                f"{', '.join(names)}"
            )
        return method(*args, **kwargs)

    return asked


class Several:
    """What `CalibrationTransfer` has for several properties."""

    models_: dict[str, Any]
    properties_: tuple[str, ...]
    _label: str | None = None
    about_: dict[str, Any]

    def _check_fitted(self) -> None:
        raise NotImplementedError

    def only(self, name: str) -> Self:
        """The fitted object of one property.

        Raises:
          SpektronError: not fitted, or no such property; lists them.

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import CalibrationTransfer
          >>> axis, fat = np.linspace(1100, 2498, 200), np.linspace(1, 3, 30)
          >>> X = fat[:, None] * np.sin(axis / 90) + np.linspace(0.2, 0.4, 200)
          >>> labels = {"fat": fat, "water": 80 - 2 * fat}
          >>> ct = CalibrationTransfer(None)
          >>> ct = ct.fit(X, labels, axis, X[:9], paired=range(9))
          >>> ct.only("water").predict(X[3:5]).shape
          (2,)
        """
        self._check_fitted()
        own = str(self.about_.get("property") or self._label or "the property")
        models = getattr(self, "models_", None) or {own: self}
        if name not in models:
            raise SpektronError(f"only: {name!r} is none of {', '.join(models)}")
        return cast(Self, models[name])
