"""Where a careful chemometrician knows the right simple recipe, ours is not far worse.

Planted differences at 25 labelled target samples, means over seeds.
"""

import numpy as np
import pytest

from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.methods import make
from spektron_jax.transfer.methods.workspace import Workspace

RECIPES = "sbc/raw", "none/snv", "target_only/raw", "none/raw"
N, SOURCE, SAMPLES, POINTS, SEEDS = 25, 65, 125, 120, range(12)


def spectra(rng):
    """Five bands of which two tell the property, over a broad background."""
    t = np.linspace(-1, 1, POINTS)
    centres = np.array([[-0.7], [-0.3], [0.0], [0.4], [0.75]])
    heights = rng.uniform(0.3, 1, size=(SAMPLES, 5))
    clean = 1 + 0.3 * t + heights @ np.exp(-(((t - centres) / 0.18) ** 2))
    y = 10 + 3 * heights[:, 1] - 2 * heights[:, 3] + 0.05 * rng.normal(size=SAMPLES)
    return clean, y


def noise(rng):
    return 2e-3 * rng.normal(size=(SAMPLES, POINTS))


def gain_and_offset(rng, clean, y):
    return clean + noise(rng), 0.85 * clean + 0.2 + noise(rng), y


def scatter(rng, clean, y):
    A, B = (rng.uniform(0.6, 1.6, size=(SAMPLES, 1)) * clean for _ in range(2))
    return A + noise(rng), B + noise(rng), y


def useless_source(rng, clean, y):
    return rng.permutation(clean) + noise(rng), clean + noise(rng), y


def noisy_target(rng, clean, y):
    B = clean + clean.std(axis=0).mean() * rng.normal(size=clean.shape)
    return clean + noise(rng), B, y


@pytest.mark.parametrize(
    ("differ", "right", "paired"),
    [
        (gain_and_offset, "sbc/raw", True),
        (scatter, "none/snv", True),
        (scatter, "none/snv", False),
        (useless_source, "target_only/raw", True),
        (useless_source, "target_only/raw", False),
        (noisy_target, "none/raw", True),
    ],
)
def test_ours_is_not_far_behind_the_right_recipe(differ, right, paired):
    ours, recipes = [], {name: [] for name in RECIPES}
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        A, B, y = differ(rng, *spectra(rng))
        rows = np.arange(N) if paired else np.full(N, -1)
        source = slice(0, SOURCE) if paired else slice(N, N + SOURCE)
        data = Workspace(TransferData(A[source], y[source], B[:N], y[:N], rows))
        X, truth = B[N + SOURCE :], y[N + SOURCE :]
        ours.append(rmse(Ensemble("classical").fit(data)(X), truth))
        for name, errors in recipes.items():
            errors.append(rmse(make(name).fit(data)(X), truth))
    best = min(np.mean(errors) for errors in recipes.values())
    # It is what was planted; another may be as good by chance of the seeds.
    assert np.mean(recipes[right]) < 1.1 * best
    # Weights by 25 samples never are 0 and 1; gain and offset: 1.06 over 24 seeds.
    assert np.mean(ours) < 1.15 * best


def rmse(a, b):
    return np.sqrt(np.mean((a - b) ** 2))
