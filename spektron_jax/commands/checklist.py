"""The task "checklist": may these weights be used? One line for each condition.

Every line has a value and what is required of it. What it rests on is the audit
(`latent.py`), test-time training (`probes/adaptation.py`) and the checkpoint itself.
"""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

import spektron_jax
from spektron_jax import archive
from spektron_jax.commands import latent, runner
from spektron_jax.config import validate
from spektron_jax.encoder.load import Encoder, load_encoder
from spektron_jax.encoder.weights import completed, locate
from spektron_jax.errors import SpektronError
from spektron_jax.probes.adaptation import adaptation
from spektron_jax.probes.disentanglement import (
    COLLAPSED_SHARE,
    KNOWS_MOLECULE,
    LEAST_RANK,
    chance_limit,
    least_retrieved,
    most_read,
)
from spektron_jax.training import checkpoint

ALLOWED_DROP = 0.05  # of molecule accuracy, from the same instrument to another
ALLOWED_HARM = 0.01  # of molecule accuracy, by test-time training
TIMED_SPECTRA = 64


class Line(NamedTuple):
    """One condition."""

    name: str
    passed: bool
    value: str
    required: str


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    latent.check(config)


def run(config: ConfigDict, workdir: Path) -> None:
    """Print every line; the audit's files and checklist.json go into the workdir.

    Raises:
      SpektronError: a condition fails; names it.
    """
    lines = checkpoint_lines(locate(config.weights))
    if lines[0].passed:
        encoder = load_encoder(config.weights)
        audit = latent.audit(encoder, config)
        runner.write(audit, config, workdir)
        headline = audit.data["headline"]
        rows, rank = audit.data["rows"], headline["effective_rank"]
        lines += audit_lines(rows, headline["collapsed"], rank)
        evaluator = latent.evaluator_of(encoder, config.path)
        accuracy = adaptation(evaluator, encoder, config.molecules)
        lines += [
            adaptation_line(accuracy),
            speed_line(encoder, config.least_spectra_per_s),
        ]
    with archive.replacing(workdir / "checklist.json") as draft:
        draft.write_text(json.dumps([x._asdict() for x in lines], indent=1) + "\n")
    for line in lines:
        mark = "pass" if line.passed else "FAIL"
        print(f"{mark}  {line.name:40s} {line.value:>16s}   required: {line.required}")
    failed = [line.name for line in lines if not line.passed]
    if failed:
        raise SpektronError(
            f"{config.weights}: {len(failed)} of {len(lines)} conditions fail: "
            f"{', '.join(failed)}; do not deploy these weights"
        )
    print(f"{config.weights}: all {len(lines)} conditions pass")


def checkpoint_lines(path: Path) -> list[Line]:
    """Checksums first; then the settings and the version, if the files are whole."""
    folder = path
    if not (path / archive.MANIFEST).exists():
        newest = (checkpoint.steps(path) or [0])[-1]
        folder = path / "checkpoints" / f"{newest:08d}"
    name, required = "checksums", "every file as its SHA-256 says"
    try:
        listed = checkpoint.verify(folder)
    except archive.Damaged as error:
        return [Line(name, False, str(error), required)]
    lines = [Line(name, True, f"{len(listed['files'])} files", required)]
    name, required = "settings", "valid in this version"
    try:
        validate(completed(json.loads((folder / "config.json").read_bytes())))
        lines.append(Line(name, True, "valid", required))
    except SpektronError as error:
        lines.append(Line(name, False, str(error), required))
    ours, written = spektron_jax.__version__, listed["package"]
    older = _numbers(written) <= _numbers(ours)
    return [*lines, Line("version", older, written, f"{ours} or older")]


def _numbers(version: str) -> list[int]:
    """Of "spektron_jax 0.2.0", for comparing."""
    return [int(number) for number in re.findall(r"\d+", version)]


def audit_lines(
    rows: Mapping[str, Mapping[str, Any]], collapsed: float, rank: float
) -> list[Line]:
    """Conditions on the metrics of an audit; the worst modality decides.

    Args:
      rows: modality -> metrics, means over seeds; see `latent_metrics.evaluate_seed`.
      collapsed: share of z_chem dimensions that carry nothing.
      rank: effective rank of z_chem.
    """
    codes = {name: row["z_chem"] for name, row in rows.items()}
    drop, where = max(
        (code["molecule"]["same"] - code["molecule"]["accuracy"], name)
        for name, code in codes.items()
    )
    _, reader, read = most_read(codes)
    least, molecule = least_retrieved(codes)
    return [
        Line(
            f"other against same instrument ({where})",
            drop <= ALLOWED_DROP,
            f"{-100 * drop:+.1f} points",
            f"a drop of {100 * ALLOWED_DROP:.0f} points at most",
        ),
        Line(
            f"instrument probe on z_chem ({reader})",
            read["accuracy"] <= chance_limit(read),
            f"{100 * read['accuracy']:.1f} %",
            f"{100 * chance_limit(read):.1f} % at most (at chance)",
        ),
        Line(
            f"top-1 retrieval of the molecule ({least})",
            molecule["accuracy"] >= KNOWS_MOLECULE,
            f"{100 * molecule['accuracy']:.1f} %",
            f"{100 * KNOWS_MOLECULE:.0f} % or more across instruments",
        ),
        Line(
            "collapsed dimensions of z_chem",
            collapsed < COLLAPSED_SHARE,
            f"{100 * collapsed:.1f} %",
            f"less than {100 * COLLAPSED_SHARE:.0f} %",
        ),
        Line(
            "effective rank of z_chem",
            rank >= LEAST_RANK,
            f"{rank:.1f}",
            f"{LEAST_RANK:g} directions or more",
        ),
    ]


def adaptation_line(accuracy: Mapping[str, float]) -> Line:
    """Test-time training must not hurt; accuracy before and after it."""
    change = accuracy["after"] - accuracy["before"]
    return Line(
        "molecule, by test-time training",
        change >= -ALLOWED_HARM,
        f"{100 * change:+.1f} points",
        f"a drop of {100 * ALLOWED_HARM:.0f} point at most",
    )


def speed_line(encoder: Encoder, least: float) -> Line:
    """Spectra of full length encoded in a second, compilation apart."""
    data = encoder.config.data
    axis = np.linspace(data.low_cm1, data.high_cm1, data.points)
    spectra = np.random.default_rng(0).uniform(0, 1, (TIMED_SPECTRA, data.points))
    encoder.embed(spectra[:1], axis)
    begun = time.perf_counter()
    encoder.embed(spectra, axis)
    speed = TIMED_SPECTRA / (time.perf_counter() - begun)
    value = f"{speed:.1f} spectra/s"
    return Line("throughput here", speed >= least, value, f"{least:g} or more")
