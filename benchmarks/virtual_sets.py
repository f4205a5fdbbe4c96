"""Virtual measured sets, IR, Raman and NIR, for semi-real tasks without real spectra.

Mixtures of corpus molecules on one instrument, as `MeasuredSet` holds real ones:
liquids (Beer-Lambert), in the NIR half of them powders (Kubelka-Munk). Contents that go
together, path or packing, baselines and noise are drawn by orders of magnitude. The
second instrument is then one of the ten kinds of `semi_real`, as for measured sets.

N = samples, C = components, L = points.
"""

from functools import lru_cache, partial

import jax.numpy as jnp
import numpy as np
from numpy.polynomial import legendre

from spektron_jax.lab.samples import kubelka_munk
from spektron_jax.probes import property_corpus
from spektron_jax.training.transfer_network import semi_real
from spektron_jax.training.transfer_network.measured_sets import MeasuredSet
from spektron_jax.training.transfer_network.transfer_task import Pair, Task

MODALITIES = ("NIR", "IR", "Raman")
COMPONENTS, MOST_COMPONENTS, SAMPLES = 4, 9, 200
POINTS = 2  # of the clean spectrum's in one
RANGES = {"NIR": (4000.0, 9000.0), "IR": (650.0, 1900.0), "Raman": (250.0, 1900.0)}


def _between(rng, low: float, high: float) -> float:
    """Log-uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


@lru_cache(maxsize=1)
def _corpus():
    return property_corpus.load()


@lru_cache(maxsize=2)
def virtual_set(seed: int) -> MeasuredSet:
    """Mixtures of molecules of the training split; modalities by turns.

    Examples:
      >>> virtual_set(0).spectra.shape[0]
      200
    """
    rng = np.random.default_rng([seed, 21])
    modality = MODALITIES[seed % len(MODALITIES)]
    count = int(rng.integers(COMPONENTS, MOST_COMPONENTS + 1))
    rows = property_corpus.molecules(_corpus(), "train", count, modality, seed)
    # Filled up: one shape, one compilation.
    filled = rows[np.arange(MOST_COMPONENTS).clip(max=count - 1)]
    pure, axis = property_corpus.spectra(_corpus(), filled, modality, seed)
    low, high = RANGES[modality]
    inside = np.flatnonzero((axis >= low) & (axis <= high))[::POINTS]
    pure, axis = pure[:count, inside], axis[inside]
    shares = _shares(rng, count)
    path = np.exp(_between(rng, 0.002, 0.3) * rng.normal(size=(SAMPLES, 1)))
    X = path * (shares @ pure) * _between(rng, 0.3, 1.5) / pure.max(axis=1).mean()
    if modality == "NIR" and rng.random() < 0.5:
        X = np.asarray(kubelka_munk(jnp.asarray(X)), np.float64)
    t = np.linspace(-1, 1, axis.size)
    size = X.std(axis=0).mean()
    bent = rng.normal(size=(3, SAMPLES)) / np.array([[1], [2], [4]])
    X = X + size * _between(rng, 0.01, 0.5) * legendre.legval(t, bent)
    X += size * _between(rng, 1e-3, 0.1) * rng.normal(size=X.shape)
    error = _between(rng, 0.01, 0.5)
    values = shares + error * shares.std(axis=0) * rng.normal(size=shares.shape)
    linear = modality == "Raman"
    if linear:
        X /= np.abs(X.mean(axis=0)).max()
    return MeasuredSet(
        name=f"virtual {modality} {seed}",
        judge=False,
        modality=modality,
        unit="cm-1",
        axis=axis,
        spectra=X,
        linear=linear,
        targets={f"component {k}": values[:, k] for k in range(count)},
    )


def _shares(rng, count: int) -> np.ndarray:
    """Contents that go together, sums 1, (N, C)."""
    base = rng.dirichlet(np.full(count, _between(rng, 0.5, 3))) + 1e-3
    mix = np.eye(count) + _between(rng, 0.01, 0.7) * rng.normal(size=(count, count))
    drawn = _between(rng, 0.03, 0.6) * rng.normal(size=(SAMPLES, count)) @ mix.T
    shares = np.exp(np.log(base) + drawn)
    return shares / shares.sum(axis=1, keepdims=True)


def virtual_task(seed: int, number: int) -> Task:
    """Task `number` of a virtual set; numbers as for measured sets."""
    name = f"virtual {MODALITIES[seed % len(MODALITIES)]} {seed}"
    parameters = semi_real.draw(name, number)
    return Task(
        name=f"{name}: {parameters['kind']}",
        set=name,
        kind=parameters["kind"],
        direction=parameters["direction"],
        judge=False,
        modality=MODALITIES[seed % len(MODALITIES)],
        parameters=parameters,
        splits=1,
        make=partial(_pair, seed, number),
    )


def _pair(seed: int, number: int) -> Pair:
    one = virtual_set(seed)
    return semi_real.render(semi_real.draw(one.name, number), one)
