"""From second derivatives to lines: wavenumbers, intensities, X-H character.

With L the eigenvectors of the mass-weighted Hessian after whole-body motion has been
projected out, and Q their coordinates (bohr sqrt(amu)):

    wavenumber         5140.4869 sqrt(H / (bohr^2 amu))         negative = imaginary
    IR, km/mol         42.2561 |dmu/dQ|^2                       mu: D, Q: A sqrt(amu)
    Raman, A^4/amu     45 a'^2 + 7 g'^2                         alpha in A^3
    stretching share   m_red (e . (v_H - v_X))^2                v = l / sqrt(mass)
    bending share      m_H |v_H - e (e . v_H)|^2                e: along the bond

A local mode is the motion of one X-H bond alone: along it, hydrogen and X move against
each other with the reduced mass m_red, every other atom stands still.

Sizes: n atoms, m = 3n - 6 (or 5) lines, x X-H bonds.
"""

import numpy as np

BOHR_A = 0.529177210903
DEBYE = 2.541746473  # of e bohr
WAVENUMBER = 5140.4869  # sqrt(hartree / (bohr^2 amu)) in cm-1
IR_KM_MOL = 42.2561  # of (D / (A sqrt(amu)))^2
# Moments below 1e-3 of the largest belong to a linear molecule.
LINEAR_TOLERANCE = 1e-3
N_SHARES = 6  # CH, NH, OH stretch, then bend
_SHARE_COLUMN = {6: 0, 7: 1, 8: 2}


def internal_basis(positions: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Orthonormal mass-weighted directions without whole-body motion, (3n, m)."""
    root = np.sqrt(mass)
    centred = positions - (mass @ positions) / mass.sum()
    outer = [np.kron(root, axis) for axis in np.eye(3)]
    outer += [(root[:, None] * np.cross(a, centred)).ravel() for a in np.eye(3)]
    left, size, _ = np.linalg.svd(np.array(outer[3:]).T, full_matrices=False)
    turning = (
        left[:, size > LINEAR_TOLERANCE * size.max()] if size.max() > 0 else left[:, :0]
    )
    motion = np.column_stack([*outer[:3], turning])
    whole, _, _ = np.linalg.svd(motion, full_matrices=True)
    return whole[:, motion.shape[1] :]


def normal_modes(
    hessian: np.ndarray, positions: np.ndarray, mass: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (wavenumbers (m,), increasing, eigenvectors (3n, m)), atomic units."""
    weight = np.repeat(mass, 3) ** -0.5
    basis = internal_basis(positions, mass)
    inner = basis.T @ (weight[:, None] * hessian * weight) @ basis
    value, vector = np.linalg.eigh((inner + inner.T) / 2.0)
    return WAVENUMBER * np.sign(value) * np.sqrt(np.abs(value)), basis @ vector


def infrared(gradient: np.ndarray, vectors: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return intensities, (m,) km/mol, from dmu/dx, (3, 3n) e."""
    along = (gradient / np.sqrt(np.repeat(mass, 3))) @ vectors * DEBYE / BOHR_A
    return IR_KM_MOL * (along**2).sum(axis=0)


def raman(gradient: np.ndarray, vectors: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return activities, (m,) A^4/amu, from dalpha/dx, (3, 3, 3n) bohr^2."""
    a = (gradient / np.sqrt(np.repeat(mass, 3))) @ vectors * BOHR_A**2
    mean = (a[0, 0] + a[1, 1] + a[2, 2]) / 3.0
    spread = (
        (a[0, 0] - a[1, 1]) ** 2 + (a[1, 1] - a[2, 2]) ** 2 + (a[2, 2] - a[0, 0]) ** 2
    ) / 2.0 + 3.0 * (a[0, 1] ** 2 + a[0, 2] ** 2 + a[1, 2] ** 2)
    return 45.0 * mean**2 + 7.0 * spread


def shares(
    vectors: np.ndarray,
    positions: np.ndarray,
    numbers: np.ndarray,
    mass: np.ndarray,
    bonds: np.ndarray,
) -> np.ndarray:
    """Return the part of kinetic energy by X-H class, (m, 6) uint8 of 255.

    Args:
      bonds: (x, 2), atom X and its hydrogen.
    """
    found = np.zeros((vectors.shape[1], N_SHARES))
    velocity = vectors.reshape(len(positions), 3, -1) / np.sqrt(mass)[:, None, None]
    for x, h in bonds:
        column = _SHARE_COLUMN.get(int(numbers[x]))
        if column is None:
            continue
        direction = positions[h] - positions[x]
        direction /= np.linalg.norm(direction)
        along = direction @ velocity[h]
        reduced = mass[x] * mass[h] / (mass[x] + mass[h])
        found[:, column] += reduced * (along - direction @ velocity[x]) ** 2
        across = (velocity[h] ** 2).sum(axis=0) - along**2
        found[:, column + 3] += mass[h] * across
    return np.clip(np.rint(255.0 * found), 0, 255).astype(np.uint8)


def local_modes(
    hessian: np.ndarray,
    dipole_gradient: np.ndarray,
    positions: np.ndarray,
    mass: np.ndarray,
    bonds: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (wavenumber cm-1, |dmu/dr| D/A) of each X-H bond alone, (x,) each."""
    wavenumbers, slopes = np.empty(len(bonds)), np.empty(len(bonds))
    for i, (x, h) in enumerate(bonds):
        direction = positions[h] - positions[x]
        direction /= np.linalg.norm(direction)
        total = mass[x] + mass[h]
        motion = np.zeros(positions.shape)  # of a bond longer by one unit
        motion[h], motion[x] = direction * mass[x] / total, -direction * mass[h] / total
        flat = motion.ravel()
        force = flat @ hessian @ flat
        reduced = mass[x] * mass[h] / total
        wavenumbers[i] = WAVENUMBER * np.sign(force) * np.sqrt(abs(force) / reduced)
        slopes[i] = np.linalg.norm(dipole_gradient @ flat) * DEBYE / BOHR_A
    return wavenumbers, slopes
