"""What does a latent code know? Probes for the instrument and for the molecule.

Disentangled means both: the instrument cannot be read from z_chem AND the molecule
still can. Either alone is easy; a constant z_chem hides the instrument perfectly.

- `instrument_probe`: a linear classifier of the instrument, judged on molecules
  that it has not seen, beside what a guesser would reach.
- `molecule_probe`: is a spectrum's nearest neighbour among another instrument's
  spectra the same molecule? This is the use that z_chem is meant for.

Both standardise the code first, so that its scale does not matter. One molecule
measured in two modalities counts as two: pass one id per (molecule, modality).

n = spectra, Z = latent width.
"""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5
# Codes are compared with N(0, I), so 1 is their natural scale. A spread below one
# millionth of it is float32 rounding; standardising would blow it up into signal.
ROUNDING = 1e-6


def instrument_probe(
    z: np.ndarray, instrument: np.ndarray, molecule: np.ndarray, seed: int = 0
) -> dict[str, float]:
    """Accuracy of multinomial logistic regression of the instrument on z.

    Folds split by molecule, so the probe cannot profit from knowing the molecule.

    The interval is binomial with the number of molecules as sample size, not the
    number of spectra: the codes of one molecule under several instruments lie close
    together, are classified right or wrong together, and so count as one draw.

    Args:
      z: codes                                                         (n, Z)
      instrument: labels                                               (n,)
      molecule: ids, unique per (molecule, modality)                   (n,)
      seed: of the assignment of molecules to folds

    Returns:
      accuracy; chance (share of the commonest instrument: 1 / number of instruments
      when balanced); low and high, between which a guesser falls 95 % of the time.
    """
    z, instrument, molecule = _checked(z, instrument, molecule)
    labels, label = np.unique(instrument, return_inverse=True)
    ids, group = np.unique(molecule, return_inverse=True)
    molecules = ids.size
    if labels.size < 2 or molecules < 2:
        raise ValueError("the probe needs at least 2 instruments and 2 molecules")
    chance = np.bincount(label).max() / label.size
    # 5000 iterations: standardised features with the default penalty need some 100,
    # and stopping early would understate a leak.
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    # GroupKFold deals out groups in the order of their ids: shuffle the ids.
    group = np.random.default_rng(seed).permutation(molecules)[group]
    folds = GroupKFold(min(FOLDS, molecules))
    guess = cross_val_predict(
        classifier, _without_constants(z), label, groups=group, cv=folds
    )
    low, high = binom.ppf([0.025, 0.975], molecules, chance) / molecules
    return {
        "accuracy": float(np.mean(guess == label)),
        "chance": float(chance),
        "low": float(low),
        "high": float(high),
    }


def molecule_probe(
    z: np.ndarray, instrument: np.ndarray, molecule: np.ndarray
) -> dict[str, float]:
    """Accuracy of finding a molecule again among another instrument's spectra.

    For each ordered pair of instruments, every spectrum of the first looks up its
    nearest neighbour (Euclidean, standardised) in the second's gallery. Among equally
    near neighbours one would have to guess; the score is the expected hit rate of
    guessing at random. So a constant code scores chance exactly, where taking the
    first of the tied entries would score 100 % on galleries in the same order.

    Args:
      z: codes                                                         (n, Z)
      instrument: labels                                               (n,)
      molecule: ids, unique per (molecule, modality)                   (n,)

    Returns:
      accuracy and chance (the share of right entries in the gallery), both averaged
      over queries, then over ordered pairs. Queries whose molecule is missing from
      the gallery do not count.
    """
    z, instrument, molecule = _checked(z, instrument, molecule)
    z = StandardScaler().fit_transform(_without_constants(z))
    accuracies, chances = [], []
    labels = np.unique(instrument)
    for first in labels:
        for second in labels[labels != first]:
            gallery = instrument == second
            query = (instrument == first) & np.isin(molecule, molecule[gallery])
            if not query.any():
                continue
            # Direct differences: |a|^2 + |b|^2 - 2ab would break ties by rounding.
            distance = cdist(z[query], z[gallery])
            nearest = distance == distance.min(axis=1, keepdims=True)
            right = molecule[query][:, None] == molecule[gallery][None, :]
            hits = (nearest & right).sum(axis=1) / nearest.sum(axis=1)
            accuracies.append(hits.mean())
            chances.append(right.mean())
    if not accuracies:
        raise ValueError("no molecule was measured on two instruments")
    return {
        "accuracy": float(np.mean(accuracies)),
        "chance": float(np.mean(chances)),
    }


def _checked(
    z: np.ndarray, instrument: np.ndarray, molecule: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z = np.asarray(z, dtype=np.float64)
    instrument, molecule = np.asarray(instrument), np.asarray(molecule)
    if z.ndim != 2 or not instrument.shape == molecule.shape == z.shape[:1]:
        raise ValueError(
            "z must be (n, Z), instrument and molecule (n,), got "
            f"{z.shape}, {instrument.shape} and {molecule.shape}"
        )
    if not np.all(np.isfinite(z)):
        raise ValueError("z must be finite")
    return z, instrument, molecule


def _without_constants(z: np.ndarray) -> np.ndarray:
    """Set dimensions that vary by no more than rounding to zero."""
    size = np.maximum(1.0, np.abs(z).max(axis=0))
    return np.where(np.ptp(z, axis=0) <= ROUNDING * size, 0.0, z)
