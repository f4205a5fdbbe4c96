"""Virtual calibration transfer: the same samples on two instruments, with targets.

    corpus = LineCorpus.load()
    bonds = corpus.bonds(corpus.rows_of(["CCO", "CCCCCC", "c1ccccc1", "O"]))
    task = lab.transfer_task(bonds, seed=0, difficulty="typical")

The development benchmark that needs no outside data: powders of known composition in
the NIR (log10(1/R), 1100-2498 nm), 64 to calibrate with and 16 to test on. Both
instruments are gratings; the second differs by what the difficulty says. "typical" is
what pairs of one make show in the literature: shift and stretch of about 1 nm, gain
1.01, offset 0.05, and fine structure. No difficulty was fitted to measured sets.

Dimension legend: C components, L points.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.lab.instruments import audit_instruments
from spektron_jax.lab.measurement import apply
from spektron_jax.lab.nir import AMBIENT_C, Bonds, nir_lines
from spektron_jax.lab.presets import PRESETS
from spektron_jax.lab.render import NIR_WIDTHS_CM1, render_table
from spektron_jax.lab.resample import GAUSSIAN_FWHM
from spektron_jax.lab.samples import bonded_share, draw_samples

CALIBRATION, TEST = 64, 16
PRESET = PRESETS["grating_nir"]
BONDED_25C = 0.8  # of the NH and OH groups of a solid or a liquid
WARMING_K = 10.0  # step of the temperature derivative
PRESENTATION = 0.01  # sd of what refilling the cup does to the gain


class Difficulty(NamedTuple):
    """How the second instrument differs; signs are drawn."""

    shift_nm: float
    stretch_nm: float
    fwhm_nm: float  # of its line function; the first has 8 nm
    gain: float
    offset: float  # absorbance
    ripple: float  # sd of fine structure, absorbance and share of the signal
    noise_uau: float
    temperature_c: tuple[float, float]


DIFFICULTIES = {
    "easy": Difficulty(0.1, 0.05, 8.0, 1.002, 0.01, 5e-4, 20.0, (24.0, 26.0)),
    "typical": Difficulty(1.0, 1.0, 10.0, 1.01, 0.05, 3e-3, 30.0, (20.0, 30.0)),
    "hard": Difficulty(2.0, 1.5, 20.0, 1.03, 0.10, 6e-3, 300.0, (15.0, 40.0)),
}


class TransferTask(NamedTuple):
    """The same samples, row by row, on instruments A and B. All numpy."""

    axis_a: np.ndarray  # (L,) nm
    axis_b: np.ndarray  # (L,) nm
    spectra_a: np.ndarray  # (80, L) log10(1/R)
    spectra_b: np.ndarray  # (80, L)
    targets: np.ndarray  # (80, C) mole per cent
    names: tuple[str, ...]  # of the targets, (C,)
    units: tuple[str, ...]  # of the targets, (C,)
    calibration: np.ndarray  # (64,) rows
    test: np.ndarray  # (16,) rows


def transfer_task(bonds, seed, difficulty="typical", names=None):
    """One task; the same arguments always give the same.

    Args:
      bonds: X-H bonds of the C >= 2 pure components (`LineCorpus.bonds`); with water
        as the last one, its share is 5 to 20 % in every sample.
      seed: of components' parameters, samples and instruments.
      difficulty: "easy", "typical" or "hard".
      names: of the components; default "component 1", ...

    Returns:
      TransferTask.

    Examples:
      >>> from spektron_jax import LineCorpus, lab
      >>> corpus = LineCorpus.load()
      >>> bonds = corpus.bonds(corpus.rows_of(["CCO", "CCCCCC", "O"]))
      >>> lab.transfer_task(bonds, seed=0).spectra_a.shape
      (80, 700)
    """
    if difficulty not in DIFFICULTIES:
        raise SpektronError(
            f"difficulty {difficulty!r}: unknown; use one of {', '.join(DIFFICULTIES)}"
        )
    bonds = Bonds(**bonds) if isinstance(bonds, dict) else bonds
    count = len(bonds.kind)
    names = tuple(names or (f"component {k + 1}" for k in range(count)))
    if count < 2 or len(names) != count:
        raise SpektronError(
            f"{count} components and {len(names)} names: give 2 components or more, "
            "and one name for each"
        )
    if not np.asarray(bonds.dmu_dr_debye_per_a).any(axis=1).all():
        raise SpektronError(
            "a component has no X-H bond: it absorbs nothing in the NIR"
        )
    spectra, composition = _simulate(
        Bonds(*map(jnp.asarray, bonds)),
        jax.random.key(seed),
        seed,
        DIFFICULTIES[difficulty],
    )
    axis = np.linspace(PRESET.low, PRESET.high, PRESET.points)
    rows = np.random.default_rng(seed).permutation(CALIBRATION + TEST)
    a, b = np.asarray(spectra)
    return TransferTask(
        axis_a=axis,
        axis_b=axis,
        spectra_a=a,
        spectra_b=b,
        targets=100 * np.asarray(composition),
        names=names,
        units=("mol %",) * count,
        calibration=np.sort(rows[:CALIBRATION]),
        test=np.sort(rows[CALIBRATION:]),
    )


@jax.jit
def _simulate(bonds, key, seed, difficulty):
    """Spectra (2, 80, L) and composition (80, C)."""
    axis_nm = jnp.linspace(PRESET.low, PRESET.high, PRESET.points)
    wavenumber = 1e7 / axis_nm
    keys = jax.random.split(key, 4)
    cool, warm = jax.vmap(lambda t: components_of(bonds, keys[0], wavenumber, t))(
        jnp.array([AMBIENT_C, AMBIENT_C + WARMING_K])
    )
    top = jnp.mean(jnp.max(cool, -1))
    samples = draw_samples(
        keys[1],
        cool / top,
        wavenumber,
        CALIBRATION + TEST,
        warming=(warm - cool) / (WARMING_K * top),
        water=(0.05, 0.20) if bonds.kind.shape[0] > 2 else None,
        temperature_c=difficulty.temperature_c,
        powder=True,
    )
    pair = _pair(keys[2], seed, difficulty)
    scatter = jax.random.split(keys[3], (2, CALIBRATION + TEST))

    def measured(parameters, keys):
        signal = apply(
            parameters,
            samples.spectra,
            PRESET.low,
            PRESET.high,
            wavenumber,
            PRESET.quantity == "intensity",
            keys,
        )
        return signal.ideal + signal.noise

    return jax.vmap(measured)(pair, scatter), samples.composition


def components_of(bonds, key, wavenumber_cm1, temperature_c):
    """NIR spectra of pure components at one temperature, (C, L)."""
    keys = jax.random.split(key, len(bonds.kind))
    share = bonded_share(temperature_c, BONDED_25C)
    lines = nir_lines(bonds, keys, share, temperature_c)
    return render_table(lines, wavenumber_cm1, widths_cm1=NIR_WIDTHS_CM1)


def _pair(key, seed, difficulty):
    """Parameters of A and B, two gratings drawn from the seed."""
    pair = audit_instruments(seed, 2, "grating_nir")
    sign = jnp.sign(jax.random.uniform(key, (4,)) - 0.5)
    d, own = difficulty, PRESET.ripple

    def differ(a, b):
        return jnp.stack([jnp.asarray(a, jnp.float32), jnp.asarray(b, jnp.float32)])

    return pair._replace(
        shift=differ(0.0, d.shift_nm * sign[0]),
        stretch=differ(0.0, d.stretch_nm * sign[1]),
        quadratic=jnp.zeros(2),
        axis_ripple=pair.axis_ripple * jnp.minimum(1.0, d.shift_nm),
        sigma=differ(8.0, d.fwhm_nm) / GAUSSIAN_FWHM,
        gain=differ(1.0, 1.0 + (d.gain - 1) * sign[2]),
        baseline=differ(jnp.zeros(5), jnp.eye(5)[0] * d.offset * sign[3]),
        response_ripple=pair.response_ripple * (d.ripple / own),
        baseline_ripple=pair.baseline_ripple * (d.ripple / own),
        sample_gain=jnp.full(2, PRESENTATION),
        sample_offset=jnp.full(2, PRESENTATION / 2),
        noise=differ(20e-6, d.noise_uau * 1e-6),
    )
