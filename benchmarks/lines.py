"""Line lists of the command against those of the shipped corpus.

    python -m benchmarks.lines --molecules=50 --processes=2

Recomputes molecules drawn by a seed and compares line by line (both lists in the order
of wavenumber) where the conformer is the same: energies within 1e-6 hartree. The
corpus is one conformer of each molecule, and its SMILES carry no stereo marks, so for
some of them the command finds another conformer or isomer. Then its other conformers
are tried, out of --conformers; molecules of which none leads to that of the corpus are
counted, not compared. Strong lines have a tenth of the molecule's strongest or
more. Lines within 10 cm-1 of each other are also compared as sums: modes that are
nearly degenerate mix at the slightest change of geometry, and the spectrum stays.

--no-refine stops the optimiser where that of the corpus stopped (needs the program
xtb): the proof that nothing else differs.
"""

import argparse
import functools
import random
import sys

import h5py
import numpy as np
from tqdm import tqdm

from spektron_jax.corpus.builder import gfn2, molecule, structures, worker_pool
from spektron_jax.corpus.builder.structures import Entry
from spektron_jax.corpus.line_corpus import PACKAGED

SAME_HARTREE = 1e-6
STRONG = 0.1
NEAR_CM1 = 10.0
STRENGTHS = ("ir_intensity_km_mol", "raman_activity")


def reference(file: h5py.File, row: int) -> dict[str, np.ndarray]:
    """The arrays of one molecule of the corpus."""
    first, last = file["molecules/line_offset"][row : row + 2]
    names = ("frequency_cm1", *STRENGTHS)
    found = {name: file[name][first:last] for name in names}
    return found | {"energy_hartree": file["molecules/energy_hartree"][row]}


def grouped(position: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Sums of the strengths of lines within NEAR_CM1 of their neighbour."""
    starts = np.flatnonzero(np.diff(position, prepend=-np.inf) > NEAR_CM1)
    return np.add.reduceat(strength, starts)


def relative(found: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Relative errors of the strong ones."""
    strong = right >= STRONG * right.max()
    if right.max() <= 0:
        return np.empty(0)
    return np.abs(found[strong] / right[strong] - 1.0)


def compare(found: dict, right: dict) -> dict[str, np.ndarray]:
    """Absolute differences of positions; relative ones of strong lines and groups."""
    position = right["frequency_cm1"]
    errors = {"position cm-1": np.abs(found["frequency_cm1"] - position)}
    for name, label in zip(STRENGTHS, ("IR", "Raman"), strict=True):
        errors[f"{label} lines"] = relative(found[name], right[name])
        errors[f"{label} groups"] = relative(
            grouped(position, found[name]), grouped(position, right[name])
        )
    return errors


def optimised(start: structures.Structure, settings: molecule.Settings) -> float:
    """The energy at which the command arrives from a start."""
    surface = gfn2.Surface(start.numbers, start.positions)
    found = gfn2.optimise_with_xtb(start.numbers, start.positions, 600.0)
    if found is None or settings.refine:
        found = gfn2.optimise(surface, start.positions if found is None else found)
    return surface.at(found)[0]


def recompute(settings: molecule.Settings, conformers: int, task: tuple) -> tuple:
    """What a worker does: the lines at the corpus's conformer, where it is found."""
    entry, energy = task
    default = structures.embed(entry.smiles, settings.seed, settings.conformers)
    others = structures.starts(entry.smiles, settings.seed, conformers)
    for rank, start in enumerate([default, *others]):
        if abs(optimised(start, settings) - energy) <= SAME_HARTREE:
            return True, (rank, molecule.from_start(start, settings))
    return True, (-1, None)


def main(argv: list[str]) -> None:
    """Recompute, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max_atoms", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--conformers", type=int, default=20)
    parser.add_argument("--refine", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args(argv)
    gfn2.require("rdkit", "tblite.interface")
    settings = molecule.Settings(refine=given.refine)
    with h5py.File(PACKAGED) as file:
        small = np.flatnonzero(file["molecules/natoms"][()] <= given.max_atoms)
        rows = random.Random(given.seed).sample(small.tolist(), given.molecules)
        right = {i: reference(file, i) for i in rows}
        tasks = [
            (
                Entry(file["molecules/smiles"][i].decode(), "", i),
                float(right[i]["energy_hartree"]),
            )
            for i in rows
        ]
    alike, other, failed, at_once = [], [], [], 0
    work = functools.partial(recompute, settings, given.conformers)
    results = worker_pool.run(work, tasks, given.processes, 1200.0)
    for (entry, energy), done, answer in tqdm(results, total=len(tasks), unit="mol"):
        if not done:
            failed.append(f"  {entry.smiles}: {answer}")
            continue
        rank, found = answer
        if found is None:
            other.append(f"  {entry.smiles}")
            continue
        at_once += rank == 0
        energy = float(found["energy_hartree"] - energy)
        errors = compare(found, right[entry.line])
        alike.append(errors)
        worst = ", ".join(f"{n} {e.max(initial=0.0):.3g}" for n, e in errors.items())
        tqdm.write(f"{entry.smiles}: {energy:+.1e} hartree; largest: {worst}")
    print(
        f"{len(alike)} the same conformer, of {len(tasks)}; {at_once} by the defaults"
    )
    print("only other conformers or isomers found:", *other, sep="\n")
    print("failed:", *failed, sep="\n")
    for name in alike[0] if alike else ():
        values = np.concatenate([errors[name] for errors in alike])
        limit = 2.0 if "cm-1" in name else 0.05
        whole = np.mean([(errors[name] <= limit).all() for errors in alike])
        print(
            f"{name:14s} {values.size:5d}: median {np.median(values):.4f}, 95 % "
            f"{np.quantile(values, 0.95):.4f}, largest {values.max():.4f}; within "
            f"{limit:g}: {np.mean(values <= limit):.1%} of all, in all of "
            f"{whole:.0%} of the molecules"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
