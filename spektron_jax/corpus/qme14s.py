"""QMe14S, IR_broaden.zip and Raman_broaden.zip, to the file of `qm9s`.

QMe14S holds computed spectra of 186,102 molecules of 14 elements (J. Phys. Chem. Lett.
2025, doi 10.1021/acs.jpclett.5c00839). Its README gives the layout of the files
IR_000000.csv ... and Raman_000000.csv ..., one for each molecule of n atoms:

    line 0         SMILES
    lines 1 to n   atomic number, x, y, z
    then           an empty line
    last line      intensities, 500-4000 cm-1 (Lorentzian, half-width 15 IR, 10 Raman)

The README gives neither the number of intensities nor their unit, nor whether the
wavenumbers are scaled. All files must have as many; the step from end to end must be a
whole number of cm-1, or a whole number of them must make one, else config.convert.ends
has to say the wavenumbers of the first and the last.

Rows go by the number in the files' names; a molecule without one of the two has a row
of zeros there. Guards: SMILES and number of atoms are the same in both files, n lines
of atoms and one of intensities, triple bonds show their band. A spectrum with a value
that is not finite is no spectrum (zeros); these and rows of zeros are counted.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.corpus.published import BUNDLE_ERRORS, Bundle, convert_spectra
from spektron_jax.errors import SpektronError

_ATOM = re.compile(r"\d+(\.0*)?(,[^,]+){3}")
_NUMBER = re.compile(r"(\d+)\.csv$")


def convert(given: ConfigDict, target: Path) -> Path:
    """Convert as config.convert says; return the file written."""
    return convert_spectra(_Bundles(given), target, given.points, given.progress)


class _Bundles:
    """Both archives, as `published.PublishedSpectra`."""

    has_smiles = True

    def __init__(self, given: ConfigDict):
        self._bundles = {k: _bundle(given[k], k) for k in ("ir", "raman") if given[k]}
        if not self._bundles:
            raise SpektronError(
                "config.convert.ir and .raman: give IR_broaden.zip, Raman_broaden.zip"
            )
        self._names = {kind: _numbered(b) for kind, b in self._bundles.items()}
        self._numbers = sorted(set().union(*self._names.values()))
        self.rows = len(self._numbers)
        self.extra = {"number": np.array(self._numbers, np.int32)}
        kind, bundle = next(iter(self._bundles.items()))
        names = self._names[kind]
        self.axis_cm1 = _axis(given, bundle, names[min(names)])
        self.paths = {kind: b.path for kind, b in self._bundles.items()}
        self.checksums = {
            kind: b.checksum(given.progress) for kind, b in self._bundles.items()
        }

    def molecules(self, start: int) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Yield (SMILES, spectra) from row `start`; those with NaN are left out."""
        for number in self._numbers[start:]:
            yield self._molecule(number)

    def _molecule(self, number: int) -> tuple[str, dict[str, np.ndarray]]:
        said, spectra = {}, {}
        for kind, bundle in self._bundles.items():
            name = self._names[kind].get(number)
            if name is None:
                continue
            smiles, atoms, spectrum = _read(bundle, name)
            if spectrum.size != self.axis_cm1.size:
                raise SpektronError(
                    f"{bundle.path}: {name}: {spectrum.size} values, the first file "
                    f"has {self.axis_cm1.size}: cut off? Fetch the archive again"
                )
            if np.isfinite(spectrum).all():
                spectra[kind] = spectrum
            said[smiles, atoms] = f"{bundle.path}: {name}"
        if len(said) > 1:
            (one, place), (other, _) = said.items()
            raise SpektronError(
                f"{place}: {one[0]} of {one[1]} atoms, but the other archive has "
                f"{other[0]} of {other[1]} under this number"
            )
        return next(iter(said))[0], spectra


def _bundle(path: str, kind: str) -> Bundle:
    if Path(path).suffix in (".h5", ".pt"):
        raise SpektronError(
            f"config.convert.{kind} = {path!r}: holds no spectra; give IR_broaden.zip "
            "or Raman_broaden.zip of the same data set"
        )
    return Bundle(path, f"config.convert.{kind}")


def _numbered(bundle: Bundle) -> dict[int, str]:
    """Number of the molecule -> name of its file."""
    found: dict[int, str] = {}
    for name in bundle.names:
        number = _NUMBER.search(name)
        if number is None:
            raise SpektronError(f"{bundle.path}: {name}: no number in the name")
        if (i := int(number[1])) in found:
            raise SpektronError(f"{bundle.path}: {name}: number {i} stands twice")
        found[i] = name
    return found


def _axis(given: ConfigDict, bundle: Bundle, name: str) -> np.ndarray:
    """Wavenumbers from the ends and the number of values in one file."""
    points = len(_read(bundle, name)[2])
    first, last = map(float, given.ends)
    step = (last - first) / (points - 1) if points > 1 else 0.0
    whole = max(step, 1 / step) if step > 0 else 0.5
    if abs(whole - round(whole)) > 1e-9:
        raise SpektronError(
            f"{bundle.path}: {name}: {points} values from {first:g} to {last:g} cm-1 "
            f"make a step of {step:.6g}, which looks wrong; give the true ends, as in "
            "--config.convert.ends='(500.0, 3999.0)'"
        )
    return np.linspace(first, last, points)


def _read(bundle: Bundle, name: str) -> tuple[str, int, np.ndarray]:
    """SMILES, number of atoms and intensities of one file."""
    place = f"{bundle.path}: {name}"
    try:
        lines = [line.strip() for line in bundle.read(name).splitlines()]
    except BUNDLE_ERRORS as error:
        raise SpektronError(f"{place}: damaged ({error}); fetch it again") from error
    while lines and not lines[-1]:
        lines.pop()
    atoms = 0
    while atoms + 1 < len(lines) and _ATOM.fullmatch(lines[atoms + 1]):
        atoms += 1
    between = lines[atoms + 1 : -1]
    if not (atoms and lines[0] and between and not any(between)):
        raise SpektronError(
            f"{place}: is not SMILES, atoms, an empty line and one line of values: cut "
            "off, or another kind of file"
        )
    try:
        return lines[0], atoms, np.array([float(v) for v in lines[-1].split(",")])
    except ValueError as error:
        raise SpektronError(f"{place}: line {len(lines)}: {error}") from error
