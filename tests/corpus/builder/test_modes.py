"""Modes and intensities against molecules that can be worked out by hand."""

import numpy as np
import pytest

from spektron_jax.corpus.builder import modes

# CODATA, in J, m, kg and cm/s.
HARTREE, BOHR, AMU, LIGHT = 4.3597447e-18, 5.2917721e-11, 1.6605391e-27, 2.99792e10


def diatomic(force=0.5, length=2.0, masses=(1.0078, 34.9689)):
    """Hessian (hartree/bohr^2) and positions of two atoms on a slanted axis."""
    axis = np.array([2.0, -1.0, 2.0]) / 3.0
    block = force * np.outer(axis, axis)
    hessian = np.block([[block, -block], [-block, block]])
    return hessian, np.array([np.zeros(3), length * axis]), np.array(masses), axis


def test_a_diatomic_has_one_line_where_its_spring_says():
    hessian, positions, mass, _ = diatomic()
    wavenumber, vectors = modes.normal_modes(hessian, positions, mass)
    reduced = mass.prod() / mass.sum()
    omega = np.sqrt(0.5 * HARTREE / BOHR**2 / (reduced * AMU))
    assert wavenumber == pytest.approx([omega / (2 * np.pi * LIGHT)], rel=1e-4)
    assert np.linalg.norm(vectors) == pytest.approx(1.0)


def test_strengths_of_a_diatomic():
    """mu' of 1 D/A gives 42.2561/m_red km/mol; alpha' along the bond 45/9 + 7."""
    hessian, positions, mass, axis = diatomic()
    _, vectors = modes.normal_modes(hessian, positions, mass)
    reduced = mass.prod() / mass.sum()
    slope = np.outer(axis, np.concatenate([-axis, axis])) * modes.BOHR_A / modes.DEBYE
    strength = modes.infrared(slope, vectors, mass)
    assert strength == pytest.approx([42.2561 / reduced], rel=1e-6)
    along = np.einsum("b,c,i->bci", axis, axis, np.concatenate([-axis, axis]))
    activity = modes.raman(along / modes.BOHR_A**2, vectors, mass)
    assert activity == pytest.approx([(45 / 9 + 7) / reduced], rel=1e-6)


def test_a_linear_molecule_has_one_line_more_and_a_saddle_a_negative_one():
    random = np.random.default_rng(0)
    bent, straight = random.normal(size=(3, 3)), np.outer([0, 2, 4.5], [1, 1, 0])
    matrix = random.normal(size=(9, 9))
    for positions, lines in ((bent, 3), (straight, 4)):
        spring = matrix @ matrix.T
        up, _ = modes.normal_modes(spring, positions, np.array([12.0, 16.0, 1.0]))
        down, _ = modes.normal_modes(-spring, positions, np.array([12.0, 16.0, 1.0]))
        assert len(up) == lines and (up > 0).all()
        np.testing.assert_allclose(np.sort(-down), up)


def test_whole_body_motion_is_in_no_mode():
    random = np.random.default_rng(1)
    positions, mass = random.normal(size=(5, 3)), random.uniform(1, 16, 5)
    basis = modes.internal_basis(positions, mass)
    assert basis.shape == (15, 9)
    motion = (basis.T / np.sqrt(np.repeat(mass, 3))).reshape(9, 5, 3)
    np.testing.assert_allclose(np.einsum("a,mac->mc", mass, motion), 0, atol=1e-12)
    turning = np.cross(positions[None], motion) * mass[:, None]
    np.testing.assert_allclose(turning.sum(axis=1), 0, atol=1e-12)


def test_local_mode_and_share_of_a_lone_bond():
    """In CH alone the local mode is the normal mode, and all of it is stretching."""
    hessian, positions, mass, axis = diatomic(0.3, 2.1, (12.0, 1.00783))
    bonds = np.array([[0, 1]])
    wavenumber, vectors = modes.normal_modes(hessian, positions, mass)
    slope = np.outer(axis, np.concatenate([-axis, axis]))
    local, dipole = modes.local_modes(hessian, slope, positions, mass, bonds)
    np.testing.assert_allclose(local, wavenumber)
    assert dipole == pytest.approx([modes.DEBYE / modes.BOHR_A])
    share = modes.shares(vectors, positions, np.array([6, 1]), mass, bonds)
    assert share.tolist() == [[255, 0, 0, 0, 0, 0]]
    other = modes.shares(vectors, positions, np.array([16, 1]), mass, bonds)
    assert not other.any()


def test_motion_across_the_bond_is_bending():
    positions = np.array([[0.0, 0, 0], [0, 0, 2.0]])
    across = np.array([[0.0, 0, 0, 1, 0, 0]]).T
    share = modes.shares(
        across, positions, np.array([8, 1]), np.array([16.0, 1.0]), np.array([[0, 1]])
    )
    assert share.tolist() == [[0, 0, 0, 0, 0, 255]]
