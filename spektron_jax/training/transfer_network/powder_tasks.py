"""Virtual powders on two virtual gratings, in the NIR, that differ in all that can.

Composition and its spread, scatter, temperature, how the instruments differ, the noise
of each (white, smooth, from refilling, from the axis), the error of labels, and the
range and number of points, by orders of magnitude. Powders of five molecules and water;
64 samples to calibrate with, 100 to test on.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.fft import idct

from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.lab.instruments import audit_instruments
from spektron_jax.lab.measurement import apply
from spektron_jax.lab.nir import AMBIENT_C, Bonds
from spektron_jax.lab.presets import PRESETS
from spektron_jax.lab.resample import GAUSSIAN_FWHM
from spektron_jax.lab.samples import beer_lambert, kubelka_munk, scatter
from spektron_jax.lab.tasks import WARMING_K, components_of

COMPONENTS, CALIBRATION, TEST = 6, 64, 100
SAMPLES = CALIBRATION + TEST
PRESET = PRESETS["grating_nir"]
AXIS = np.linspace(PRESET.low, PRESET.high, PRESET.points)


@jax.jit
def _pure(bonds, key):
    """Components (C, L) and their change per kelvin, top of the mean one 1."""
    wavenumber = jnp.asarray(1e7 / AXIS, jnp.float32)
    cool, warm = jax.vmap(lambda t: components_of(bonds, key, wavenumber, t))(
        jnp.array([AMBIENT_C, AMBIENT_C + WARMING_K])
    )
    top = jnp.mean(jnp.max(cool, -1))
    return cool / top, (warm - cool) / (WARMING_K * top)


@jax.jit
def _measured(instrument, spectra, keys):
    signal = apply(
        instrument,
        spectra,
        PRESET.low,
        PRESET.high,
        jnp.asarray(1e7 / AXIS, jnp.float32),
        PRESET.quantity == "intensity",
        keys,
    )
    return signal.ideal + signal.noise


def _between(rng, low, high) -> float:
    """Log-uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _samples(rng, components, warming):
    """Ideal spectra (164, L), and the shares of one component."""
    base = rng.dirichlet(np.full(COMPONENTS, _between(rng, 0.5, 3))) + 1e-3
    sd = _between(rng, 0.03, 0.6) * np.exp(0.5 * rng.normal(size=COMPONENTS))
    mix = rng.normal(size=(COMPONENTS, COMPONENTS)) * _between(rng, 0.01, 0.7)
    mix += np.eye(COMPONENTS)  # contents that go together
    drawn = (rng.normal(size=(SAMPLES, COMPONENTS)) * sd) @ mix.T
    shares = np.exp(np.log(base) + drawn / np.sqrt((mix**2).sum(axis=1)))
    shares /= shares.sum(axis=1, keepdims=True)
    asked = shares[:, rng.choice(COMPONENTS)]
    spread = _between(rng, 0.02, 0.4)
    path = _between(rng, 0.4, 2) * np.exp(spread * rng.uniform(-1, 1, SAMPLES))
    warmth = AMBIENT_C + _between(rng, 0.3, 8) * rng.uniform(-1, 1, SAMPLES)
    power = rng.uniform(0, 1) + _between(rng, 0.02, 0.3) * rng.normal(size=SAMPLES)
    shares, path, warmth, power, wavenumber = (
        jnp.asarray(x, jnp.float32) for x in (shares, path, warmth, power, 1e7 / AXIS)
    )
    spectra = beer_lambert(components, shares, path, warming, warmth)
    return kubelka_munk(spectra / scatter(wavenumber, power)), asked


def _pair(rng, seed):
    """Two gratings whose difference and noise are drawn too."""
    pair, size = audit_instruments(seed, 2, "grating_nir"), _between(rng, 0.1, 3)

    def drawn(mean, sd):
        return jnp.asarray(mean + sd * rng.normal(size=2), jnp.float32)

    def each(low, high):
        return jnp.asarray([_between(rng, low, high) for _ in range(2)], jnp.float32)

    fwhm = np.exp(rng.uniform(np.log(6), np.log(16), 2))
    curves = np.array([0.05, 0.02, 0.02, 0, 0]) * rng.normal(size=(2, 5)) * size
    return pair._replace(
        shift=drawn(0, size),
        stretch=drawn(0, 0.7 * size),
        sigma=jnp.asarray(fwhm / GAUSSIAN_FWHM, jnp.float32),
        gain=drawn(1, 0.02 * size),
        baseline=jnp.asarray(curves, jnp.float32),
        response_ripple=pair.response_ripple * size,
        baseline_ripple=pair.baseline_ripple * size,
        sample_gain=each(3e-4, 0.03),
        sample_offset=each(3e-4, 0.03),
        noise=each(5e-6, 1e-3),
    )


def _wander(rng, X):
    """Spectra with what drifts between them: the axis, and smooth curves."""
    moved = _between(rng, 1e-3, 0.1) * rng.normal(size=(len(X), 1))
    size, power = _between(rng, 1e-5, 3e-3), rng.uniform(0.3, 1.5)
    falling = (1.0 + np.arange(X.shape[1])) ** -power
    curves = idct(rng.normal(size=X.shape) * falling, norm="ortho", axis=1)
    return X + moved * np.gradient(X, AXIS, axis=1) + size * curves / curves.std()


def draw(corpus: LineCorpus, seed: int, split: str):
    """One task: spectra (2, 164, L), true values (164,) and labels (164,), or None.

    None where a molecule has no X-H bond. The first 64 samples are to calibrate with,
    and their true values have mean 0 and SD 1.
    """
    rng = np.random.default_rng([seed, 77])
    molecules = np.unique(corpus.examples(split)[0])
    rows = rng.choice(molecules, COMPONENTS - 1, replace=False)
    bonds = Bonds(**corpus.bonds(np.append(rows, corpus.rows_of(["O"]))))
    if not np.asarray(bonds.dmu_dr_debye_per_a).any(axis=1).all():
        return None
    pure = _pure(Bonds(*map(jnp.asarray, bonds)), jax.random.key(seed))
    samples, asked = _samples(rng, *pure)
    pair = _pair(rng, seed)
    spectra = []
    for i in range(2):
        keys = jax.random.split(jax.random.key(10**6 + 2 * seed + i), SAMPLES)
        seen = np.asarray(_measured(pair.at(i), samples, keys), np.float64)
        spectra.append(_wander(rng, seen))
    first = rng.integers(0, 250) if rng.random() < 0.5 else 0
    last = first + rng.integers(300, 701 - first) if rng.random() < 0.5 else 700
    step = int(rng.choice([1, 1, 2, 4])) if last - first > 300 else 1
    true = (asked - asked[:CALIBRATION].mean()) / asked[:CALIBRATION].std()
    labels = true + _between(rng, 0.01, 0.6) * rng.normal(size=SAMPLES)
    return np.array(spectra)[:, :, first:last:step], true, labels
