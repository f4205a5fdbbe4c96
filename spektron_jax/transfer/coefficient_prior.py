"""Where along the axis a calibration may look: a network's prior of its coefficients.

    view(X) = first derivative * s(t),   coefficients of the derivative ~ N(0, s(t)^2)

In `bayes.py` every point of a spectrum has the same prior. Here two convolutions read,
point by point, the mean spectrum, its derivatives, the spread of either instrument's
spectra and of their differences, and how a point goes with the labels, and give s. They
were trained on virtual calibrations, so that a Gaussian process with that prior
predicts other samples of the target well (`benchmarks/learned_prior.py`). Only for the
NIR, where they were trained, and pairs with labels.

L = points, F = features.
"""

import functools
from pathlib import Path

import numpy as np

from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.preprocessing import preprocess

PRETREATMENT, MODALITY = "sg1", "NIR"
WEIGHTS = Path(__file__).parent / "coefficient_prior.npz"
MOST_FEATURE = 6.0
MOST = 4.0  # of log s
TINY = 1e-12


def features(data: TransferData) -> np.ndarray:
    """What the network reads, (L, F)."""
    A, B = (preprocess(X, PRETREATMENT) for X in (data.X_source, data.X_target))
    difference = np.subtract(*(preprocess(X, PRETREATMENT) for X in data.pairs()))
    mean, spread = data.X_source.mean(axis=0), A.std(axis=0) + TINY
    shapes = [mean, *(preprocess(mean[None], t)[0] for t in ("sg1", "sg2"))]
    y = (data.y_source - data.y_source.mean()) / data.y_source.std()
    rows = [(shape - shape.mean()) / (shape.std() + TINY) for shape in shapes]
    rows += [np.log(spread / spread.mean())]
    rows += [np.log((X.std(axis=0) + TINY) / spread) for X in (B, difference)]
    rows += [np.abs(((A - A.mean(axis=0)) * y[:, None]).mean(axis=0) / spread)]
    return np.clip(np.array(rows).T, -MOST_FEATURE, MOST_FEATURE)


def scales(data: TransferData) -> np.ndarray:
    """s of the header, (L,)."""
    w = _weights()
    h = (features(data) - w["mean"]) / w["sd"]
    for name in ("Conv_0", "Conv_1"):
        h = _gelu(_convolved(h, w[f"{name}.kernel"]) + w[f"{name}.bias"])
    logs = MOST * np.tanh(h @ w["Dense_0.kernel"][:, 0] / MOST)
    return np.exp(logs - logs.mean())


@functools.cache
def _weights() -> dict[str, np.ndarray]:
    with np.load(WEIGHTS, allow_pickle=False) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


def _convolved(h: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """(L, F), (K, F, H) -> (L, H); zeros beyond the ends."""
    reach = len(kernel) // 2
    padded = np.pad(h, ((reach, reach), (0, 0)))
    return sum(padded[k : k + len(h)] @ kernel[k] for k in range(len(kernel)))


def _gelu(x: np.ndarray) -> np.ndarray:
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
