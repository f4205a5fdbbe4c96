"""One molecule from SMILES to lines: the work of one process.

A mode more imaginary than IMAGINARY_CM1 means a saddle: the geometry is pushed along
it and optimised again, ATTEMPTS times; then the molecule is given up. Weaker ones are
numerical noise of flat motions; they stay in the list, negative.
"""

from dataclasses import dataclass

import numpy as np

from spektron_jax.corpus.builder import gfn2, modes, structures

IMAGINARY_CM1 = -30.0
ATTEMPTS = 3
PUSH = 0.3  # bohr sqrt(amu) along the mode


@dataclass(frozen=True)
class Settings:
    """What decides about the numbers, apart from the molecule."""

    seed: int = 42
    conformers: int = 10
    use_xtb: bool = True
    refine: bool = True  # optimise on where the program xtb stops; always without it
    timeout_s: float = 600.0  # of the program xtb


def compute(smiles: str, settings: Settings) -> dict[str, np.ndarray]:
    """Return the arrays of one molecule, named as in the file.

    Raises structures.Unsuitable or gfn2.NotConverged with the reason.
    """
    start = structures.embed(smiles, settings.seed, settings.conformers)
    return from_start(start, settings)


def from_start(
    structure: structures.Structure, settings: Settings
) -> dict[str, np.ndarray]:
    """The same from a geometry that is given."""
    positions = None
    if settings.use_xtb:
        positions = gfn2.optimise_with_xtb(
            structure.numbers, structure.positions, settings.timeout_s
        )
    refine = settings.refine or positions is None
    positions = structure.positions if positions is None else positions
    surface = gfn2.Surface(structure.numbers, positions)
    for attempt in range(ATTEMPTS):
        if refine or attempt:
            positions = gfn2.optimise(surface, positions)
        structures.check_bonds(structure, positions)
        found = gfn2.derivatives(surface, positions)
        wavenumber, vectors = modes.normal_modes(
            found.hessian, positions, structure.mass
        )
        if wavenumber[0] > IMAGINARY_CM1:
            return lines_of(structure, found, wavenumber, vectors)
        push = vectors[:, 0] * PUSH * (1 if attempt % 2 == 0 else -1)
        push = push.reshape(-1, 3) / np.sqrt(structure.mass)[:, None]
        positions = positions + push
    raise gfn2.NotConverged(
        f"imaginary mode at {wavenumber[0]:.0f} cm-1 after {ATTEMPTS} optimisations"
    )


def lines_of(
    structure: structures.Structure,
    found: gfn2.Derivatives,
    wavenumber: np.ndarray,
    vectors: np.ndarray,
) -> dict[str, np.ndarray]:
    """The arrays of the file, from derivatives and modes."""
    mass, positions = structure.mass, found.positions
    local, slope = modes.local_modes(
        found.hessian, found.dipole_gradient, positions, mass, structure.xh_bonds
    )
    dipole = np.linalg.norm(found.dipole) * modes.DEBYE
    polarizability = np.trace(found.polarizability) / 3.0 * modes.BOHR_A**3
    return {
        "natoms": np.array(len(mass)),
        "energy_hartree": np.array(found.energy),
        "dipole_debye": np.array(dipole),
        "polarizability_a3": np.array(polarizability),
        "frequency_cm1": wavenumber,
        "ir_intensity_km_mol": modes.infrared(found.dipole_gradient, vectors, mass),
        "raman_activity": modes.raman(found.polarizability_gradient, vectors, mass),
        "frequency_qm9_cm1": np.full(len(wavenumber), np.nan),
        "xh_share": modes.shares(
            vectors, positions, structure.numbers, mass, structure.xh_bonds
        ),
        "xh_type": structure.xh_type,
        "xh_local_mode_cm1": local,
        "xh_dmu_dr_debye_per_a": slope,
    }
