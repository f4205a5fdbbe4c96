"""From SMILES to a molecule that can be computed: checks, geometry, X-H bonds.

Only neutral, closed-shell, connected molecules of the chosen elements: charges need
counter-ions or a solvent, and the scale factors of `corpus` were found on the elements
of the shipped corpus. SMILES are written as RDKit does, so that a molecule falls into
the same split wherever it comes from; those that become equal are one molecule.

The starting geometry is the conformer of lowest MMFF94 energy (UFF where MMFF94 lacks
an atom type) out of several by ETKDG (S. Riniker, G. A. Landrum, J. Chem. Inf. Model.
55, 2562 (2015)), from a seed.

Sizes: n atoms, x X-H bonds.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spektron_jax.corpus.builder.modes import BOHR_A
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import XH_TYPES

# Of the sum of covalent radii: a longer bond is broken; a hydrogen nearer has moved.
BROKEN_RATIO, FORMED_RATIO = 1.35, 1.2


class Unsuitable(Exception):
    """A molecule that is left out; str() is the reason."""


@dataclass(frozen=True)
class Entry:
    """One molecule of a list: its SMILES as RDKit writes it, name, line in the file."""

    smiles: str
    name: str
    line: int


@dataclass(frozen=True)
class Structure:
    """A molecule in space.

    Attributes:
      numbers, mass: atomic numbers and masses (amu) of the common isotopes, (n,).
      positions: (n, 3) bohr.
      xh_bonds: (x, 2), X and its hydrogen, in the order of the hydrogens.
      xh_type: (x,) uint8, index into grid.XH_TYPES.
      bonded: (n, n) bool.
      reach: covalent radii, (n,) bohr.
    """

    numbers: np.ndarray
    mass: np.ndarray
    positions: np.ndarray
    xh_bonds: np.ndarray
    xh_type: np.ndarray
    bonded: np.ndarray
    reach: np.ndarray


def read_list(
    path: str,
    elements: tuple[str, ...],
    max_atoms: int,
    share: tuple[int, int] = (1, 1),
) -> tuple[list[Entry], list[tuple[Entry, str]], list[tuple[Entry, Entry]]]:
    """Read one SMILES a line, with an optional name after a space, tab or comma.

    Of `share` (k, n) every n-th line that is not empty, from the k-th on.

    Returns (molecules, (molecule, reason) of those left out, (repeated, first)).
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SpektronError(
            f"config.lines.path = {path!r}: cannot be read ({error}); give a text file "
            "with one SMILES a line"
        ) from error
    good: dict[str, Entry] = {}
    left_out, repeated = [], []
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, line in filled[share[0] - 1 :: share[1]]:
        text, _, name = line.strip().replace("\t", " ").replace(",", " ").partition(" ")
        name = name.strip()
        try:
            smiles = canonical(text, elements, max_atoms)
        except Unsuitable as reason:
            left_out.append((Entry(text, name, number), str(reason)))
            continue
        entry = Entry(smiles, name, number)
        if smiles in good:
            repeated.append((entry, good[smiles]))
        else:
            good[smiles] = entry
    if not filled:
        raise SpektronError(f"config.lines.path = {path!r}: holds no SMILES")
    return list(good.values()), left_out, repeated


def canonical(smiles: str, elements: tuple[str, ...], max_atoms: int) -> str:
    """Return the SMILES as RDKit writes it, or raise Unsuitable with the reason."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles, sanitize=False)
        if molecule is None:
            raise Unsuitable("cannot be read as SMILES")
        problems = Chem.DetectChemistryProblems(molecule)
        if problems:
            raise Unsuitable(f"impossible structure: {problems[0].Message()}")
        Chem.SanitizeMol(molecule)
        full = Chem.AddHs(molecule)
        text = Chem.MolToSmiles(Chem.MolFromSmiles(smiles))
    atoms = list(full.GetAtoms())
    strange = sorted({a.GetSymbol() for a in atoms} - set(elements))
    if strange:
        raise Unsuitable(f"element {', '.join(strange)}: not in config.lines.elements")
    if len(Chem.GetMolFrags(full)) > 1:
        raise Unsuitable("several molecules in one SMILES (a salt or a mixture)")
    if charge := Chem.GetFormalCharge(full):
        raise Unsuitable(f"an ion, of charge {charge:+d}")
    if any(a.GetNumRadicalElectrons() for a in atoms):
        raise Unsuitable("a radical")
    if not 2 <= len(atoms) <= max_atoms:
        raise Unsuitable(f"{len(atoms)} atoms; 2 to config.lines.max_atoms can be done")
    return text


def embed(smiles: str, seed: int, conformers: int) -> Structure:
    """Return the molecule in its best starting geometry."""
    return starts(smiles, seed, conformers)[0]


def starts(smiles: str, seed: int, conformers: int) -> list[Structure]:
    """Return its different conformers, of those drawn, the lowest in energy first."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDistGeom as geometry
    from rdkit.Chem import rdForceFieldHelpers as fields

    with rdBase.BlockLogs():
        molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
        options = geometry.ETKDGv3()
        options.randomSeed = seed
        found = list(geometry.EmbedMultipleConfs(molecule, conformers, options))
        if not found:
            options.useRandomCoords = True
            found = list(geometry.EmbedMultipleConfs(molecule, conformers, options))
        if not found:
            raise Unsuitable("no geometry: RDKit could not embed it")
        field = fields.MMFFOptimizeMoleculeConfs
        if not fields.MMFFHasAllMoleculeParams(molecule):
            field = fields.UFFOptimizeMoleculeConfs
        energies = [energy for _, energy in field(molecule, maxIters=2000)]
    _, different = np.unique(np.round(energies, 2), return_index=True)
    return [
        of_molecule(molecule, molecule.GetConformer(found[i]).GetPositions() / BOHR_A)
        for i in different
    ]


def of_molecule(molecule, positions: np.ndarray) -> Structure:
    """A Structure from an RDKit molecule with its hydrogens, and positions in bohr."""
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    atoms = list(molecule.GetAtoms())
    pairs = [
        (x.GetIdx(), h.GetIdx(), xh_type(x))
        for h in atoms
        if h.GetAtomicNum() == 1
        for x in h.GetNeighbors()
        if x.GetAtomicNum() > 1
    ]
    radii = [table.GetRcovalent(a.GetAtomicNum()) for a in atoms]
    return Structure(
        numbers=np.array([a.GetAtomicNum() for a in atoms]),
        mass=np.array([_mass(table, a) for a in atoms]),
        positions=positions,
        xh_bonds=np.array([p[:2] for p in pairs], int).reshape(-1, 2),
        xh_type=np.array([XH_TYPES.index(p[2]) for p in pairs], np.uint8),
        bonded=Chem.GetAdjacencyMatrix(molecule).astype(bool),
        reach=np.array(radii) / BOHR_A,
    )


def _mass(table, atom) -> float:
    """Of the isotope that the SMILES names, else of the most common one, in amu."""
    if atom.GetIsotope():
        return table.GetMassForIsotope(atom.GetAtomicNum(), atom.GetIsotope())
    return table.GetMostCommonIsotopeMass(atom.GetAtomicNum())


def xh_type(atom) -> str:
    """The name in XH_TYPES of a bond between this RDKit atom and a hydrogen."""
    element = atom.GetSymbol()
    if element == "C":
        if atom.GetIsAromatic():
            return "CH_arom"
        if _has_oxo(atom):
            return "CHO"
        found = f"CH_{str(atom.GetHybridization()).lower()}"
        return found if found in XH_TYPES else "other"
    if element == "N":
        conjugated = any(bond.GetIsConjugated() for bond in atom.GetBonds())
        return "NH_arom_or_amide" if conjugated else "NH"
    if element == "O":
        heavy = [a for a in atom.GetNeighbors() if a.GetAtomicNum() > 1]
        if not heavy:
            return "OH_water"
        if any(a.GetIsAromatic() for a in heavy):
            return "OH_phenol"
        return "OH_acid" if any(_has_oxo(a) for a in heavy) else "OH_alcohol"
    return "SH" if element == "S" else "other"


def _has_oxo(atom) -> bool:
    return any(
        bond.GetBondTypeAsDouble() == 2 and bond.GetOtherAtom(atom).GetSymbol() == "O"
        for bond in atom.GetBonds()
    )


def check_bonds(structure: Structure, positions: np.ndarray) -> None:
    """Raise Unsuitable where the optimiser broke a bond or moved a hydrogen."""
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    ratio = apart / (structure.reach[:, None] + structure.reach[None])
    is_h = structure.numbers == 1
    broken = structure.bonded & (ratio > BROKEN_RATIO)
    formed = ~structure.bonded & (is_h[:, None] ^ is_h[None]) & (ratio < FORMED_RATIO)
    if broken.any() or formed.any():
        what = "a bond broke" if broken.any() else "a hydrogen moved to another atom"
        raise Unsuitable(f"not this molecule after optimisation: {what}")
