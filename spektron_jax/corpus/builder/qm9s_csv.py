"""Exact B3LYP line lists from the per-molecule files of QM9S.

`qm9s_csv.zip` (Figshare 24235333, CC BY 4.0), packed or unpacked, holds one table per
molecule, with a header line and row numbers, of n atoms:

    row 0            QM9S number, QM9 number, SMILES, n
    row 1, 3, 6      energy (eV), dipole (D), polarizability (6 components, bohr^3)
    rows 10 ..       n rows: Z, x, y, z (A)
    then             n rows: dmu/dx, 9 (D/A); n rows: dalpha/dx, 18 (bohr^3/A);
                     3n rows: Hessian (eV/A^2)

The order of the 9 and 18 numbers within a row is not written anywhere, so it is taken
from the physics. A turned molecule has a turned dipole and polarizability, so for each
axis w

    sum_i (w x r_i) . dmu/dx_i = w x mu          (and so for alpha, both indices)

must hold; of the thinkable orders the one that fulfils it is right, and a file where
none does is left out. Strength does not depend on the orders that cannot be told apart.

Guard: rows and SMILES belong together only if molecules with C#C or C#N show their
stretching (scaled; see `published`).

Isomers that differ in space alone can have the same SMILES here; all are kept, in the
same split.

Sizes: n atoms.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from spektron_jax.corpus.builder import modes
from spektron_jax.corpus.builder.gfn2 import Derivatives
from spektron_jax.corpus.builder.molecule import lines_of
from spektron_jax.corpus.builder.structures import (
    Entry,
    Structure,
    Unsuitable,
    of_molecule,
)
from spektron_jax.corpus.line_corpus import B3LYP_SCALE
from spektron_jax.corpus.published import BUNDLE_ERRORS, TRIPLE_CM1, Bundle
from spektron_jax.spectra.grid import XH_TYPES

HARTREE_EV = 27.211386245988
HEADER_ROWS, FIRST_ATOM = 10, 10
SYMMETRIC = ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2))  # xx xy yy zx zy zz
SUM_RULE_TOLERANCE = 0.05  # of a sum rule: the files carry few digits
ATTRIBUTES = {
    "title": "B3LYP harmonic IR/Raman line lists of QM9S",
    "method": "B3LYP as published in QM9S (Zou et al. 2023), double-harmonic",
    "sources": "QM9S, Figshare 24235333, CC BY 4.0",
}


def molecules(
    bundle: Bundle,
    names: Iterable[tuple[int, str]],
    failures: list[tuple[Entry, str]],
) -> Iterator[tuple[str, str, dict[str, np.ndarray]]]:
    """Yield (SMILES, name, arrays) of each file; add those left out to `failures`.

    `names` are pairs of number, for messages, and name in the bundle.
    """
    for number, name in names:
        entry = Entry("", name, number)
        try:
            rows, smiles, atoms = _rows(bundle.read(name))
            entry = replace(entry, smiles=smiles)
            canonical, arrays = lines(rows, smiles, atoms)
        except (*BUNDLE_ERRORS, Unsuitable, IndexError) as reason:
            failures.append((entry, str(reason)))
            continue
        yield canonical, name, arrays


def shows_triple_bond(arrays: dict[str, np.ndarray]) -> bool:
    """Whether a scaled wavenumber lies where triple bonds stretch."""
    low, high = TRIPLE_CM1
    scaled = B3LYP_SCALE * arrays["frequency_cm1"]
    return bool(((scaled > low) & (scaled < high)).any())


def _rows(text: str) -> tuple[list[list[str]], str, int]:
    """Cells of each row without its number; SMILES and number of atoms of row 0."""
    rows = [line.split(",")[1:] for line in text.splitlines()[1:]]
    if len(rows) < HEADER_ROWS or len(rows[0]) < 4:
        raise Unsuitable("not a file of QM9S, or cut off")
    atoms = int(float(rows[0][3]))
    if len(rows) < FIRST_ATOM + 6 * atoms:
        raise Unsuitable(f"cut off: {len(rows)} rows for {atoms} atoms")
    return rows, rows[0][2].strip().strip('"'), atoms


def _block(rows: list[list[str]], first: int, count: int, width: int) -> np.ndarray:
    found = np.array([row[:width] for row in rows[first : first + count]], float)
    if not np.isfinite(found).all():
        raise Unsuitable(f"row {first} and following: a number is missing")
    return found


def lines(
    rows: list[list[str]], smiles: str, n: int
) -> tuple[str, dict[str, np.ndarray]]:
    """Return (SMILES as RDKit writes it, arrays of the file)."""
    at = FIRST_ATOM
    geometry = _block(rows, at, n, 4)
    bohr = modes.BOHR_A
    positions = geometry[:, 1:] / bohr
    canonical, structure = _structure(smiles, geometry[:, 0].astype(int), positions)
    energy = _block(rows, 1, 1, 1)[0, 0] / HARTREE_EV
    dipole = _block(rows, 3, 1, 3)[0] / modes.DEBYE
    alpha = _full(_block(rows, 6, 1, 6))[..., 0]
    slopes = _block(rows, at + n, n, 9) * bohr / modes.DEBYE
    changes = _block(rows, at + 2 * n, n, 18) * bohr
    hessian = _block(rows, at + 3 * n, 3 * n, 3 * n) * bohr**2 / HARTREE_EV
    found = Derivatives(
        positions=positions,
        energy=energy,
        dipole=dipole,
        polarizability=alpha,
        hessian=(hessian + hessian.T) / 2.0,
        dipole_gradient=_dipole_order(slopes, positions, dipole),
        polarizability_gradient=_alpha_order(changes, positions, alpha),
    )
    wavenumber, vectors = modes.normal_modes(found.hessian, positions, structure.mass)
    if wavenumber.max() > 6000.0 or np.median(wavenumber) < 100.0:
        raise Unsuitable("wavenumbers beyond reason: other units than those of QM9S?")
    arrays = lines_of(structure, found, wavenumber, vectors)
    return canonical, arrays | {"frequency_qm9_cm1": arrays["frequency_cm1"]}


def _full(six: np.ndarray) -> np.ndarray:
    """Symmetric (3, 3, k) from (k, 6)."""
    whole = np.empty((3, 3, len(six)))
    for column, (b, c) in enumerate(SYMMETRIC):
        whole[b, c] = whole[c, b] = six[:, column]
    return whole


def _turned(gradient: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Change on turning about each axis, (..., 3 axes); gradient (..., 3n)."""
    turns = np.array([np.cross(axis, positions).ravel() for axis in np.eye(3)])
    return gradient @ turns.T


def _dipole_order(
    rows: np.ndarray, positions: np.ndarray, dipole: np.ndarray
) -> np.ndarray:
    """dmu_b / dx_i, (3, 3n), from rows of 9 in the order that fulfils the sum rule."""
    per_atom = rows.reshape(-1, 3, 3)
    right = np.array([np.cross(axis, dipole) for axis in np.eye(3)]).T
    options = [per_atom.transpose(2, 0, 1), per_atom.transpose(1, 0, 2)]
    return _choose(options, positions, right, "dipole")


def _alpha_order(
    rows: np.ndarray, positions: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    """dalpha_bc / dx_i, (3, 3, 3n), likewise from rows of 18."""
    turn = np.array([np.cross(axis, np.eye(3)).T for axis in np.eye(3)])
    right = np.stack([w @ alpha - alpha @ w for w in turn], axis=-1)
    n = len(rows)
    options = []
    for six in (rows.reshape(n, 3, 6), rows.reshape(n, 6, 3).transpose(0, 2, 1)):
        for columns in (range(6), (0, 3, 1, 4, 5, 2), (0, 1, 3, 2, 4, 5)):
            whole = _full(six.reshape(3 * n, 6)[:, list(columns)])
            options.append(whole.reshape(3, 3, n, 3))
    return _choose(options, positions, right, "polarizability")


def _choose(
    options: list[np.ndarray], positions: np.ndarray, right: np.ndarray, what: str
) -> np.ndarray:
    flat = [option.reshape(*right.shape[:-1], -1) for option in options]
    errors = [np.linalg.norm(_turned(f, positions) - right) for f in flat]
    best = int(np.argmin(errors))
    moment = np.linalg.norm(positions - positions.mean(axis=0))
    scale = np.linalg.norm(right) + np.linalg.norm(flat[best]) * moment / 10.0
    if errors[best] > SUM_RULE_TOLERANCE * scale:
        raise Unsuitable(
            f"derivatives of the {what} do not turn with the molecule: columns in an "
            "unknown order, or numbers of another molecule"
        )
    return flat[best]


def _structure(
    smiles: str, numbers: np.ndarray, positions: np.ndarray
) -> tuple[str, Structure]:
    """The molecule with its atoms in the order of the file."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        heavy = Chem.MolFromSmiles(smiles)
        if heavy is None:
            raise Unsuitable("cannot be read as SMILES")
        molecule = Chem.AddHs(heavy)
    kinds = sorted(atom.GetAtomicNum() for atom in molecule.GetAtoms())
    if kinds != sorted(numbers.tolist()):
        raise Unsuitable("SMILES and atoms are not of the same molecule")
    structure = of_molecule(molecule, positions)
    by_number = dict(zip(structure.numbers.tolist(), structure.mass, strict=True))
    by_reach = dict(zip(structure.numbers.tolist(), structure.reach, strict=True))
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    apart[:, numbers == 1] = np.inf
    hydrogens = np.flatnonzero(numbers == 1)
    owners = apart[hydrogens].argmin(axis=1) if (numbers > 1).any() else hydrogens[:0]
    bonds = np.array(list(zip(owners, hydrogens, strict=False)), int).reshape(-1, 2)
    return Chem.MolToSmiles(heavy), replace(
        structure,
        numbers=numbers,
        mass=np.array([by_number[z] for z in numbers.tolist()]),
        reach=np.array([by_reach[z] for z in numbers.tolist()]),
        xh_bonds=bonds,
        xh_type=_types(molecule, structure, numbers, owners),
    )


def _types(
    molecule, structure: Structure, numbers: np.ndarray, owners: np.ndarray
) -> np.ndarray:
    """Types of the bonds: by SMILES where its heavy atoms stand in the file's order.

    They do where element and number of hydrogens agree, atom by atom; else the k-th
    type of an element is given to its k-th hydrogen, which can swap two of them.
    """
    count = np.bincount(owners, minlength=len(numbers))
    heavy = [i for i in range(len(numbers)) if numbers[i] > 1]
    atoms = [a for a in molecule.GetAtoms() if a.GetAtomicNum() > 1]
    first: dict[int, int] = {}
    for (x, _), kind in zip(structure.xh_bonds, structure.xh_type, strict=True):
        first.setdefault(int(x), int(kind))
    same = all(
        a.GetAtomicNum() == numbers[i] and a.GetTotalNumHs(True) == count[i]
        for a, i in zip(atoms, heavy, strict=True)
    )
    if same:
        of_heavy = {i: first.get(a.GetIdx()) for a, i in zip(atoms, heavy, strict=True)}
        return np.array([of_heavy[int(x)] for x in owners], np.uint8)
    queues = {
        z: itertools.chain(
            [
                int(kind)
                for (x, _), kind in zip(
                    structure.xh_bonds, structure.xh_type, strict=True
                )
                if structure.numbers[x] == z
            ],
            itertools.repeat(XH_TYPES.index("other")),
        )
        for z in set(numbers[owners].tolist())
    }
    return np.array([next(queues[int(numbers[x])]) for x in owners], np.uint8)
