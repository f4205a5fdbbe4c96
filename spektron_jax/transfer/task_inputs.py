"""What networks read of a transfer as a whole.

Everything is dimensionless: in the spread of the source's spectra, or the logarithm of
a number. What no label tells is 0.

K = numbers.
"""

import numpy as np

from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.views import white_noise

MODALITIES = ("NIR", "IR", "Raman")
LEAST = 1e-3  # before a logarithm
LIMIT = 8.0  # of every input


def task_inputs(data: TransferData, modality: str) -> np.ndarray:
    """Numbers, noise, and how the instruments differ, (K,)."""
    A, B = data.X_source, data.X_target
    spread = float(A.std(axis=0).mean()) or 1.0
    pairs = int((data.paired != UNPAIRED).sum())
    n, T = data.labelled.size, len(B)
    found = [np.log1p(x) for x in (n, T, pairs, len(A), A.shape[1])]
    found += [float(n > 0), *(float(modality == name) for name in MODALITIES)]
    found += [log(np.sqrt(white_noise(X)) / spread) for X in (A, B)]
    mean, same, moved = 0.0, 0.0, 0.0
    if T > 1:
        difference = B.mean(axis=0) - A.mean(axis=0)
        mean = log(np.sqrt(np.mean(difference**2)) / spread)
        same = np.log(max(B.std(axis=0).mean(), LEAST * spread) / spread)
    if pairs > 1:
        each = np.subtract(*data.pairs())
        moved = log(np.sqrt(np.mean(each.std(axis=0) ** 2)) / spread)
    return np.clip([*found, mean, same, moved], -LIMIT, LIMIT)


def log(value: float) -> float:
    """The logarithm of a size that may be 0."""
    return float(np.log(max(value, LEAST)))
