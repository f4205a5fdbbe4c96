"""The task "property": embeddings against PLS on the same spectra.

Without data, on the corpus' test split; with `data.path`, a user's own spectra and
labels, by cross-validation.

n = spectra, k = properties.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from sklearn.model_selection import KFold
from tqdm import tqdm

from spektron_jax.commands.report import property as page
from spektron_jax.commands.report.property import PropertyScores, PropertyTable
from spektron_jax.commands.result import Result
from spektron_jax.config import at_least, check_fields
from spektron_jax.encoder.features import Features
from spektron_jax.errors import SpektronError
from spektron_jax.probes.property_heads import pls, ridge, scores
from spektron_jax.spectra.samples import read_samples

PLS, RIDGE, CHEM = "PLS on spectra", "ridge on spectra", "ridge on z_chem"
DEPTHS = {CHEM: "chem", "ridge on CLS": "cls", "ridge on tokens": "mean"}
MODALITIES = ("IR", "Raman", "NIR")
MIN_LABELLED = 10  # spectra
RULES = {
    "property.folds": at_least(2),
    "property.modalities": (
        lambda names: set(names) <= set(MODALITIES),
        f"must be of {', '.join(MODALITIES)}",
    ),
}

ByName = Mapping[str, np.ndarray]


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    check_fields(config, RULES)


def run(config: ConfigDict, workdir: Path) -> Result:
    """Predict properties from every depth of the encoder and from the spectra."""
    tables = _own(config) if config.data.path else _corpus(config)
    return Result(
        "Properties from embeddings",
        page.verdict(tables, CHEM),
        page.sections(tables),
        facts=f"Weights {config.property.weights}.",
        data={
            "tables": [asdict(table) for table in tables],
            "weights": config.property.weights,
        },
    )


def _predictions(
    features: ByName,
    X: np.ndarray,
    Y: np.ndarray,
    test_features: ByName,
    test: np.ndarray,
) -> dict[str, np.ndarray]:
    """{method: (n, k)} of every head, fitted to the first three arguments."""
    found = {PLS: pls(X, Y, test), RIDGE: ridge(X, Y, test)}
    for name, depth in DEPTHS.items():
        found[name] = ridge(features[depth], Y, test_features[depth])
    return found


def _corpus(config: ConfigDict) -> list[PropertyTable]:
    """A table for each modality: molecules of the corpus on a virtual instrument."""
    from spektron_jax.probes import property_corpus as source  # JAX

    given, tables = config.property, []
    corpus = source.load()
    for modality in tqdm(given.modalities, disable=not given.progress):
        train_rows, test_rows = (
            source.molecules(corpus, split, count, modality, config.seed)
            for split, count in (("train", given.train), ("test", given.test))
        )
        X, axis = source.spectra(corpus, train_rows, modality, config.seed)
        test, _ = source.spectra(corpus, test_rows, modality, config.seed)
        names, Y, groups = source.targets(corpus, train_rows)
        _, truth, _ = source.targets(corpus, test_rows)
        kept = np.flatnonzero(~groups | source.varied(Y, truth))
        Y, truth = Y[:, kept], truth[:, kept]
        encode = Features(given.weights, axis, "cm-1", modality)
        found = _predictions(encode(X), X, Y, encode(test), test)
        entries = []
        for column, place in enumerate(kept):
            predicted = {name: values[:, column] for name, values in found.items()}
            how = truth[:, column], predicted, PLS, bool(groups[place]), config.seed
            entries.append(PropertyScores(names[place], how[3], scores(*how)))
        text = f"{len(X)} training and {len(test)} test molecules, one instrument"
        tables.append(PropertyTable(modality, text, entries))
    return tables


def _own(config: ConfigDict) -> list[PropertyTable]:
    """A table for each property of a user's samples, by cross-validation."""
    given, samples = config.property, read_samples(config.data)
    encode = Features(given.weights, samples.axis, samples.unit, samples.modality)
    least = max(MIN_LABELLED, given.folds)
    tables = []
    for name, values in zip(samples.labels.required().names, samples.y.T, strict=True):
        rows = np.flatnonzero(samples.whole & np.isfinite(values))
        if rows.size < least:
            raise SpektronError(
                f"property {name!r}: {rows.size} spectra of {samples.instrument} have "
                f"a label; at least {least} are needed"
            )
        X, y = samples.X[rows], values[rows]
        if np.ptp(y) == 0:
            raise SpektronError(f"property {name!r}: every label is {y[0]:g}")
        features = encode(X)
        predicted: dict[str, np.ndarray] = {}
        folds = KFold(given.folds, shuffle=True, random_state=config.seed)
        for train, test in folds.split(X):
            known = {depth: each[train] for depth, each in features.items()}
            unknown = {depth: each[test] for depth, each in features.items()}
            found = _predictions(known, X[train], y[train, None], unknown, X[test])
            for method, part in found.items():
                predicted.setdefault(method, np.empty(rows.size))[test] = part[:, 0]
        text = f"{rows.size} spectra of {samples.instrument}, {given.folds}-fold "
        entry = PropertyScores(name, False, scores(y, predicted, PLS, seed=config.seed))
        title = f"{Path(config.data.path).name}: {name}"
        tables.append(PropertyTable(title, text + "cross-validation", [entry]))
    return tables
