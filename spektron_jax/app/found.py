"""From what `spektron read` says of files to what a person is told and offered."""

from collections.abc import Mapping
from typing import Any

MOST_NOTES = 20
MOST_NAMES = 10
DEFAULT_N = 10  # transfer samples
Read = Mapping[str, Any]  # the JSON of `spektron read`


def shown(read: Read) -> dict[str, Any]:
    """What the page says of files that were read.

    Returns:
      rows: label and text of each line; properties, instruments, labels: names to
      choose from; notes: sentences; ids: of the samples.
    """
    rows = [("Samples", _samples(read["samples"]))]
    if read["modality"] != "unknown":
        rows.append(("Kind", read["modality"]))
    unlike = []
    for name, one in read["instruments"].items():
        text = (
            f"{one['spectra']} spectra of {one['points']} points, "
            f"{one['first']:g} to {one['last']:g} {one['unit']}, "
        )
        named = one["quantity"] != "unknown"
        text += one["quantity"] if named else "quantity not named"
        rows.append((f"Instrument {name}", text))
        unlike += one.get("unlike", [])
    for name, count in read["targets"].items():
        rows.append((name, f"{count} values"))
    if unlike:
        rows.append(("Unlike the others", _names(unlike)))
    said = [*read["problems"], *read["notes"]]
    notes = said[:MOST_NOTES]
    if len(said) > MOST_NOTES:
        notes.append(f"and {len(said) - MOST_NOTES} more")
    return {
        "rows": rows,
        "properties": list(read["targets"]),
        "instruments": list(read["instruments"]),
        "labels": list(read["labels"]),
        "notes": notes,
        "ids": read["samples"],
    }


def offered(old: Read, new: Read, labels: bool) -> dict[str, Any]:
    """What is offered first for a transfer.

    Args:
      old, new: files of both instruments
      labels: whether a table of reference values was given

    Returns:
      said: a sentence on both; settings: field -> value.
    """
    both = len(set(old["samples"]) & set(new["samples"]))
    bare = old["numbered"] and new["numbered"]  # ids are row numbers
    if bare and len(old["samples"]) != len(new["samples"]):
        both = 0
    properties = list(old["targets"])
    own = any(count for count in new["targets"].values())
    regime = "paired" if both else "unpaired" if own or labels else "unlabelled"
    there = both or len(new["samples"])
    settings = {"regime": regime, "n": str(min(DEFAULT_N, there))}
    if properties:
        settings["property"] = properties[0]
    if len(old["instruments"]) > 1:
        settings["source"] = next(iter(old["instruments"]))
    if len(new["instruments"]) > 1:
        settings["target"] = list(new["instruments"])[-1]
    said = f"{both} sample names stand in both files."
    if bare and both:
        said = (
            f"Neither file names its samples: their {both} rows are paired in order. "
            "If the samples are not the same, in the same order, give names to both."
        )
    elif not both:
        why = "Neither file names its samples"
        if not bare:
            why = "No sample name stands in both files"
        said = f"{why}: samples measured on both instruments need the same name."
    if not properties and not labels:
        said += " No reference values were found: give them in a table of their own."
    return {"said": said, "settings": settings}


def _samples(ids: list[str]) -> str:
    return f"{len(ids)}: {_names(ids, 3)}"


def _names(ids: list[str], most: int = MOST_NAMES) -> str:
    return ", ".join(ids[:most]) + ", ..." * (len(ids) > most)
