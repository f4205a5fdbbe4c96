"""Evaluation after pretraining: arrays from the model, judged by `evaluation`.

On test-split molecules and on instruments that no pool holds. Writes evaluation.json
(figures) and evaluation.npz (arrays for the pictures). Masks, noise and molecules are
fixed by the seed alone, so values compare between runs.

Dimension legend: M molecules x modalities, N instruments, L points, Z latent width.
"""

import json
import platform
import resource
import shlex
import sys

import jax
import jax.numpy as jnp
import numpy as np

import spektron_jax
from spektron_jax.archive import replacing
from spektron_jax.lab.instruments import audit_instruments
from spektron_jax.metrics import hidden_error, paired_ratio
from spektron_jax.models.dlinoss import pole_of
from spektron_jax.probes.disentanglement import code_figures
from spektron_jax.probes.interpolation import cubic_spline, linear
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training import views
from spektron_jax.training.judge import FIRST_STEP, KL, LABELS, LATENTS, Judge
from spektron_jax.training.state import init_params, parameter_count

MASKS = {"short": 0.0, "long": 1.0}  # share of examples masked in long spans
EXAMPLES = 6  # spectra drawn in the report
MEAN_OF = 2000  # training spectra behind the mean spectrum


def run(config, model, state, source, workdir):
    """Evaluate state.params and write the two files; returns the figures."""
    molecule, modality = choose(source, config, config.eval.split)
    print(f"evaluating on {len(molecule)} {config.eval.split} examples", flush=True)
    instruments = views.instruments_of(
        config, audit_instruments, config.eval.instruments
    )
    judge = _Judge(config, model, state.params, source, instruments)
    errors, arrays = judge.reconstruct(molecule, modality)
    latents = judge.latents(molecule, modality)
    known = code_figures(latents, config.seed)
    figures = {
        "config": json.loads(config.to_json()),
        "seed": config.seed,
        "step": int(state.step),
        "parameters": parameter_count(state.params),
        "molecules": len(np.unique(molecule)),
        "instruments": config.eval.instruments,
        "device": jax.devices()[0].device_kind,
        "versions": versions(),
        "command": shlex.join(["python", "-m", "spektron_jax.main", *sys.argv[1:]]),
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "reconstruction": errors,
        "probes": {name: known[name] for name in LATENTS},
        "kl": known["kl"],
        "experts": {
            name: latents["load"][latents["modality"] == MODALITIES.index(name)]
            .mean(0)
            .tolist()
            for name in config.data.modalities
        },
        "density": judge.density(molecule, modality),
    }
    before = init_params(model, config.seed)
    arrays |= {name: latents[name] for name in (*LATENTS, *LABELS)}
    arrays |= {name: latents[name].mean(0) for name in KL}
    arrays |= poles(before, "before") | poles(state.params, "after")
    write(workdir, figures, arrays)
    return figures


def versions():
    """Versions of what computed the figures."""
    return {
        "spektron_jax": spektron_jax.__version__,
        "jax": jax.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


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


def write(workdir, figures, arrays):
    """Both files, each replaced whole."""
    with replacing(workdir / "evaluation.npz") as path:
        np.savez_compressed(path, **arrays)
    with replacing(workdir / "evaluation.json") as path:
        path.write_text(json.dumps(figures, indent=2) + "\n")


class _Judge(Judge):
    """With what only the evaluation after pretraining asks for."""

    def reconstruct(self, molecule, modality):
        """Errors on short and long gaps against the noise-free spectrum, absorbance."""
        scale = self.config.data.scale
        means = self._mean_spectra()
        axis = np.asarray(self.axis, np.float64)
        errors, arrays = {}, {}
        for number, (kind, fraction) in enumerate(MASKS.items()):
            found = []
            for k in range(self.config.eval.instruments):
                step = FIRST_STEP + number * 100 + k
                instrument = self.instruments.at(k)
                for view, _, inputs, real in self.look(
                    molecule, modality, instrument, step, fraction
                ):
                    spectra, _ = self.apply(
                        {"params": self.params}, *inputs, view.hidden
                    )
                    found.append(
                        [
                            np.asarray(x)[:real]
                            for x in (
                                scale * view.measured,
                                scale * view.ideal,
                                view.hidden,
                                scale * spectra[..., 0],
                            )
                        ]
                    )
            observed, ideal, hidden, model = map(
                np.concatenate, zip(*found, strict=True)
            )
            group = np.tile(molecule, self.config.eval.instruments)
            kinds = np.tile(modality, self.config.eval.instruments)
            predicted = {
                "model": np.where(hidden, model, observed),
                "mean": np.stack([means[code] for code in kinds.tolist()]),
                "linear": linear(observed, hidden, axis),
                "spline": cubic_spline(observed, hidden, axis),
            }
            errors[kind] = {
                name: hidden_error(value, ideal, hidden, group)
                for name, value in predicted.items()
            }
            errors[kind]["ratio"] = {
                rival: paired_ratio(
                    predicted["model"], predicted[rival], ideal, hidden, group
                )
                for rival in ("mean", "linear", "spline")
            }
            if kind == "long":
                arrays = self._examples(
                    predicted, ideal, observed, hidden, molecule, modality
                )
        return errors, arrays

    def _examples(self, predicted, ideal, observed, hidden, molecule, modality):
        # The figure has one axis, which is not that of the NIR.
        shown = np.flatnonzero(modality != MODALITIES.index("NIR"))
        first = shown[:EXAMPLES]
        names = getattr(self.source, "smiles", None)
        titles = [
            f"{names[m] if names is not None else f'molecule {m}'} · {MODALITIES[c]}"
            for m, c in zip(molecule[first], modality[first], strict=True)
        ]
        return {
            "axis_cm1": np.asarray(self.axis),
            "example_clean": ideal[first],
            "example_observed": observed[first],
            "example_hidden": hidden[first],
            "example_model": predicted["model"][first],
            "example_linear": predicted["linear"][first],
            "example_spline": predicted["spline"][first],
            "example_title": np.array(titles),
        }

    def _mean_spectra(self):
        """Mean clean training spectrum of each modality code, strongest band 1."""
        molecule, modality = self.source.examples("train")
        rng = np.random.default_rng([self.config.seed, 2])
        order = rng.permutation(len(molecule))[:MEAN_OF]
        molecule, modality = molecule[order], modality[order]
        total = {code: [] for code in np.unique(modality).tolist()}
        for batch, real in self.batches(molecule, modality):
            clean = np.asarray(self.clean(batch)[0])[:real]
            for code, row in zip(batch["modality"][:real].tolist(), clean, strict=True):
                total[code].append(row)
        return {code: np.mean(rows, axis=0) for code, rows in total.items()}

    def density(self, molecule, modality):
        """How far z_chem moves when every second point is left out.

        relative_move: mean distance moved over the mean distance between examples.
        """
        dense, sparse = [], []
        for _, _, (measured, full, valid, code), real in self.look(
            molecule, modality, self.instruments.at(0), FIRST_STEP + 1000
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
                _, out = self.encode({"params": self.params}, *inputs)
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
