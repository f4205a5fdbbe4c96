"""Evaluation after pretraining: gaps filled, latents, density.

On test-split molecules and on instruments that no pool holds. Writes evaluation.json
(metrics) and evaluation.npz (arrays for the figures). Masks, noise and molecules are
fixed by the seed alone, so values compare between runs.

Dimension legend: M molecules x modalities, N instruments, L points, Z latent width.
"""

import json
import resource

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax import provenance
from spektron_jax.archive import replacing
from spektron_jax.metrics import hidden_error, paired_ratio
from spektron_jax.models.dlinoss import pole_of
from spektron_jax.probes.disentanglement import code_metrics
from spektron_jax.probes.interpolation import cubic_spline, linear
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.evaluator import KL, LABELS, LATENTS, STREAM, make_evaluator
from spektron_jax.training.state import init_params, parameter_count

MASKS = {"short": 0.0, "long": 1.0}  # share of examples masked in long spans
EXAMPLES = 6  # spectra drawn in the report
MEAN_OF = 2000  # training spectra behind the mean spectrum


def run(config, model, state, source, workdir, shares=None):
    """Evaluate state.params and write the two files; returns the metrics.

    shares: of each term in the encoder's gradient, as measured while training.
    """
    molecule, modality = choose(source, config, config.eval.split)
    print(f"evaluating on {len(molecule)} {config.eval.split} examples", flush=True)
    evaluator = make_evaluator(config, model, state.params, source)
    evaluator.audit(config.eval.instruments, config.seed)
    errors, arrays = reconstruct(evaluator, molecule, modality)
    latents = evaluator.latents(molecule, modality)
    known = code_metrics(latents, config.seed)
    found = {
        "config": json.loads(config.to_json()),
        "seed": config.seed,
        "step": int(state.step),
        "parameters": parameter_count(state.params),
        "molecules": len(np.unique(molecule)),
        "instruments": config.eval.instruments,
        "device": jax.devices()[0].device_kind,
        "versions": provenance.versions(),
        "command": provenance.command(),
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "reconstruction": errors,
        "probes": {name: known[name] for name in LATENTS},
        "kl": known["kl"],
        "effective_rank": known["dimensions"],
        "shares": shares or {},
        "experts": {
            name: latents["load"][latents["modality"] == MODALITIES.index(name)]
            .mean(0)
            .tolist()
            for name in config.data.modalities
        },
        "density": density(evaluator, molecule, modality),
    }
    before = init_params(model, config.seed)
    arrays |= {name: latents[name] for name in (*LATENTS, *LABELS)}
    arrays |= {name: latents[name].mean(0) for name in KL}
    arrays |= poles(before, "before") | poles(state.params, "after")
    write(workdir, found, arrays)
    return found


def choose(source, config, split):
    """`eval.molecules` examples of a split, drawn by seed, in a fixed order."""
    molecule, modality = source.examples(split)
    rng = np.random.default_rng([config.seed, 1])
    order = rng.permutation(len(molecule))[: config.eval.molecules]
    return molecule[order], modality[order]


def poles(params, when):
    """Angle and radius of every pole at reference spacing, (layers, 2, P)."""
    ssm = params["backbone"]["layers"]["ssm"]
    decay, angle = pole_of(ssm["log_decay"], ssm["angle_logit"])
    return {
        f"poles_angle_{when}": np.asarray(angle),
        f"poles_radius_{when}": np.exp(-np.asarray(decay)),
    }


def write(workdir, found, arrays):
    """Both files, each replaced whole."""
    with replacing(workdir / "evaluation.npz") as path:
        np.savez_compressed(path, **arrays)
    with replacing(workdir / "evaluation.json") as path:
        path.write_text(json.dumps(found, indent=2) + "\n")


def reconstruct(evaluator, molecule, modality):
    """Errors on short and long gaps against the noise-free spectrum, absorbance.

    Returns:
      gaps -> method -> error, and ratio -> baseline -> error of the model over its;
      arrays of a few examples with long gaps.
    """
    means, axis = mean_spectra(evaluator), np.asarray(evaluator.simulator.axis)
    group, kinds = (np.tile(x, evaluator.count) for x in (molecule, modality))
    errors = {}
    for number, (gaps, fraction) in enumerate(MASKS.items()):
        observed, ideal, hidden, model = filled(
            evaluator, molecule, modality, 100 * number, fraction
        )
        predicted = {
            "model": np.where(hidden, model, observed),
            "mean": np.stack([means[code] for code in kinds.tolist()]),
            "linear": linear(observed, hidden, axis.astype(np.float64)),
            "spline": cubic_spline(observed, hidden, axis.astype(np.float64)),
        }
        errors[gaps] = {
            name: hidden_error(value, ideal, hidden, group)
            for name, value in predicted.items()
        }
        errors[gaps]["ratio"] = {
            baseline: paired_ratio(
                predicted["model"], predicted[baseline], ideal, hidden, group
            )
            for baseline in ("mean", "linear", "spline")
        }
    # Of the long gaps, which came last.
    spectra = {"clean": ideal, "observed": observed, "hidden": hidden, **predicted}
    shown = np.flatnonzero(modality != MODALITIES.index("NIR"))  # the figure's one axis
    first = shown[:EXAMPLES]
    arrays = {f"example_{k}": v[first] for k, v in spectra.items() if k != "mean"}
    titles = title(evaluator.source, molecule[first], modality[first])
    return errors, arrays | {"axis_cm1": axis, "example_title": np.array(titles)}


def filled(evaluator, molecule, modality, stream, long_fraction):
    """Observed, ideal, hidden and what the model decodes, (N M, L) each, absorbance."""
    scale, rows = evaluator.simulator.scale, []
    for k in range(evaluator.count):
        instrument = evaluator.instruments.at(k)
        for view, _, inputs, real in evaluator.render(
            molecule, modality, instrument, stream + k, long_fraction
        ):
            decoded, _ = evaluator.apply(*inputs, view.hidden)
            arrays = view.measured, view.ideal, decoded[..., 0]
            observed, ideal, model = (scale * np.asarray(x)[:real] for x in arrays)
            rows.append((observed, ideal, np.asarray(view.hidden)[:real], model))
    return map(np.concatenate, zip(*rows, strict=True))


def title(source, molecules, modalities):
    """A line above each example: molecule and modality."""
    names = getattr(source, "smiles", None)
    return [
        f"{names[m] if names is not None else f'molecule {m}'} · {MODALITIES[code]}"
        for m, code in zip(molecules, modalities, strict=True)
    ]


def mean_spectra(evaluator):
    """Mean clean training spectrum of each modality code, strongest band 1."""
    molecule, modality = evaluator.source.examples("train")
    rng = np.random.default_rng([evaluator.seed, 2])
    order = rng.permutation(len(molecule))[:MEAN_OF]
    molecule, modality = molecule[order], modality[order]
    total = {code: [] for code in np.unique(modality).tolist()}
    for batch, real in evaluator.batches(molecule, modality):
        clean = np.asarray(evaluator.clean(batch)[0])[:real]
        for code, row in zip(batch["modality"][:real].tolist(), clean, strict=True):
            total[code].append(row)
    return {code: np.mean(rows, axis=0) for code, rows in total.items()}


def density(evaluator, molecule, modality):
    """How far z_chem moves when every second point is left out.

    relative_move: mean distance moved over the mean distance between examples.
    """
    dense, sparse = [], []
    for _, _, (measured, full, valid, code), real in evaluator.render(
        molecule, modality, evaluator.instruments.at(0), STREAM
    ):
        half = measured[:, ::2].shape[1]
        rest = [(0, 0)] * (full.ndim - 1) + [(0, full.shape[-1] - half)]
        axis = jnp.pad(full[..., ::2], rest, mode="edge")
        thin = jnp.zeros_like(measured).at[:, :half].set(measured[:, ::2])
        kept = valid.at[:, half:].set(False)
        for inputs, to in (
            ((measured, full, valid, code), dense),
            ((thin, axis, kept, code), sparse),
        ):
            _, out = evaluator.apply(*inputs, method="encode")
            to.append(np.asarray(out["chem_mean"])[:real])
    a, b = np.concatenate(dense), np.concatenate(sparse)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    others = np.linalg.norm(a - np.roll(a, 1, axis=0), axis=1)
    return {
        "cosine": float(np.mean(np.sum(a * b, 1) / np.maximum(norms, 1e-12))),
        "relative_move": float(
            np.mean(np.linalg.norm(a - b, axis=1)) / max(np.mean(others), 1e-12)
        ),
    }
