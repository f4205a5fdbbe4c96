"""The tasks "latent" and "checklist" of the command line: audit trained weights.

Writes results.json (means over seeds, and each seed), results.npz (codes and swapped
spectra of the first seed) and report.html. "latent" prints the verdict last.
"""

import json
import os

import numpy as np
from tqdm import tqdm

from spektron_jax.archive import replacing
from spektron_jax.commands.report.audit_page import write_report
from spektron_jax.commands.report.stored import NAME
from spektron_jax.encoder.load import load_encoder
from spektron_jax.errors import SpektronError
from spektron_jax.probes.disentanglement import pooled
from spektron_jax.probes.latent_metrics import LEAST_MOLECULES, examine, summarised
from spektron_jax.provenance import command, versions
from spektron_jax.training.evaluator import KL, LABELS, LATENTS, audit_evaluator
from spektron_jax.training.state import parameter_count


def run(config, workdir):
    """Audit the weights, write the files, print the headline."""
    results = write(load_encoder(config.weights), config, workdir)
    for name, value in results["headline"].items():
        if name != "verdict":
            print(f"{name:18s} {value:.3f}")
    print(f"report: {os.path.relpath(workdir / NAME)}")
    print(f"verdict: {results['verdict']}")


def write(encoder, config, workdir):
    """Audit an encoder and write the files; returns the results."""
    results, arrays = audit(encoder, config)
    results |= {
        "weights": str(config.weights),
        "parameters": parameter_count(encoder.params),
        "config": json.loads(config.to_json()),
        "versions": versions(),
        "command": command(),
    }
    with replacing(workdir / "results.json") as draft:
        draft.write_text(json.dumps(results, indent=1) + "\n")
    with replacing(workdir / "results.npz") as draft:
        np.savez_compressed(draft, **arrays)
    write_report(workdir)
    return results


def audit(encoder, config):
    """All figures of an encoder over the seeds.

    Args:
      encoder: as from `load_encoder`.
      config: molecules, seeds, path and progress, as in configs/latent.py.

    Returns:
      results: verdict, headline and rows of the seeds' means (see `figures`), seeds
      (seed -> rows), molecules and instruments; arrays of the first seed.
    """
    settings = encoder.config.copy_and_resolve_references()
    if config.path:
        settings.data.path = config.path
    evaluator = audit_evaluator(encoder.params, settings, encoder.model)
    by_seed, kept = {}, None
    bar = tqdm(
        total=len(config.seeds) * len(settings.data.modalities),
        unit="modality",
        disable=not config.progress,
    )

    def watch(modalities):
        for name in modalities:
            bar.set_postfix_str(name)
            yield name
            bar.update()

    with bar:
        for seed in config.seeds:
            by_seed[seed], arrays = examine(
                evaluator, seed, config.molecules, thorough=True, watch=watch
            )
            kept = arrays if kept is None else kept
    rows = pooled(list(by_seed.values()))
    results = summarised(rows) | {
        "instruments": evaluator.count,
        "seeds": {str(seed): found for seed, found in by_seed.items()},
    }
    shown = {name: kept[name] for name in (*LATENTS, *LABELS)}
    shown |= {name: kept[name].mean(axis=0) for name in KL}
    return results, shown | {n: v for n, v in kept.items() if n.startswith("swap_")}


def check(config):
    """Raise SpektronError for a setting that cannot work."""
    if config.molecules < LEAST_MOLECULES:
        raise SpektronError(
            f"config.molecules = {config.molecules}: must be {LEAST_MOLECULES} or more"
        )
    seeds = list(config.seeds)
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise SpektronError(
            f"config.seeds = {tuple(seeds)}: give different numbers, 0 or more"
        )
