"""GFN2-xTB through tblite: optimised geometry and the derivatives of the energy.

With E(x, F) the energy at coordinates x in a uniform field F and g = dE/dx:

    Hessian            H_ij      = dg_i / dx_j                 steps of STEP_BOHR
    dipole             dmu_b/dx  = - dg / dF_b                 fields of FIELD_AU
    polarizability     dalpha_bc/dx = - d2g / dF_b dF_c

all by central differences, so that their error goes with the square of the step. The
mixed second derivative needs four combinations of signs; two of them and the six
single fields are enough:

    g_bc = (g(+b+c) + g(-b-c) - g(+b) - g(-b) - g(+c) - g(-c) + 2 g(0)) / 2 F^2.

The optimiser is BFGS with steps of at most MAX_MOVE, started from springs between near
atoms (after R. Lindh et al., Chem. Phys. Lett. 241, 423 (1995)): a third of the steps
that a unit matrix needs. Where Debian's `xtb` is installed, its optimiser goes first.

C. Bannwarth, S. Ehlert, S. Grimme, J. Chem. Theory Comput. 15, 1652 (2019).
Sizes: n atoms; everything in atomic units (bohr, hartree, e).
"""

import importlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spektron_jax.corpus.builder.modes import BOHR_A
from spektron_jax.errors import SpektronError

STEP_BOHR = 0.005
FIELD_AU = 0.004  # hartree / (e bohr)
SCF_ACCURACY = 0.01  # of the self-consistent charges; tblite's default is 1
MAX_GRADIENT = 2e-5  # largest component at the end; 2 cm-1 in a mode of 20 cm-1
MAX_STEPS = 500
MAX_MOVE = 0.3  # bohr, the largest move of one coordinate
PAIRS = ((0, 1), (0, 2), (1, 2))


class NotConverged(Exception):
    """A molecule that this method does not finish; str() is the reason."""


@dataclass(frozen=True)
class Derivatives:
    """What lines are made from, at the optimised geometry, in atomic units.

    Attributes:
      positions: (n, 3).
      energy: of the molecule.
      dipole: (3,). polarizability: (3, 3).
      hessian: (3n, 3n), symmetric.
      dipole_gradient: dmu_b / dx_i, (3, 3n).
      polarizability_gradient: dalpha_bc / dx_i, (3, 3, 3n).
    """

    positions: np.ndarray
    energy: float
    dipole: np.ndarray
    polarizability: np.ndarray
    hessian: np.ndarray
    dipole_gradient: np.ndarray
    polarizability_gradient: np.ndarray


class Surface:
    """The energy surface of one molecule, without or in a uniform field."""

    def __init__(self, numbers: np.ndarray, positions: np.ndarray):
        self.numbers = numbers
        self._start = positions
        self._field = (0.0, 0.0, 0.0)
        self._calculator = self._new()
        self._last = None

    def _new(self):
        from tblite.interface import Calculator

        calculator = Calculator("GFN2-xTB", self.numbers, self._start)
        calculator.set("verbosity", 0)
        calculator.set("accuracy", SCF_ACCURACY)
        if any(self._field):
            calculator.add("electric-field", list(self._field))  # not an array: cffi
        return calculator

    def set_field(self, field: tuple[float, float, float]) -> None:
        """Put the molecule into a uniform field, (x, y, z)."""
        if field != self._field:
            self._field = field
            self._calculator = self._new()

    def at(self, positions: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return (energy, gradient (3n,), dipole (3,)); charges start from the last."""
        from tblite.exceptions import TBLiteRuntimeError

        self._calculator.update(positions.reshape(-1, 3))
        try:
            result = self._calculator.singlepoint(self._last)
        except TBLiteRuntimeError as error:
            raise NotConverged(
                f"charges not converged ({' '.join(str(error).split())[:80]})"
            ) from error
        self._last = result
        gradient = result.get("gradient").ravel()
        return result.get("energy"), gradient, result.get("dipole")


def require(*packages: str) -> None:
    """Raise SpektronError unless these packages of the extra can be imported."""
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise SpektronError(
                f"line lists need {package.split('.')[0]} ({error}): "
                "pip install 'spektron-jax[corpus]'"
            ) from error


def springs(positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """A Hessian to start with, (3n, 3n): stiff along near pairs, soft elsewhere."""
    n = len(positions)
    reach = np.where(numbers == 1, 0.9, np.where(numbers <= 9, 1.6, 2.1))
    difference = positions[:, None] - positions[None]
    square = (difference**2).sum(-1) + np.eye(n)
    usual = reach[:, None] + reach[None]
    strength = 0.4 * np.exp(0.35 * (usual**2 - square))
    np.fill_diagonal(strength, 0.0)
    strength = np.minimum(strength, 0.8)
    blocks = -strength[..., None, None] * (
        difference[..., :, None] * difference[..., None, :] / square[..., None, None]
    )
    blocks[np.arange(n), np.arange(n)] = -blocks.sum(axis=1)
    hessian = blocks.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n)
    return hessian + 0.02 * np.eye(3 * n)


def optimise(surface: Surface, positions: np.ndarray) -> np.ndarray:
    """Return the positions, (n, 3), where no gradient is above MAX_GRADIENT."""
    x = positions.ravel().copy()
    hessian = springs(positions, surface.numbers)
    energy, gradient, _ = surface.at(x)
    trust = MAX_MOVE
    for _ in range(MAX_STEPS):
        if np.abs(gradient).max() < MAX_GRADIENT:
            return x.reshape(-1, 3)
        values, vectors = np.linalg.eigh(hessian)
        step = -vectors @ ((vectors.T @ gradient) / np.maximum(values, 1e-3))
        step *= min(1.0, trust / np.abs(step).max())
        new_energy, new_gradient, _ = surface.at(x + step)
        change, moved = new_gradient - gradient, hessian @ step
        if step @ change > 1e-12:
            hessian += np.outer(change, change) / (change @ step)
            hessian -= np.outer(moved, moved) / (step @ moved)
        if new_energy > energy + 1e-7:  # uphill: try again, nearer
            trust = max(0.25 * np.abs(step).max(), 1e-4)
            continue
        trust = min(MAX_MOVE, 2.0 * trust)
        x, energy, gradient = x + step, new_energy, new_gradient
    raise NotConverged(
        f"geometry not converged in {MAX_STEPS} steps "
        f"(largest gradient {np.abs(gradient).max():.1e})"
    )


def optimise_with_xtb(
    numbers: np.ndarray, positions: np.ndarray, timeout_s: float
) -> np.ndarray | None:
    """Positions from Debian's xtb; None where it is missing or fails."""
    program = shutil.which("xtb")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            f"{number} {x:.10f} {y:.10f} {z:.10f}"
            for number, (x, y, z) in zip(numbers, positions * BOHR_A, strict=True)
        ]
        start = Path(folder) / "start.xyz"
        start.write_text("\n".join([str(len(rows)), "", *rows]) + "\n")
        try:
            subprocess.run(
                [program, "start.xyz", "--gfn", "2", "--opt", "tight"],
                cwd=folder,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OMP_STACKSIZE": "256M"},
                capture_output=True,
                timeout=timeout_s,
                check=True,
            )
            lines = (Path(folder) / "xtbopt.xyz").read_text().splitlines()[2:]
            found = np.array([line.split()[1:4] for line in lines], float) / BOHR_A
        except (OSError, ValueError, IndexError, subprocess.SubprocessError):
            return None
    return found if found.shape == positions.shape else None


def derivatives(surface: Surface, positions: np.ndarray) -> Derivatives:
    """Differentiate at an optimised geometry: 6n + 13 gradients."""
    x = positions.ravel()
    energy, zero, dipole = surface.at(x)
    hessian = np.empty((x.size, x.size))
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = STEP_BOHR
        hessian[i] = surface.at(x + step)[1] - surface.at(x - step)[1]
    hessian = (hessian + hessian.T) / (4.0 * STEP_BOHR)
    single = np.empty((3, 2, x.size))
    dipoles = np.empty((3, 2, 3))
    for b in range(3):
        for side, sign in enumerate((FIELD_AU, -FIELD_AU)):
            field = np.zeros(3)
            field[b] = sign
            _, single[b, side], dipoles[b, side] = _in_field(surface, x, field)
    first = (single[:, 0] - single[:, 1]) / (2.0 * FIELD_AU)
    second = np.empty((3, 3, x.size))
    for b in range(3):
        second[b, b] = (single[b].sum(axis=0) - 2.0 * zero) / FIELD_AU**2
    for b, c in PAIRS:
        field = np.zeros(3)
        field[[b, c]] = FIELD_AU
        both = _in_field(surface, x, field)[1] + _in_field(surface, x, -field)[1]
        alone = single[b].sum(axis=0) + single[c].sum(axis=0)
        second[b, c] = second[c, b] = (both - alone + 2.0 * zero) / (2.0 * FIELD_AU**2)
    surface.set_field((0.0, 0.0, 0.0))
    alpha = (dipoles[:, 0] - dipoles[:, 1]) / (2.0 * FIELD_AU)
    return Derivatives(
        positions=positions,
        energy=energy,
        dipole=dipole,
        polarizability=(alpha + alpha.T) / 2.0,
        hessian=hessian,
        dipole_gradient=-first,
        polarizability_gradient=-second,
    )


def _in_field(surface: Surface, x: np.ndarray, field: np.ndarray):
    surface.set_field(tuple(field.tolist()))
    return surface.at(x)
