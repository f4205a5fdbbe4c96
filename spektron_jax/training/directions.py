"""Directions of summaries in which a sample shows and the instrument does not.

Among R directions V of the K that best tell samples apart, those with the least of

    L I(z; instrument) - I(z; sample),   z = V' h

each instrument's codes taken as normal. T is the covariance of all codes of a block,
S_k that of instrument k, W that of what is left when each sample's mean is taken off:

    I(z; instrument) = (log |V'T V| - mean over k of log |V'S_k V|) / 2
    I(z; sample)     = (log |V'T V| - log |V'W V|) / 2

in nats (Cover & Thomas, Elements of Information Theory, 1991, section 9.4). S_k is
about the instrument's own mean: instruments differ in their means, and in how codes
spread and go together, which a small network reads and no plane divides. Both are the
same for every basis of a plane, so V is free: L-BFGS from the leading K.

K = directions to choose among, R = chosen ones, N = instruments, M = molecules,
F = length of h.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

INSTRUMENT_COST = 1000.0  # L: nats of the sample for one of the instrument
STEPS = 200
RIDGE = 1e-4  # of the mean variance: codes of few molecules do not span the plane


def least_instrument(
    directions: np.ndarray, blocks: Sequence[np.ndarray], rank: int
) -> np.ndarray:
    """Combinations of directions, (F, R); all of them if they are not more than that.

    Args:
      directions: the best first                                       (F, K)
      blocks: summaries of the same molecules on several instruments, (N, M, F) each
      rank: R
    """
    variance = np.mean([(h @ directions).var(axis=(0, 1)) for h in blocks], axis=0)
    used = directions / np.sqrt(np.maximum(variance, 1e-30))
    if rank >= used.shape[1]:
        return used
    stacks = covariances(used, blocks)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = information_cost(flat.reshape(-1, rank), *stacks)
        return value, slope.ravel()

    start = np.eye(used.shape[1], rank)
    found = minimize(
        cost, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS}
    )
    return used @ np.linalg.qr(found.x.reshape(start.shape))[0]


def covariances(
    directions: np.ndarray, blocks: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T and W of every block, (n, K, K), and S of every instrument, (nN, K, K)."""
    whole, rest, own = [], [], []
    for h in blocks:
        z = (h @ directions).astype(np.float64)
        z -= z.mean(axis=(0, 1))
        left = z - z.mean(axis=0)
        about = z - z.mean(axis=1, keepdims=True)
        count = z.shape[0] * z.shape[1]
        whole.append(np.einsum("nmi,nmj->ij", z, z, optimize=True) / count)
        rest.append(np.einsum("nmi,nmj->ij", left, left, optimize=True) / count)
        own.append(np.einsum("nmi,nmj->nij", about, about, optimize=True) / z.shape[1])
    ridge = RIDGE * np.eye(directions.shape[1])
    return np.stack(whole) + ridge, np.stack(rest) + ridge, np.concatenate(own) + ridge


def information_cost(
    V: np.ndarray, whole: np.ndarray, rest: np.ndarray, own: np.ndarray
) -> tuple[float, np.ndarray]:
    """L I(z; instrument) - I(z; sample) of V (K, R), and its gradient (K, R)."""
    value, slope = 0.0, np.zeros_like(V)
    for stack, weight in (
        (whole, (INSTRUMENT_COST - 1) / 2),
        (rest, 0.5),
        (own, -INSTRUMENT_COST / 2),
    ):
        seen = stack @ V
        inner = V.T @ seen
        value += weight * float(np.linalg.slogdet(inner)[1].mean())
        slope += 2 * weight * (seen @ np.linalg.inv(inner)).mean(axis=0)
    return value, slope
