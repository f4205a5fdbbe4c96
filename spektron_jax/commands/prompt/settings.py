"""Settings of a config file with their defaults and help texts.

The help text of a setting is the comment beside its default, or the whole lines of
comment above it, in the file that lists the defaults: one place for all three.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
      name: with its sections, such as "data.unit"
      default: its value; its type is that of every value
      text: what it means; may be empty
    """

    name: str
    default: Any
    text: str


def settings_of(config: ConfigDict, source: Path) -> list[Setting]:
    """Settings of a config that stand in `source`, in its order, with its comments."""
    texts, values = _texts(source.read_text(encoding="utf-8")), dict(leaves(config))
    named = {name: text for name, text in texts if name in values and name != "task"}
    return [Setting(name, values[name], text) for name, text in named.items()]


def leaves(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and value of every setting."""
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _texts(source: str) -> Iterator[tuple[str, str]]:
    """Dotted names and comments of the defaults in a source text."""
    tree, comments = ast.parse(source), _comments(source)
    assigned = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = [
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "ConfigDict"
        and node.args
    ]
    for root in calls:
        yield from _entries(root, assigned, comments)


def _entries(
    node: ast.AST,
    assigned: dict[str, ast.Dict],
    comments: dict[int, tuple[str, bool]],
    prefix: str = "",
) -> Iterator[tuple[str, str]]:
    """Entries of a dict, and of the dicts in it or named in it."""
    if isinstance(node, ast.Name):
        node = assigned.get(node.id, node)
    if not isinstance(node, ast.Dict):
        return
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant):
            continue
        name = prefix + str(key.value)
        inside = assigned.get(value.id, value) if isinstance(value, ast.Name) else value
        if isinstance(inside, ast.Dict):
            yield from _entries(inside, assigned, comments, f"{name}.")
        else:
            last = value.end_lineno or key.lineno
            yield name, _beside(key.lineno, last, comments)


def _beside(first: int, last: int, comments: dict[int, tuple[str, bool]]) -> str:
    """The comment after an entry, or the lines of comment above it."""
    text, alone = comments.get(last, ("", False))
    if text and not alone:
        return text
    above: list[str] = []
    line = first - 1
    while line in comments and comments[line][1]:
        above.insert(0, comments[line][0])
        line -= 1
    return " ".join(above)


def _comments(source: str) -> dict[int, tuple[str, bool]]:
    """Line -> comment, and whether nothing else stands on the line."""
    return {
        token.start[0]: (token.string.lstrip("# "), token.line.lstrip().startswith("#"))
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
