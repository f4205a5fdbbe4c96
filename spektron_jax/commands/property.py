"""The task "property": embeddings against PLS on the same spectra.

Without data, on the corpus' test split; with `data.path`, a user's own spectra and
labels, by cross-validation. Writes results.json and report.html.

n = spectra, k = properties.
"""

import json
import os
import platform
import sys
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from sklearn.model_selection import KFold
from tqdm import tqdm

import spektron_jax
from spektron_jax.archive import replacing
from spektron_jax.commands.report.property_page import write_report
from spektron_jax.encoder.features import Features
from spektron_jax.errors import SpektronError
from spektron_jax.probes.property_heads import judged, pls, ridge
from spektron_jax.spectra.samples import read_samples

PLS, BASE = "PLS on spectra", "ridge on spectra"
DEPTHS = {"ridge on z_chem": "chem", "ridge on CLS": "cls", "ridge on tokens": "mean"}
LEAST = 10  # labelled spectra


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    folds = config.property.folds
    if folds < 2:
        raise SpektronError(f"config.property.folds = {folds}: must be 2 or more")


def run(config: ConfigDict, workdir: Path) -> None:
    """Run the task."""
    given = config.property
    tables = _own(config) if config.data.path else _corpus(config)
    results = {
        "tables": tables,
        "verdict": _verdict(tables),
        "weights": given.weights,
        "config": json.loads(config.to_json()),
        "versions": {
            "python": platform.python_version(),
            "spektron_jax": spektron_jax.__version__,
            "numpy": np.__version__,
        },
        "command": " ".join(["python -m spektron_jax.main", *sys.argv[1:]]),
    }
    with replacing(workdir / "results.json") as draft:
        draft.write_text(json.dumps(results, indent=1), encoding="utf-8")
    report = write_report(workdir)
    for line in results["verdict"]:
        print(f"{line['label']}: {line['text']}")
    print(f"report: {os.path.relpath(report)}")


def predictions(features, X, Y, test_features, test):
    """{method: (n, k)} of every head, taught by the first arguments."""
    found = {PLS: pls(X, Y, test), BASE: ridge(X, Y, test)}
    for name, depth in DEPTHS.items():
        found[name] = ridge(features[depth], Y, test_features[depth])
    return found


def _corpus(config):
    from spektron_jax.probes import property_corpus as source

    given, tables = config.property, []
    corpus = source.load()
    for modality in tqdm(given.modalities, disable=not given.progress):
        if modality not in source.PRESETS:
            raise SpektronError(
                f"config.property.modalities: {modality!r} is none of "
                + ", ".join(source.PRESETS)
            )
        rows = [
            source.molecules(corpus, split, count, modality, config.seed)
            for split, count in (("train", given.train), ("test", given.test))
        ]
        both = [source.spectra(corpus, r, modality, config.seed) for r in rows]
        (X, axis), (test, _) = both
        names, Y, binary = source.targets(corpus, rows[0])
        _, truth, _ = source.targets(corpus, rows[1])
        kept = ~binary | source.varied(Y, truth)
        encode = Features(given.weights, axis, "cm-1", modality)
        Y, truth = Y[:, kept], truth[:, kept]
        found = predictions(encode(X), X, Y, encode(test), test)
        names = [n for n, its in zip(names, kept, strict=True) if its]
        text = f"{len(X)} training and {len(test)} test molecules, one instrument"
        tables.append(
            _table(modality, text, names, truth, found, binary[kept], config.seed)
        )
    return tables


def _own(config):
    given, data = config.property, config.data
    one = read_samples(data)
    columns, values = one.labels.required().names, one.y
    whole, name = one.whole, one.instrument
    encode = Features(given.weights, one.axis, one.unit, one.modality)
    tables = []
    for place, column in enumerate(columns):
        rows = np.flatnonzero(whole & np.isfinite(values[:, place]))
        if rows.size < max(LEAST, given.folds):
            raise SpektronError(
                f"property {column!r}: {rows.size} spectra of {name} have a label; at "
                f"least {max(LEAST, given.folds)} are needed"
            )
        X, y = one.X[rows], values[rows, place]
        if np.ptp(y) == 0:
            raise SpektronError(f"property {column!r}: every label is {y[0]:g}")
        features = encode(X)
        parts: dict[str, np.ndarray] = {}
        folds = KFold(given.folds, shuffle=True, random_state=config.seed)
        for train, test in folds.split(X):
            known = {d: f[train] for d, f in features.items()}
            unknown = {d: f[test] for d, f in features.items()}
            out = predictions(known, X[train], y[train, None], unknown, X[test])
            for method, values_of in out.items():
                parts.setdefault(method, np.empty((rows.size, 1)))[test] = values_of
        text = f"{rows.size} spectra of {name}, {given.folds}-fold cross-validation"
        title = f"{Path(data.path).name}: {column}"
        tables.append(
            _table(title, text, [column], y[:, None], parts, [False], config.seed)
        )
    return tables


def _table(title, text, names, truth, found, binary, seed):
    entries = []
    for place, name in enumerate(names):
        methods = {
            method: judged(
                truth[:, place],
                values[:, place],
                found[PLS][:, place],
                bool(binary[place]),
                seed,
            )
            for method, values in found.items()
        }
        entries.append(
            {"property": name, "group": bool(binary[place]), "methods": methods}
        )
    return {"title": title, "text": text, "entries": entries}


def _verdict(tables):
    lines = []
    for table in tables:
        better, worse = [], []
        for entry in table["entries"]:
            change = entry["methods"]["ridge on z_chem"]["minus_rival"]
            if change["low"] > 0:
                better.append(entry["property"])
            elif change["high"] < 0:
                worse.append(entry["property"])
        text = (
            f"z_chem against PLS on the spectra, {len(table['entries'])} properties: "
        )
        text += f"better in {len(better)}"
        text += f" ({', '.join(better)})" if better else ""
        text += f", worse in {len(worse)}, else no clear difference"
        lines.append({"label": table["title"], "text": text})
    return lines
