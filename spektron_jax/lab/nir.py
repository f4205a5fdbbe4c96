"""Near-infrared lines: overtones and combinations of X-H bonds as Morse oscillators.

Every X-H bond vibrates on its own (local modes: Henry, Acc. Chem. Res. 10, 207
(1977); Child & Halonen, Adv. Chem. Phys. 57, 1 (1984)):

    E(v) - E(0) = v w - v (v + 1) wx
    <0|q|n>     = 2 (-1)^(n+1) / (n (2N - n)) sqrt(N (N - n) n! / (2N)_n)
    <0|q^2|n>   = 2 <0|q|n> (ln(2N + 1) - psi(2N - n) - H_(n-1))
    I_n         = 2.5066 nu_n |mu1 / a (<0|q|n> + b <0|q^2|n>)|^2

with q = a (r - re), N = w / (2 wx) - 1/2, (2N)_n = 2N (2N - 1) .. (2N - n + 1), psi
the digamma function and H_m the harmonic numbers. The first matrix element is that of
Gallas, Phys. Rev. A 21, 1829 (1980); the second follows by differentiating
<0|y^s|n>, y = (2N + 1) exp(-q), twice at s = 0. b is the electrical anharmonicity.
Ranges of w, wx, b and the widths: Bec & Huck, Front. Chem. 7, 48 (2019) and sources
named there.

Dimension legend: B molecules, X bonds, M bends, K lines, R rows of the table.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma
from jaxtyping import Float, Int

from spektron_jax.shapes import ArrayLike, Keys
from spektron_jax.spectra.grid import XH_TYPES

OVERTONES = (2, 3, 4)  # vibrational quanta: first, second, third overtone
KM_MOL = 2.50664  # integrated absorption, km/mol, of 1 D^2 at 1 cm-1
MORSE_AMU_A2_CM1 = 16.857629  # hbar / (4 pi c): a^2 = wx m / this
LOCAL_MODE_WEIGHT = 0.6  # of a bond's GFN2 local mode against its class mean

# Range of w, of wx (cm-1), of b, FWHM of the first overtone, FWHM of the bonded one,
# reduced mass (amu), mean GFN2 local mode (cm-1) of the shipped corpus.
NONE = (0.0, 0.0)
TABLE = {
    "CH sp3": ((3030, 3090), (60, 65), (-0.6, -0.3), (50, 90), NONE, 0.9298, 2992.8),
    "CH aromatic": (
        (3150, 3165), (57, 59), (-0.5, -0.3), (35, 70), NONE, 0.9298, 3110.1,
    ),
    "CH vinyl": ((3190, 3235), (57, 59), (-0.5, -0.3), (35, 70), NONE, 0.9298, 3089.1),
    "CH sp": ((3430, 3430), (50, 54), (-0.3, 0.0), (40, 80), NONE, 0.9298, 3380.3),
    "NH": ((3460, 3605), (74, 80), (-0.3, 0.0), (80, 250), (80, 250), 0.9402, 3432.4),
    "OH": ((3780, 3830), (83, 88), (-0.2, 0.1), (40, 80), (300, 550), 0.9482, 3506.6),
    "water": ((3670, 3710), (82, 86), (-0.2, 0.0), (400, 500), NONE, 0.9482, 3646.0),
    "SH": ((2680, 2700), (47, 50), (-0.3, 0.0), (50, 80), NONE, 0.9772, 2428.4),
}  # fmt: skip
ROWS = tuple(TABLE)
BENDS = ("CH", "NH", "OH")  # columns of `bend_share`
# Bond kind -> row. "other" (P-H, Si-H) has none: no source gives its anharmonicity.
ROW_OF_KIND = {
    "CH_sp3": "CH sp3",
    "CHO": "CH sp3",
    "CH_sp2": "CH vinyl",
    "CH_arom": "CH aromatic",
    "CH_sp": "CH sp",
    "NH": "NH",
    "NH_arom_or_amide": "NH",
    "OH_alcohol": "OH",
    "OH_phenol": "OH",
    "OH_acid": "OH",
    "OH_water": "water",
    "SH": "SH",
}
BONDING_CM1 = {"NH": (30.0, 200.0), "OH": (150.0, 500.0)}  # by which w falls
COMBINATION_CM1 = (5.0, 25.0)  # stretch + bend - combination
COMBINATION_STRENGTH = (1.5, 4.0)  # all of a bond's, over its first overtone
WATER_CM1_PER_K = 0.5  # of w; the band at 1450 nm moves by twice that
# (Segtnan et al., Anal. Chem. 73, 3153 (2001), within a factor of two)
AMBIENT_C = 25.0


class Bonds(NamedTuple):
    """X-H bonds and bends of B molecules, zero padded (`LineCorpus.bonds`)."""

    kind: Int[ArrayLike, "B X"]  # index into grid.XH_TYPES
    local_mode_cm1: Float[ArrayLike, "B X"]  # GFN2
    dmu_dr_debye_per_a: Float[ArrayLike, "B X"]  # 0 where there is no bond
    bend_cm1: Float[ArrayLike, "B M"]
    bend_share: Float[ArrayLike, "B M 3"]  # of CH, NH, OH


class Lines(NamedTuple):
    """A line table, padded with strength 0; what every renderer takes."""

    position_cm1: Float[ArrayLike, "B K"]
    strength: Float[ArrayLike, "B K"]  # km/mol, or A^4/amu in Raman
    fwhm_cm1: Float[ArrayLike, "B K"]  # Lorentzian full width at half maximum


def matrix_elements(w, wx, n):
    """<0|q|n> and <0|q^2|n> of a Morse oscillator; n = 1, 2, ... is static."""
    levels = w / (2 * wx) - 0.5
    factor = 1.0  # N (N - n) n! / (2N)_n
    for k in range(n):
        factor = factor * (k + 1) / (2 * levels - k)
    root = jnp.sqrt(levels * (levels - n) * factor)
    first = 2 * (-1) ** (n + 1) / (n * (2 * levels - n)) * root
    harmonic = sum(1 / k for k in range(1, n))
    ratio = jnp.log(2 * levels + 1) - digamma(2 * levels - n) - harmonic
    return first, 2 * first * ratio


def transition(w, wx, n):
    """E(n) - E(0), cm-1."""
    return n * w - n * (n + 1) * wx


def transition_strength(w, wx, b, dmu_dr_debye_per_a, mass_amu, n):
    """Integrated absorption of the transition 0 -> n, km/mol."""
    first, second = matrix_elements(w, wx, n)
    a = jnp.sqrt(wx * mass_amu / MORSE_AMU_A2_CM1)
    moment = dmu_dr_debye_per_a / a * (first + b * second)
    return KM_MOL * transition(w, wx, n) * moment**2


def nir_lines(
    bonds: Bonds, keys: Keys | None = None, bonded=0.0, temperature_c=AMBIENT_C
) -> Lines:
    """Overtones 1-3 of every X-H bond, and its combinations with the bends.

    A bond that can donate to a hydrogen bond (NH, OH) is free in a share 1 - bonded
    of the molecules, and bonded (lower w, wide) in the others; each has its lines.
    A combination stands for the mean of both. Widths grow in proportion to the quanta;
    a combination has the width of the first overtone, two quanta like itself.

    Args:
      bonds: Bonds of B molecules.
      keys: (B,) JAX keys, one per molecule, that draw w, wx, b, widths and shifts
        for each row of the table from its range; None takes the middle of each.
      bonded: share of hydrogen-bonded NH and OH groups, () or (B,).
      temperature_c: of liquid water, whose w rises by 0.5 cm-1/K, () or (B,).

    Returns:
      Lines with K = 6 X + X M, strength in km/mol.
    """
    bonds = Bonds(*map(jnp.asarray, bonds))
    draws = _draws(keys, bonds.kind.shape[0])
    row, real = _rows(bonds)
    warm = jnp.reshape(
        WATER_CM1_PER_K * (jnp.asarray(temperature_c) - AMBIENT_C), (-1, 1)
    )
    shift = LOCAL_MODE_WEIGHT * (bonds.local_mode_cm1 - _column(6)[row])
    shift = shift + jnp.where(row == ROWS.index("water"), warm, 0.0)
    wx, b, width, wide = (_between(k, draws[:, k], row) for k in range(1, 5))
    free = _between(0, draws[:, 0], row) + shift
    lowered = free - _at(_ranges(BONDING_CM1), draws[:, 5], row)
    mass, dmu_dr = _column(5)[row], bonds.dmu_dr_debye_per_a
    donor = jnp.asarray([name in BONDING_CM1 for name in ROWS])[row]
    bonded = jnp.where(donor, jnp.reshape(jnp.asarray(bonded), (-1, 1)), 0.0)

    parts = []
    for w, fwhm, share in ((free, width, 1 - bonded), (lowered, wide, bonded)):
        for n in OVERTONES:
            strength = transition_strength(w, wx, b, dmu_dr, mass, n)
            parts.append(
                (
                    transition(w, wx, n),
                    strength * share * real,
                    jnp.maximum(fwhm * n / 2, 1.0),
                )
            )
    mean = (1 - bonded) * free + bonded * lowered
    first = transition_strength(mean, wx, b, dmu_dr, mass, 2) * real
    fwhm = (1 - bonded) * width + bonded * wide
    parts.append(_combinations(bonds, row, transition(mean, wx, 1), first, fwhm, draws))
    return Lines(
        *(jnp.concatenate(values, axis=1) for values in zip(*parts, strict=True))
    )


def _combinations(bonds, row, stretch, first, fwhm, draws):
    """Each stretch with each bend of its class: three (B, X M) arrays."""
    column = jnp.asarray([_bend_column(name) for name in ROWS])[row]  # (B, X)
    share = jnp.where(
        (column >= 0)[..., None],
        jnp.take_along_axis(
            bonds.bend_share.swapaxes(1, 2), jnp.maximum(column, 0)[..., None], axis=1
        ),
        0.0,
    )  # (B, X, M)
    share = share / jnp.maximum(jnp.sum(share, -1, keepdims=True), 1e-6)
    every = dict.fromkeys(ROWS, COMBINATION_CM1)
    loss = _at(_ranges(every), draws[:, 6], row)
    total = _at(_ranges(dict.fromkeys(ROWS, COMBINATION_STRENGTH)), draws[:, 7], row)
    position = (stretch - loss)[..., None] + bonds.bend_cm1[:, None, :]
    strength = (total * first)[..., None] * share
    width = jnp.broadcast_to(fwhm[..., None], strength.shape)
    flat = (len(stretch), -1)
    return position.reshape(flat), strength.reshape(flat), width.reshape(flat)


def _bend_column(row_name):
    """Column of `bend_share` that a row of the table combines with, or -1."""
    element = {"water": "OH"}.get(row_name, row_name[:2])
    return BENDS.index(element) if element in BENDS else -1


def _draws(keys, molecules):
    """Place in its range of each drawn quantity, for each row: (B, 8, R)."""
    if keys is None:
        return jnp.full((molecules, 8, len(ROWS)), 0.5)
    return jax.vmap(lambda key: jax.random.uniform(key, (8, len(ROWS))))(keys)


def _rows(bonds):
    """Row of the table of each bond, (B, X) int, and 1 where there is a line."""
    of_kind = [
        ROWS.index(ROW_OF_KIND[kind]) if kind in ROW_OF_KIND else -1
        for kind in XH_TYPES
    ]
    row = jnp.asarray(of_kind)[bonds.kind]
    return jnp.maximum(row, 0), (row >= 0).astype(jnp.float32)


def _column(index):
    """A column of numbers of the table, (R,)."""
    return jnp.asarray([values[index] for values in TABLE.values()], jnp.float32)


def _ranges(by_row):
    """Low and high ends, (2, R); 0 for rows without a range."""
    return np.array([by_row.get(name, NONE) for name in ROWS], np.float32).T


def _between(index, draw, row):
    """A drawn column of ranges of the table, of each bond's row, (B, X)."""
    return _at(_ranges({n: v[index] for n, v in TABLE.items()}), draw, row)


def _at(ranges, draw, row):
    low, high = ranges
    return jnp.take_along_axis(low + (high - low) * draw, row, axis=1)
