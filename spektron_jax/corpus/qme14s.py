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
from pathlib import Path

import h5py
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from spektron_jax.corpus import triple_bond
from spektron_jax.corpus.bundle import FAULTS, Bundle
from spektron_jax.corpus.line_corpus import split_of
from spektron_jax.corpus.training_file import unfinished
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.axis import resample
from spektron_jax.spectra.grid import pretraining_axis

BLOCK_ROWS = 256
_ATOM = re.compile(r"\d+(\.0*)?(,[^,]+){3}")
_NUMBER = re.compile(r"(\d+)\.csv$")


def convert(given: ConfigDict, target: Path) -> Path:
    """Convert as config.convert says; return the file written."""
    bundles = {k: _bundle(given[k], k) for k in ("ir", "raman") if given[k]}
    if not bundles:
        raise SpektronError(
            "config.convert.ir and .raman: give IR_broaden.zip, Raman_broaden.zip"
        )
    names = {kind: _numbered(bundle) for kind, bundle in bundles.items()}
    numbers = sorted(set().union(*names.values()))
    kind, bundle = next(iter(bundles.items()))
    axis = _axis(given, bundle, names[kind][min(names[kind])])
    new_axis = axis
    if given.points:
        new_axis = pretraining_axis(axis[0], axis[-1], given.points)
    sums = {kind: b.checksum(given.progress) for kind, b in bundles.items()}

    def lay_out(file: h5py.File) -> None:
        rows = len(numbers)
        for kind, source in sums.items():
            data = file.create_dataset(kind, (rows, new_axis.size), np.float32)
            data.attrs["source_sha256"], data.attrs["zeros"] = source, 0
        file["axis"], file["number"] = new_axis, np.array(numbers, np.int32)
        for name in ("smiles", "split"):
            file.create_dataset(name, (rows,), h5py.string_dtype("utf-8"))
        file.attrs["rows_done"] = 0

    mark = repr((sums, axis.tolist()[::-1][:1], new_axis.size))
    with unfinished(target, mark, lay_out) as file:
        _stream(file, bundles, names, numbers, axis, new_axis, given.progress)
        for kind in bundles:
            zeros = int(file[kind].attrs["zeros"])
            print(f"{kind}: {zeros} of {len(numbers)} molecules have no spectrum")
        if "raman" in bundles:
            smiles = file["smiles"].asstr()[:].tolist()
            place = str(bundles["raman"].path)
            triple_bond.check_rows(place, file["raman"], new_axis, smiles)
    return target


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


def _stream(file, bundles, names, numbers, axis, new_axis, progress) -> None:
    done = int(file.attrs["rows_done"])
    same = np.array_equal(axis, new_axis)
    with tqdm(
        total=len(numbers), initial=done, unit="mol", disable=not progress
    ) as bar:
        while done < len(numbers):
            block = numbers[done : done + BLOCK_ROWS]
            rows = slice(done, done + len(block))
            values = {k: np.zeros((len(block), axis.size)) for k in bundles}
            smiles = [
                _molecule(i, bundles, names, values, k) for k, i in enumerate(block)
            ]
            for kind, spectra in values.items():
                empty = int((spectra == 0).all(axis=1).sum())
                if not same:
                    spectra = resample(spectra, axis, new_axis, "cm-1").spectra
                file[kind][rows] = spectra
                file[kind].attrs["zeros"] += empty
            file["smiles"][rows] = smiles
            file["split"][rows] = [split_of(text) for text in smiles]
            done += len(block)
            file.attrs["rows_done"] = done
            file.flush()
            bar.update(len(block))


def _molecule(number: int, bundles, names, values, row: int) -> str:
    """Put the spectra of a molecule into `values`; return its SMILES."""
    said = {}
    for kind, bundle in bundles.items():
        name = names[kind].get(number)
        if name is None:
            continue
        smiles, atoms, spectrum = _read(bundle, name)
        if spectrum.size != values[kind].shape[1]:
            raise SpektronError(
                f"{bundle.path}: {name}: {spectrum.size} values, the first file has "
                f"{values[kind].shape[1]}: cut off? Fetch the archive again"
            )
        if np.isfinite(spectrum).all():
            values[kind][row] = spectrum
        said[smiles, atoms] = f"{bundle.path}: {name}"
    if len(said) > 1:
        (one, place), (other, _) = said.items()
        raise SpektronError(
            f"{place}: {one[0]} of {one[1]} atoms, but the other archive has "
            f"{other[0]} of {other[1]} under this number"
        )
    return next(iter(said))[0]


def _read(bundle: Bundle, name: str) -> tuple[str, int, np.ndarray]:
    """SMILES, number of atoms and intensities of one file."""
    place = f"{bundle.path}: {name}"
    try:
        lines = [line.strip() for line in bundle.read(name).splitlines()]
    except FAULTS as error:
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
