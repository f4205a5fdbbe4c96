"""The file format "spektron-lines": checked on reading, written whole.

One HDF5 file has the layout of the shipped corpus (`files/DATA_CARD.md`), so that
`LineCorpus.load` and `--config.data.path` read it. A file stands under its name only
when it is whole: it is written beside it and renamed. While lines are computed, each
molecule has a small file of its own.

Sizes: n molecules, l lines, x X-H bonds.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py
import numpy as np

from spektron_jax.archive import checksum, replacing
from spektron_jax.errors import SpektronError
from spektron_jax.spectra import npz
from spektron_jax.spectra.grid import XH_TYPES
from spektron_jax.spectra.hdf5_check import HDF5_ERRORS
from spektron_jax.spectra.hdf5_open import open_hdf5

Arrays = dict[str, np.ndarray]
FORMAT, VERSION = "spektron-lines", 1
MOLECULE_DTYPES = {
    "natoms": np.uint16,
    "energy_hartree": np.float64,
    "dipole_debye": np.float32,
    "polarizability_a3": np.float32,
}
LINE_FIELDS = (
    "frequency_cm1",
    "ir_intensity_km_mol",
    "raman_activity",
    "frequency_qm9_cm1",
    "xh_share",
)
BOND_FIELDS = ("xh_type", "xh_local_mode_cm1", "xh_dmu_dr_debye_per_a")
DTYPES = {
    name: np.uint8 if name in ("xh_share", "xh_type") else np.float32
    for name in (*LINE_FIELDS, *BOND_FIELDS)
}
FIELDS = (*MOLECULE_DTYPES, *LINE_FIELDS, *BOND_FIELDS)
UNITS = "cm-1 (unscaled harmonic); km/mol; A^4/amu"
XH_SHARE = (
    "share of each mode's kinetic energy, 0..255: CH, NH, OH stretch; CH, NH, OH bend"
)


def read_lines(path: Path) -> tuple[Arrays, tuple[str, ...], str]:
    """Return (arrays by name, names of X-H types, sha256) of a checked file."""
    try:
        digest = checksum(path)
        with open_hdf5(path) as file:
            if file.attrs.get("format") != FORMAT:
                raise SpektronError(
                    f"{path}: not a line list (its attribute 'format' is not "
                    f"'{FORMAT}'); set config.data.path to one, or to ''"
                )
            version = file.attrs.get("format_version")
            if version != VERSION:
                raise SpektronError(
                    f"{path}: format_version is {version}, this program reads {VERSION}"
                )
            offsets = ("line_offset", "xh_offset")
            names = [f"molecules/{k}" for k in ("smiles", *MOLECULE_DTYPES, *offsets)]
            names += [*LINE_FIELDS, *BOND_FIELDS]
            values = {name.split("/")[-1]: file[name][()] for name in names}
            values["smiles"] = np.char.decode(values["smiles"], "utf-8")
            type_names = tuple(str(name) for name in file.attrs["xh_types"])
    except KeyError as error:
        raise SpektronError(f"{path}: incomplete line list: {error.args[0]}") from error
    except HDF5_ERRORS as error:
        if not path.exists():
            raise SpektronError(
                f"{path}: no such file; set config.data.path"
            ) from error
        raise SpektronError(
            f"{path}: cannot be read, so it is damaged, cut off or no HDF5 file "
            f"({error}); fetch it again"
        ) from error
    _check(path, values)
    return values, type_names, digest


def _check(path: Path, values: Arrays) -> None:
    """Raise SpektronError where arrays are not finite or do not fit together."""
    molecules = values["smiles"].size
    if molecules == 0:
        raise SpektronError(f"{path}: holds no molecules")
    for name in ("smiles", *MOLECULE_DTYPES):
        if values[name].shape != (molecules,):
            raise SpektronError(f"{path}: molecules/{name} has a wrong length")
    for name, per_item in (("line_offset", LINE_FIELDS), ("xh_offset", BOND_FIELDS)):
        offset = values[name]
        steps_up = offset.dtype.kind in "iu" and offset.shape == (molecules + 1,)
        if not steps_up or offset[0] != 0 or (offset[1:] < offset[:-1]).any():
            raise SpektronError(f"{path}: molecules/{name} is not a list of offsets")
        for item in per_item:
            columns = (6,) if item == "xh_share" else ()
            if values[item].shape != (offset[-1], *columns):
                raise SpektronError(f"{path}: {item} has a wrong length")
    for name, value in values.items():
        if value.dtype.kind not in ("U" if name == "smiles" else "iuf"):
            raise SpektronError(f"{path}: {name} holds {value.dtype}, not numbers")
        may_be_nan = name == "frequency_qm9_cm1"
        if value.dtype.kind == "f" and not (may_be_nan or np.isfinite(value).all()):
            raise SpektronError(f"{path}: {name} holds values that are not finite")


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays of one molecule or of many, while lines are computed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        np.savez(draft, **arrays)  # type: ignore[arg-type]


def load_arrays(path: Path, required: Iterable[str] = FIELDS) -> Arrays | None:
    """Read them back; None where the file is missing, damaged or lacks a name."""
    try:
        arrays = npz.load(path)
    except SpektronError:
        return None
    return arrays if set(required) <= set(arrays) else None


def collect(molecules: Iterable[tuple[str, str, Arrays]]) -> Arrays:
    """Join the arrays of (SMILES, name, arrays); nothing at all for no molecules."""
    columns: dict[str, list[np.ndarray]] = {}

    def add(name: str, values: object, dtype: type | None = None) -> None:
        columns.setdefault(name, []).append(np.atleast_1d(np.asarray(values, dtype)))

    for smiles, name, arrays in molecules:
        add("smiles", smiles.encode())
        add("name", name.encode() or b" ")
        add("lines", len(arrays["frequency_cm1"]))
        add("bonds", len(arrays["xh_type"]))
        for field, dtype in (MOLECULE_DTYPES | DTYPES).items():
            add(field, arrays[field], dtype)
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def write(
    path: Path,
    molecules: Iterable[tuple[str, str, Arrays]],
    attributes: Mapping[str, object],
) -> int:
    """Write (SMILES, name, arrays) of every molecule; return how many there were."""
    return write_parts(path, [collect(molecules)], attributes)


def write_parts(
    path: Path, parts: Iterable[Arrays], attributes: Mapping[str, object]
) -> int:
    """Write what `collect` returned, several times over; return how many molecules."""
    parts = [part for part in parts if part]
    if not parts:
        return 0
    arrays = {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}
    packed = {"compression": "gzip", "shuffle": True}
    with replacing(path) as draft, h5py.File(draft, "w") as file:
        file.attrs.update(
            {
                "format": FORMAT,
                "format_version": VERSION,
                "n_molecules": len(arrays["smiles"]),
                "units": UNITS,
                "xh_share": XH_SHARE,
                **attributes,
            }
        )
        file.attrs.create("xh_types", list(XH_TYPES), dtype=h5py.string_dtype())
        group = file.create_group("molecules")
        for name, counts in (("line_offset", "lines"), ("xh_offset", "bonds")):
            group[name] = np.concatenate([[0], np.cumsum(arrays[counts])])
        for name in ("smiles", "name", *MOLECULE_DTYPES):
            group.create_dataset(name, data=arrays[name], **packed)
        for field in DTYPES:
            file.create_dataset(field, data=arrays[field], **packed)
    return len(arrays["smiles"])
