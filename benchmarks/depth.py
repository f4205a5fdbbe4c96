"""Where in the network does what a calibration needs get lost?

    python -m benchmarks.depth --data=corn.h5 --protocol=corn_protocol.json

Looks at the calibration samples of the protocol's first split only. Two questions:

within     properties from one instrument's spectra, 8 folds: ridge on spectra and on
           features of each depth; R2 pooled over folds, mean over properties and
           instruments, below 0 counted as 0
transfer   n = 10 pairs, 48 samples on the source, 16 to test on: the Bayesian members
           of the recipe on spectra and on features; R2 pooled over `--repeats` draws,
           mean over 24 cells

Features as they are and "linear": the derivative of the encoder at the mean spectrum,
times the spectrum, so that nothing is lost to its nonlinearity. Beside the pretrained
weights the same network as initialised ("random").

L = points, F = features of a depth.
"""

import json
import sys
from collections import defaultdict

import h5py
import numpy as np
from ml_collections import ConfigDict
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict

from benchmarks import tables
from spektron_jax.archive import replacing
from spektron_jax.encoder.features import DEPTHS, Features
from spektron_jax.encoder.load import Encoder
from spektron_jax.training.state import init_params
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import weighted
from spektron_jax.transfer.members import bayes_members
from spektron_jax.transfer.methods.preprocessing import preprocess
from spektron_jax.transfer.selection import compressed, kennard_stone
from spektron_jax.transfer.views import COVARIANCE_RIDGE, View, preprocessed, view

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


def on_features(data: TransferData, J: np.ndarray) -> View:
    """View of spectra @ J, (L, F)."""
    ridge = COVARIANCE_RIDGE["raw"]
    return view(data, "features", lambda X: X @ J, ridge, lambda v: J @ v)


def transfers(study, rows, views, repeats) -> dict[str, float]:
    """Mean R2 over the cells; `views`: name -> (data, source instrument) -> views."""
    measured, predicted = defaultdict(list), defaultdict(list)
    for source, target, name in study.cells():
        A, B, y = study.spectra[source], study.spectra[target], study.labels[name]
        for seed in range(repeats):
            order = np.random.default_rng(seed).permutation(rows)
            known, test = order[:SOURCE], order[SOURCE:]
            pairs = kennard_stone(compressed(A[known]), PAIRS)
            data = TransferData(A[known], y[known], B[known[pairs]], y[known][pairs],
                                pairs)  # fmt: skip
            groups = data.groups()
            measured[source, target, name].append(y[test])
            for key, views_of in views.items():
                members = [member for own in views_of(data, source)
                           for member in bayes_members(own, groups)]  # fmt: skip
                fitted = weighted(members, data, groups)
                predicted[key, source, target, name].append(fitted(B[test]))
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

    def seen(pretreatments, *networks):
        return lambda data, source: [
            *(preprocessed(data, name) for name in pretreatments),
            *(on_features(data, linear[name, source]) for name in networks),
        ]

    views = {
        "spectra": seen(["raw"]),
        "first derivative": seen(["sg1"]),
        "both": seen(["raw", "sg1"]),
        "tokens, pretrained, linear": seen([], "pretrained"),
        "tokens, random, linear": seen([], "random"),
        "both and tokens": seen(["raw", "sg1"], "pretrained"),
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
