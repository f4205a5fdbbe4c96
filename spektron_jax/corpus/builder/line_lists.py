"""Molecules to a file of line lists: computed, or converted from QM9S.

    workdir/lines.h5         the line lists, for --config.data.path
    workdir/failures.csv     line, SMILES, name and reason of every molecule left out
    workdir/molecules/       what is finished, one file per molecule

The same command resumes an interrupted run: molecules that are finished
are not computed again (their files are named by SMILES and settings), nor are those
that failed, unless config.lines.retry is true.
"""

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, astuple
from importlib.metadata import version
from pathlib import Path

import numpy as np
from absl import logging
from ml_collections import ConfigDict
from tqdm import tqdm

from spektron_jax.corpus import lines_file
from spektron_jax.corpus.builder import gfn2, molecule, qm9s_csv, shards, worker_pool
from spektron_jax.corpus.builder.structures import Entry, Unsuitable, read_list
from spektron_jax.corpus.published import (
    Bundle,
    check_triple_bonds,
    has_triple_bond,
)
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.tables import write_table

SOURCES = ("smiles", "qm9s_csv", "shards")
PART_FILES = 500
METHOD = (
    "GFN2-xTB, gas phase, one conformer, double-harmonic; numerical Hessian (tblite "
    "analytic gradients), dmu/dx and dalpha/dx from gradients in finite fields"
)
COLUMNS = ("line", "smiles", "name", "reason")
Failure = tuple[Entry, str]


def run(config: ConfigDict, workdir: Path) -> Path:
    """Compute or convert as config.lines says; return the file of lines."""
    given = config.lines
    target = workdir / "lines.h5"
    if given.source == "qm9s_csv":
        return from_qm9s(given.path, "config.lines.path", target, given.progress)
    if given.source == "shards":
        return _report(given.path, target, *shards.join(given.path, target))
    gfn2.require("rdkit", "tblite.interface")
    which = shards.share(given.shard)
    counts, failures, settings = _compute_all(given, target, workdir, which)
    if given.shard:
        shards.write_note(workdir, which, given.path, counts, failures, settings)
        if not counts["molecules"]:  # another share may hold some
            print(f"share {given.shard}: no molecule could be used")
            return target
    return _report(given.path, target, counts["molecules"], failures)


def from_qm9s(path: str, field: str, target: Path, progress: bool) -> Path:
    """Write the lines of QM9S's per-molecule files; see `qm9s_csv`.

    Parts of PART_FILES files are kept beside the target until all are there, so that
    the same command resumes an interrupted run.

    Args:
      path: qm9s_csv.zip or the folder it was unpacked into.
      field: setting that gave the path, for messages.
      target: file to write; failures.csv stands beside it.
      progress: show a bar.
    """
    gfn2.require("rdkit")
    bundle = Bundle(path, field)
    source = bundle.checksum(progress)
    folder = target.parent / f"parts-{source[:16]}"
    folder.mkdir(exist_ok=True)
    parts, failures, triple = [], [], np.zeros(2, int)
    with tqdm(total=len(bundle.names), unit="mol", disable=not progress) as bar:
        for start in range(0, len(bundle.names), PART_FILES):
            names = bundle.names[start : start + PART_FILES]
            numbered = list(enumerate(names, start=start + 1))
            part = _part(folder / f"{start:07d}.npz", bundle, numbered, bar)
            bar.update(start + len(names) - bar.n)
            triple += part.pop("triple")
            for *entry, why in json.loads(str(part.pop("failures"))):
                failures.append((Entry(*entry), why))
            parts.append(part)
    check_triple_bonds(path, *triple)
    attributes = qm9s_csv.ATTRIBUTES | {"source_sha256": source}
    count = lines_file.write_parts(target, parts, attributes)
    shutil.rmtree(folder)
    return _report(path, target, count, failures)


def _part(
    path: Path, bundle: Bundle, names: list[tuple[int, str]], bar: tqdm
) -> lines_file.Arrays:
    """Compute a part and keep it, unless it is there.

    Besides the arrays: failures as JSON, and (molecules, showing) of triple bonds.
    """
    done = lines_file.load_arrays(path, ("failures", "triple"))
    if done is not None:
        return done
    failures: list[Failure] = []
    triple = [0, 0]

    def watched():
        for smiles, name, arrays in qm9s_csv.molecules(bundle, names, failures):
            if has_triple_bond(smiles):
                triple[0] += 1
                triple[1] += qm9s_csv.shows_triple_bond(arrays)
            bar.update()
            yield smiles, name, arrays

    arrays = lines_file.collect(watched())
    rows = [[*astuple(entry), why] for entry, why in failures]
    arrays |= {"failures": np.array(json.dumps(rows)), "triple": np.array(triple)}
    lines_file.save_arrays(path, arrays)
    return arrays


def _report(path: str, target: Path, count: int, failures: list[Failure]) -> Path:
    """Write failures.csv and say how many molecules there are."""
    workdir = target.parent
    _write_failures(workdir / "failures.csv", failures)
    for entry, reason in failures[:5]:
        logging.warning("left out: line %d %s: %s", entry.line, entry.smiles, reason)
    if failures:
        logging.warning("%d left out: see failures.csv", len(failures))
    if not count:
        raise SpektronError(
            f"{path}: no molecule could be used; {workdir / 'failures.csv'} "
            f"says why ({failures[0][1] if failures else 'it holds none'})"
        )
    print(f"{count} molecules written to {os.path.relpath(target)}")
    return target


def check(given: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    if given.source not in SOURCES:
        raise SpektronError(
            f"config.lines.source = {given.source!r}: must be one of "
            + ", ".join(SOURCES)
        )
    if not given.path:
        raise SpektronError(
            "config.lines.path: give a text file with one SMILES a line, or for "
            "qm9s_csv the folder or zip file of QM9S, for shards their folder"
        )
    shards.share(given.shard)
    if given.shard and given.source != "smiles":
        raise SpektronError(
            f"config.lines.shard = {given.shard!r}: is for config.lines.source=smiles"
        )
    minimum = {"processes": 0, "conformers": 1, "max_atoms": 2, "timeout_s": 1.0}
    for name, low in minimum.items():
        if given[name] < low:
            raise SpektronError(
                f"config.lines.{name} = {given[name]}: must be at least {low}"
            )


def _compute_all(
    given: ConfigDict, target: Path, workdir: Path, share: shards.Share
) -> tuple[dict[str, int], list[Failure], dict]:
    elements = tuple(given.elements.split())
    entries, failures, repeated = read_list(
        given.path, elements, given.max_atoms, share
    )
    for entry, first in repeated[:5]:
        logging.warning("line %d: the same molecule as line %d", entry.line, first.line)
    if repeated:
        logging.warning("%d molecules stood there twice, merged", len(repeated))
    settings = molecule.Settings(
        given.seed, given.conformers, given.use_xtb, given.refine, given.timeout_s
    )
    paths = {entry: _place(workdir, entry.smiles, settings) for entry in entries}
    known = {} if given.retry else _known_failures(workdir)
    left = []
    for entry in entries:
        key = paths[entry].stem
        if key in known:
            failures.append((entry, known[key]))
        elif not paths[entry].exists():
            left.append(entry)
    logging.info("%d molecules, %d to be computed", len(entries), len(left))
    work = functools.partial(job, settings)
    processes = given.processes or os.cpu_count() or 1
    tasks = worker_pool.run(work, left, processes, given.timeout_s)
    bar = tqdm(
        total=len(entries),
        initial=len(entries) - len(left),
        unit="mol",
        disable=not given.progress,
    )
    with bar, open(workdir / "failed.jsonl", "a", encoding="utf-8") as log:
        for entry, done, answer in tasks:
            if done:
                lines_file.save_arrays(paths[entry], answer)
            else:
                failures.append((entry, answer))
                log.write(json.dumps([paths[entry].stem, answer]) + "\n")
                log.flush()
            bar.update()
            bar.set_postfix(failed=len(failures), refresh=False)
    attributes = {
        "title": "GFN2-xTB harmonic IR/Raman line lists",
        "generator": "spektron_jax, configs/lines.py",
        "method": METHOD,
        "software": f"tblite {version('tblite')}, rdkit {version('rdkit')}"
        + (", xtb (optimiser)" if given.use_xtb and shutil.which("xtb") else ""),
        "settings": json.dumps(asdict(settings)),
    }
    count = lines_file.write(target, _finished(paths, failures), attributes)
    counts = {"molecules": count, "repeated": len(repeated)}
    return counts, failures, asdict(settings)


def job(settings: molecule.Settings, entry: Entry) -> tuple[bool, object]:
    """What a worker does with one molecule."""
    try:
        return True, molecule.compute(entry.smiles, settings)
    except (Unsuitable, gfn2.NotConverged) as reason:
        return False, str(reason)


def _place(workdir: Path, smiles: str, settings: molecule.Settings) -> Path:
    """The file of a molecule; other settings than time limits lead to another."""
    what = asdict(settings) | {"timeout_s": None, "smiles": smiles}
    key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]
    return workdir / "molecules" / key[:2] / f"{key}.npz"


def _known_failures(workdir: Path) -> dict[str, str]:
    """Reasons by key of an earlier run; a last line that was cut off is left out."""
    known = {}
    path = workdir / "failed.jsonl"
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            key, reason = json.loads(line)
        except ValueError:
            continue
        known[key] = reason
    return known


def _finished(
    paths: dict[Entry, Path], failures: list[Failure]
) -> Iterator[tuple[str, str, dict]]:
    failed = {entry for entry, _ in failures}
    for entry, path in paths.items():
        if entry in failed:
            continue
        arrays = lines_file.load_arrays(path)
        if arrays is None:
            path.unlink(missing_ok=True)
            failures.append((entry, f"{path} was damaged: the same command repeats it"))
        else:
            yield entry.smiles, entry.name, arrays


def _write_failures(path: Path, failures: list[Failure]) -> None:
    ordered = sorted(failures, key=lambda found: found[0].line)
    rows = [(entry.line, entry.smiles, entry.name, why) for entry, why in ordered]
    write_table(path, [COLUMNS, *rows])
