"""What does a latent code know? Probes for the instrument and for the molecule.

Disentangled means both: the instrument cannot be read from z_chem AND the molecule
still can. Either alone is easy; a constant z_chem hides the instrument perfectly.

- `instrument_probe`: a classifier of the instrument, linear or a small MLP, judged on
  molecules that it has not seen, beside chance.
- `molecule_probe`: is a spectrum's nearest neighbour among another instrument's
  spectra the same molecule? This is the use that z_chem is meant for.
- `property_probe`: ridge regression of labels, from one instrument to another.

All standardise the code first, so that its scale does not matter. One molecule
measured in two modalities counts as two: pass one id per (molecule, modality).

n = spectra, Z = latent width, G = properties.
"""

import warnings

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import binom
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spektron_jax.transfer.threads import one_blas_thread

FOLDS = 5
# Codes are compared with N(0, I), so 1 is their natural scale. A spread below one
# millionth of it is float32 rounding; standardising would blow it up into signal.
ROUNDING = 1e-6
RIDGES = np.logspace(-1, 5, 13)  # penalties on standardised codes


@one_blas_thread
def instrument_probe(
    z: np.ndarray,
    instrument: np.ndarray,
    molecule: np.ndarray,
    seed: int = 0,
    kind: str = "linear",
) -> dict[str, float]:
    """Accuracy of a classifier of the instrument on z.

    Folds split by molecule, so the probe cannot profit from knowing the molecule.

    The interval is binomial with the number of molecules as sample size, not the
    number of spectra: the codes of one molecule under several instruments lie close
    together, are classified right or wrong together, and so count as one draw.

    Args:
      z: codes                                                         (n, Z)
      instrument: labels                                               (n,)
      molecule: ids, unique per (molecule, modality)                   (n,)
      seed: of the assignment of molecules to folds, and of the MLP
      kind: "linear" (multinomial logistic regression) or "mlp" (32 hidden units,
        for leaks that no plane divides)

    Returns:
      accuracy; chance (share of the commonest instrument: 1 / number of instruments
      when balanced); low and high, the 95 % interval of chance.
    """
    z, instrument, molecule = _checked(z, instrument, molecule)
    labels, label = np.unique(instrument, return_inverse=True)
    ids, group = np.unique(molecule, return_inverse=True)
    molecules = ids.size
    if labels.size < 2 or molecules < 2:
        raise ValueError("the probe needs at least 2 instruments and 2 molecules")
    chance = np.bincount(label).max() / label.size
    # GroupKFold deals out groups in the order of their ids: shuffle the ids.
    group = np.random.default_rng(seed).permutation(molecules)[group]
    folds = GroupKFold(min(FOLDS, molecules))
    # Groups are given the plain way, whatever the caller's own setting is.
    plain = config_context(enable_metadata_routing=False)
    with warnings.catch_warnings(), plain:
        warnings.simplefilter("ignore", ConvergenceWarning)  # of the MLP: see there
        guess = cross_val_predict(
            make_pipeline(StandardScaler(), _classifier(kind, seed)),
            _without_constants(z),
            label,
            groups=group,
            cv=folds,
        )
    return {
        "accuracy": float(np.mean(guess == label)),
        "chance": float(chance),
        **chance_interval(molecules, chance),
    }


def chance_interval(molecules: int, chance: float) -> dict[str, float]:
    """Low and high, the bounds of 95 % of the accuracies that chance alone gives.

    Binomial with one draw for each molecule.
    """
    low, high = binom.ppf([0.025, 0.975], molecules, chance) / molecules
    return {"low": float(low), "high": float(high)}


def _classifier(kind: str, seed: int) -> LogisticRegression | MLPClassifier:
    if kind == "linear":
        # 5000 iterations: standardised features with the default penalty need some
        # 100, and stopping early would understate a leak.
        return LogisticRegression(max_iter=5000)
    if kind == "mlp":
        # The penalty and the stop after 100 iterations keep some hundred molecules
        # from being learned by heart; either is meant, so it need not converge.
        return MLPClassifier(
            (32,), solver="lbfgs", alpha=1.0, max_iter=100, random_state=seed
        )
    raise ValueError(f"kind {kind!r}: must be linear or mlp")


def molecule_probe(
    z: np.ndarray,
    instrument: np.ndarray,
    molecule: np.ndarray,
    again: np.ndarray | None = None,
) -> dict[str, float]:
    """Top-1 retrieval of a molecule among another instrument's spectra.

    For each ordered pair of instruments, every spectrum of the first looks up its
    nearest neighbour (Euclidean, standardised) in the second's gallery. Among equally
    near neighbours the choice is open; the score is the expected hit rate of a random
    one. So a constant code scores chance exactly, where taking the
    first of the tied entries would score 100 % on galleries in the same order.

    Args:
      z: codes                                                         (n, Z)
      instrument: labels                                               (n,)
      molecule: ids, unique per (molecule, modality)                   (n,)
      again: codes of the same molecules, measured once more on the same
        instruments, row by row                                        (n, Z)

    Returns:
      accuracy and chance (the share of right entries in the gallery), both averaged
      over queries, then over ordered pairs. Queries whose molecule is missing from
      the gallery do not count. With `again` also same: the accuracy when the gallery
      is the second measurement on the query's own instrument.
    """
    z, instrument, molecule = _checked(z, instrument, molecule)
    scaled = _without_constants(z)
    scaler = StandardScaler().fit(scaled)
    z = scaler.transform(scaled)
    accuracies, chances = [], []
    labels = np.unique(instrument)
    for first in labels:
        for second in labels[labels != first]:
            gallery = instrument == second
            query = (instrument == first) & np.isin(molecule, molecule[gallery])
            if not query.any():
                continue
            hits, right = _hits(
                z[query], molecule[query], z[gallery], molecule[gallery]
            )
            accuracies.append(hits)
            chances.append(right)
    if not accuracies:
        raise ValueError("no molecule was measured on two instruments")
    found = {
        "accuracy": float(np.mean(accuracies)),
        "chance": float(np.mean(chances)),
    }
    if again is not None:
        again, _, _ = _checked(again, instrument, molecule)
        # Dimensions that are constant in z stay out, as they do there.
        again = scaler.transform(np.where(np.ptp(scaled, axis=0) == 0, 0.0, again))
        rows = [np.flatnonzero(instrument == label) for label in labels]
        own = [_hits(z[r], molecule[r], again[r], molecule[r])[0] for r in rows]
        found["same"] = float(np.mean(own))
    return found


def _hits(
    query: np.ndarray, wanted: np.ndarray, gallery: np.ndarray, held: np.ndarray
) -> tuple[float, float]:
    """Expected share of queries (molecules `wanted`) retrieved, and that of chance."""
    # Direct differences: |a|^2 + |b|^2 - 2ab would break ties by rounding.
    distance = cdist(query, gallery)
    nearest = distance == distance.min(axis=1, keepdims=True)
    right = wanted[:, None] == held[None, :]
    hits = (nearest & right).sum(axis=1) / nearest.sum(axis=1)
    return float(hits.mean()), float(right.mean())


def property_probe(
    z: np.ndarray,
    instrument: np.ndarray,
    molecule: np.ndarray,
    y: np.ndarray,
    seed: int = 0,
) -> dict[str, float]:
    """R2 of ridge regression on z, fitted on one instrument, used on each.

    Folds split by molecule; penalties are chosen inside the training part. R2 is that
    of all left-out rows about the mean label, averaged over properties.

    Args:
      z: codes                                                         (n, Z)
      instrument: labels                                               (n,)
      molecule: ids of the samples                                     (n,)
      y: labels                                                        (n, G)
      seed: of the assignment of molecules to folds

    Returns:
      same (used on the instrument that it was fitted on) and cross (on the others).
    """
    z, instrument, molecule = _checked(z, instrument, molecule)
    z, y = _without_constants(z), np.asarray(y, np.float64)
    ids, group = np.unique(molecule, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(ids.size)[group] % FOLDS
    error = {"same": 0.0, "cross": 0.0}
    spread = dict.fromkeys(error, 0.0)
    for number in range(min(FOLDS, ids.size)):
        for label in np.unique(instrument):
            known = (fold != number) & (instrument == label)
            model = make_pipeline(StandardScaler(), RidgeCV(RIDGES))
            model.fit(z[known], y[known])
            for name, asked in (
                ("same", (fold == number) & (instrument == label)),
                ("cross", (fold == number) & (instrument != label)),
            ):
                predicted = model.predict(z[asked]).reshape(-1, y.shape[1])
                error[name] += ((predicted - y[asked]) ** 2).sum(axis=0)
                spread[name] += ((y[asked] - y.mean(axis=0)) ** 2).sum(axis=0)
    return {name: float(np.mean(1 - error[name] / spread[name])) for name in error}


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
