"""The task "interpret": what trained weights have learned, part by part.

N layers, P oscillators, W waves, p points of a spectrum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from spektron_jax.commands.report import interpret_page as page
from spektron_jax.commands.result import Finding, Result, Section
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.encoder.load import Encoder, load_encoder
from spektron_jax.errors import SpektronError
from spektron_jax.probes.completeness import compare_activity
from spektron_jax.probes.interpretation import experts, oscillators, planted
from spektron_jax.probes.interpretation.saliency import (
    contributions,
    linear_readout,
    saliency,
)
from spektron_jax.probes.interpretation.samples import (
    CalibrationSet,
    own_samples,
    virtual_samples,
)
from spektron_jax.training.molecule_spectra import molecule_spectra
from spektron_jax.training.state import init_params

EXPLAINED = 24  # spectra behind the contributions


@dataclass(frozen=True)
class PartFound:
    """What one part of the task leaves: JSON-ready data, arrays, page, verdict."""

    data: dict[str, Any]
    arrays: dict[str, np.ndarray]
    section: Section
    verdict: tuple[Finding, ...] = ()


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    if config.molecules < 1:
        raise SpektronError(f"config.molecules = {config.molecules}: must be 1 or more")


def run(config: ConfigDict, workdir: Path) -> Result:
    """Every part, on the user's own samples or on virtual ones."""
    samples = (
        own_samples(config.data) if config.data.path else virtual_samples(config.seed)
    )
    encoder = load_encoder(config.weights)
    parts: dict[str, Callable[[], PartFound]] = {
        "oscillators": lambda: oscillator_part(encoder),
        "experts": lambda: expert_part(encoder, config.molecules, config.seed),
        "saliency": lambda: saliency_part(encoder, samples, config.seed),
        "completeness": completeness_part,
    }
    found = {}
    for name, part in tqdm(parts.items(), unit="part", disable=not config.progress):
        found[name] = part()
    data = {name: each.data for name, each in found.items()}
    return Result(
        title=f"Inside the weights: {config.weights}",
        verdict=[line for each in found.values() for line in each.verdict],
        sections=[each.section for each in found.values()],
        data=data | {"weights": str(config.weights)},
        arrays={k: v for each in found.values() for k, v in each.arrays.items()},
    )


def oscillator_part(encoder: Encoder) -> PartFound:
    """Poles and transfer functions before and after training."""
    fresh = init_params(encoder.model, encoder.config.seed)
    found = oscillators.compare(fresh, encoder.params, encoder.config.model.stride)
    arrays = {"wave_period_cm1": found.wave_period_cm1}
    for when in ("before", "after"):
        poles = getattr(found, when)._asdict()
        arrays |= {f"{name}_{when}": values for name, values in poles.items()}
        arrays[f"gain_{when}"] = getattr(found, f"gain_{when}")
    data = {
        "token_spacing_cm1": found.token_spacing_cm1,
        "median_move_of_period": found.moved("period_cm1"),
        "median_move_of_decay": found.moved("decay_cm1"),
        "median_move_of_strength": found.moved("strength"),
        "median_change_of_gain": found.change_of_gain(),
        "decay_cm1_quartiles": found.quartiles("decay_cm1"),
        "period_cm1_quartiles": found.quartiles("period_cm1"),
    }
    return PartFound(data, arrays, page.oscillator_section(found))


def expert_part(encoder: Encoder, count: int, seed: int) -> PartFound:
    """Use by modality, and the learned curves if the experts have any."""
    load, modality = [], []
    for name in encoder.config.data.modalities:
        spectra, axis = molecule_spectra(encoder.config, name, count, seed)
        load.append(encoder.encode(spectra, axis, "cm-1", name)["load"])
        modality += [name] * len(spectra)
    use = experts.usage(np.concatenate(load), np.array(modality))
    curves = experts.curves(encoder.params, encoder.config.model.experts)
    preference = experts.preference(use)
    data = {
        "use": {name: share.tolist() for name, share in use.items()},
        "preference": preference,
        "spectra": count,
        "kan": curves is not None,
    }
    arrays = {}
    if curves is not None:
        data["spline_share_median"] = float(np.median(curves.spline_share))
        arrays = {f"kan_{name}": values for name, values in curves._asdict().items()}
    line = Finding(None, "experts", f"modalities differ by {preference:.2f} of 1")
    return PartFound(data, arrays, page.expert_section(use, curves), (line,))


def saliency_part(encoder: Encoder, samples: CalibrationSet, seed: int) -> PartFound:
    """Contributions to the prediction of the samples' property, and planted bands."""
    spectra, axis, unit, modality = samples[:4]
    z = encoder.embed(spectra, axis, unit, modality)
    readout = linear_readout(z, samples.y, seed)
    chosen = np.random.default_rng(seed).permutation(len(spectra))[:EXPLAINED]
    mean = np.nanmean(spectra, axis=0)
    found = saliency(encoder, readout, spectra[chosen], axis, unit, modality, mean)
    bands = planted.plant(encoder, spectra, axis, unit, modality, seed)
    kept = ("place", "fwhm", "r2", "share", "control", "points", "found")
    data = {
        "property": samples.name,
        "source": samples.source,
        "unit": unit,
        "samples": len(spectra),
        "shown": len(chosen),
        "q2": readout.q2,
        "absolute_sum": float(np.abs(contributions(found)).sum()),
        "largest_gap": float(np.abs(found.gap).max()),
        "planted": [{key: getattr(band, key) for key in kept} for band in bands],
    }
    arrays = {
        "axis": np.asarray(axis),
        "mean": mean,
        "spread": np.nanstd(spectra, axis=0),
        "gradient": found.gradient.mean(axis=0),
        "contribution": contributions(found),
        "planted_map": np.stack([band.map for band in bands]),
        "planted_control": np.stack([band.control_map for band in bands]),
    }
    hits = sum(band.found for band in bands)
    text = f"{hits} of {len(bands)} planted bands found"
    line = Finding(hits == len(bands), "saliency", text)
    section = page.saliency_section(samples, readout, found, bands)
    return PartFound(data, arrays, section, (line,))


def completeness_part() -> PartFound:
    """R(G, N) of the shipped molecules."""
    corpus = LineCorpus.load()
    found = compare_activity(corpus)
    data = {
        "molecules": found.ratio.size,
        "allowed": found.allowed,
        "visible": found.visible,
        "known": [
            {
                "name": one.name,
                "group": one.group,
                "expected": list(one.expected),
                "found": list(one.found),
            }
            for one in found.textbook
        ],
        "incomplete_by_symmetry": found.incomplete,
        "exclusive": found.exclusive,
        "mean_visible": found.mean_visible(),
    }
    arrays = {"ratio_allowed": found.ratio}
    arrays |= {f"ratio_visible_{k}": v for k, v in found.visible_share.items()}
    return PartFound(data, arrays, page.completeness_section(found))
