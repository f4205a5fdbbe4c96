"""Which molecules are taken, under which SMILES, and the types of their bonds."""

import dataclasses

import h5py
import numpy as np
import pytest

from spektron_jax.corpus.builder import structures
from spektron_jax.corpus.builder.structures import Unsuitable
from spektron_jax.corpus.line_corpus import PACKAGED
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import XH_TYPES

Chem = pytest.importorskip("rdkit.Chem", reason="needs rdkit, of the extra corpus")
ELEMENTS = tuple("H C N O F P S Cl".split())


@pytest.mark.parametrize(
    "smiles, reason",
    [
        ("C(C", "cannot be read as SMILES"),
        ("hello", "cannot be read as SMILES"),
        ("C(C)(C)(C)(C)C", "impossible structure: .* valence"),
        ("c1cccc1", "impossible structure"),
        ("CBr", "element Br: not in config.lines.elements"),
        ("C[O-].[Na+]", "element Na"),
        ("O.O", "several molecules"),
        ("[NH4+]", r"an ion, of charge \+1"),
        ("[CH3]", "a radical"),
        ("[He]", "element He"),
        ("C" * 40, "122 atoms"),
    ],
)
def test_what_cannot_be_computed_is_left_out_with_the_reason(smiles, reason):
    with pytest.raises(Unsuitable, match=reason):
        structures.canonical(smiles, ELEMENTS, 80)


def test_a_list_names_molecules_once(tmp_path):
    path = tmp_path / "list.smi"
    path.write_text("\ufeffOCC ethanol, dry\n\nCCO\tagain\nxyz,odd\nC,methane\nO\n")
    good, left_out, repeated = structures.read_list(str(path), ELEMENTS, 80)
    assert [(e.smiles, e.name, e.line) for e in good] == [
        ("CCO", "ethanol  dry", 1),
        ("C", "methane", 5),
        ("O", "", 6),
    ]
    assert [(e.smiles, e.line) for e, _ in left_out] == [("xyz", 4)]
    assert [(e.line, first.line) for e, first in repeated] == [(3, 1)]


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe\x00"])
def test_a_list_that_holds_nothing_is_an_error(tmp_path, content):
    path = tmp_path / "list.smi"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpektronError, match="config.lines.path"):
        structures.read_list(str(path), ELEMENTS, 80)


def test_smiles_and_bond_types_are_those_of_the_corpus():
    """Of 115,865 bonds 214 differ: rings that are aromatic by some rules only."""
    wrong = total = 0
    with h5py.File(PACKAGED) as file:
        smiles = file["molecules/smiles"][()]
        offset, right = file["molecules/xh_offset"][()], file["xh_type"][()]
        assert list(file.attrs["xh_types"]) == list(XH_TYPES)
    for i in range(0, len(smiles), 20):
        text = smiles[i].decode()
        molecule = Chem.AddHs(Chem.MolFromSmiles(text))
        assert Chem.MolToSmiles(Chem.RemoveHs(molecule)) == text
        positions = np.zeros((molecule.GetNumAtoms(), 3))
        found = structures.of_molecule(molecule, positions).xh_type
        assert len(found) == offset[i + 1] - offset[i]
        wrong += int((found != right[offset[i] : offset[i + 1]]).sum())
        total += len(found)
    assert total > 5000 and wrong < 0.005 * total


def test_a_start_is_the_same_each_time_and_holds_together():
    first = structures.embed("OCC(N)C=O", seed=1, conformers=3)
    again = structures.embed("OCC(N)C=O", seed=1, conformers=3)
    np.testing.assert_array_equal(first.positions, again.positions)
    structures.check_bonds(first, first.positions)
    h = first.xh_bonds[0, 1]
    away, onto = first.positions.copy(), first.positions.copy()
    away[h] += 10.0
    with pytest.raises(Unsuitable, match="a bond broke"):
        structures.check_bonds(first, away)
    free = dataclasses.replace(first, bonded=first.bonded.copy())
    free.bonded[h] = free.bonded[:, h] = False
    with pytest.raises(Unsuitable, match="a hydrogen moved"):
        structures.check_bonds(free, onto)


def test_isotopes_are_as_heavy_as_they_are():
    heavy = structures.embed("[2H]O[2H]", seed=1, conformers=1)
    light = structures.embed("O", seed=1, conformers=1)
    assert sorted(heavy.mass) == pytest.approx([2.0141, 2.0141, 15.9949], abs=1e-3)
    assert sorted(light.mass) == pytest.approx([1.0078, 1.0078, 15.9949], abs=1e-3)
