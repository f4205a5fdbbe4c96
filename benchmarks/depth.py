"""Where in the network does what a calibration needs get lost?

    python -m benchmarks.depth --data=corn.h5 --protocol=corn_protocol.json

Looks at the calibration samples of the protocol's first split only. Two questions:

within     properties from one instrument's spectra, 8 folds: ridge on spectra and on
           features of each depth; R2 pooled over folds, mean over properties and
           instruments, below 0 counted as 0
transfer   n = 10 pairs, 48 samples on the source, 16 to test on: the Bayesian member of
           the recipe on spectra and on features; R2 pooled over `--repeats` draws, mean
           over 24 cells

Features as they are and "linear": the derivative of the encoder at the mean spectrum,
times the spectrum, so that nothing is lost to its nonlinearity. Beside the pretrained
weights the same network as initialised ("random").

L = points, F = features of a depth.
"""

import json
import sys
from collections import defaultdict
from functools import partial

import h5py
import numpy as np
from ml_collections import ConfigDict
from scipy.special import softmax
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict

from benchmarks import tables
from spektron_jax.archive import replacing
from spektron_jax.encoder.features import DEPTHS, Features
from spektron_jax.encoder.load import Encoder
from spektron_jax.training.state import init_params
from spektron_jax.transfer.bayes import COVARIANCE_RIDGE, fit_features, scores
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.preprocessing import preprocess
from spektron_jax.transfer.selection import compressed, kennard_stone

BUMP = 0.003  # absorbance: step of the derivative at each point
ALPHAS = np.logspace(-9, 3, 49)
FOLDS, SHUFFLES = 8, 3
SOURCE, PAIRS = 48, 10


def initialised(features: Features) -> Features:
    """The same network with the weights that training begins with."""
    encoder = features.encoder
    params = init_params(encoder.model, encoder.config.seed)
    config = ConfigDict(encoder.config.to_dict())
    return features.using(Encoder(config, encoder.model, params))


def derivative(features: Features, centre: np.ndarray) -> dict[str, np.ndarray]:
    """Of every depth by every point at a spectrum (L,), central differences, (L, F)."""
    steps = BUMP * np.eye(centre.size)
    routing = features.encode(centre[None])["routing"][0]
    up, down = (features.encoded(centre + s, routing) for s in (steps, -steps))
    return {depth: (up[depth] - down[depth]) / (2 * BUMP) for depth in DEPTHS}


def root(J: np.ndarray) -> np.ndarray:
    """A view with the inner products of J and no more columns than rows."""
    U, s, _ = np.linalg.svd(J, full_matrices=False)
    return U * s


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """Pooled."""
    return float(1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2))


def within(X: np.ndarray, y: np.ndarray) -> float:
    """Cross-validated R2 of ridge, its strength by generalised cross-validation."""
    X = X - X.mean(axis=0)
    X = X / X.std(axis=0).mean() / np.sqrt(X.shape[1])
    found = []
    for seed in range(SHUFFLES):
        folds = KFold(FOLDS, shuffle=True, random_state=seed)
        found.append(r2(y, cross_val_predict(RidgeCV(ALPHAS), X, y, cv=folds)))
    return max(float(np.mean(found)), 0.0)


def transfers(study, rows, views, repeats) -> dict[str, float]:
    """Mean R2 over the cells; `views`: name -> source instrument -> (view, ridge)."""
    measured, predicted = defaultdict(list), defaultdict(list)
    for source, target, name in study.cells():
        A, B, y = study.spectra[source], study.spectra[target], study.labels[name]
        for seed in range(repeats):
            order = np.random.default_rng(seed).permutation(rows)
            known, test = order[:SOURCE], order[SOURCE:]
            pairs = kennard_stone(compressed(A[known]), PAIRS)
            data = TransferData(A[known], y[known], B[known[pairs]], y[known][pairs],
                                pairs)  # fmt: skip
            measured[source, target, name].append(y[test])
            for key, view_of in views.items():
                parts = []
                for view, ridge in view_of(source):
                    fits = fit_features(data, view, ridge)
                    each = [view(B[test]) @ fit.vector + fit.intercept for fit in fits]
                    parts.append(softmax(scores(fits)) @ each)
                predicted[key, source, target, name].append(np.mean(parts, axis=0))
    return {
        key: float(
            np.mean(
                [
                    r2(np.concatenate(y), np.concatenate(predicted[key, *cell]))
                    for cell, y in measured.items()
                ]
            )
        )
        for key in views
    }


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = tables.corn_arguments(__doc__)
    parser.add_argument("--weights", default="nano")
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)

    study = tables.read_study(given.data, given.protocol)
    with h5py.File(given.data) as file:
        axis = file["instruments/m5/axis"][:]
    rows = study.splits[0].calibration
    features = Features(given.weights, axis, "nm", "NIR")
    networks = {"pretrained": features, "random": initialised(features)}

    spectra = {name: X[rows] for name, X in study.spectra.items()}
    labels = [y[rows] for y in study.labels.values()]
    found = defaultdict(list)
    linear = {}
    for instrument, X in spectra.items():
        sets = {"spectra": X, "first derivative": preprocess(X, "sg1")}
        for name, network in networks.items():
            jacobian = derivative(network, X.mean(axis=0))
            linear[name, instrument] = root(jacobian["tokens"])
            as_is = network(X)
            for depth in DEPTHS:
                sets[f"{depth}, {name}"] = as_is[depth]
                sets[f"{depth}, {name}, linear"] = X @ jacobian[depth]
        for key, Z in sets.items():
            found[key] += [within(Z, y) for y in labels]
    inside = {key: float(np.mean(values)) for key, values in found.items()}

    def tokens(name, source):
        return [(lambda X: X @ linear[name, source], COVARIANCE_RIDGE["raw"])]

    classical = [
        (partial(preprocess, pretreatment=t), COVARIANCE_RIDGE[t])
        for t in ("raw", "sg1")
    ]
    views = {
        "spectra": lambda source: classical[:1],
        "first derivative": lambda source: classical[1:],
        "both": lambda source: classical,
        "tokens, pretrained, linear": partial(tokens, "pretrained"),
        "tokens, random, linear": partial(tokens, "random"),
        "both and tokens": lambda source: [*classical, *tokens("pretrained", source)],
    }
    across = transfers(study, rows, views, given.repeats)
    for title, table in (("within", inside), ("transfer", across)):
        print(f"| {title} | R2 |\n|---|---|")
        print("".join(f"| {key} | {value:.3f} |\n" for key, value in table.items()))
    if given.json:
        head = "python -m benchmarks.depth --data=corn.h5 --protocol=corn_protocol.json"
        result = {
            "command": f"{head} --weights={given.weights} --repeats={given.repeats}",
            "weights_sha256": features.checksum,
            "within": inside,
            "transfer": across,
        }
        with replacing(given.json) as draft:
            draft.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
