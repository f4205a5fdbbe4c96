"""A list of molecules computed in shares, by the tasks of a cluster's job array.

    task 3 of 16    --config.lines.shard=3/16 --workdir=lines/3
    then            --config.lines.source=shards --config.lines.path=lines

Share k of n takes every n-th line of the list from line k on. When it is done it leaves
`shard.json`: the list's checksum, what became of each of its lines, the checksum of its
lines.h5. Joining them finds shares that are missing, stand there twice, are of another
list or other settings, or do not hold what they say; molecules that two shares hold are
kept once.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from absl import logging

from spektron_jax import archive
from spektron_jax.corpus import lines_file
from spektron_jax.corpus.builder.structures import Entry
from spektron_jax.errors import SpektronError

NOTE, LINES = "shard.json", "lines.h5"
SAME = ("of", "list_sha256", "list_lines", "settings")  # in all shares of one list
Share = tuple[int, int]  # number from 1, of how many


def share(text: str) -> Share:
    """(3, 16) of "3/16"; (1, 1) of "".

    Raises:
      SpektronError: anything else.
    """
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text or "1/1")
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise SpektronError(
            f"config.lines.shard = {text!r}: give a share and how many, such as 3/16"
        )
    return int(found[1]), int(found[2])


def write_note(
    workdir: Path,
    which: Share,
    source: str,
    counts: dict[str, int],
    failures: list[tuple[Entry, str]],
    settings: dict[str, Any],
) -> None:
    """Say what became of a share, now that all of it is done.

    Args:
      counts: "molecules" in the file of lines, "repeated" ones of this share.
    """
    number, of = which
    lines = Path(source).read_text(encoding="utf-8-sig").splitlines()
    held = workdir / LINES
    note = {
        "number": number,
        "of": of,
        "list_sha256": archive.checksum(source),
        "list_lines": sum(bool(line.strip()) for line in lines),
        "settings": settings,
        **counts,
        "failures": [[*astuple(entry), why] for entry, why in failures],
        "lines_sha256": archive.checksum(held) if counts["molecules"] else None,
    }
    with archive.replacing(workdir / NOTE) as draft:
        draft.write_text(json.dumps(archive.sealed(note)), encoding="utf-8")


def join(folder: str, target: Path) -> tuple[int, list[tuple[Entry, str]]]:
    """Write one file of the lines of all shares below a folder.

    Returns:
      How many molecules, and which were left out.

    Raises:
      SpektronError: not all shares of one list are there, once each and whole.
    """
    found = _notes(folder)
    first_path, first = found[0]
    for path, note in found:
        for name in SAME:
            if note[name] != first[name]:
                raise SpektronError(
                    f"{path}: {name} is not that of {first_path}; join shares of one "
                    "list, computed with the same settings"
                )
    places: dict[int, Path] = {}
    for path, note in found:
        if note["number"] in places:
            raise SpektronError(
                f"{path}: share {note['number']} stands in {places[note['number']]} "
                "too; move one of them away"
            )
        places[note["number"]] = path
    if missing := sorted({*range(1, first["of"] + 1)} - set(places)):
        raise SpektronError(
            f"{folder}: of {first['of']} shares these are missing: "
            f"{', '.join(map(str, missing))}; run their tasks again"
        )
    told = sum(n["molecules"] + n["repeated"] + len(n["failures"]) for _, n in found)
    if told != first["list_lines"]:
        raise SpektronError(
            f"{folder}: the list has {first['list_lines']} molecules, the shares tell "
            f"of {told}; run all tasks again"
        )
    failures = [
        (Entry(*row[:3]), row[3]) for _, note in found for row in note["failures"]
    ]
    attributes = _attributes(found)
    return lines_file.write_parts(target, _unique(found), attributes), failures


def _notes(folder: str) -> list[tuple[Path, dict[str, Any]]]:
    paths = sorted(Path(folder).rglob(NOTE))
    if not paths:
        raise SpektronError(
            f"config.lines.path = {folder!r}: no {NOTE} below; give the folder that "
            "holds the workdirs of the shares"
        )
    found = []
    for path in paths:
        try:
            note = json.loads(path.read_bytes())
            intact = note.pop("sha256") == archive.sealed(note)["sha256"]
            {name: note[name] for name in (*SAME, "number", "molecules", "repeated")}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SpektronError(f"{path}: cannot be read ({error})") from error
        except RecursionError as error:
            raise SpektronError(f"{path}: is no note of a share") from error
        held = path.with_name(LINES)
        if note["molecules"]:
            intact = intact and held.is_file()
            intact = intact and archive.checksum(held) == note["lines_sha256"]
        if not intact:
            raise SpektronError(
                f"{path.parent}: {NOTE} or {LINES} has changed since the share was "
                "done; run its task again"
            )
        found.append((path, note))
    return found


def _attributes(found: list[tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    """Of the first file of lines: title, method, software, settings."""
    for path, note in found:
        if note["molecules"]:
            with h5py.File(path.with_name(LINES)) as file:
                kept = ("title", "generator", "method", "software", "settings")
                return {name: file.attrs[name] for name in kept if name in file.attrs}
    return {}


def _unique(found: list[tuple[Path, dict[str, Any]]]) -> Iterator[lines_file.Arrays]:
    """Arrays of each share as `collect` makes them, without molecules seen before."""
    seen: set[str] = set()
    for path, note in found:
        if not note["molecules"]:
            continue
        held = path.with_name(LINES)
        arrays, _, _ = lines_file.read_lines(held)
        with h5py.File(held) as file:
            arrays["name"] = file["molecules/name"][()]
        names = arrays["smiles"].tolist()
        fresh = np.array([name not in seen for name in names])
        if not fresh.all():
            logging.warning("%s: %d molecules of earlier shares", held, sum(~fresh))
        seen |= set(names)
        counts = {
            "lines": np.diff(arrays.pop("line_offset")),
            "bonds": np.diff(arrays.pop("xh_offset")),
        }
        rows = {
            **dict.fromkeys(lines_file.LINE_FIELDS, np.repeat(fresh, counts["lines"])),
            **dict.fromkeys(lines_file.BOND_FIELDS, np.repeat(fresh, counts["bonds"])),
        }
        arrays["smiles"] = np.char.encode(arrays["smiles"], "utf-8")
        arrays |= counts
        yield {name: values[rows.get(name, fresh)] for name, values in arrays.items()}
