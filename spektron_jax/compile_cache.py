"""What XLA has compiled, kept for the next start of the command line.

    ~/.cache/spektron_jax/KEY     (XDG_CACHE_HOME, or LOCALAPPDATA on Windows)

KEY is made of versions and the processor: another of these begins anew. Entries are
machine code that is run, so a folder that others could write to is not used. JAX itself
compiles again where an entry is damaged. Whoever sets JAX_COMPILATION_CACHE_DIR, as the
tests do, or JAX_ENABLE_COMPILATION_CACHE=false, decides alone.
"""

import contextlib
import gc
import hashlib
import os
import platform
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import spektron_jax

LIMIT_BYTES = 2**30  # of all folders together, at the start of a run
OWN = "JAX_COMPILATION_CACHE_DIR"
SETTINGS = {
    OWN: "",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
}


def use(limit_bytes: int = LIMIT_BYTES) -> Path | None:
    """Have JAX keep what it compiles; must come before JAX is imported.

    Returns:
      The folder; None where there is none: somebody decided otherwise, there is no
      place that can be written, or others could write there.
    """
    if OWN in os.environ or "jax" in sys.modules:
        return None
    try:
        root = _root()
        folder = root / _key()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (_private(root) and _private(folder)):
            return None
        trim(root, limit_bytes)
    except (OSError, RuntimeError):  # not writable, or no home
        return None
    os.environ.update(SETTINGS | {OWN: str(folder)})
    # A damaged entry is compiled again: nothing that a user could do about it.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation")
    return folder


def trace_quickly() -> None:
    """Have Python look for garbage less often: JAX's tracing makes millions of objects
    and hardly any garbage, and a sixth of a first step went into looking."""
    gc.set_threshold(100_000, 10, 10)


def trim(root: Path, limit_bytes: int) -> None:
    """Delete what was not used for longest, down to a size."""
    files = []
    for path in root.rglob("*"):
        with contextlib.suppress(OSError):  # another process may delete it
            if path.is_file() and not path.is_symlink():
                about = path.stat()
                files.append((about.st_atime, about.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= limit_bytes:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size


def _root() -> Path:
    name = "LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME"
    given = os.environ.get(name, "")
    root = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    return root / "spektron_jax"


def _key() -> str:
    """Of everything that decides whether an entry can be right."""
    parts = [spektron_jax.__version__, platform.python_version(), platform.machine()]
    for package in ("jax", "jaxlib"):
        with contextlib.suppress(PackageNotFoundError):
            parts.append(version(package))
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = (line for line in file if line.startswith(("flags", "model name")))
        parts += [next(flags, ""), next(flags, "")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _private(folder: Path) -> bool:
    """Whether nobody else can write there."""
    if os.name == "nt":  # the folder of a user's local data is his own
        return True
    about = folder.lstat()
    own = about.st_uid == os.getuid() and not folder.is_symlink()
    return own and not about.st_mode & 0o022
