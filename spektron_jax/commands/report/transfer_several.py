"""The page of a calibration transfer of several properties: a table, then each."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from spektron_jax.commands.result import Bullets, Finding, Result, Section, Table


def as_one(results: Mapping[str, Result]) -> Result:
    """The results of several properties as one; of one property, that."""
    if len(results) == 1:
        return next(iter(results.values()))
    first = next(iter(results.values()))
    names = first.data["names"]
    between = f"{names['source']} to {names['target']}"
    places = slugs(results)
    rows = [
        [name, one.verdict[0].label, *_errors(one)] for name, one in results.items()
    ]
    table = Table(["Property", "Verdict", "Error", "Before", "Unit"], rows, CAPTION)
    sections = [Section("properties", "All properties", [table])]
    for name, one in results.items():
        said = [f"{each.label}: {each.text}" for each in one.verdict]
        place = places[name]
        sections.append(Section(f"{place}-verdict", name, [Bullets(said)]))
        sections += [
            replace(each, name=f"{place}-{each.name}", title=f"{name}: {each.title}")
            for each in one.sections
        ]
    return Result(
        f"Calibration transfer: {', '.join(results)}: {between}",
        [
            Finding(one.verdict[0].good, f"{name}: {each.label}", each.text)
            for name, one in results.items()
            for each in one.verdict[:1]
        ],
        sections,
        facts=first.facts,
        data={"properties": {name: dict(one.data) for name, one in results.items()}},
        arrays={
            f"{places[name]}.{key}": values
            for name, one in results.items()
            for key, values in one.arrays.items()
        },
        files=first.files,
    )


CAPTION = (
    "Prediction error on the new instrument, and what it was before the transfer: "
    "RMSEP of held-out samples where methods were compared, else cross-validated RMSE "
    "of the transfer samples. Details of each property stand below."
)


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Names as parts of a file's name or an address in a page, no two alike."""
    found = {name: re.sub(r"\W+", "_", name).strip("_") for name in names}
    if "" in found.values() or len({one.lower() for one in found.values()}) < len(
        found
    ):
        return {name: f"{k}_{one}" for k, (name, one) in enumerate(found.items(), 1)}
    return found


def _errors(one: Result) -> list[str]:
    """Error, what it was before, and their unit, as the headline shows them."""
    head = one.headline
    return (
        ["not known", "", ""] if head is None else [head.after, head.before, head.unit]
    )
