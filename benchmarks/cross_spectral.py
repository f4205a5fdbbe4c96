"""The Raman spectrum of a molecule from its IR spectrum, and the other way round.

    python -m benchmarks.cross_spectral [--json=FILE]

Spectra of one modality, measured on instruments that no pool holds, and the clean
spectrum of the same molecule in the other one, smoothed to 30 cm-1, 256 points. Ridge
regression and kernel ridge with a Gaussian kernel from what the shipped encoder says
(z_chem, CLS, tokens), from tokens of the same network before training, from the
measured points themselves, and from points and tokens together; scaling and penalty are
chosen on validation molecules. Beside them the mean spectrum, the other spectrum of the
nearest training molecule, and the network's own decoder: z_chem with the mean z_inst of
the other modality. The instruments of the test are others than those of the fit.

n = training molecules, m = molecules asked for, F = features, Q = points of the answer.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter
from scipy.spatial.distance import cdist

from benchmarks.result_files import load, markdown, write
from spektron_jax.encoder.load import load_encoder
from spektron_jax.metrics import interval, resampled_counts
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.evaluator import FixedEvaluator, audit_evaluator
from spektron_jax.training.state import init_params

PAIRS = (("IR", "Raman"), ("Raman", "IR"))
SIZES = {"train": 2000, "validation": 300, "test": 600}
INSTRUMENT_SEEDS = {"train": 100, "validation": 101, "test": 102}
SMOOTH_CM1, EVERY = 30.0, 8
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # x mean diagonal of the kernel
WIDTH = 1.0  # of the Gaussian, x median squared distance
RAW = ("spectrum", "derivative")  # inputs without a network
BARE = "tokens, untrained"
# Rows of the documents' table; the result file holds all.
SHOWN = ("mean spectrum", "nearest spectrum", "spectrum, linear", "spectrum, Gaussian")
SHOWN += ("derivative, Gaussian", "z_chem, Gaussian", "CLS, Gaussian")
SHOWN += ("tokens, linear", "tokens, Gaussian", "tokens, untrained, Gaussian")
SHOWN += ("spectrum and tokens, Gaussian", "decoder of the network")
DERIVATIVE = {"window_length": 15, "polyorder": 2, "deriv": 1}  # 26 cm-1
STREAM = 5000  # of noise


class Molecules(NamedTuple):
    """Molecules of a split, in one order for all arrays."""

    inputs: dict  # modality -> name -> (m, F)
    wanted: dict  # modality -> (m, Q)
    inst: dict  # modality -> z_inst (m, Z)


def smoothed(spectra, spacing_cm1):
    """(m, L) to (m, Q)."""
    sigma = SMOOTH_CM1 / 2.3548 / spacing_cm1
    return gaussian_filter1d(spectra.astype(np.float64), sigma, axis=1)[:, ::EVERY]


def molecules(evaluator: FixedEvaluator, untrained, split: str) -> Molecules:
    """Spectra, codes and answers; each molecule on one of the instruments."""
    chosen = evaluator.choose(split, SIZES[split])
    evaluator.audit(evaluator.count, INSTRUMENT_SEEDS[split])
    groups = [chosen[k :: evaluator.count] for k in range(evaluator.count)]
    inputs, wanted, inst = {}, {}, {}
    for name in ("IR", "Raman"):
        rows, clean = [], []
        for k, group in enumerate(groups):
            code = np.full(len(group), MODALITIES.index(name), np.int32)
            at = evaluator.instruments.at(k)
            for one in evaluator.render(group, code, at, STREAM + k):
                found = said(evaluator, one, untrained)
                rows.append({key: x[: one.real] for key, x in found.items()})
                clean.append(np.asarray(one.clean)[: one.real])
        joined = {key: np.concatenate([r[key] for r in rows]) for key in rows[0]}
        inst[name] = joined.pop("z_inst")
        joined["derivative"] = savgol_filter(joined["spectrum"], **DERIVATIVE)
        inputs[name] = joined
        spacing = evaluator.simulator.spacing_cm1
        wanted[name] = smoothed(np.concatenate(clean), spacing)
    return Molecules(inputs, wanted, inst)


def said(evaluator, one, untrained):
    """What there is to predict from, of one batch."""
    _, out = evaluator.apply(*one.inputs, method="encode")
    found = {
        "spectrum": one.view.measured,
        "z_chem": out["chem_mean"],
        "CLS": out["cls"],
        "tokens": out["tokens"],
        "z_inst": out["inst_mean"],
    }
    trained, evaluator.params = evaluator.params, untrained
    found[BARE] = evaluator.apply(*one.inputs, method="encode")[1]["tokens"]
    evaluator.params = trained
    return {k: np.asarray(v).reshape(len(v), -1) for k, v in found.items()}


def beside(first, second):
    """Two kinds of features in one, of equal weight; of train and the others."""
    parts = []
    for kind in (first, second):
        centred = [x - kind[0].mean(axis=0) for x in kind]
        length = np.linalg.norm(centred[0])
        parts.append([x / length for x in centred])
    return [np.hstack(both) for both in zip(*parts, strict=True)]


def scalings(train, *asked):
    """The features centred, and each divided by its SD, over a common factor."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    for divisor in (np.ones_like(sd), sd + 1e-3 * sd.max()):
        yield [(x - mean) / divisor / len(mean) ** 0.5 for x in (train, *asked)]


def kernels(train, *asked):
    """(name, kernel of all with train) of the linear and the Gaussian kernel."""
    products = [x @ train.T for x in (train, *asked)]
    yield "linear", products
    own = np.einsum("nf,nf->n", train, train)
    squares = [
        np.maximum(np.einsum("nf,nf->n", x, x)[:, None] + own - 2 * product, 0.0)
        for x, product in zip((train, *asked), products, strict=True)
    ]
    width = WIDTH * np.median(squares[0])
    yield "Gaussian", [np.exp(-d / width) for d in squares]


def regressions(features, answers):
    """Predictions of test spectra by the best linear and the best Gaussian kernel.

    Args:
      features: of train, validation and test, (n, F) and (m, F).
      answers: of train and validation, (n, Q) and (m, Q).

    Returns:
      kernel name -> (validation error, prediction of test (m, Q)).
    """
    mean, best = answers[0].mean(axis=0), {}
    for scaled in scalings(*features):
        for name, (known, check, test) in kernels(*scaled):
            size = np.trace(known) / len(known)
            for penalty in PENALTIES:
                ridge = known + penalty * size * np.eye(len(known))
                weights = cho_solve(cho_factor(ridge), answers[0] - mean)
                error = np.mean((check @ weights + mean - answers[1]) ** 2)
                if name not in best or error < best[name][0]:
                    best[name] = error, test @ weights + mean
    return best


def nearest(known, asked, answers):
    """The answer of the training spectrum with the nearest shape (cosine)."""
    return answers[cdist(asked, known, "cosine").argmin(axis=1)]


def decoded(evaluator, z_chem, z_inst):
    """The network's decoder: z_chem (m, Z) as shown by one z_inst (Z,)."""
    axis = evaluator.simulator.axis
    inst = np.tile(z_inst, (len(z_chem), 1)).astype(np.float32)
    spectra = evaluator.apply(z_chem, inst, axis, method="transfer")
    scale = evaluator.simulator.scale
    return smoothed(scale * np.asarray(spectra), evaluator.simulator.spacing_cm1)


def scores(predicted, wanted, mean):
    """Of each molecule: squared error, that of the mean, cosine, whether found.

    Cosine and retrieval are of what differs from the mean spectrum of training
    molecules; a prediction that is that mean has no direction: cosine 0, found by
    chance.
    """
    a, b = predicted - mean, wanted - mean
    lengths = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    alike = a @ b.T / np.maximum(np.outer(*lengths), 1e-12)
    own = np.diag(alike)
    ahead = (alike > own[:, None]).sum(axis=1)
    tied = (alike == own[:, None]).sum(axis=1)
    return {
        "error": ((predicted - wanted) ** 2).sum(axis=1),
        "spread": (b**2).sum(axis=1),
        "cosine": own,
        "top1": np.where(ahead == 0, 1 / tied, 0.0),
    }


def resampled(its, counts):
    """R2, cosine and top-1 of the resamples, (RESAMPLES,) each."""
    sums = {key: counts @ value for key, value in its.items()}
    total = counts.sum(axis=1)
    return {
        "r2": 1 - sums["error"] / sums["spread"],
        "cosine": sums["cosine"] / total,
        "top1": sums["top1"] / total,
    }


def compared(predictions, wanted, mean, rivals):
    """Every prediction's numbers with intervals, and their differences to the rivals'.

    Args:
      predictions: name -> (m, Q).
      wanted, mean: (m, Q) and (Q,).
      rivals: what they are -> name of the prediction.
    """
    its = {name: scores(p, wanted, mean) for name, p in predictions.items()}
    ones, counts = np.ones((1, len(wanted))), resampled_counts(len(wanted))
    point = {name: resampled(own, ones) for name, own in its.items()}
    drawn = {name: resampled(own, counts) for name, own in its.items()}
    found = {}
    for name in its:
        found[name] = {
            key: {"value": float(point[name][key][0]), **interval(drawn[name][key])}
            for key in point[name]
        }
        for kind, rival in rivals.items():
            found[name][f"r2 minus {kind}"] = {
                "value": float(point[name]["r2"][0] - point[rival]["r2"][0]),
                **interval(drawn[name]["r2"] - drawn[rival]["r2"]),
            }
    return found


def direction(evaluator, parts, seen, other):
    """All predictions of modality `other` from modality `seen`.

    Args:
      parts: Molecules of training, validation and test.

    Returns:
      The rivals by kind, each the best of its kind on validation molecules, and the
      numbers of every prediction.
    """
    answers = [part.wanted[other] for part in parts]
    mean = answers[0].mean(axis=0)
    inputs = {
        name: [part.inputs[seen][name] for part in parts]
        for name in parts[0].inputs[seen]
    }
    inputs["spectrum and tokens"] = beside(inputs["spectrum"], inputs["tokens"])
    known, _, asked = inputs["spectrum"]
    predictions = {
        "mean spectrum": np.tile(mean, (len(asked), 1)),
        "nearest spectrum": nearest(known, asked, answers[0]),
    }
    errors = {RAW: {}, (BARE,): {}}
    for name, features in inputs.items():
        for kernel, (error, found) in regressions(features, answers[:2]).items():
            predictions[f"{name}, {kernel}"] = found
            for group, its in errors.items():
                if name in group:
                    its[f"{name}, {kernel}"] = error
        print(seen, name, flush=True)
    code = parts[0].inst[other].mean(axis=0)
    z_chem = inputs["z_chem"][2]
    predictions["decoder of the network"] = decoded(evaluator, z_chem, code)
    best = (min(its, key=its.get) for its in errors.values())
    rivals = dict(zip(("raw", "untrained"), best, strict=True))
    return rivals, compared(predictions, answers[2], mean, rivals)


def cross_spectral() -> str:
    """The table of the documentation."""
    found, rows = load("cross_spectral")["directions"], []
    for name in SHOWN:
        cells = []
        for its in found.values():
            own, change = its[name], its[name]["r2 minus raw"]
            cells += ["{value:.2f} [{low:.2f}, {high:.2f}]".format(**own["r2"])]
            cells += ["{value:+.2f} [{low:+.2f}, {high:+.2f}]".format(**change)]
            cells += [f"{own['cosine']['value']:.2f}", f"{own['top1']['value']:.0%}"]
        rows.append([name, *cells])
    head = [""]
    for pair in found:
        head += [f"{pair}: R2", "minus the best raw", "cosine", "top-1"]
    return markdown(head, rows)


MAKERS = (cross_spectral,)


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="summary to write")
    given = parser.parse_args()
    encoder = load_encoder("nano")
    evaluator = audit_evaluator(encoder.params, encoder.config, encoder.model)
    untrained = jax.device_put(init_params(encoder.model, 0))
    parts = [molecules(evaluator, untrained, split) for split in SIZES]
    found, rivals = {}, {}
    for seen, other in PAIRS:
        pair = f"{other} from {seen}"
        rivals[pair], found[pair] = direction(evaluator, parts, seen, other)
        for name, own in found[pair].items():
            print(name, {key: round(x["value"], 3) for key, x in own.items()})
    content = {
        "command": "python -m benchmarks.cross_spectral",
        "molecules": {
            split: len(part.wanted["IR"])
            for split, part in zip(SIZES, parts, strict=True)
        },
        "rivals": rivals,
        "directions": found,
    }
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main()
