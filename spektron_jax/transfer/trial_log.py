"""Outcomes of finished trials in a file, so that an interrupted comparison resumes.

One JSON object a line: the checksum of all that the trial rests on, its name and its
outcome. Lines of another checksum, and the last one where a crash cut it, are dropped
when the file is opened.

m = test samples.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from spektron_jax.archive import add_line, replacing
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.comparison import Outcome


class TrialLog:
    """The finished trials of one comparison.

    Attributes:
      path: of the file
      rests_on: checksum of data, settings and versions
    """

    def __init__(self, path: Path, rests_on: str):
        self.path, self.rests_on = path, rests_on
        self._outcomes: dict[str, Outcome] = {}
        kept = []
        for line in self._lines():
            try:
                found = json.loads(line)
                if found["rests_on"] == rests_on:
                    self._outcomes[found["trial"]] = _outcome(found)
                    kept.append(line)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue  # cut by a crash, or damaged
        with replacing(path) as draft:
            draft.write_bytes(b"".join(line + b"\n" for line in kept))

    def once(self, name: str, compute: Callable[[], Outcome]) -> Outcome:
        """The outcome of that name, computed and written where the file has none."""
        if name not in self._outcomes:
            outcome = compute()
            line = {"rests_on": self.rests_on, "trial": name, **asdict(outcome)}
            add_line(self.path, json.dumps(line, default=np.ndarray.tolist))
            self._outcomes[name] = outcome
        return self._outcomes[name]

    def _lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SpektronError(
                f"{self.path}: cannot be read ({error.strerror}); remove it or choose "
                "another --workdir"
            ) from error


def _outcome(found: dict[str, Any]) -> Outcome:
    on_source = found["on_source"]
    return Outcome(
        {name: np.array(values) for name, values in found["predicted"].items()},
        found["impossible"],
        None if on_source is None else np.array(on_source),
    )
