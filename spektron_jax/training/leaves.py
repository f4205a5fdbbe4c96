"""Trees as flat dicts: every leaf under its path, "opt_state/0/mu/dense/kernel".

A description says of each leaf its dtype and shape, as JSON can hold them:

    {"dense/kernel": ["float32", [3, 8]], ...}
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import traverse_util

SHOWN = 3  # leaves of each kind in a message


def flatten(tree: Any) -> dict[str, Any]:
    """Path -> leaf; Python numbers become arrays of the dtype that JAX gives them."""
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree)
    found = {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        if hasattr(leaf, "dtype")
        else np.asarray(leaf, jax.dtypes.result_type(leaf))
        for path, leaf in pairs
    }
    if len(found) != len(pairs):
        raise TypeError("two leaves of the tree have the same path")
    return found


def unflatten(leaves: Mapping[str, Any], target: Any = None) -> Any:
    """The tree of the form of `target`, or nested dicts without one."""
    if target is None:
        return traverse_util.unflatten_dict(dict(leaves), sep="/")
    treedef = jax.tree_util.tree_structure(target)
    return jax.tree_util.tree_unflatten(treedef, [leaves[p] for p in flatten(target)])


def describe(leaves: Mapping[str, Any]) -> dict[str, list]:
    """Path -> [dtype, shape] of arrays or ShapeDtypeStructs."""
    return {
        path: [np.dtype(leaf.dtype).name, list(leaf.shape)]
        for path, leaf in leaves.items()
    }


def are_described(described: Any) -> bool:
    """Whether this has the form of items of `describe`, such as a manifest's."""
    if not isinstance(described, dict):
        return False
    for item in described.values():
        if not isinstance(item, dict):
            return False
        for found in item.values():
            if not isinstance(found, list) or [type(x) for x in found] != [str, list]:
                return False
            if not all(type(size) is int and size >= 0 for size in found[1]):
                return False
    return True


def differences(stored: Mapping[str, list], target: Any) -> str:
    """How stored leaves, as described, differ from those of `target`; "" if they fit.

    Names the first few that are missing, unexpected, or of another dtype or shape.
    """
    expected = describe(flatten(target))
    kinds = {
        "missing": [path for path in expected if path not in stored],
        "unexpected": [path for path in stored if path not in expected],
        "different": [
            f"{path} ({stored[path][0]}{stored[path][1]}, expected {dtype}{shape})"
            for path, (dtype, shape) in expected.items()
            if path in stored and stored[path] != [dtype, shape]
        ],
    }
    return "; ".join(
        f"{kind}: {', '.join(names[:SHOWN])}"
        + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        for kind, names in kinds.items()
        if names
    )
