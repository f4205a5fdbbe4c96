"""From what the page sent to the words of a command, and back to its labels."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from spektron_jax.app.fields import EXPORTS, OUT, READING, Field, Task
from spektron_jax.errors import SpektronError

LONGEST = 200  # letters of a setting


def command(
    task: Task,
    settings: Mapping[str, Any],
    given: Callable[[str], str],
    there: Callable[[str], bool],
) -> list[str]:
    """The words of `spektron` for a task.

    Args:
      task: to be started
      settings: field -> value, as the page sent them; what lacks is the default
      given: slot -> path of its files in the visit's folder; "": none
      there: whether a path is in the visit's folder

    Raises:
      SpektronError: a file or a setting is missing or cannot be.
    """
    places, options = [], []
    for slot in task.slots:
        path = given(slot.name)
        if not path and slot.instead and (slot.option or there(slot.instead)):
            path = slot.instead
        if not path and slot.needed:
            raise SpektronError(f"{slot.label}: give a file")
        if path and slot.option:
            options.append(f"{slot.option}={path}")
        elif path:
            places.append(path)
    typed = _options(task.fields, settings)
    return [task.name, *places, *options, *typed, f"--out={OUT}/{task.name}", "--json"]


def reading(path: str, picture: str, settings: Mapping[str, Any]) -> list[str]:
    """The words of `spektron` that say how a file is read, and draw it."""
    typed = _options(READING, settings)
    return ["read", path, *typed, f"--figure={picture}", "--json"]


def exporting(name: str, coverage: str = "0.9") -> list[str]:
    """The words of `spektron` that export the model of a transfer.

    Raises:
      SpektronError: there is no such form.
    """
    if name not in EXPORTS:
        raise SpektronError(f"{name!r}: choose from {', '.join(EXPORTS)}")
    folder = f"{OUT}/transfer"
    return [
        "export",
        f"{folder}/model",
        f"{folder}/{name}",
        f"--coverage={coverage}",
        "--json",
    ]


def in_page_words(text: str, fields: tuple[Field, ...]) -> str:
    """A message with the labels of the page instead of options.

    Examples:
      >>> in_page_words("give --unit nm or 'cm-1'", READING)
      'give “Unit of the axis” nm or 'cm-1''
    """
    labels = {f.option.removeprefix("--no-").strip("-="): f.label for f in fields}

    def label(match: re.Match) -> str:
        name = match[1].removeprefix("no-")
        return f"“{labels[name]}”" if name in labels else match[0]

    return re.sub(r"--([a-z][a-z-]*[a-z]|[a-z])\b", label, text)


def _options(fields: tuple[Field, ...], settings: Mapping[str, Any]) -> list[str]:
    known = {field.name for field in fields}
    if unknown := set(settings) - known:
        raise SpektronError(f"no such setting: {', '.join(sorted(unknown))[:LONGEST]}")
    found = []
    for field in fields:
        value = settings.get(field.name, field.default)
        if field.kind == "flag":
            if not isinstance(value, bool):
                raise SpektronError(f"{field.label}: give true or false")
            found += [field.option] * (not value)
        elif text := _text(field, value):
            found += [f"{field.option}={text}"] * (text != field.default)
    return found


def _text(field: Field, value: Any) -> str:
    """A setting's value as text; "": the default of the command."""
    text = value.strip() if isinstance(value, str) else None
    if text is None or len(text) > LONGEST or not text.isprintable():
        raise SpektronError(f"{field.label}: give a text of up to {LONGEST} letters")
    if field.kind == "choice" and text not in dict(field.choices):
        raise SpektronError(f"{field.label}: give one of its choices")
    if field.kind == "number" and not re.fullmatch(r"\d{0,6}", text, re.ASCII):
        raise SpektronError(f"{field.label}: give a whole number")
    if (
        field.kind == "date"
        and text
        and not re.fullmatch(r"[\d:T-]{10,19}", text, re.ASCII)
    ):
        raise SpektronError(f"{field.label}: give a date such as 2026-11-29")
    return text
