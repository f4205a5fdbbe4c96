"""The deployment checklist: may these weights be used? One line for each condition.

Every line has a figure and what is wanted of it. What it rests on is the audit
(`audit.command`), test-time training (`audit.adaptation`) and the checkpoint itself.
"""

import json
import time
from typing import NamedTuple

import numpy as np

import spektron_jax
from spektron_jax import archive
from spektron_jax.commands import latent
from spektron_jax.config import validate
from spektron_jax.encoder.load import load_encoder
from spektron_jax.encoder.weights import completed, locate
from spektron_jax.errors import SpektronError
from spektron_jax.probes.adaptation import adaptation
from spektron_jax.probes.disentanglement import (
    COLLAPSED_SHARE,
    KNOWS_MOLECULE,
    PROBES,
    limit,
)
from spektron_jax.training import checkpoint
from spektron_jax.training.evaluator import audit_evaluator

MOST_DROP = 0.05  # of molecule accuracy, from the same instrument to another
MOST_HARM = 0.01  # of molecule accuracy, by test-time training
TIMED = 64  # spectra


class Line(NamedTuple):
    """One condition."""

    name: str
    passed: bool
    figure: str
    wanted: str


def check(config):
    """Raise SpektronError for a setting that cannot work."""
    latent.check(config)


def run(config, workdir):
    """Print every line; SpektronError (exit code 2) unless all pass.

    Args:
      config: settings as in configs/checklist.py.
      workdir: receives checklist.json and the files of the audit.
    """
    lines = checkpoint_lines(locate(config.weights))
    if lines[0].passed:
        encoder = load_encoder(config.weights)
        results = latent.write(encoder, config, workdir)
        lines += audit_lines(results["rows"], results["headline"]["collapsed"])
        settings = encoder.config.copy_and_resolve_references()
        settings.data.path = config.path or settings.data.path
        evaluator = audit_evaluator(encoder.params, settings, encoder.model)
        found = adaptation(evaluator, encoder, config.molecules)
        lines.append(adaptation_line(found))
        lines.append(speed_line(encoder, config.least_spectra_per_s))
    with archive.replacing(workdir / "checklist.json") as draft:
        draft.write_text(json.dumps([x._asdict() for x in lines], indent=1) + "\n")
    for line in lines:
        mark = "pass" if line.passed else "FAIL"
        print(f"{mark}  {line.name:34s} {line.figure:>16s}   wanted: {line.wanted}")
    failed = [line.name for line in lines if not line.passed]
    if failed:
        raise SpektronError(
            f"{config.weights}: {len(failed)} of {len(lines)} conditions fail: "
            f"{', '.join(failed)}; do not deploy these weights"
        )
    print(f"{config.weights}: all {len(lines)} conditions pass")


def checkpoint_lines(path):
    """Checksums first; then the settings and the version, if the files are whole."""
    folder = path
    if not (path / archive.MANIFEST).exists():
        newest = (checkpoint.steps(path) or [0])[-1]
        folder = path / "checkpoints" / f"{newest:08d}"
    name, wanted = "checksums", "every file as its SHA-256 says"
    try:
        listed = checkpoint.verify(folder)
    except archive.Damaged as error:
        return [Line(name, False, str(error), wanted)]
    lines = [Line(name, True, f"{len(listed['files'])} files", wanted)]
    name, wanted = "settings", "valid in this version"
    try:
        validate(completed(json.loads((folder / "config.json").read_bytes())))
        lines.append(Line(name, True, "valid", wanted))
    except SpektronError as error:
        lines.append(Line(name, False, str(error), wanted))
    ours = f"spektron_jax {spektron_jax.__version__}"
    written = listed["package"]
    return [*lines, Line("version", written == ours, written, ours)]


def audit_lines(rows, collapsed):
    """Conditions on the figures of an audit.

    Args:
      rows: modality -> figures, means over seeds; see `audit.figures.examine`.
      collapsed: share of z_chem dimensions that carry nothing.
    """
    codes = {name: row["z_chem"] for name, row in rows.items()}
    drop, where = max(
        (code["molecule"]["same"] - code["molecule"]["accuracy"], name)
        for name, code in codes.items()
    )
    probes = [
        (code[probe]["accuracy"] - limit(code[probe]), code[probe], name)
        for name, code in codes.items()
        for probe in PROBES.values()
    ]
    _, read, reader = max(probes, key=lambda found: found[0])
    found, least = min((c["molecule"]["accuracy"], name) for name, c in codes.items())
    return [
        Line(
            f"other against same instrument ({where})",
            drop <= MOST_DROP,
            f"{-100 * drop:+.1f} points",
            f"a drop of {100 * MOST_DROP:.0f} points at most",
        ),
        Line(
            f"instrument read from z_chem ({reader})",
            read["accuracy"] <= limit(read),
            f"{100 * read['accuracy']:.1f} %",
            f"{100 * limit(read):.1f} % at most (guessing)",
        ),
        Line(
            f"molecule found again ({least})",
            found >= KNOWS_MOLECULE,
            f"{100 * found:.1f} %",
            f"{100 * KNOWS_MOLECULE:.0f} % or more",
        ),
        Line(
            "collapsed dimensions of z_chem",
            collapsed < COLLAPSED_SHARE,
            f"{100 * collapsed:.1f} %",
            f"less than {100 * COLLAPSED_SHARE:.0f} %",
        ),
    ]


def adaptation_line(accuracy):
    """Test-time training must not hurt; accuracy before and after it."""
    change = accuracy["after"] - accuracy["before"]
    return Line(
        "molecule, by test-time training",
        change >= -MOST_HARM,
        f"{100 * change:+.1f} points",
        f"a drop of {100 * MOST_HARM:.0f} point at most",
    )


def speed_line(encoder, least):
    """Spectra of full length encoded in a second, compilation apart."""
    points = encoder.config.data.points
    low, high = encoder.config.data.low_cm1, encoder.config.data.high_cm1
    axis = np.linspace(low, high, points)
    spectra = np.random.default_rng(0).uniform(0, 1, (TIMED, points))
    encoder.embed(spectra[:1], axis)
    begun = time.perf_counter()
    encoder.embed(spectra, axis)
    speed = TIMED / (time.perf_counter() - begun)
    figure = f"{speed:.1f} spectra/s"
    return Line("throughput here", speed >= least, figure, f"{least:g} or more")
