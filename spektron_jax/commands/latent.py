"""The task "latent": what do the codes of trained weights know?

results.json holds the means over seeds and each seed's metrics, results.npz the codes
and swapped spectra of the first seed.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from spektron_jax.commands.report.latent_page import findings, sections
from spektron_jax.commands.report.wording import count
from spektron_jax.commands.result import Result
from spektron_jax.encoder.load import Encoder, load_encoder
from spektron_jax.errors import SpektronError
from spektron_jax.probes.disentanglement import mean_over_seeds
from spektron_jax.probes.latent_metrics import (
    MIN_MOLECULES,
    evaluate_seed,
    summarise,
)
from spektron_jax.training.evaluator import (
    KL,
    LABELS,
    LATENTS,
    FixedEvaluator,
    audit_evaluator,
)
from spektron_jax.training.state import parameter_count


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    if config.molecules < MIN_MOLECULES:
        raise SpektronError(
            f"config.molecules = {config.molecules}: must be {MIN_MOLECULES} or more"
        )
    seeds = list(config.seeds)
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise SpektronError(
            f"config.seeds = {tuple(seeds)}: give different numbers, 0 or more"
        )


def run(config: ConfigDict, workdir: Path) -> Result:
    """Audit the weights; prints verdict and headline."""
    result = audit(load_encoder(config.weights), config)
    print(f"verdict: {result.data['verdict']}")
    for name, value in result.data["headline"].items():
        if name != "verdict":
            print(f"{name:18s} {value:.3f}")
    return result


def audit(encoder: Encoder, config: ConfigDict) -> Result:
    """All metrics of an encoder over the seeds.

    Args:
      encoder: as from `load_encoder`.
      config: weights, molecules, seeds, path and progress, as in configs/latent.py.

    Returns:
      A Result whose data hold verdict, headline and rows of the seeds' means (see
      `latent_metrics.evaluate_seed`), seeds (seed -> rows) and instruments; its arrays
      are those of the first seed.
    """
    evaluator = evaluator_of(encoder, config.path)
    by_seed: dict[int, dict[str, Any]] = {}
    first: dict[str, np.ndarray] = {}
    modalities = encoder.config.data.modalities
    with tqdm(
        total=len(config.seeds) * len(modalities),
        unit="modality",
        disable=not config.progress,
    ) as bar:
        for seed in config.seeds:
            by_seed[seed], arrays = evaluate_seed(
                evaluator,
                seed,
                config.molecules,
                thorough=True,
                watch=lambda names: _watched(names, bar),
            )
            first = first or arrays
    seeds = list(by_seed.values())
    found: dict[str, Any] = summarise(mean_over_seeds(seeds))
    parameters = parameter_count(encoder.params)
    facts = (
        f"{count(parameters)} parameters",
        f"{evaluator.count} simulated instruments that no training pool holds",
        f"{config.molecules} test molecules on each",
        f"seeds {', '.join(map(str, by_seed))}",
    )
    kept = {name: first[name] for name in (*LATENTS, *LABELS)}
    kept |= {name: first[name].mean(axis=0) for name in KL}
    kept |= {name: value for name, value in first.items() if name.startswith("swap_")}
    return Result(
        title=f"Disentanglement audit: {config.weights}",
        facts="; ".join(facts) + ".",
        verdict=findings(found["verdict"], found["headline"], found["rows"]),
        sections=sections(found["rows"], seeds, kept),
        data=found
        | {
            "instruments": evaluator.count,
            "seeds": {str(seed): rows for seed, rows in by_seed.items()},
            "weights": str(config.weights),
            "parameters": parameters,
        },
        arrays=kept,
    )


def evaluator_of(encoder: Encoder, path: str) -> FixedEvaluator:
    """An evaluator of an encoder, on its own molecules or those of `path`."""
    settings = encoder.config.copy_and_resolve_references()
    settings.data.path = path or settings.data.path
    return audit_evaluator(encoder.params, settings, encoder.model)


def _watched(names: Iterable[str], bar: tqdm) -> Iterator[str]:
    for name in names:
        bar.set_postfix_str(name)
        yield name
        bar.update()
