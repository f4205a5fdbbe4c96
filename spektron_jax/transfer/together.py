"""Settings and arrays of several properties as one, for a model folder or an adapter.

    properties    names
    each          settings of each property, as of one alone, and "arrays": the name of
                  each of its arrays among all

What several properties share, such as the axis and the domain, stands in a file once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from spektron_jax.transfer.inputs import same

State = tuple[dict[str, Any], dict[str, np.ndarray]]


def joined(parts: Mapping[str, State]) -> State:
    """Of each property by name, as one."""
    arrays: dict[str, np.ndarray] = {}
    each = []
    for number, (settings, own) in enumerate(parts.values()):
        places = {}
        for name, values in own.items():
            kept = [f"{earlier}/{name}" for earlier in range(number)]
            kept = [one for one in kept if one in arrays]
            kept = [one for one in kept if _equal(arrays[one], values)]
            places[name] = kept[0] if kept else f"{number}/{name}"
            arrays.setdefault(places[name], values)
        each.append(settings | {"arrays": places})
    return {"properties": list(parts), "each": each}, arrays


def parted(settings: Any, arrays: dict[str, np.ndarray]) -> dict[str, State]:
    """The inverse of `joined`; settings of one property: those, by an empty name.

    Raises:
      ValueError, TypeError, KeyError: settings that `joined` did not make.
    """
    if "each" not in settings:
        return {"": (settings, arrays)}
    names, found = settings["properties"], dict[str, State]()
    for name, own in zip(names, settings["each"], strict=True):
        if not isinstance(name, str) or not name or name in found:
            raise ValueError(f"a property called {name!r}")
        places = own["arrays"].items()
        found[name] = own, {one: arrays[place] for one, place in places}
    if not found:
        raise ValueError("no property")
    first = next(iter(found.values()))
    for own, values in found.values():
        alike = own["unit"] == first[0]["unit"] and all(
            same(values[axis], first[1][axis]) for axis in ("axis", "axis_target")
        )
        if not alike:
            raise ValueError("properties on different axes")
    return found


def named(names: Iterable[str]) -> str:
    """Properties in words."""
    return ", ".join(names) or "one property"


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and np.array_equal(a, b)
