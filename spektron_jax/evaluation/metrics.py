"""Reconstruction error with honest intervals, and the collapse of a bottleneck.

A reconstruction is judged on hidden points only, against the noise-free spectrum:

    e_i = mean over hidden points j of (predicted_ij - clean_ij)^2
    mse = mean over spectra i of e_i

Several spectra show the same molecule (under other instruments or masks) and their
errors move together. So the interval resamples molecules, not spectra (the cluster
bootstrap: Davison & Hinkley, Bootstrap Methods and their Application, 1997, 3.8).
Resampling G groups with replacement draws multinomial counts, and the mean of a
resample is (counts . sums) / (counts . sizes): two matrix products for all of them.

n = spectra, L = spectral points, G = groups (molecules), Z = latent width.
"""

import numpy as np

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)  # percentiles of the bootstrap distribution: 95 %
COLLAPSED_KL = 0.01  # nats; a dimension below this tells nothing about its input


def hidden_error(
    predicted: np.ndarray,
    clean: np.ndarray,
    hidden: np.ndarray,
    group: np.ndarray,
    seed: int = 0,
) -> dict[str, float]:
    """Mean squared error on hidden points with a bootstrap interval over groups.

    Args:
      predicted: filled spectra                                        (n, L)
      clean: noise-free spectra                                        (n, L)
      hidden: True where the prediction is judged                      (n, L) bool
      group: which spectra belong together (molecule ids)              (n,)
      seed: of the resampling

    Returns:
      mse, rmse (its root), low and high (95 % interval of mse). Spectra without a
      hidden point do not count.
    """
    sums, sizes = _group_sums(_errors(predicted, clean, hidden), group)
    counts = _resampled_counts(sizes.size, seed)
    low, high = np.percentile((counts @ sums) / (counts @ sizes), INTERVAL)
    mse = sums.sum() / sizes.sum()
    return {
        "mse": float(mse),
        "rmse": float(np.sqrt(mse)),
        "low": float(low),
        "high": float(high),
    }


def paired_ratio(
    predicted_a: np.ndarray,
    predicted_b: np.ndarray,
    clean: np.ndarray,
    hidden: np.ndarray,
    group: np.ndarray,
    seed: int = 0,
) -> dict[str, float]:
    """Squared error of a divided by that of b, with a paired bootstrap interval.

    Each resample takes the same molecules for both, so that hard molecules, which
    raise both errors, do not widen the interval. Below 1: a is better.

    Args:
      predicted_a: spectra filled by one method                        (n, L)
      predicted_b: the same spectra filled by another                  (n, L)
      clean: noise-free spectra                                        (n, L)
      hidden: True where the predictions are judged                    (n, L) bool
      group: which spectra belong together (molecule ids)              (n,)
      seed: of the resampling

    Returns:
      ratio, low and high (95 % interval). Infinite where b makes no error at all.
    """
    sums_a, sizes = _group_sums(_errors(predicted_a, clean, hidden), group)
    sums_b, _ = _group_sums(_errors(predicted_b, clean, hidden), group)
    counts = _resampled_counts(sizes.size, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.append(sums_a.sum(), counts @ sums_a)
        ratios = ratios / np.append(sums_b.sum(), counts @ sums_b)
    # 0 / 0: neither makes an error, which is a draw.
    ratios[np.isnan(ratios)] = 1.0
    # "nearest" because interpolating between two infinite ratios gives NaN.
    low, high = np.percentile(ratios[1:], INTERVAL, method="nearest")
    return {"ratio": float(ratios[0]), "low": float(low), "high": float(high)}


def kl_summary(kl: np.ndarray) -> dict[str, float]:
    """Mean KL per dimension and the share of dimensions that carry nothing.

    Args:
      kl: divergence of the posterior from N(0, I), averaged over spectra, for
        each latent dimension, in nats                                 (Z,)

    Returns:
      mean (nats per dimension), collapsed (share of dimensions below 0.01).
    """
    kl = np.asarray(kl, dtype=np.float64)
    if kl.ndim != 1 or kl.size == 0:
        raise ValueError(f"kl must be (Z,), got {kl.shape}")
    return {
        "mean": float(kl.mean()),
        "collapsed": float(np.mean(kl < COLLAPSED_KL)),
    }


def mean_spectrum(train_spectra: np.ndarray) -> np.ndarray:
    """Average training spectrum of one modality, the floor for reconstruction.

    Filling gaps from it uses neither the visible points nor the molecule.

    Args:
      train_spectra: clean spectra of one modality                     (n, L)

    Returns:
      Their mean                                                       (L,)
    """
    train_spectra = np.asarray(train_spectra)
    if train_spectra.ndim != 2 or train_spectra.shape[0] == 0:
        raise ValueError(f"train_spectra must be (n, L), got {train_spectra.shape}")
    return train_spectra.mean(axis=0, dtype=np.float64)


def _errors(predicted: np.ndarray, clean: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Mean squared error of each spectrum on its hidden points; NaN if it has none."""
    predicted, clean = np.asarray(predicted), np.asarray(clean)
    hidden = np.asarray(hidden)
    if predicted.ndim != 2 or not predicted.shape == clean.shape == hidden.shape:
        raise ValueError(
            "predicted, clean and hidden must all be (n, L), got "
            f"{predicted.shape}, {clean.shape} and {hidden.shape}"
        )
    if hidden.dtype != np.bool_:
        raise ValueError(f"hidden must be bool, got {hidden.dtype}")
    difference = np.zeros(predicted.shape)
    np.subtract(predicted, clean, out=difference, where=hidden, dtype=np.float64)
    if not np.all(np.isfinite(difference)):
        raise ValueError("predicted and clean must be finite at hidden points")
    count = hidden.sum(axis=1)
    total = np.einsum("nl,nl->n", difference, difference)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _group_sums(errors: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of errors and number of judged spectra in each group, both (G,)."""
    group = np.asarray(group)
    if group.shape != errors.shape:
        raise ValueError(f"group must be {errors.shape}, got {group.shape}")
    judged = np.isfinite(errors)
    if not judged.any():
        raise ValueError("no spectrum has a hidden point: nothing to judge")
    _, index = np.unique(group[judged], return_inverse=True)
    return np.bincount(index, weights=errors[judged]), np.bincount(index).astype(float)


def _resampled_counts(groups: int, seed: int) -> np.ndarray:
    """How often each group is drawn in each resample, (RESAMPLES, G)."""
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(groups, np.full(groups, 1.0 / groups), size=RESAMPLES)
    return draws.astype(np.float64)
