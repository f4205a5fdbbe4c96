"""Few-shot classification: k labelled spectra per class on one instrument, then others.

For each ordered pair of instruments and each draw, k samples of every class, measured
on the library instrument, are the training set; all other samples on the query
instrument are tested. A training sample is never tested, on neither instrument.

    nearest centroid, LDA (shrinkage), PLS-DA     on SNV + first derivative spectra
    encoder z_chem, encoder tokens: LDA           on encoder features
    LDA and encoder                               mean of both class probabilities

n = test spectra, t = training spectra, L = points, C = classes, F = features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from tqdm import tqdm

from spektron_jax.errors import SpektronError
from spektron_jax.identification.library import SpectralLibrary
from spektron_jax.identification.metrics import share, share_difference
from spektron_jax.identification.search import HitRow
from spektron_jax.identification.sources import Side
from spektron_jax.transfer.methods.preprocessing import preprocess

BASELINE = "LDA"
WITH_NETWORK = "LDA and encoder"
ENCODED = {"encoder z_chem": "chem", "encoder tokens": "tokens"}
PRETREATMENT = "snv+sg1"
LDA_COMPONENTS = 30  # principal components that LDA sees, at most
PLS_COMPONENTS = 5

Features = Mapping[str, tuple[np.ndarray, np.ndarray]]  # of training and test spectra


@dataclass(frozen=True)
class PairAccuracy:
    """Accuracy of every method from one instrument to another."""

    query: str
    library: str
    shots: int
    top1: Mapping[str, float]


@dataclass(frozen=True)
class ShotScore:
    """Accuracy over all pairs with so many labelled spectra of each class.

    `methods`: name -> share, low, high, n, and minus_lda (difference, low, high).
    """

    shots: int
    methods: Mapping[str, Mapping]


@dataclass(frozen=True)
class ClassifyResults:
    """What classification found."""

    shots: Sequence[ShotScore]
    pairs: Sequence[PairAccuracy]
    warnings: Sequence[str] = ()


def classify(
    pairs: Sequence[tuple[Side, Side]],
    weights: str | None = None,
    shots: Sequence[int] = (2, 3, 5, 10),
    repeats: int = 20,
    seed: int = 0,
    progress: bool = False,
) -> tuple[ClassifyResults, list[HitRow]]:
    """Classify the queries of (library, query) pairs.

    Args:
      pairs: as from `sources.read_pairs`; their labels are the classes
      weights: of an encoder, None: without the network
      shots: numbers of labelled spectra of each class, to compare
      repeats: draws of these
      seed: of the draws
      progress: whether to show a bar

    Raises:
      SpektronError: one class only, or fewer spectra than the smallest of `shots`.
    """
    rows: list[HitRow] = []
    table: list[PairAccuracy] = []
    drawn: list[tuple[int, np.ndarray, dict[str, np.ndarray]]] = []
    for library, query in pairs:
        features, classes = _features(library, query, weights)
        _, counts = np.unique(library.labels, return_counts=True)
        for k in tqdm(sorted(set(shots)), desc="shots", disable=not progress):
            if k >= counts.min():  # nothing of the rarest class is left to test
                continue
            right = _draws(features, library, query, classes, k, repeats, seed)
            drawn.append((k, query.ids, right))
            top1 = {name: float(np.nanmean(each)) for name, each in right.items()}
            table.append(PairAccuracy(query.name, library.name, int(k), top1))
        rows += _predictions(features["spectra"], library, query)
    if not drawn:
        raise SpektronError(
            "config.identify.shots: no class has so many labelled spectra with others "
            "left to test; use smaller numbers"
        )
    scores = [
        _score(k, [(ids, right) for number, ids, right in drawn if number == k])
        for k in sorted({k for k, _, _ in drawn})
    ]
    return ClassifyResults(scores, table), rows


def _features(
    library: Side, query: Side, weights: str | None
) -> tuple[Features, np.ndarray]:
    """Features of both sides by method, ((t, F), (n, F)) each, and the classes."""
    held = SpectralLibrary(
        library.spectra, library.axis_cm1, library.labels, modality=library.modality
    )
    classes = np.unique(library.labels)
    if classes.size < 2:
        raise SpektronError(
            "config.data.label: the library has one class; name a label with several"
        )
    (X, known), axis_cm1 = held.aligned(query.spectra, query.axis_cm1, "cm-1")
    found = {"spectra": (preprocess(known, PRETREATMENT), preprocess(X, PRETREATMENT))}
    if weights:
        from spektron_jax.identification.encoded import EncoderSimilarity

        encoder = EncoderSimilarity(weights, axis_cm1, library.modality)
        train, test = (encoder.features(each) for each in (known, X))
        found |= {name: (train[depth], test[depth]) for name, depth in ENCODED.items()}
    return found, classes


def _draws(
    features: Features,
    library: Side,
    query: Side,
    classes: np.ndarray,
    k: int,
    repeats: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Per method whether each query was right, (repeats, n); NaN: not tested."""
    right: dict[str, np.ndarray] = {}
    for number in range(repeats):
        rng = np.random.default_rng([seed, k, number])
        train = np.concatenate(
            [
                rng.choice(np.flatnonzero(library.labels == each), k, replace=False)
                for each in classes
            ]
        )
        tested = ~np.isin(query.ids, library.ids[train])
        tested &= np.isin(query.labels, classes)
        for name, label in _predicted(features, library.labels, train, tested).items():
            rows = right.setdefault(name, np.full((repeats, len(query.ids)), np.nan))
            rows[number, tested] = label == query.labels[tested]
    return right


def _predicted(
    features: Features, labels: np.ndarray, train: np.ndarray, tested: np.ndarray
) -> dict[str, np.ndarray]:
    """Predicted class of the tested queries by every method."""
    y = labels[train]
    X, X_test = features["spectra"][0][train], features["spectra"][1][tested]
    classes, code = np.unique(y, return_inverse=True)
    lda = _lda(X, y).predict_proba(X_test)
    pls = PLSRegression(min(PLS_COMPONENTS, len(y) - 1), scale=False)
    pls = pls.fit(X, np.eye(classes.size)[code]).predict(X_test)
    found = {
        "nearest centroid": NearestCentroid().fit(X, y).predict(X_test),
        "PLS-DA": classes[pls.argmax(axis=1)],
        BASELINE: classes[lda.argmax(axis=1)],
    }
    for name in ENCODED:
        if name in features:
            known, unknown = features[name]
            probability = _lda(known[train], y).predict_proba(unknown[tested])
            found[name] = classes[probability.argmax(axis=1)]
            both = lda + probability  # of the last depth, the tokens
            found[WITH_NETWORK] = classes[both.argmax(axis=1)]
    return found


def _lda(X: np.ndarray, y: np.ndarray) -> Pipeline:
    """LDA with Ledoit-Wolf shrinkage on principal components of equal variance."""
    scores = PCA(min(LDA_COMPONENTS, len(X) - 1), whiten=False, svd_solver="full")
    lda = LinearDiscriminantAnalysis(
        solver="lsqr",
        shrinkage="auto",
        # Draws are balanced, whatever the classes' share in the library is.
        priors=np.full(np.unique(y).size, 1 / np.unique(y).size),
    )
    return make_pipeline(scores, lda).fit(X, y)


def _predictions(
    spectra: tuple[np.ndarray, np.ndarray], library: Side, query: Side
) -> list[HitRow]:
    """Rows of hits.csv: classes by LDA, trained on all samples but the query's."""
    rows = []
    known, unknown = spectra
    for i, sample in enumerate(query.ids.tolist()):
        train = np.flatnonzero(library.ids != sample)
        if np.unique(library.labels[train]).size < 2:
            continue
        model = _lda(known[train], library.labels[train])
        probability = model.predict_proba(unknown[i : i + 1])[0]
        best = np.argsort(-probability, kind="stable")
        for rank, place in enumerate(best.tolist(), start=1):
            name, score = str(model.classes_[place]), f"{probability[place]:.4f}"
            rows.append(HitRow(library.name, query.name, sample, rank, name, score))
    return rows


def _score(
    k: int, drawn: Sequence[tuple[np.ndarray, Mapping[str, np.ndarray]]]
) -> ShotScore:
    """All pairs together, from the ids of their queries and what was right."""
    group = np.concatenate([ids for ids, _ in drawn])
    right = {
        name: np.concatenate([_mean(each[name]) for _, each in drawn])
        for name in drawn[0][1]
    }
    tested = np.isfinite(right[BASELINE])
    group, baseline = group[tested], right[BASELINE][tested]
    methods = {}
    for name, each in right.items():
        change = share_difference(each[tested], baseline, group)
        methods[name] = share(each[tested], group) | {"minus_lda": change}
    return ShotScore(int(k), methods)


def _mean(right: np.ndarray) -> np.ndarray:
    """Share of draws in which each query was right, (n,); NaN: never tested."""
    count = np.isfinite(right).sum(axis=0)
    total = np.nansum(right, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
