"""Few-shot classification: k labelled spectra per class on one instrument, then others.

For each ordered pair of instruments and each draw: k samples of every class, measured
on the library instrument, teach; all other samples on the query instrument are tested.
A sample that teaches is never tested, on neither instrument.

    nearest centroid, LDA (shrinkage), PLS-DA     on SNV + first derivative spectra
    encoder z_chem, encoder tokens: LDA           on encoder features
    LDA and encoder                               mean of both class probabilities

n = test spectra, t = training spectra, L = points, C = classes, F = features.
"""

import numpy as np
from scipy.signal import savgol_filter
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from tqdm import tqdm

from spektron_jax.errors import SpektronError
from spektron_jax.identification.library import SpectralLibrary
from spektron_jax.identification.metrics import share, share_difference

BASE = "LDA"
WITH_NETWORK = "LDA and encoder"
ENCODED = {"encoder z_chem": "chem", "encoder tokens": "tokens"}
MOST_SCORES = 30  # principal components that LDA sees
PLS_COMPONENTS = 5


def classify(pairs, given, seed):
    """Results, and rows of hits.csv, from (library, query) pairs."""
    records, rows, table = [], [], []
    shots = [*sorted(set(given.shots))]
    for library, query in pairs:
        features, classes = _features(library, query, given)
        for k in tqdm(shots, desc="shots", disable=not given.progress):
            if k > _most_shots(library, query):
                continue
            right = _draws(features, library, query, classes, k, given.repeats, seed)
            records.append((k, query.ids, right))
            table.append(
                {
                    "query": query.name,
                    "library": library.name,
                    "shots": int(k),
                    "top1": {n: float(np.nanmean(r)) for n, r in right.items()},
                }
            )
        rows += _predictions(features, library, query)
    if not records:
        raise SpektronError(
            "config.identify.shots: no class has so many labelled spectra with others "
            "left to test; use smaller numbers"
        )
    results = {"shots": _judged(records), "pairs": table, "warnings": []}
    results["verdict"] = _verdict(results["shots"])
    return results, rows


def _most_shots(library, query):
    """Labelled spectra of the rarest class, one less: something is left to test."""
    _, counts = np.unique(library.labels, return_counts=True)
    return counts.min() - 1


def _features(library, query, given):
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
    found = {"spectra": (_preprocessed(known), _preprocessed(X))}
    if given.weights:
        from spektron_jax.identification.encoded import EncoderSimilarity

        encoder = EncoderSimilarity(given.weights, axis_cm1, library.modality)
        both = [encoder.features(each) for each in (known, X)]
        found |= {name: (both[0][d], both[1][d]) for name, d in ENCODED.items()}
    return found, classes


def _preprocessed(spectra):
    """SNV, then Savitzky-Golay first derivative (15 points, order 2)."""
    centred = spectra - spectra.mean(axis=1, keepdims=True)
    scale = centred.std(axis=1, keepdims=True)
    return savgol_filter(centred / np.where(scale > 0, scale, 1), 15, 2, 1, axis=1)


def _draws(features, library, query, classes, k, repeats, seed):
    """Per method whether each query was right, (repeats, n); NaN: it taught."""
    right: dict[str, np.ndarray] = {}
    for number in range(repeats):
        rng = np.random.default_rng([seed, k, number])
        taught = np.concatenate(
            [
                rng.choice(np.flatnonzero(library.labels == each), k, replace=False)
                for each in classes
            ]
        )
        tested = ~np.isin(query.ids, library.ids[taught])
        tested &= np.isin(query.labels, classes)
        for name, guess in _guesses(features, library.labels, taught, tested).items():
            rows = right.setdefault(name, np.full((repeats, len(query.ids)), np.nan))
            rows[number, tested] = guess == query.labels[tested]
    return right


def _guesses(features, labels, taught, tested):
    """Predicted class of the tested queries by every method."""
    y = labels[taught]
    train, test = (
        each[rows]
        for each, rows in zip(features["spectra"], (taught, tested), strict=True)
    )
    classes, code = np.unique(y, return_inverse=True)
    lda = _lda(train, y).predict_proba(test)
    pls = PLSRegression(min(PLS_COMPONENTS, len(y) - 1), scale=False)
    pls = pls.fit(train, np.eye(classes.size)[code]).predict(test)
    found = {
        "nearest centroid": NearestCentroid().fit(train, y).predict(test),
        "PLS-DA": classes[pls.argmax(axis=1)],
        BASE: classes[lda.argmax(axis=1)],
    }
    for name in ENCODED:
        if name in features:
            known, unknown = features[name]
            chance = _lda(known[taught], y).predict_proba(unknown[tested])
            found[name] = classes[chance.argmax(axis=1)]
            both = lda + chance  # of the last depth, the tokens
            found[WITH_NETWORK] = classes[both.argmax(axis=1)]
    return found


def _lda(X, y):
    """LDA with Ledoit-Wolf shrinkage on principal components of equal variance."""
    scores = PCA(min(MOST_SCORES, len(X) - 1), whiten=False, svd_solver="full")
    lda = LinearDiscriminantAnalysis(
        solver="lsqr",
        shrinkage="auto",
        # Draws are balanced, whatever the classes' share in the library is.
        priors=np.full(np.unique(y).size, 1 / np.unique(y).size),
    )
    return make_pipeline(scores, lda).fit(X, y)


def _predictions(features, library, query):
    """Rows of hits.csv: classes by LDA, taught by the samples the query is not of."""
    rows = []
    test = features["spectra"][1]
    for i, sample in enumerate(query.ids.tolist()):
        taught = np.flatnonzero(library.ids != sample)
        if np.unique(library.labels[taught]).size < 2:
            continue
        model = _lda(features["spectra"][0][taught], library.labels[taught])
        chance = model.predict_proba(test[i : i + 1])[0]
        best = np.argsort(-chance, kind="stable")
        for rank, place in enumerate(best.tolist(), start=1):
            row = library.name, query.name, sample, rank, str(model.classes_[place])
            rows.append((*row, f"{chance[place]:.4f}", "", ""))
    return rows


def _judged(records):
    """One entry for each number of shots."""
    entries = []
    for k in sorted({record[0] for record in records}):
        mine = [record for record in records if record[0] == k]
        group = np.concatenate([ids for _, ids, _ in mine])
        methods = {
            name: np.concatenate([_mean(right[name]) for _, _, right in mine])
            for name in mine[0][2]
        }
        known = np.isfinite(methods[BASE])
        entries.append(
            {
                "shots": int(k),
                "methods": {
                    name: share(hit[known], group[known])
                    | {
                        "minus_lda": share_difference(
                            hit[known], methods[BASE][known], group[known]
                        )
                    }
                    for name, hit in methods.items()
                },
            }
        )
    return entries


def _mean(right):
    """Share of draws in which each query was right, (n,); NaN: never tested."""
    count = np.isfinite(right).sum(axis=0)
    total = np.nansum(right, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _verdict(entries):
    lines = []
    for entry in entries:
        best = max(entry["methods"], key=lambda name: entry["methods"][name]["share"])
        found = entry["methods"][best]
        text = f"best is {best}, {found['share']:.3f} "
        text += f"[{found['low']:.3f}, {found['high']:.3f}]"
        if WITH_NETWORK in entry["methods"]:
            change = entry["methods"][WITH_NETWORK]["minus_lda"]
            text += f"; what the network adds to LDA: {change['difference']:+.3f} "
            text += f"[{change['low']:+.3f}, {change['high']:+.3f}]"
        lines.append({"label": f"{entry['shots']} spectra of each class", "text": text})
    return lines
