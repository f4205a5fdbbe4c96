"""The task "identify" of the command line: search, or classify, and report.

Writes hits.csv (query id, rank, name, score, accepted), results.json and report.html.
"""

import csv
import json
import os
import platform
import sys
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

import spektron_jax
from spektron_jax.archive import replacing
from spektron_jax.commands.report.identify_page import write_report
from spektron_jax.errors import SpektronError
from spektron_jax.identification.classify import classify
from spektron_jax.identification.search import search
from spektron_jax.identification.sources import read_pairs

HEADER = ("library", "query_instrument", "query_id", "rank", "name", "score")
HEADER += ("probability", "accepted")
MODES = {"search": search, "classify": classify}


def run(config: ConfigDict, workdir: Path) -> None:
    """Run the task."""
    given = config.identify
    pairs, files = read_pairs(config.data)
    results, hits = MODES[given.mode](pairs, given, config.seed)
    results |= {
        "mode": given.mode,
        "files": files,
        "weights": given.weights or None,
        "config": json.loads(config.to_json()),
        "versions": {
            "python": platform.python_version(),
            "spektron_jax": spektron_jax.__version__,
            "numpy": np.__version__,
        },
        "command": " ".join(["python -m spektron_jax.main", *sys.argv[1:]]),
    }
    with replacing(workdir / "hits.csv") as draft:
        with draft.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *hits])
    with replacing(workdir / "results.json") as draft:
        draft.write_text(json.dumps(results, indent=1), encoding="utf-8")
    report = write_report(workdir)
    for line in results["verdict"]:
        print(f"{line['label']}: {line['text']}")
    print(f"hits: {os.path.relpath(workdir / 'hits.csv')}")
    print(f"report: {os.path.relpath(report)}")


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    given = config.identify
    if given.mode not in MODES:
        raise SpektronError(
            f"config.identify.mode = {given.mode!r}: must be one of {', '.join(MODES)}"
        )
    if given.k < 1:
        raise SpektronError(f"config.identify.k = {given.k}: must be 1 or more")
    if not 0 < given.precision < 1:
        raise SpektronError(
            f"config.identify.precision = {given.precision}: must lie between 0 and 1"
        )
    if given.repeats < 2:
        raise SpektronError(
            f"config.identify.repeats = {given.repeats}: must be 2 or more"
        )
    if given.mode == "classify" and not (given.shots and min(given.shots) >= 2):
        raise SpektronError(
            "config.identify.shots: give numbers of 2 or more; one spectrum says "
            "nothing of the spread"
        )
