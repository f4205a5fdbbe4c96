"""A folder of files, each with one spectrum or a few; the file's name is the id."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.readers.draft import Draft, Log, common_axis


def read(path: Path, log: Log, read_file: Callable[[Path, Log], list[Draft]]):
    """Return one draft for a folder; files that differ from most are faults."""
    files = sorted(
        file for file in path.iterdir() if file.is_file() and file.name[0] != "."
    )
    if not files:
        log.fail("folder", "holds no files")
    drafts = []
    remarks: dict[tuple[str, str], list[str]] = {}
    for file in files:
        own = Log(str(file), log.strict)
        try:
            found = read_file(file, own)
        except SpektronError as error:
            text = str(error).removeprefix(f"{file}: ")
            log.fault(file.name, text)
            continue
        for problem in own.problems:
            alike = remarks.setdefault((problem.place, problem.text), [])
            alike.append(file.name)
        if len(found) != 1:
            log.fault(file.name, f"{len(found)} instruments in one file")
            continue
        draft = found[0]
        if len(draft.sample_ids) == 1:
            name = draft.sample_ids[0]
            draft.sample_ids = [file.stem]
            if not draft.numbered and name not in {file.stem, ""}:
                draft.labels["name"] = [name]
        else:
            draft.sample_ids = [f"{file.stem} {i}" for i in draft.sample_ids]
        draft.places = [f"{file.name}, {place}" for place in draft.places]
        drafts.append(draft)
    for (place, text), names in remarks.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        log.remark(f"{names[0]}{more}, {place}", text)
    if not drafts:
        first = log.problems[0] if log.problems else "no spectra"
        log.fail("folder", f"no file could be read ({first})")
    return [_stack(drafts, log)]


def _stack(drafts: list[Draft], log: Log) -> Draft:
    names = [draft.places[0] for draft in drafts]
    _, members = common_axis([draft.axis for draft in drafts], names, log)
    drafts = [drafts[i] for i in members]
    kinds = [
        (_said(d.unit, d.unit_hint), _said(d.quantity, d.quantity_hint), d.modality)
        for d in drafts
    ]
    usual = Counter(kinds).most_common(1)[0][0]
    alike = []
    for draft, kind in zip(drafts, kinds, strict=True):
        if kind == usual:
            alike.append(draft)
        else:
            text = f"{_named(kind)}, where most files hold {_named(usual)}"
            log.fault(draft.places[0], text)
    first = alike[0]
    labels = {key for draft in alike for key in draft.labels}
    targets = {key for draft in alike for key in draft.targets}
    sizes = [len(draft.sample_ids) for draft in alike]
    return Draft(
        axis=first.axis,
        spectra=np.concatenate([draft.spectra for draft in alike]),
        sample_ids=[i for draft in alike for i in draft.sample_ids],
        places=[place for draft in alike for place in draft.places],
        unit=first.unit,
        quantity=first.quantity,
        modality=first.modality,
        unit_hint=first.unit_hint,
        quantity_hint=first.quantity_hint,
        axis_place=f"{first.places[0].split(',')[0]}, {first.axis_place}",
        labels={
            key: [
                text
                for draft, n in zip(alike, sizes, strict=True)
                for text in draft.labels.get(key, [""] * n)
            ]
            for key in sorted(labels)
        },
        targets={
            key: np.concatenate(
                [
                    draft.targets.get(key, np.full(n, np.nan))
                    for draft, n in zip(alike, sizes, strict=True)
                ]
            )
            for key in sorted(targets)
        },
    )


def _said(name: str | None, hint: tuple[str, str] | None) -> str | None:
    return name if name or hint is None else hint[0]


def _named(kind: tuple[str | None, ...]) -> str:
    return " ".join(part or "unknown" for part in kind[:2])
