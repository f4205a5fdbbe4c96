"""From files to sides: the spectra of one instrument, with ids and names.

n = spectra, p = points.
"""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.archive import checksum
from spektron_jax.errors import SpektronError
from spektron_jax.identification import library_file
from spektron_jax.identification.grids import MIN_COMMON_POINTS, common_grid
from spektron_jax.identification.library import SpectralLibrary
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.grid import to_cm1
from spektron_jax.spectra.labels import choose
from spektron_jax.spectra.samples import Samples, read_set, samples_of
from spektron_jax.spectra.spectra_set import SpectraSet

# Compared as they are: one is a multiple of the other, or both are -log10 of a share.
ALIKE = ({"counts", "intensity"}, {"absorbance", "log(1/R)"})
FEW = 0.01  # of a spectrum's points may lack a logarithm
NAMED = 5  # queries in a note


@dataclass(frozen=True, eq=False)
class Side:
    """One instrument's spectra, or one file's.

    Attributes:
      name: of the instrument
      spectra, axis_cm1: (n, p), (p,) rising
      ids: of the samples, (n,)
      labels: names to be found, or classes, (n,)
      modality, quantity: of the spectra; a quantity in words of the file's own is
        "unknown"
      notes: what was done to them or assumed, a sentence each
      declared: whether labels are meant as true names: those of a label column, or of
        the other instruments of a file; ids of unknown spectra may be any
      library: of these spectra, where it was prepared before
    """

    name: str
    spectra: np.ndarray
    axis_cm1: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    modality: str
    quantity: str = "unknown"
    notes: tuple[str, ...] = ()
    declared: bool = True
    library: SpectralLibrary | None = None


def read_pairs(given: ConfigDict) -> tuple[list[tuple[Side, Side]], dict]:
    """Read what `config.data` names.

    Returns:
      (library, query) pairs: the two files, or all ordered pairs of instruments, the
      queries in the quantity of the library; and files -> SHA-256.

    Raises:
      SpektronError: a file, label, instrument or quantity that does not fit.
    """
    if not given.path:
        raise SpektronError("config.data.path: give the library, or a spectra set")
    paths = [given.path, *([given.query_path] if given.query_path else [])]
    sides = []
    for place, path in enumerate(paths):
        if place == 0 and library_file.is_prepared(path):
            sides.append(_prepared(path))
            continue
        found = read_set(given, path)
        if given.query_path and len(found.instruments) > 1:
            raise SpektronError(
                f"{path}: holds {len(found.instruments)} instruments; give files of "
                "one each, or one file alone to search all pairs"
            )
        names = _names(found, given.label, path, needs_label=place == 0)
        for instrument in found.instruments:
            side = _side(samples_of(found, path, instrument), names, given.low_cm1)
            name = Path(path).stem if given.query_path else side.name
            declared = bool(given.label) or not given.query_path
            sides.append(replace(side, name=name, declared=declared))
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
    files = {Path(path).name: checksum(path) for path in paths}
    both = [(sides[0], sides[1])] if given.query_path else []
    pairs = [
        (library, _alike(query, library))
        for library, query in both or itertools.permutations(sides, 2)
    ]
    for library, query in pairs:  # now: to prepare a library takes long
        try:
            common_grid(query.axis_cm1, library.axis_cm1)
        except SpektronError as error:
            advice = ", or lower config.data.low_cm1" if given.low_cm1 else ""
            raise SpektronError(f"{error}{advice}") from error
    return pairs, files


def _alike(query: Side, library: Side) -> Side:
    """Queries in the quantity of a library."""
    own, wanted = query.quantity, library.quantity
    if own == wanted:
        return query
    both = f"{query.name} is {_named(own)}, library {library.name} {_named(wanted)}"
    if "unknown" in (own, wanted) or {own, wanted} in ALIKE:
        return replace(query, notes=(f"{both}: taken as alike",))
    try:
        spectra = axes.convert_quantity(query.spectra, own, wanted, strict=False)
    except SpektronError as error:
        raise SpektronError(
            f"{both}: {error}; search in a library of {own}, or of what it converts to"
        ) from error
    notes = [f"{query.name} converted from {own} to {wanted}, as the library is"]
    return _mended(replace(query, spectra=spectra), own, wanted, notes)


def _mended(query: Side, own: str, wanted: str, notes: list[str]) -> Side:
    """Queries without points of 0 or less, which have no logarithm and are NaN.

    Few in a query become its smallest value above; a query with more is left out.

    Args:
      query: converted
      own, wanted: quantities of the files
      notes: of the conversion

    Raises:
      SpektronError: no query is left.
    """
    lacking = np.isnan(query.spectra)
    share = lacking.mean(axis=1)
    few, out = (share > 0) & (share <= FEW), share > FEW
    what = f"{own} of 0 or less, which has no {wanted}"
    if out.all():
        raise SpektronError(
            f"{query.name}: {query.ids[0]} holds {what} ({out.size} spectra do); "
            "measure them anew, or leave out wavenumbers below by config.data.low_cm1"
        )
    spectra = query.spectra
    if few.any():
        highest = np.nanmax(spectra[few], axis=1, keepdims=True)
        spectra = spectra.copy()
        spectra[few] = np.where(lacking[few], highest, spectra[few])
        notes.append(
            f"{query.name}: {_listed(query.ids[few])} with a few points of {what}: "
            "taken as the smallest value above 0 of the spectrum"
        )
    if out.any():
        notes.append(f"{query.name}: {_listed(query.ids[out])} left out, with {what}")
    kept = ~out
    return replace(
        query,
        spectra=spectra[kept],
        ids=query.ids[kept],
        labels=query.labels[kept],
        notes=tuple(notes),
    )


def _listed(ids: np.ndarray) -> str:
    more = f" and {ids.size - NAMED} more" if ids.size > NAMED else ""
    return ", ".join(map(str, ids[:NAMED])) + more


def _named(quantity: str) -> str:
    return "of a quantity that is not named" if quantity == "unknown" else quantity


def _prepared(path: str) -> Side:
    """What `SpectralLibrary.save` wrote."""
    library = SpectralLibrary.load(path)
    names, spectra = library.names, (library.spectra, library.axis_cm1)
    kind = library.modality, library.quantity
    side = Side(Path(path).stem, *spectra, names, names, *kind)
    return replace(side, library=library)


def _names(found: SpectraSet, label: str, path: str, needs_label: bool) -> np.ndarray:
    """Names of the samples: of a label column, or else their ids, (n,)."""
    if not label:
        return found.sample_ids
    if label not in found.labels and not needs_label:
        return np.full(len(found.sample_ids), "")
    return found.labels[choose(label, list(found.labels), "config.data.label", path)]


def _side(samples: Samples, names: np.ndarray, low_cm1: float) -> Side:
    """Whole spectra above `low_cm1`."""
    axis = samples.axis
    if samples.unit != "cm-1":
        axis = to_cm1(axis, samples.unit)
    order = np.argsort(axis)
    order = order[axis[order] >= low_cm1]
    place = f"{samples.path}, instrument {samples.instrument}"
    if order.size < min(MIN_COMMON_POINTS, axis.size):
        raise SpektronError(
            f"{place}: {order.size} points from {low_cm1:g} cm-1 on, and a search "
            f"takes {MIN_COMMON_POINTS}; lower config.data.low_cm1"
        )
    spectra = samples.X[:, order]
    whole = np.isfinite(spectra).all(axis=1)
    if not whole.any():
        raise SpektronError(f"{place}: no whole spectrum above {low_cm1:g} cm-1")
    return Side(
        samples.instrument,
        spectra[whole],
        axis[order],
        samples.ids[whole],
        names[whole],
        samples.modality,
        samples.quantity if samples.quantity in axes.QUANTITIES else "unknown",
    )
