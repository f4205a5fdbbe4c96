"""Files and folders that appear whole or not at all, and folders that show damage.

`writing` makes an archive: a folder with `manifest.json`, which lists the SHA-256 of
every file, names the format, and carries a checksum of itself. A folder that `verify`
accepts holds, bit for bit, what was written.
"""

import contextlib
import ctypes
import hashlib
import json
import os
import platform
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import spektron_jax
from spektron_jax.errors import SpektronError

MANIFEST = "manifest.json"
UNFINISHED = ".unfinished-"  # starts the names of what a crash may leave behind
_OPEN: set[Path] = set()  # drafts of this process that are being written


class Damaged(Exception):
    """An archive that cannot be trusted; the message names the file."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; afterwards that file becomes `path`.

    If the body fails, `path` stays as it was and nothing is left behind; what a killed
    process left there before is deleted. The name has the suffix of `path`, since some
    writers add one of their own to foreign names.

    Raises:
      SpektronError: the file cannot be written; names it and says what to do.
    """
    path = Path(path)
    draft = path.with_name(f"{UNFINISHED}{_host()}-{os.getpid()}-{path.name}")
    _OPEN.add(draft.absolute())
    try:
        yield draft
        os.replace(draft, path)
        clear_drafts(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
        _OPEN.discard(draft.absolute())


def add_line(path: Path, line: str) -> None:
    """Append a line (without its end) to a file, in one piece.

    Raises:
      SpektronError: the file cannot be written; names it and says what to do.
    """
    try:
        with path.open("ab", buffering=0) as file:
            file.write(f"{line}\n".encode())
    except OSError as error:
        raise _unwritable(path, error) from error


@contextlib.contextmanager
def writing(path: str | Path, about: Mapping[str, Any]) -> Iterator[Path]:
    """Yield a folder beside `path` to fill; afterwards, described, it becomes `path`.

    What it holds is flushed to disk before it is renamed, so that a folder with the
    final name is complete; an older one of that name gives way. If the body fails,
    `path` stays as it was and nothing is left behind; what a killed process left there
    before is deleted.

    Args:
      path: the archive.
      about: what the manifest says besides: "format", an integer that is raised when
        older readers can no longer read what is written, and whatever is useful.

    Raises:
      SpektronError: the folder cannot be written; names it and says what to do.
    """
    path = Path(path).absolute()
    owner = f"{_host()}-{os.getpid()}"
    name = f"{UNFINISHED}{owner}-{path.name}-{uuid.uuid4().hex[:8]}"
    draft = path.with_name(name)
    _OPEN.add(draft.absolute())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir()
        yield draft
        files = sorted(file for file in draft.rglob("*") if file.is_file())
        listed = dict(about) | {
            "package": f"spektron_jax {spektron_jax.__version__}",
            "files": {
                file.relative_to(draft).as_posix(): checksum(file) for file in files
            },
        }
        text = json.dumps(sealed(listed), indent=1) + "\n"
        (draft / MANIFEST).write_text(text, encoding="utf-8")
        flush(draft)
        _rename(draft, path)
        clear_drafts(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        _OPEN.discard(draft.absolute())


def verify(path: Path, newest: int, seal: bool = True) -> dict[str, Any]:
    """Return the manifest of an archive after checking it and every file it lists.

    Args:
      path: the archive.
      newest: the newest format that can be read.
      seal: False: take a manifest without a checksum of itself too, as models have
        that were saved before there was one.

    Raises:
      Damaged: something is missing or has changed.
      SpektronError: the format is newer.
    """
    try:
        listed = json.loads((path / MANIFEST).read_bytes())
        intact = listed.pop("sha256", None)
        if intact is not None or seal:
            intact = intact == sealed(listed)["sha256"]
        newer, files = listed["format"] > newest, listed["files"].items()
    except OSError as error:
        raise Damaged(f"{MANIFEST} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise Damaged(f"{MANIFEST} is not a manifest") from error
    if intact is False:
        raise Damaged(f"{MANIFEST} has changed since it was written")
    if newer:
        raise SpektronError(
            f"{path}: written by {listed.get('package')} in a newer format; update "
            "spektron_jax"
        )
    for name, expected in files:
        inside = PurePath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise Damaged(f"{MANIFEST} lists {name!r}, which lies outside")
        if (path / name).exists() and not (path / name).is_file():
            raise Damaged(f"{name} is no file")  # a pipe would be read without end
        try:
            found = checksum(path / name)
        except OSError as error:
            raise Damaged(f"{name} cannot be read: {error.strerror}") from error
        if found != expected:
            raise Damaged(f"{name} has changed since it was written")
    return listed


def check_place(path: Path, what: str) -> None:
    """Raise SpektronError if `path` exists and is no archive that may be replaced."""
    if path.exists() and not (path / MANIFEST).is_file():
        raise SpektronError(f"{path}: exists and holds no {what}; choose another place")


def sealed(listed: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest with the checksum of itself."""
    text = json.dumps(listed, sort_keys=True)
    return {**listed, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def checksum(path: str | Path) -> str:
    """SHA-256 of a file, or of a folder's files in order of their names."""
    path = Path(path)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_dir():
            with file.open("rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
    return digest.hexdigest()


def flush(folder: Path) -> None:
    """Force a folder's files and names to disk, so that its renaming comes last."""
    for path in [*folder.rglob("*"), folder]:
        _flush_one(path)


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(draft: Path, path: Path) -> None:
    """Move a finished folder into place; one of the same name is never missing.

    Where the system can exchange two names it is one step. Elsewhere the older folder
    gives way first, and comes back, as a copy if need be, where the second step fails.
    """
    if not path.exists():
        os.rename(draft, path)
    elif not _exchanged(draft, path):
        replaced = draft.with_name(f"{draft.name}-replaced")
        os.rename(path, replaced)
        try:
            os.rename(draft, path)
        except OSError:
            shutil.copytree(replaced, path)
            raise
        finally:
            shutil.rmtree(replaced, ignore_errors=True)
    _flush_one(path.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system cannot (Linux can)."""
    call = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of linux/fs.h
    if call is None:
        return False
    return call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


def clear_drafts(folder: Path) -> None:
    """Delete what processes of this machine left behind that are no more.

    In a container the next process may have the same number.
    """
    for stale in folder.glob(f"{UNFINISHED}{_host()}-*"):
        owner = stale.name.removeprefix(f"{UNFINISHED}{_host()}-").split("-")[0]
        gone = owner.isdigit() and (int(owner) == os.getpid() or not _alive(int(owner)))
        if not gone or stale.absolute() in _OPEN:
            continue
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)


def _host() -> str:
    return re.sub(r"\W", "_", platform.node()) or "host"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _unwritable(path: Path, error: OSError) -> SpektronError:
    return SpektronError(
        f"{path}: cannot be written ({error.strerror or error}); free space or choose "
        "another folder"
    )
