"""From the result files in a workdir to its report.html."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spektron_jax.archive import replacing
from spektron_jax.errors import SpektronError

NAME = "report.html"


def write_page(
    workdir: str | Path, render: Callable[..., str], arrays: bool = True
) -> Path:
    """Write report.html; returns its path. An earlier one stays whole until then.

    Args:
      workdir: folder with results.json and, if `arrays`, results.npz.
      render: from the results, and the arrays by name if there are any, to the page.

    Raises:
      SpektronError: a result file is missing or malformed, or the folder cannot be
        written; names the file.
    """
    workdir = Path(workdir)
    try:
        parts = [json.loads((workdir / "results.json").read_text(encoding="utf-8"))]
        if arrays:
            with np.load(workdir / "results.npz", allow_pickle=False) as file:
                parts.append({name: file[name] for name in file.files})
        page = render(*parts)
    except OSError as error:
        raise SpektronError(
            f"{error.filename or workdir}: cannot be read ({error.strerror})"
        ) from error
    except (ValueError, KeyError) as error:
        names = "results.json or results.npz" if arrays else "results.json"
        raise SpektronError(
            f"{workdir}: {names} is not of this task ({error!r}); run it again"
        ) from error
    with replacing(workdir / NAME) as draft:
        draft.write_text(page, encoding="utf-8")
    return workdir / NAME
