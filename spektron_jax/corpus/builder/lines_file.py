"""Writing line lists: one small file per molecule, and all of them as one HDF5.

The HDF5 file has the layout of the shipped corpus (`files/DATA_CARD.md`), so that
`LineCorpus.load` and `--config.data.path` read it. A file stands under its name only
when it is whole: it is written beside it and renamed.

Sizes: n molecules, l lines, x X-H bonds.
"""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np

from spektron_jax.archive import replacing
from spektron_jax.corpus.builder.structures import TYPES
from spektron_jax.corpus.line_corpus import BOND_FIELDS, LINE_FIELDS

MOLECULE_DTYPES = {
    "natoms": np.uint16,
    "energy_hartree": np.float64,
    "dipole_debye": np.float32,
    "polarizability_a3": np.float32,
}
DTYPES = dict.fromkeys((*LINE_FIELDS, *BOND_FIELDS), np.float32)
DTYPES |= {"xh_share": np.uint8, "xh_type": np.uint8}
FIELDS = (*MOLECULE_DTYPES, *LINE_FIELDS, *BOND_FIELDS)
UNITS = "cm-1 (unscaled harmonic); km/mol; A^4/amu"
XH_SHARE = (
    "share of each mode's kinetic energy, 0..255: CH, NH, OH stretch; CH, NH, OH bend"
)


def save_molecule(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays of one molecule."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        np.savez(draft, **arrays)


def load_molecule(path: Path) -> dict[str, np.ndarray] | None:
    """Read them back; None where the file is missing or damaged."""
    try:
        with open(path, "rb") as data, np.load(data, allow_pickle=False) as file:
            return {name: file[name] for name in FIELDS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def write(
    path: Path,
    molecules: Iterable[tuple[str, str, dict[str, np.ndarray]]],
    attributes: dict[str, object],
) -> int:
    """Write (SMILES, name, arrays) of every molecule; return how many there were."""
    smiles, names, lines, bonds = [], [], [], []
    columns: dict[str, list[np.ndarray]] = {name: [] for name in FIELDS}
    for text, name, arrays in molecules:
        smiles.append(text.encode())
        names.append(name.encode() or b" ")
        lines.append(len(arrays["frequency_cm1"]))
        bonds.append(len(arrays["xh_type"]))
        for field in MOLECULE_DTYPES:
            columns[field].append(np.asarray([arrays[field]], MOLECULE_DTYPES[field]))
        for field, dtype in DTYPES.items():
            columns[field].append(np.asarray(arrays[field], dtype))
    if smiles:
        arrays = {name: np.concatenate(parts) for name, parts in columns.items()}
        counts = {"smiles": np.array(smiles), "name": np.array(names)}
        counts |= {"lines": np.array(lines), "bonds": np.array(bonds)}
        _save(path, counts | arrays, attributes)
    return len(smiles)


def merge(path: Path, parts: list[Path], attributes: dict[str, object]) -> int:
    """Write the molecules of several such files as one; return how many there are."""
    columns: dict[str, list[np.ndarray]] = {}
    for part in parts:
        with h5py.File(part) as file:
            group = file["molecules"]
            found = {name: group[name][()] for name in ("smiles", "name")}
            for name, offset in (("lines", "line_offset"), ("bonds", "xh_offset")):
                found[name] = np.diff(group[offset][()])
            for field in FIELDS:
                found[field] = (group if field in MOLECULE_DTYPES else file)[field][()]
        for name, values in found.items():
            columns.setdefault(name, []).append(values)
    if not parts:
        return 0
    arrays = {name: np.concatenate(columns.pop(name)) for name in list(columns)}
    _save(path, arrays, attributes)
    return len(arrays["smiles"])


def _save(
    path: Path, arrays: dict[str, np.ndarray], attributes: dict[str, object]
) -> None:
    packed = {"compression": "gzip", "shuffle": True}
    with replacing(path) as draft, h5py.File(draft, "w") as file:
        file.attrs.update(
            {
                "format": "spektron-lines",
                "format_version": 1,
                "n_molecules": len(arrays["smiles"]),
                "units": UNITS,
                "xh_share": XH_SHARE,
                **attributes,
            }
        )
        file.attrs.create("xh_types", list(TYPES), dtype=h5py.string_dtype())
        group = file.create_group("molecules")
        for name, counts in (("line_offset", "lines"), ("xh_offset", "bonds")):
            group[name] = np.concatenate([[0], np.cumsum(arrays[counts])])
        for name in ("smiles", "name", *MOLECULE_DTYPES):
            group.create_dataset(name, data=arrays[name], **packed)
        for field in DTYPES:
            file.create_dataset(field, data=arrays[field], **packed)
