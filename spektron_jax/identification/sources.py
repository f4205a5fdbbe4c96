"""From files to sides: the spectra of one instrument, with ids and names.

n = spectra, p = points.
"""

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import to_cm1
from spektron_jax.spectra.readers import read


@dataclass(frozen=True, eq=False)
class Side:
    """One instrument's spectra, or one file's.

    Attributes:
      name: of the instrument
      spectra, axis_cm1: (n, p), (p,) rising
      ids: of the samples, (n,)
      labels: names to be found, or classes, (n,)
      modality: of the spectra
    """

    name: str
    spectra: np.ndarray
    axis_cm1: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    modality: str


def read_pairs(given: ConfigDict) -> tuple[list[tuple[Side, Side]], dict]:
    """Read what `config.data` names.

    Returns:
      (library, query) pairs: the two files, or all ordered pairs of instruments; and
      files -> SHA-256.

    Raises:
      SpektronError: a file, label or instrument that does not fit.
    """
    if not given.path:
        raise SpektronError("config.data.path: give the library, or a spectra set")
    paths = [given.path, *([given.query_path] if given.query_path else [])]
    sides = []
    for place, path in enumerate(paths):
        found = read(path, given.unit or None, given.modality or None, given.strict)
        if given.query_path and len(found.instruments) > 1:
            raise SpektronError(
                f"{path}: holds {len(found.instruments)} instruments; give files of "
                "one each, or one file alone to search all pairs"
            )
        sides += _sides(found, given, path, needs_label=place == 0)
    if len(sides) < 2:
        raise SpektronError(
            f"{given.path}: holds one instrument; give config.data.query_path too"
        )
    kinds = {side.modality for side in sides}
    if len(kinds) > 1:
        raise SpektronError(
            f"config.data: spectra are {' and '.join(sorted(kinds))}; search spectra "
            "of one kind"
        )
    files = {Path(p).name: _sha256(p) for p in paths}
    pairs = [tuple(sides)] if given.query_path else itertools.permutations(sides, 2)
    return list(pairs), files


def _sides(found, given, path, needs_label):
    labels = found.sample_ids
    if given.label and given.label in found.labels:
        labels = found.labels[given.label]
    elif given.label and needs_label:
        listed = ", ".join(found.labels) or "none"
        raise SpektronError(
            f"config.data.label = {given.label!r}: the labels of {path} are {listed}"
        )
    elif given.label:
        labels = np.full(len(found.sample_ids), "")
    sides = []
    for name, one in found.instruments.items():
        axis = to_cm1(one.axis, one.unit) if one.unit != "cm-1" else one.axis
        order = np.argsort(axis)
        order = order[axis[order] >= given.low_cm1]
        spectra = one.spectra[:, order].astype(np.float64)
        whole = np.isfinite(spectra).all(axis=1)
        if not whole.any() or not order.size:
            raise SpektronError(
                f"{path}, instrument {name}: no whole spectrum above "
                f"{given.low_cm1:g} cm-1"
            )
        name = Path(path).stem if given.query_path else name
        sides.append(
            Side(
                name,
                spectra[whole],
                axis[order],
                found.sample_ids[whole],
                labels[whole],
                found.modality,
            )
        )
    return sides


def _sha256(path):
    path = Path(path)
    if not path.is_file():
        return "folder"
    return hashlib.sha256(path.read_bytes()).hexdigest()
