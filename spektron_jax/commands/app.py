"""The task "app": a local page in the browser, until it is interrupted."""

import contextlib
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from spektron_jax.commands import workdir_lock
from spektron_jax.config import check_fields
from spektron_jax.errors import SpektronError

PREFIX = "spektron-app-"  # of the folder of all files
NEEDED = ("starlette", "uvicorn")
ADD_APP = 'pip install "spektron-jax[app]"'
POSITIVE = (lambda value: value > 0, "must be above 0")
RULES = {
    "port": (lambda port: 0 <= port < 65536, "must be 0 (a free one) to 65535"),
    "megabytes": POSITIVE,
    "minutes": POSITIVE,
}


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work, or if the extra lacks."""
    check_fields(config, RULES)
    missing = [name for name in NEEDED if not find_spec(name)]
    if missing:
        raise SpektronError(
            f"app: needs {' and '.join(missing)}, not installed; {ADD_APP}"
        )


def run(config: ConfigDict, workdir: Path) -> dict[str, Any]:
    """Serve the page."""
    from spektron_jax.app.serve import serve  # needs the extra

    remove_left(Path(tempfile.gettempdir()))
    root = Path(tempfile.mkdtemp(prefix=PREFIX))
    with workdir_lock.held(root):
        serve(root, config.port, config.megabytes, config.minutes, config.browser)
    return {}


def remove_left(folder: Path) -> None:
    """Remove what an app that was killed has left there: nobody holds its lock."""
    if workdir_lock.fcntl is None:  # cannot be known
        return
    for root in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(SpektronError, OSError), workdir_lock.held(root):
            shutil.rmtree(root)
