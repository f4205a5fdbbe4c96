"""Line lists of real molecules: the shipped corpus in format "spektron-lines".

One molecule is a list of vibrational lines (position, IR intensity, Raman
activity), computed with GFN2-xTB; `files/DATA_CARD.md` says how, how accurate and
from which sources. Spectra are rendered from the lines elsewhere, on any grid.

Position of a line, from the unscaled harmonic wavenumbers of the file:

    0.965 f_B3LYP                                          where QM9 has the molecule
    f_GFN2 (0.988 s_CH + 1.008 s_NH + 1.039 s_OH + 0.982 (1 - s_CH - s_NH - s_OH))

with s_XH the share of X-H stretching in the mode's kinetic energy. Lines below
20 cm-1 are dropped: whole-body rotations and imaginary modes.

Sizes: n molecules, l lines, x X-H bonds, K lines of the largest molecule.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from spektron_jax.corpus.lines_file import LINE_FIELDS, read_lines
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import MODALITIES, XH_TYPES

PACKAGED = Path(__file__).parent / "files" / "xtb_lines.h5"
PACKAGED_SHA256 = "642e8ffb762f7ef256ca6e5d1c2ce9e67dc0875c556102707b5c4879f973000c"

B3LYP_SCALE = 0.965  # B3LYP/6-31G(2df,p) harmonic to observed, as in QM9S
STRETCH_SCALES = (0.988, 1.008, 1.039)  # GFN2: CH, NH, OH stretch
OTHER_SCALE = 0.982  # GFN2: every other motion
LOWEST_CM1 = 20.0
# Weaker molecules would render as noise once the strongest band is set to 1.
MIN_STRENGTH = 0.1  # km/mol (IR), A^4/amu (Raman)
MIN_DMU_DR = 0.1  # D/A (NIR)

# Bends that combine with X-H stretches in the NIR. The range leaves out torsions and
# librations, whose combinations lie in the stretch's own wing.
BEND_CM1 = (700.0, 1800.0)
MIN_BEND_SHARE = 0.2  # of the mode's kinetic energy, in one class of X-H bends

SPLITS = ("train", "validation", "test")


def split_of(smiles: str) -> str:
    """Return the split of a molecule: 90 % train, 5 % validation, 5 % test.

    The first 8 bytes of sha256(smiles), read as a number in [0, 1), decide: below
    0.90 train, below 0.95 validation, else test. So the split depends on nothing
    but the SMILES string as written in the file, and never changes when molecules
    are added.
    """
    digest = hashlib.sha256(smiles.encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return SPLITS[0] if share < 0.90 else SPLITS[1] if share < 0.95 else SPLITS[2]


def scaled_position_cm1(
    frequency_cm1: np.ndarray, frequency_qm9_cm1: np.ndarray, xh_share: np.ndarray
) -> np.ndarray:
    """Return the scaled positions, (l,) float32, by the rule at the top.

    Args:
      frequency_cm1: GFN2 harmonic wavenumbers, (l,).
      frequency_qm9_cm1: B3LYP harmonic wavenumbers, (l,), NaN where unknown.
      xh_share: shares 0..255, (l, 3 or more), CH, NH and OH stretch first.
    """
    factor = np.full(frequency_cm1.shape, OTHER_SCALE, np.float32)
    for column, scale in enumerate(STRETCH_SCALES):
        share = xh_share[:, column].astype(np.float32) / 255.0
        factor += np.float32(scale - OTHER_SCALE) * share
    known = np.isfinite(frequency_qm9_cm1)
    return np.where(known, B3LYP_SCALE * frequency_qm9_cm1, factor * frequency_cm1)


@dataclass(frozen=True, eq=False)
class LineCorpus:
    """Line lists in memory, with the interface of a source (see `training.examples`).

    Attributes:
      smiles, natoms, energy_hartree, dipole_debye, polarizability_a3: (n,).
      split: (n,) strings out of SPLITS.
      modes: (n,) vibrational modes, 3N - 6 or 3N - 5 with N atoms, dropped ones too.
      line_offset: lines of molecule i are [line_offset[i], line_offset[i + 1]).
      position_cm1, ir_intensity_km_mol, raman_activity: (l,) float32, scaled.
      xh_share: (l, 6) uint8, CH, NH, OH stretch and CH, NH, OH bend, 0..255.
      xh_offset: X-H bonds of molecule i, as line_offset.
      xh_type, xh_local_mode_cm1, xh_dmu_dr_debye_per_a: (x,).
      xh_type_names: names that xh_type indexes.
      checksum: sha256 of the file.
      usable: (n, modality codes) bool, True where a spectrum can be rendered.

    Examples:
      >>> from spektron_jax import LineCorpus
      >>> corpus = LineCorpus.load()
      >>> len(corpus.smiles)
      12116
    """

    smiles: np.ndarray
    natoms: np.ndarray
    energy_hartree: np.ndarray
    dipole_debye: np.ndarray
    polarizability_a3: np.ndarray
    split: np.ndarray
    modes: np.ndarray
    line_offset: np.ndarray
    position_cm1: np.ndarray
    ir_intensity_km_mol: np.ndarray
    raman_activity: np.ndarray
    xh_share: np.ndarray
    xh_offset: np.ndarray
    xh_type: np.ndarray
    xh_local_mode_cm1: np.ndarray
    xh_dmu_dr_debye_per_a: np.ndarray
    xh_type_names: tuple[str, ...]
    checksum: str
    usable: np.ndarray
    axis_cm1: ClassVar[None] = None  # lines can be rendered on any axis

    @classmethod
    def load(
        cls,
        path: str = "",
        modalities: tuple[str, ...] = ("IR", "Raman"),
        low_cm1: float = 500.0,
        high_cm1: float = 4000.0,
    ) -> "LineCorpus":
        """Read a corpus; "" is the one shipped with the package.

        Only `modalities` become examples, and only where the strongest line in
        [low_cm1, high_cm1] has 0.1 km/mol (IR) or 0.1 A^4/amu (Raman) or more; NIR
        wants an X-H bond that changes the dipole by 0.1 D/A or more.

        Examples:
          >>> from spektron_jax import LineCorpus
          >>> LineCorpus.load(modalities=("NIR",)).usable.sum() > 9000
          np.True_
        """
        name = Path(path) if path else PACKAGED
        values, type_names, checksum = read_lines(name)
        if not path and checksum != PACKAGED_SHA256:
            raise SpektronError(
                f"{name}: the shipped corpus is damaged (its checksum is wrong); "
                "install the package again"
            )
        position = scaled_position_cm1(
            values.pop("frequency_cm1"),
            values.pop("frequency_qm9_cm1"),
            values["xh_share"],
        )
        kept = position >= LOWEST_CM1
        values["modes"] = np.diff(values["line_offset"])
        values["position_cm1"] = position
        for key in ("position_cm1", *LINE_FIELDS):
            if key in values:
                values[key] = values[key][kept]
        kept_before = np.concatenate([[0], np.cumsum(kept)])
        values["line_offset"] = kept_before[values["line_offset"]]
        return cls(
            **values,
            split=np.array([split_of(s) for s in values["smiles"].tolist()]),
            xh_type_names=type_names,
            checksum=checksum,
            usable=_usable(values, type_names, modalities, low_cm1, high_cm1),
        )

    def examples(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (molecule, modality code), (e,) int32 each, usable in `split`.

        Examples:
          >>> from spektron_jax import LineCorpus
          >>> corpus = LineCorpus.load()
          >>> molecules, codes = corpus.examples("test")
          >>> molecules.shape == codes.shape
          True
        """
        rows, codes = np.nonzero(self.usable & (self.split == split)[:, None])
        return rows.astype(np.int32), codes.astype(np.int32)

    def rows_of(self, smiles: Iterable[str]) -> np.ndarray:
        """Return the rows of molecules, by SMILES as written in the file, (B,).

        Examples:
          >>> from spektron_jax import LineCorpus
          >>> corpus = LineCorpus.load()
          >>> corpus.rows_of(["O", "CCO"]).tolist()
          [0, 1]
        """
        wanted = list(smiles)
        place = {name: row for row, name in enumerate(self.smiles.tolist())}
        absent = [name for name in wanted if name not in place]
        if absent:
            raise SpektronError(
                f"SMILES {', '.join(absent[:5])}: not in the line lists; write them "
                "as corpus.smiles does, or compute their lines"
            )
        return np.array([place[name] for name in wanted], np.int32)

    def bonds(self, molecule: np.ndarray) -> dict:
        """Return what overtones and combinations of X-H bonds are made of.

        Zero padded: a bond that is not there has dmu_dr 0, a bend no share. X and M
        are the largest numbers of bonds and bends of any molecule.

        Returns:
          kind: (B, X) int32, index into grid.XH_TYPES.
          local_mode_cm1, dmu_dr_debye_per_a: (B, X) float32.
          bend_cm1: (B, M) float32, positions of the X-H bends, scaled.
          bend_share: (B, M, 3) float32, shares of CH, NH and OH bending.

        Examples:
          >>> from spektron_jax import LineCorpus
          >>> corpus = LineCorpus.load()
          >>> slopes = corpus.bonds(corpus.rows_of(["O"]))["dmu_dr_debye_per_a"]
          >>> int((slopes > 0).sum())
          2
        """
        bond, real = _ragged(self.xh_offset, molecule)
        known = [
            XH_TYPES.index(n if n in XH_TYPES else "other") for n in self.xh_type_names
        ]
        line_of_bend, bend_offset = self._bends
        place, is_bend = _ragged(bend_offset, molecule)
        bend = line_of_bend[place]
        share = self.xh_share[bend, 3:].astype(np.float32) / 255.0
        return {
            "kind": np.array(known, np.int32)[self.xh_type[bond]],
            "local_mode_cm1": self.xh_local_mode_cm1[bond],
            "dmu_dr_debye_per_a": np.where(
                real, self.xh_dmu_dr_debye_per_a[bond], np.float32(0)
            ),
            "bend_cm1": self.position_cm1[bend],
            "bend_share": np.where(is_bend[..., None], share, np.float32(0)),
        }

    def groups(self, molecule: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """Return names of functional groups and how many each molecule has, (B, G).

        X-H bonds by type, and what SMILES shows: terminal double-bonded oxygen,
        triple-bonded nitrogen and halogens.

        Examples:
          >>> from spektron_jax import LineCorpus
          >>> corpus = LineCorpus.load()
          >>> names, counts = corpus.groups(corpus.rows_of(["CCO"]))
          >>> dict(zip(names, counts[0].tolist()))["OH_alcohol"]
          1
        """
        bond, real = _ragged(self.xh_offset, molecule)
        kinds = np.arange(len(self.xh_type_names))
        bonds = (self.xh_type[bond][..., None] == kinds) & real[..., None]
        names = self.smiles[molecule].tolist()
        shown = [
            [
                name.count("=O") + name.startswith("O="),
                name.count("#N") + name.startswith("N#"),
                name.count("F") + name.count("Cl"),
            ]
            for name in names
        ]
        counts = np.concatenate([bonds.sum(axis=1), np.array(shown)], axis=1)
        return (*self.xh_type_names, "=O", "#N", "halogen"), counts

    @cached_property
    def _bends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lines that are X-H bends, and where each molecule's begin among them."""
        low, high = BEND_CM1
        share = self.xh_share[:, 3:].max(axis=1)
        inside = (self.position_cm1 >= low) & (self.position_cm1 <= high)
        bends = inside & (share >= MIN_BEND_SHARE * 255)
        before = np.concatenate([[0], np.cumsum(bends)])
        # One more entry keeps a corpus without bends indexable.
        return np.append(np.flatnonzero(bends), 0), before[self.line_offset]

    def fetch(self, molecule: np.ndarray, modality: np.ndarray) -> dict:
        """Return position_cm1 and strength, (B, K) float32, zero after the end.

        A corpus loaded for the NIR adds what `bonds` returns, for every example.

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import LineCorpus
          >>> corpus = LineCorpus.load()
          >>> lines = corpus.fetch(corpus.rows_of(["O"]), np.array([0]))
          >>> sorted(lines)
          ['position_cm1', 'strength']
        """
        line, real = _ragged(self.line_offset, molecule)
        is_ir = (np.asarray(modality) == MODALITIES.index("IR"))[:, None]
        strength = np.where(
            is_ir, self.ir_intensity_km_mol[line], self.raman_activity[line]
        )
        near = self.usable[:, MODALITIES.index("NIR")].any()
        return {
            "position_cm1": np.where(real, self.position_cm1[line], np.float32(0)),
            "strength": np.where(real, strength, np.float32(0)),
            **(self.bonds(molecule) if near else {}),
        }


def _ragged(offset: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return indices of each row's items, (B, longest row), and which are real."""
    first = offset[rows][:, None]
    count = offset[np.asarray(rows) + 1][:, None] - first
    place = np.arange(np.diff(offset).max())[None, :]
    real = place < count
    return np.where(real, first + place, 0), real


def _usable(
    values: dict,
    type_names: tuple[str, ...],
    modalities: tuple[str, ...],
    low_cm1: float,
    high_cm1: float,
) -> np.ndarray:
    molecules = len(values["line_offset"]) - 1
    owner = np.repeat(np.arange(molecules), np.diff(values["line_offset"]))
    position = values["position_cm1"]
    inside = (position >= low_cm1) & (position <= high_cm1)
    usable = np.zeros((molecules, len(MODALITIES)), bool)
    if "NIR" in modalities:
        owner_of_bond = np.repeat(np.arange(molecules), np.diff(values["xh_offset"]))
        polar = values["xh_dmu_dr_debye_per_a"] >= MIN_DMU_DR
        known = np.array([name != "other" for name in type_names])
        bonds = polar & known[values["xh_type"]]
        usable[owner_of_bond[bonds], MODALITIES.index("NIR")] = True
    strengths = {"IR": "ir_intensity_km_mol", "Raman": "raman_activity"}
    for modality in set(modalities) - {"NIR"}:
        strong = inside & (values[strengths[modality]] >= MIN_STRENGTH)
        usable[owner[strong], MODALITIES.index(modality)] = True
    return usable
