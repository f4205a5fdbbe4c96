"""The task "interpret" of the command line: every part of this folder, one report.

    results.json   figures and settings
    results.npz    arrays behind the pictures
    report.html

N layers, P oscillators, W waves, p points of a spectrum.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

import spektron_jax
from spektron_jax.archive import replacing
from spektron_jax.commands.report.interpretation_page import write_report
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.encoder.load import load_encoder
from spektron_jax.errors import SpektronError
from spektron_jax.probes.completeness import (
    ALLOWED,
    TEXTBOOK,
    VISIBLE,
    completeness,
)
from spektron_jax.probes.interpretation import experts, oscillators, planted
from spektron_jax.probes.interpretation import samples as examples
from spektron_jax.probes.interpretation.saliency import (
    contributions,
    linear_readout,
    saliency,
)
from spektron_jax.training.state import init_params

LONGEST_CM1 = 8000.0  # period; longer than any axis is a baseline
WAVES = 120
SHOWN = 24  # spectra behind the contributions


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    if config.molecules < 1:
        raise SpektronError(f"config.molecules = {config.molecules}: must be 1 or more")


def run(config: ConfigDict, workdir: Path) -> None:
    """Do every part, write the three files, print the main figures."""
    samples = (
        examples.own_samples(config.data)
        if config.data.path
        else examples.virtual_samples(config.seed)
    )
    encoder = load_encoder(config.weights)
    parts = {
        "oscillators": lambda: oscillator_part(encoder),
        "experts": lambda: expert_part(encoder, config.molecules, config.seed),
        "saliency": lambda: saliency_part(encoder, samples, config.seed),
        "completeness": completeness_part,
    }
    results, arrays = {}, {}
    for name, part in tqdm(parts.items(), unit="part", disable=not config.progress):
        results[name], found = part()
        arrays |= found
    results |= {
        "weights": str(config.weights),
        "config": json.loads(config.to_json()),
        "version": spektron_jax.__version__,
        "command": " ".join(["python -m spektron_jax.main", *sys.argv[1:]]),
    }
    with replacing(workdir / "results.npz") as path:
        np.savez_compressed(path, **arrays)
    with replacing(workdir / "results.json") as path:
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    report = write_report(workdir)
    print(f"experts: modalities differ by {results['experts']['preference']:.2f} of 1")
    bands = results["saliency"]["planted"]
    hits = sum(each["found"] for each in bands)
    print(f"saliency: {hits} of {len(bands)} planted bands found")
    print(f"results: {os.path.relpath(workdir / 'results.json')}")
    print(f"report: {os.path.relpath(report)}")


def oscillator_part(encoder):
    """Poles and transfer functions before and after training."""
    stride = encoder.config.model.stride
    fresh = init_params(encoder.model, encoder.config.seed)
    spacing = oscillators.token_spacing_cm1(stride)
    period = np.geomspace(2 * spacing, LONGEST_CM1, WAVES)
    arrays, found = {"wave_period_cm1": period}, {}
    for when, params in (("before", fresh), ("after", encoder.params)):
        found[when] = oscillators.oscillators(params, stride)
        gain = oscillators.transfer_functions(params, stride, period)
        arrays[f"gain_{when}"] = gain
        arrays |= {f"{k}_{when}": v for k, v in found[when]._asdict().items()}
    before, after = found["before"], found["after"]

    def moved(name):
        ratio = np.log(getattr(after, name) / getattr(before, name))
        return float(np.median(np.abs(ratio)))

    change = np.log(arrays["gain_after"] / arrays["gain_before"])
    return {
        "token_spacing_cm1": spacing,
        "median_move_of_period": moved("period_cm1"),
        "median_move_of_decay": moved("decay_cm1"),
        "median_move_of_strength": moved("strength"),
        "median_change_of_gain": float(np.median(np.abs(change))),
        "decay_cm1_quartiles": np.percentile(after.decay_cm1, [25, 50, 75]).tolist(),
        "period_cm1_quartiles": np.percentile(after.period_cm1, [25, 50, 75]).tolist(),
    }, arrays


def expert_part(encoder, count, seed):
    """Use by modality, and the learned curves if the experts have any."""
    load, modality = [], []
    for name in encoder.config.data.modalities:
        spectra, axis = examples.molecules(encoder.config, name, count, seed)
        load.append(encoder.encode(spectra, axis, "cm-1", name)["load"])
        modality += [name] * len(spectra)
    use = experts.usage(np.concatenate(load), np.array(modality))
    shapes = experts.curves(encoder.params, encoder.config.model.experts)
    figures = {
        "use": {name: share.tolist() for name, share in use.items()},
        "preference": experts.preference(use),
        "spectra": count,
        "kan": shapes is not None,
    }
    if shapes is None:
        return figures, {}
    figures["spline_share_median"] = float(np.median(shapes.spline_share))
    return figures, {f"kan_{k}": v for k, v in shapes._asdict().items()}


def saliency_part(encoder, samples, seed):
    """Contributions to the prediction of the samples' property, and planted bands."""
    spectra, axis, unit, modality, y, name, source = samples
    z = encoder.embed(spectra, axis, unit, modality)
    readout = linear_readout(z, y, seed)
    shown = np.random.default_rng(seed).permutation(len(spectra))[:SHOWN]
    mean = np.nanmean(spectra, axis=0)
    seen = saliency(encoder, readout, spectra[shown], axis, unit, modality, mean)
    bands = planted.plant(encoder, spectra, axis, unit, modality, seed)
    arrays = {
        "axis": np.asarray(axis),
        "mean": mean,
        "spread": np.nanstd(spectra, axis=0),
        "gradient": seen.gradient.mean(axis=0),
        "contribution": contributions(seen),
        "planted_map": np.stack([each.map for each in bands]),
        "planted_control": np.stack([each.control_map for each in bands]),
    }
    kept = ("place", "fwhm", "r2", "share", "control", "points", "found")
    return {
        "property": name,
        "source": source,
        "unit": unit,
        "samples": len(spectra),
        "shown": len(shown),
        "q2": readout.q2,
        "absolute_sum": float(np.abs(arrays["contribution"]).sum()),
        "largest_gap": float(np.abs(seen.gap).max()),
        "planted": [{key: getattr(each, key) for key in kept} for each in bands],
    }, arrays


def completeness_part():
    """R(G, N) of the shipped molecules."""
    corpus = LineCorpus.load()
    lines = (
        corpus.ir_intensity_km_mol,
        corpus.raman_activity,
        corpus.line_offset,
        corpus.modes,
    )
    allowed = completeness(*lines)
    visible = completeness(*lines, threshold=VISIBLE)
    rows = corpus.rows_of(TEXTBOOK)
    known = [
        {
            "name": row[0],
            "group": row[1],
            "expected": list(row[2:]),
            "found": [int(column[place]) for column in allowed],
        }
        for place, row in zip(rows, TEXTBOOK.values(), strict=True)
    ]
    # Modes that are not listed at all (below 20 cm-1) are no matter of symmetry.
    silent = np.diff(corpus.line_offset) - allowed.either
    centred = (allowed.both == 0) & (allowed.modes > 1)
    return {
        "molecules": int(allowed.modes.size),
        "allowed": ALLOWED,
        "visible": VISIBLE,
        "known": known,
        "incomplete_by_symmetry": int(np.sum(silent > 0)),
        "exclusive": int(centred.sum()),
        "mean_visible": {
            name: float(np.mean(getattr(visible, name) / visible.modes))
            for name in ("ir", "raman", "either")
        },
    }, {
        "ratio_allowed": 1 - silent / allowed.modes,
        **{
            f"ratio_visible_{name}": getattr(visible, name) / visible.modes
            for name in ("ir", "raman", "either")
        },
    }
