"""From a config to results.json, results.npz and a page: the same for every task.

A task is a module of this folder with the name of the task and

    check(config)          raise SpektronError for a setting that cannot work; quick,
                           since it comes before JAX and before any file is read
    run(config, workdir)   a Result; an iterator of Results, each of which replaces the
                           one before: so a task can answer first and rest the answer
                           on more later; or, without a page, JSON-ready data or None

`run` may write files of its own; everything else is written here.
"""

import datetime
import json
import os
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from spektron_jax import commands, provenance
from spektron_jax.archive import replacing
from spektron_jax.commands.result import Bullets, Code, Part, Result, Section, Text
from spektron_jax.errors import SpektronError, network_for

NO_TASKS = {
    "config_file",
    "prompt",
    "report",
    "result",
    "runner",
    "transfer_fit",
    "workdir_lock",
}  # what else stands here


def tasks() -> list[str]:
    """Names of all tasks: the modules of this folder, so a new one needs no entry."""
    found = {module.name for module in pkgutil.iter_modules(commands.__path__)}
    return sorted(found - NO_TASKS)


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work, before anything is loaded."""
    if config.get("task") not in tasks():
        raise SpektronError(
            f"config.task = {config.get('task')!r}: must be one of {', '.join(tasks())}"
        )
    with network_for(f"task {config.task!r}"):
        task_of(config).check(config)


def run(
    config: ConfigDict, workdir: Path, say: Callable[[str], str] = str
) -> dict[str, Any]:
    """Run a task whose settings were checked; write and print each Result as it comes.

    Args:
      config: with the task's name
      workdir: that exists
      say: puts the names of settings in a message as they are typed

    Returns:
      What the last Result said, JSON-ready; or the data of a task without a page.

    Raises:
      SpektronError: from the task, or a file cannot be written.
    """
    said, data = set[str](), dict[str, Any]()
    with network_for(f"task {config.task!r}"):
        found = task_of(config).run(config, workdir)
        if isinstance(found, Mapping):
            return dict(found)
        for result in [found] if isinstance(found, Result) else found or ():
            data = write(result, config, workdir, said, say)
    return data


def task_of(config: ConfigDict) -> ModuleType:
    """The module of the config's task."""
    return import_module(f"spektron_jax.commands.{config.task}")


def write(
    result: Result,
    config: ConfigDict,
    workdir: Path,
    said: set[str] | None = None,
    say: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Write results.json, results.npz and the page; print verdict and paths.

    What was `said` before is not said again. Returns what stands in results.json, and
    the paths that were written.
    """
    said = set() if said is None else said
    from spektron_jax.commands.report.html import render  # matplotlib takes a second

    about = provenance_of(config) | {"files": dict(result.files)}
    verdict = [asdict(found) for found in result.verdict]
    data = {**result.data, "verdict": verdict, **about}
    text = json.dumps(data, indent=1) + "\n"
    with replacing(workdir / "results.json") as draft:
        draft.write_text(say(text), encoding="utf-8")
    if result.arrays:
        with replacing(workdir / "results.npz") as draft:
            np.savez_compressed(draft, **result.arrays)  # type: ignore[arg-type]
    with replacing(workdir / result.page) as draft:
        page = render(result, repeat_section(about))
        draft.write_text(say(page), encoding="utf-8")
    paths = {**result.written, "report": workdir / result.page}
    lines = [say(f"warning: {text}") for text in result.told]
    lines += [say(f"{found.label}: {found.text}") for found in result.verdict]
    lines += [f"{name}: {os.path.relpath(path)}" for name, path in paths.items()]
    for line in lines:
        if line not in said:
            print(line, flush=True)
    said.update(lines)
    written = {name: str(path) for name, path in paths.items()}
    return {**json.loads(say(text)), "written": written}


def provenance_of(config: ConfigDict) -> dict[str, Any]:
    """Settings, versions and the command, ready for a shell, that repeats the run."""
    return {
        "config": json.loads(config.to_json()),
        "versions": provenance.versions(),
        "command": provenance.command(),
    }


def repeat_section(about: dict[str, Any]) -> Section:
    """The last section of every page."""
    listed = ", ".join(
        f"{name} {version}" for name, version in about["versions"].items()
    )
    seed = about["config"].get("seed")
    seeded = "" if seed is None else f"Seed {seed}; "
    files = [f"{name}: SHA-256 {value}" for name, value in about["files"].items()]
    settings = json.dumps(about["config"], indent=2, ensure_ascii=False)
    made = datetime.date.today().isoformat()
    parts: list[Part] = [Text(f"Made on {made}. {seeded}{listed}.")]
    if files:
        parts.append(Bullets(files))
    parts += [Code(about["command"]), Code(settings, summary="All settings")]
    return Section("settings", "Settings and how to repeat this", parts)
