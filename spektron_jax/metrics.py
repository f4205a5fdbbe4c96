"""Errors of reconstructions and of predicted properties, with honest intervals.

A reconstruction is judged on hidden points only, against the noise-free spectrum:

    e_i = mean over hidden points j of (predicted_ij - clean_ij)^2
    mse = mean over spectra i of e_i

Several spectra show the same molecule (under other instruments or masks) and their
errors move together. So the interval resamples molecules, not spectra (the cluster
bootstrap: Davison & Hinkley, Bootstrap Methods and their Application, 1997, 3.8).
Resampling G groups with replacement draws multinomial counts, and the mean of a
resample is (counts . sums) / (counts . sizes): two matrix products for all of them.

A predicted property is judged over repeated splits. One split's R2 has an SD of 0.05
to 0.3 at 16 test samples, so sums are pooled before dividing:

    R2 = 1 - sum SSE / sum SST, SST about each test set's own mean

Methods are compared on the same resampled splits (paired bootstrap).

n = spectra, L = spectral points, G = groups (molecules), Z = latent width,
R = splits, M = methods.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from spektron_jax.errors import SpektronError

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)  # percentiles of the bootstrap distribution: 95 %
COLLAPSED_KL = 0.01  # nats; a dimension below this tells nothing about its input


def interval(
    resampled: np.ndarray, method: Literal["linear", "nearest"] = "linear"
) -> dict[str, float]:
    """low and high, the 95 % interval, of resampled values."""
    low, high = np.percentile(resampled, INTERVAL, method=method)
    return {"low": float(low), "high": float(high)}


def resampled_counts(groups: int, seed: int = 0) -> np.ndarray:
    """How often each group is drawn in each resample, (RESAMPLES, G)."""
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(groups, np.full(groups, 1.0 / groups), size=RESAMPLES)
    return draws.astype(np.float64)


def resampled_scores(
    score: Callable[[np.ndarray, np.ndarray], float],
    measured: np.ndarray,
    predicted: Sequence[np.ndarray],
    seed: int = 0,
    resamples: int = 300,
) -> np.ndarray:
    """A score that is no mean, such as R2, of methods on the same resampled cases.

    Args:
      score: of (measured, predicted)
      measured: resamples in which all are equal are drawn anew          (n,)
      predicted: of each method                                     M x (n,)
      seed, resamples: of the resampling

    Returns:
      Scores, (resamples, M).
    """
    rng = np.random.default_rng(seed)
    drawn: list[list[float]] = []
    while len(drawn) < resamples:
        rows = rng.integers(len(measured), size=len(measured))
        if np.ptp(measured[rows]) > 0:
            drawn.append([score(measured[rows], p[rows]) for p in predicted])
    return np.array(drawn)


def group_mean(
    values: np.ndarray, group: np.ndarray, seed: int = 0
) -> dict[str, float]:
    """Mean with an interval over resampled groups.

    Args:
      values: of the cases; NaN does not count                           (n,)
      group: which cases belong together                                 (n,)
      seed: of the resampling

    Returns:
      mean, low and high (95 % interval), n (values that count).
    """
    sums, sizes = _group_sums(values, group)
    counts = resampled_counts(sizes.size, seed)
    return {
        "mean": float(sums.sum() / sizes.sum()),
        **interval((counts @ sums) / (counts @ sizes)),
        "n": int(sizes.sum()),
    }


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
    found = group_mean(_errors(predicted, clean, hidden), group, seed)
    mse = found["mean"]
    return {
        "mse": mse,
        "rmse": float(np.sqrt(mse)),
        "low": found["low"],
        "high": found["high"],
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
    counts = resampled_counts(sizes.size, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.append(sums_a.sum(), counts @ sums_a)
        ratios = ratios / np.append(sums_b.sum(), counts @ sums_b)
    # 0 / 0: neither makes an error, which is a draw.
    ratios[np.isnan(ratios)] = 1.0
    # "nearest" because interpolating between two infinite ratios gives NaN.
    return {"ratio": float(ratios[0]), **interval(ratios[1:], "nearest")}


def pooled_errors(
    measured: Sequence[np.ndarray], predicted: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Errors of a property over one or more test sets.

    Args:
      measured: labels of each test set                                [(n,), ...]
      predicted: predictions, in the same order                        [(n,), ...]

    Returns:
      r2 (pooled); rmsep, bias (mean of predicted - measured) and sep (SD about the
      bias), in the unit of the property; rpd = SD / rmsep and rpiq = interquartile
      range / rmsep; r2_sd (SD of R2 over test sets, 0 for one); n. None where a value
      is undefined: R2 where labels are equal, rpd and rpiq without any error.
    """
    _check_sets(measured, predicted)
    sse, sst = squared_sums(measured, predicted)
    values = np.concatenate(measured)
    error = np.concatenate(predicted) - values
    rmsep = float(np.sqrt(np.mean(error**2)))
    spread = float(np.sqrt(sst.sum() / values.size))
    middle = float(np.subtract(*np.percentile(values, (75, 25))))
    r2_sd = 0.0 if sse.size == 1 else None
    if sse.size > 1 and sst.all():
        r2_sd = float(np.std(1 - sse / sst, ddof=1))
    return {
        "r2": float(1 - sse.sum() / sst.sum()) if sst.sum() else None,
        "rmsep": rmsep,
        "bias": float(error.mean()),
        "sep": float(error.std(ddof=1)),
        "rpd": spread / rmsep if rmsep else None,
        "rpiq": middle / rmsep if rmsep else None,
        "r2_sd": r2_sd,
        "n": int(values.size),
    }


def squared_sums(
    measured: Sequence[np.ndarray], predicted: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """SSE and SST (about its own mean) of each test set, both (R,)."""
    pairs = list(zip(measured, predicted, strict=True))
    sse = np.array([np.sum((p - np.asarray(y)) ** 2) for y, p in pairs])
    sst = np.array([np.sum((y - np.mean(y)) ** 2) for y, _ in pairs])
    return sse, sst


def agreement(on_source: np.ndarray, on_target: np.ndarray) -> dict[str, float]:
    """How well two instruments agree on the same samples; no label is needed.

    Bland & Altman, Lancet 327 (1986) 307; Lin, Biometrics 45 (1989) 255.

    Args:
      on_source, on_target: predictions of the same samples             (n,)

    Returns:
      bias (mean of target minus source), sd of the differences, low and high (limits of
      agreement, bias -+ 1.96 sd), concordance (Lin's coefficient, 1: identical), n.
    """
    _check_sets([on_source], [on_target])
    a, b = (np.asarray(x, np.float64) for x in (on_source, on_target))
    difference = b - a
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    power = a.var() + b.var() + bias**2
    shared = 2 * np.mean((a - a.mean()) * (b - b.mean()))
    return {
        "bias": bias,
        "sd": sd,
        "low": bias - 1.96 * sd,
        "high": bias + 1.96 * sd,
        "concordance": float(shared / power) if power else 1.0,
        "n": int(a.size),
    }


def _check_sets(
    measured: Sequence[np.ndarray], predicted: Sequence[np.ndarray]
) -> None:
    if not len(measured) or len(measured) != len(predicted):
        raise SpektronError(
            f"{len(measured)} test sets of labels, {len(predicted)} of predictions"
        )
    for y, p in zip(measured, predicted, strict=True):
        if np.ndim(y) != 1 or np.shape(y) != np.shape(p) or np.size(y) < 2:
            raise SpektronError(
                f"labels {np.shape(y)} and predictions {np.shape(p)} of a test set "
                "must both be (n,), n at least 2"
            )
        if not (np.isfinite(y).all() and np.isfinite(p).all()):
            raise SpektronError("labels and predictions must be finite")


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


def dimensions(z: np.ndarray) -> float:
    """How many directions a code uses: its effective rank.

    The exponential of the entropy of the covariance's eigenvalues (Roy & Vetterli,
    European Signal Processing Conference 2007, 606): 1 if all codes lie on a line, Z if
    they fill every direction alike. KL by dimension does not tell: a code of few
    directions, turned, moves in all dimensions.

    Args:
      z: codes                                                         (n, Z)
    """
    values = np.linalg.svd(z - np.mean(z, axis=0), compute_uv=False) ** 2
    if not values.any():
        return 0.0
    share = values[values > 0] / values.sum()
    return float(np.exp(-np.sum(share * np.log(share))))


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
    """Sum of errors and number of finite ones in each group, both (G,)."""
    errors, group = np.asarray(errors, float), np.asarray(group)
    if errors.ndim != 1 or group.shape != errors.shape:
        raise ValueError(f"group must be {errors.shape} and (n,), got {group.shape}")
    judged = np.isfinite(errors)
    if not judged.any():
        raise ValueError("no spectrum has a hidden point: nothing to judge")
    _, index = np.unique(group[judged], return_inverse=True)
    return np.bincount(index, weights=errors[judged]), np.bincount(index).astype(float)
