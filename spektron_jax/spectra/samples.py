"""Files of two instruments to one table of samples, and the trials drawn from it.

Either one file with both instruments (`data.path`, `source`, `target`, `property`), or
a file for each (`source_path`, `target_path`) and perhaps a CSV of labels
(`labels_path`: sample id, then a column for each property). Samples of different files
are the same when their ids are.

N = samples, p, q = points of the instruments, L = points in common.
"""

import csv
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.readers import read
from spektron_jax.spectra.spectra_set import Instrument, SpectraSet
from spektron_jax.transfer.comparison import TEST_SHARE, Trial
from spektron_jax.transfer.inputs import on_axis, overlap
from spektron_jax.transfer.methods.preprocessing import WINDOW
from spektron_jax.transfer.selection import compressed, kennard_stone
from spektron_jax.transfer.splits import Regime, Split, transfer_data

LEAST_TESTED = 5  # labelled target samples, so that some can be held out


@dataclass(frozen=True, eq=False)
class Pool:
    """Samples on two instruments; a row of NaN was not measured there.

    Attributes:
      ids: of the samples                                              (N,)
      X_source, axis_source: as measured                         (N, p), (p,)
      X_target, axis_target: as measured, in the source's unit   (N, q), (q,)
      y: property, NaN: unknown                                        (N,)
      unit, modality: of the axes and spectra
      names: source, target, property, unit of the property, quantity
      files: path -> SHA-256
      warnings: one sentence each
    """

    ids: np.ndarray
    X_source: np.ndarray
    axis_source: np.ndarray
    X_target: np.ndarray
    axis_target: np.ndarray
    y: np.ndarray
    unit: str
    modality: str
    names: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def measured(self) -> tuple[np.ndarray, np.ndarray]:
        """Which samples have a whole spectrum on source and target, (N,) bool each."""
        return tuple(np.isfinite(X).all(axis=1) for X in (self.X_source, self.X_target))

    def transfer_rows(self, regime: Regime, rows: np.ndarray) -> np.ndarray:
        """Candidates among `rows` in the order of choice (Kennard-Stone)."""
        on_source, on_target = self.measured()
        usable = on_target.copy()
        if regime.kind == "paired":
            usable &= on_source
        if regime.kind != "unlabelled":
            usable &= np.isfinite(self.y)
        rows = rows[usable[rows]]
        if rows.size < 3:
            return rows
        X = self.X_source if on_source[rows].all() else self.X_target
        scores = compressed(X[rows]) if X.shape[1] >= WINDOW else X[rows]
        return rows[kennard_stone(scores, rows.size)]

    def chosen(self, regime: Regime) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the source set, and of the target samples, with all samples in use.

        Raises:
          SpektronError: n is larger than what is there.
        """
        on_source, _ = self.measured()
        source = np.flatnonzero(on_source & np.isfinite(self.y))
        if regime.kind == "none":
            return source, np.empty(0, dtype=int)
        rows = self.transfer_rows(regime, np.arange(self.ids.size))
        if regime.n is not None and regime.n > rows.size:
            raise SpektronError(
                f"config.transfer.n = {regime.n}: only {rows.size} samples can be "
                f"used as {regime.kind} target samples; use a smaller n"
            )
        rows = rows[: regime.n]
        if regime.kind == "unpaired":
            source = np.setdiff1d(source, rows)
        return source, rows

    def aligned(self) -> tuple[np.ndarray, np.ndarray]:
        """Both instruments on the source's points that both cover, (N, L) each."""
        inside = overlap(self.axis_source, self.axis_target, self.unit)
        axis = self.axis_source[inside]
        X_target = np.full((self.ids.size, axis.size), np.nan)
        _, rows = self.measured()
        if rows.any():
            X_target[rows] = on_axis(
                self.X_target[rows], self.axis_target, axis, self.unit
            )[0]
        return self.X_source[:, inside], X_target

    def trials(self, regime: Regime, repeats: int, seed: int) -> list[Trial]:
        """Hold out a fifth of the labelled target samples, again and again.

        A sample held out is held out on both instruments. Samples with the same
        spectrum stay on one side. Empty with fewer than 5 labelled target samples.
        """
        X_source, X_target = self.aligned()
        _, on_target = self.measured()
        groups = self._groups()
        names = np.unique(groups[on_target & np.isfinite(self.y)])
        if names.size < LEAST_TESTED:
            return []
        size = max(2, round(TEST_SHARE * names.size))
        trials = []
        for number in range(repeats):
            rng = np.random.default_rng([seed, number])
            held = np.isin(groups, rng.permutation(names)[:size])
            rest = np.flatnonzero(~held)
            order = self.transfer_rows(regime, rest)
            now = regime
            if regime.n is not None:
                now = replace(regime, n=min(regime.n, order.size))
            test = np.flatnonzero(held & on_target & np.isfinite(self.y))
            split = Split(number, rest, test, {"source": order})
            arguments = X_source, X_target, self.y, split, "source"
            known = np.isfinite(X_source[test]).all()
            trials.append(
                Trial(
                    transfer_data(*arguments, now),
                    X_target[test],
                    self.y[test],
                    test,
                    transfer_data(*arguments, Regime("paired")),
                    X_source[test] if known else None,
                )
            )
        return trials

    def _groups(self) -> np.ndarray:
        """Samples with the same spectrum on an instrument share a number, (N,)."""
        group = np.arange(self.ids.size)
        for X, rows in zip(
            (self.X_source, self.X_target), self.measured(), strict=True
        ):
            seen: dict[bytes, int] = {}
            for row in np.flatnonzero(rows):
                first = seen.setdefault(X[row].tobytes(), row)
                group[group == group[row]] = group[first]
        return group


def read_pool(given: ConfigDict) -> Pool:
    """Read what `config.data` names.

    Raises:
      SpektronError: a file, an instrument, a property or labels that do not fit.
    """
    one, two = bool(given.path), (bool(given.source_path), bool(given.target_path))
    if two != (not one, not one):
        raise SpektronError(
            "config.data: give path (one file with both instruments), or source_path "
            "and target_path"
        )
    if one:
        found = _read(given, given.path)
        sets, names = (found, found), (given.source, given.target)
        paths = [given.path]
        if not given.source or given.source == given.target:
            listed = ", ".join(found.instruments)
            raise SpektronError(
                f"config.data.source and .target: name two instruments of {listed}"
            )
    else:
        paths = [given.source_path, given.target_path]
        sets = tuple(_read(given, path) for path in paths)
        names = (given.source, given.target)
    sides = [
        instrument_of(each, name, f"config.data.{side}")
        for each, name, side in zip(sets, names, ("source", "target"), strict=True)
    ]
    labels = dict[str, float]()
    if given.labels_path:
        paths.append(given.labels_path)
        labels, name, unit = _labels(given.labels_path, given.property)
    else:
        name, unit = _property(sets, given.property)
        for each in (sets[1], sets[0]):
            if name in each.target_names:
                pairs = zip(each.sample_ids.tolist(), each.target(name), strict=True)
                labels |= {i: float(v) for i, v in pairs if np.isfinite(v)}
    return _joined(sets, sides, labels, (name, unit), paths)


def _read(given: ConfigDict, path: str) -> SpectraSet:
    return read(path, given.unit or None, given.modality or None, given.strict)


def instrument_of(found: SpectraSet, name: str, setting: str) -> tuple[str, Instrument]:
    """The instrument of that name, or the only one."""
    if not name and len(found.instruments) == 1:
        return next(iter(found.instruments.items()))
    if name not in found.instruments:
        listed = ", ".join(found.instruments)
        raise SpektronError(f"{setting} = {name!r}: choose one of {listed}")
    return name, found.instruments[name]


def _property(sets: tuple[SpectraSet, ...], name: str) -> tuple[str, str]:
    units = {
        target: unit
        for each in sets
        for target, unit in zip(each.target_names, each.target_units, strict=True)
    }
    if not name and len(units) == 1:
        name = next(iter(units))
    if name not in units:
        listed = ", ".join(units) or "none; give config.data.labels_path"
        raise SpektronError(f"config.data.property = {name!r}: the files have {listed}")
    return name, units[name]


def _labels(path: str, name: str) -> tuple[dict[str, float], str, str]:
    """Labels by sample id from a CSV with a header."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SpektronError(f"{path}: cannot be read ({error})") from error
    head = text.split("\n", 1)[0]
    mark = max(",;\t", key=head.count)
    rows = [row for row in csv.reader(text.splitlines(), delimiter=mark) if any(row)]
    columns = [cell.strip() for cell in rows[0]] if rows else []
    if not name and len(columns) == 2:
        name = columns[1]
    if name not in columns[1:]:
        listed = ", ".join(columns[1:]) or "none"
        raise SpektronError(
            f"config.data.property = {name!r}: the columns of {path} are {listed}"
        )
    place, labels = columns.index(name), {}
    for number, row in enumerate(rows[1:], start=2):
        cell = row[place].strip() if place < len(row) else ""
        if not cell:
            continue
        if mark == ";":
            cell = cell.replace(",", ".")
        try:
            labels[row[0].strip()] = float(cell)
        except ValueError:
            raise SpektronError(
                f"{path}: line {number}: {cell!r} is no number; leave unknown labels "
                "empty"
            ) from None
    return labels, name, ""


def _joined(sets, sides, labels, prop, paths) -> Pool:
    (source_name, source), (target_name, target) = sides
    if source_name == target_name:  # files that name no instrument
        source_name, target_name = (Path(path).stem for path in paths[:2])
    if sets[0].modality != sets[1].modality:
        raise SpektronError(
            f"config.data: source is {sets[0].modality}, target {sets[1].modality}; "
            "transfer is between spectra of one kind"
        )
    warnings = []
    values = target.spectra.astype(np.float64)
    if source.quantity != target.quantity:
        if "unknown" in (source.quantity, target.quantity):
            warnings.append(
                f"source is {source.quantity}, target {target.quantity}: taken as alike"
            )
        else:
            to = source.quantity
            values = axes.convert_quantity(values, target.quantity, to, strict=False)
            warnings.append(f"target converted from {target.quantity} to {to}")
    ids = list(dict.fromkeys([*sets[0].sample_ids, *sets[1].sample_ids]))
    place = {name: row for row, name in enumerate(ids)}
    arrays = []
    for each, X in ((sets[0], source.spectra), (sets[1], values)):
        whole = np.full((len(ids), X.shape[1]), np.nan)
        whole[[place[i] for i in each.sample_ids]] = X
        arrays.append(whole)
    y = np.array([labels.get(name, np.nan) for name in ids])
    if not np.isfinite(y).any():
        raise SpektronError(
            f"labels of {prop[0]!r}: none belongs to a sample with a spectrum, such as "
            f"{ids[0]!r}; the sample ids must match"
        )
    strange = len(set(labels) - set(ids))
    if strange:
        warnings.append(f"{strange} labels belong to no spectrum; the ids do not match")
    pool = Pool(
        np.array(ids),
        arrays[0],
        source.axis,
        arrays[1],
        axes.convert(target.axis, target.unit, source.unit),
        y,
        source.unit,
        sets[0].modality,
        {
            "source": source_name,
            "target": target_name,
            "property": prop[0],
            "property_unit": prop[1],
            "quantity": source.quantity,
        },
        {Path(path).name: checksum(path) for path in paths},
    )
    return replace(pool, warnings=(*warnings, *_gaps(pool)))


def _gaps(pool: Pool) -> list[str]:
    found = []
    for side, X, rows in zip(
        ("source", "target"),
        (pool.X_source, pool.X_target),
        pool.measured(),
        strict=True,
    ):
        part = int((np.isfinite(X).any(axis=1) & ~rows).sum())
        if part:
            found.append(f"{part} {side} spectra have missing points and are left out")
    on_source, _ = pool.measured()
    bare = int((on_source & ~np.isfinite(pool.y)).sum())
    if bare:
        found.append(f"{bare} source spectra have no label and do not calibrate")
    if np.unique(pool._groups()).size < pool.ids.size:
        found.append(
            "samples with different ids have the same spectrum; they are held out "
            "together"
        )
    return found


def checksum(path: str | Path) -> str:
    """SHA-256 of a file, or of a folder's files in order of their names."""
    path = Path(path)
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*"))
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()
