"""A folder of files, each with one spectrum or a few; the file's name is the id."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.axis_words import other_unit_of
from spektron_jax.spectra.readers.parsed import LATE, Log, ParsedSpectra, common_axis


def read(
    path: Path, log: Log, read_file: Callable[[Path, Log], list[ParsedSpectra]]
) -> list[ParsedSpectra]:
    """Return one instrument of a folder; files that differ from most are errors."""
    files = sorted(
        file for file in path.iterdir() if file.is_file() and file.name[0] != "."
    )
    if not files:
        log.fail("folder", "holds no files")
    if any(file.is_dir() for file in path.iterdir()):
        log.note("folder", "folders within it are not searched")
    alike = Counter(file.stem for file in files)
    parts = []
    said: dict[tuple[bool, str, str], list[str]] = {}
    for file in tqdm(files, desc=path.name, unit="file", **LATE):
        own = Log(str(file), log.strict, log.unit)
        try:
            found = read_file(file, own)
        except SpektronError as error:
            text = str(error).removeprefix(f"{file}: ")
            log.error(file.name, text)
            continue
        for is_note, found_there in ((True, own.notes), (False, own.problems)):
            for one in found_there:
                said.setdefault((is_note, one.place, one.text), []).append(file.name)
        if len(found) != 1:
            log.error(file.name, f"{len(found)} instruments in one file")
            continue
        log.keeps_constant |= own.keeps_constant
        part = found[0]
        # OPUS counts repeated measurements in the suffix: pill.0, pill.1.
        sample = file.stem if alike[file.stem] == 1 else file.name
        if len(part.sample_ids) == 1:
            name = part.sample_ids[0]
            part.sample_ids = [sample]
            if not part.numbered and name not in {file.stem, ""}:
                part.labels["name"] = [name]
        else:
            part.sample_ids = [f"{sample} {i}" for i in part.sample_ids]
        if part.standards is not None:
            names, values = part.standards
            part.standards = [f"{sample} {name}" for name in names], values
        part.places = [f"{file.name}, {place}" for place in part.places]
        parts.append(part)
    for (is_note, place, text), names in said.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        (log.note if is_note else log.warning)(f"{names[0]}{more}, {place}", text)
    if not parts:
        first = log.problems[0] if log.problems else "no spectra"
        log.fail("folder", f"no file could be read ({first})")
    return [_stack(parts, log)]


def _stack(parts: list[ParsedSpectra], log: Log) -> ParsedSpectra:
    names = [part.places[0] for part in parts]
    _, members = common_axis([part.axis for part in parts], names, log)
    parts = [parts[i] for i in members]
    kinds = [
        (
            _said(d.unit, d.unit_hint) or other_unit_of(d.axis_label),
            _said(d.quantity, d.quantity_hint),
            d.modality,
        )
        for d in parts
    ]
    usual = Counter(kinds).most_common(1)[0][0]
    alike = []
    for part, kind in zip(parts, kinds, strict=True):
        if kind == usual:
            alike.append(part)
        else:
            text = f"{_named(kind)}, where most files hold {_named(usual)}"
            log.error(part.places[0], text)
    first = alike[0]
    labels = {key for part in alike for key in part.labels}
    targets = {key for part in alike for key in part.targets}
    standards = [part.standards for part in alike if part.standards is not None]
    return ParsedSpectra(
        axis=first.axis,
        spectra=np.concatenate([part.spectra for part in alike]),
        sample_ids=[i for part in alike for i in part.sample_ids],
        places=[place for part in alike for place in part.places],
        unit=first.unit,
        quantity=first.quantity,
        modality=first.modality,
        unit_hint=first.unit_hint,
        quantity_hint=first.quantity_hint,
        axis_place=f"{first.places[0].split(',')[0]}, {first.axis_place}",
        axis_label=first.axis_label,
        standards=(
            [name for names, _ in standards for name in names],
            np.concatenate([values for _, values in standards]),
        )
        if standards
        else None,
        labels={
            key: [
                text
                for part in alike
                for text in part.labels.get(key, [""] * len(part.sample_ids))
            ]
            for key in sorted(labels)
        },
        targets={
            key: np.concatenate(
                [
                    part.targets.get(key, np.full(len(part.sample_ids), np.nan))
                    for part in alike
                ]
            )
            for key in sorted(targets)
        },
    )


def _said(name: str | None, hint: tuple[str, str] | None) -> str | None:
    return name if name or hint is None else hint[0]


def _named(kind: tuple[str | None, ...]) -> str:
    return " ".join(part or "unknown" for part in kind[:2])
