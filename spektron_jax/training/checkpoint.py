"""Checkpoints: the only file that imports orbax.

    <workdir>/checkpoints/00000100/
        params/         model parameters (orbax)
        rest/           everything else of the state: optimiser, target network, rng
        config.json     the settings of the run
        position.json   where the data stream stands
        manifest.json   SHA-256 of every file above; shape and dtype of every leaf

Shipped weights have the same form without `rest/` and `position.json`.

What orbax does not do is done here and in `archive`: a folder with a step's name is
complete, and its manifest is checked before anything is read, since orbax restores a
flipped bit without a word. Leaves are stored under their path
("opt_state/0/mu/dense/kernel") with at least one axis, and the manifest holds the true
shape: orbax would lose NamedTuples, turn 0-d arrays into Python numbers and refuse
empty ones. A restore compares every leaf with the target before reading: orbax would
cast dtypes and fill gaps without a word.

Everything is host numpy, so a checkpoint does not depend on the number of devices. In
a run of several processes only the first one saves; each restores by itself.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import logging

from spektron_jax import archive
from spektron_jax.errors import SpektronError
from spektron_jax.training import leaves

_OURS = re.compile(r"\d{8}|[1-9]\d{8,}")  # names of steps' folders
FORMAT = 1  # raised when an older reader could no longer read what is written


# Saving


def save(
    workdir: str | os.PathLike,
    step: int,
    params: Any,
    rest: Any,
    config: dict,
    position: dict,
    keep: int = 3,
) -> Path:
    """Writes the checkpoint of `step` and deletes all but the `keep` newest.

    Args:
      workdir: folder of the run.
      step: number of finished optimiser steps.
      params: nested dict of arrays.
      rest: any pytree of arrays and numbers (PRNG keys as raw uint32 arrays).
      config: JSON-able settings.
      position: JSON-able position of the data stream.
      keep: how many checkpoints stay, this one included.

    Returns:
      The folder of the new checkpoint.
    """
    root = _root(workdir)
    folder = root / f"{step:08d}"
    texts = {"config.json": config, "position.json": position}
    _write(folder, {"params": params, "rest": rest}, texts, step)
    for old in [s for s in steps(workdir) if s <= step][:-keep]:
        shutil.rmtree(root / f"{old:08d}", ignore_errors=True)
    archive.clear_drafts(root)
    return folder


def save_params(path: str | os.PathLike, params: Any, config: dict) -> Path:
    """Writes parameters and settings alone, the form in which weights are shipped."""
    folder = Path(path).absolute()
    archive.check_place(folder, "weights")
    return _write(folder, {"params": params}, {"config.json": config}, step=None)


def _write(folder: Path, trees: dict, texts: dict, step: int | None) -> Path:
    arrays = {
        name: leaves.flatten(jax.device_get(tree)) for name, tree in trees.items()
    }
    described = {name: leaves.describe(flat) for name, flat in arrays.items()}
    about = {"format": FORMAT, "step": step, "leaves": described}
    with archive.writing(folder, about) as draft:
        for name, flat in arrays.items():
            _orbax_save(draft / name, flat)
        for name, content in texts.items():
            (draft / name).write_text(json.dumps(content, indent=2) + "\n")
    return folder


# Looking


def steps(workdir: str | os.PathLike) -> list[int]:
    """Every step that has a folder, in order, damaged ones included."""
    root = _root(workdir)
    if not root.is_dir():
        return []
    return sorted(int(p.name) for p in root.iterdir() if _OURS.fullmatch(p.name))


def latest(workdir: str | os.PathLike) -> int | None:
    """The newest step whose files all pass the manifest, or None."""
    for step in reversed(steps(workdir)):
        with contextlib.suppress(archive.Damaged):
            verify(_root(workdir) / f"{step:08d}")
            return step
    return None


def verify(folder: Path) -> dict:
    """The manifest of a checkpoint or weights; `archive.Damaged` names a bad file."""
    listed = archive.verify(folder, FORMAT)
    if not leaves.are_described(listed.get("leaves")):
        raise archive.Damaged(f"{archive.MANIFEST} does not describe its leaves")
    step = listed.get("step")
    if _OURS.fullmatch(folder.name) and step is not None and step != int(folder.name):
        raise archive.Damaged(f"it is the checkpoint of step {step}, renamed")
    return listed


# Restoring


def settings(workdir: str | os.PathLike, step: int) -> dict:
    """The settings that the run had at `step`."""
    return _json(_root(workdir) / f"{step:08d}", "config.json")


def restore(
    workdir: str | os.PathLike,
    rest_target: Any,
    params_target: Any,
    step: int | None = None,
) -> tuple[int, Any, Any, dict, dict]:
    """Reads a full checkpoint: that of `step`, or the newest that is undamaged.

    Args:
      workdir: folder of the run.
      rest_target: tree of arrays or ShapeDtypeStructs that `rest` must fit.
      params_target: the same for the parameters.
      step: a step to insist on; None takes the newest good one, with a warning for
        every damaged one that is passed over.

    Returns:
      (step, params, rest, config, position) with numpy leaves.
    """
    folder, listed = _find(_root(workdir), step)
    params = _read(folder, listed, "params", params_target)
    rest = _read(folder, listed, "rest", rest_target)
    config, position = _json(folder, "config.json"), _json(folder, "position.json")
    return int(folder.name), params, rest, config, position


def restore_params(
    path: str | os.PathLike, params_target: Any = None
) -> tuple[Any, dict]:
    """Reads parameters and settings from a workdir, a step's folder or weights.

    Args:
      path: folder of a run (its newest good checkpoint is taken), of one checkpoint,
        or of weights written by `save_params`.
      params_target: tree that the parameters must fit leaf by leaf; None returns
        what is stored, as nested dicts.

    Returns:
      (params, config) with numpy leaves.
    """
    path = Path(path).absolute()
    if (path / "checkpoints").is_dir():
        folder, listed = _find(path / "checkpoints", None)
    elif (path / archive.MANIFEST).exists():
        folder, listed = path, _verify_or_fail(path)
    else:
        raise SpektronError(
            f"{path}: neither a checkpoint, nor weights, nor the workdir of a run; "
            "give the folder that holds checkpoints/ or manifest.json"
        )
    params = _read(folder, listed, "params", params_target)
    return params, _json(folder, "config.json")


def _find(root: Path, step: int | None) -> tuple[Path, dict]:
    """The folder and manifest of `step`, or of the newest undamaged checkpoint."""
    present = steps(root.parent)
    if not present:
        raise SpektronError(f"{root}: holds no checkpoint; train first")
    if step is not None:
        if step not in present:
            raise SpektronError(
                f"{root}: holds no step {step}; choose one of {present}"
            )
        folder = root / f"{step:08d}"
        return folder, _verify_or_fail(folder)
    for candidate in reversed(present):
        folder = root / f"{candidate:08d}"
        try:
            return folder, verify(folder)
        except archive.Damaged as error:
            logging.warning(
                "checkpoint of step %d is damaged (%s): trying the one before it",
                candidate,
                error,
            )
    raise SpektronError(
        f"{root}: all of its {len(present)} checkpoints are damaged; delete the "
        "folder to start anew, or bring it back from a copy"
    )


def _verify_or_fail(folder: Path) -> dict:
    try:
        return verify(folder)
    except archive.Damaged as error:
        raise SpektronError(
            f"{folder}: damaged ({error}); use another checkpoint or copy it again"
        ) from error


def _read(folder: Path, listed: dict, item: str, target: Any) -> Any:
    """Reads one item in the form of `target`, or as nested dicts without one."""
    if item not in listed["leaves"]:
        raise SpektronError(f"{folder}: holds no {item}; give a training checkpoint")
    stored = listed["leaves"][item]
    if target is not None and (faults := leaves.differences(stored, target)):
        raise SpektronError(
            f"{folder}: its {item} do not fit this model; {faults}; use the settings "
            "in its config.json, or another workdir; if an earlier version wrote it, "
            "train anew (spektron pretrain)"
        )
    loaded = _orbax_restore(folder / item)
    arrays = {}
    for path, (dtype, shape) in stored.items():
        try:
            empty = 0 in shape and path not in loaded  # orbax keeps none
            values = np.zeros(shape, dtype) if empty else loaded[path]
            arrays[path] = values.reshape(shape)
        except (KeyError, TypeError, ValueError) as error:
            raise SpektronError(
                f"{folder}: its {item} are not as {archive.MANIFEST} says ({path}); "
                "copy it again"
            ) from error
    return leaves.unflatten(arrays, target)


def _root(workdir: str | os.PathLike) -> Path:
    return Path(workdir).absolute() / "checkpoints"


def _json(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_bytes())


# Orbax


@contextlib.contextmanager
def _checkpointer() -> Iterator[Any]:
    """An orbax checkpointer of this process alone, with orbax's log silenced.

    Without `active_processes` orbax would wait for every process of the run, and the
    others never come: only the first one saves. Its log repeats each failure as
    several tracebacks; the exception that it raises says the same.
    """
    import orbax.checkpoint as ocp  # 0.3 s, and not needed to look for a checkpoint

    process = jax.process_index()
    options = ocp.options.MultiprocessingOptions(
        primary_host=process,
        active_processes={process},
        barrier_sync_key_prefix=f"process_{process}",
    )
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=options)
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)
    try:
        checkpointer = ocp.Checkpointer(handler, multiprocessing_options=options)
        with contextlib.closing(checkpointer):
            yield checkpointer
    finally:
        logging.set_verbosity(verbosity)


def _orbax_save(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    tree = {path: np.atleast_1d(a) for path, a in arrays.items() if a.size}
    if not tree:  # orbax refuses to save nothing
        return
    try:
        with _checkpointer() as checkpointer:
            checkpointer.save(folder, tree)
    except ValueError as error:  # of its storage library, for a full disk too
        code = re.search(r"os_error_code='(\d+)'", str(error))
        number = int(code.group(1)) if code else 0
        text = os.strerror(number) if code else str(error).splitlines()[0]
        raise OSError(number, text) from error
    # Names the temporary folder, and says less than the manifest does.
    (folder / "commit_success.txt").unlink(missing_ok=True)


def _orbax_restore(folder: Path) -> dict[str, np.ndarray]:
    if not folder.exists():
        return {}
    with _checkpointer() as checkpointer:
        return checkpointer.restore(folder)
