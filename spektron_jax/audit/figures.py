"""The figures of an audit for one seed: on instruments that no training pool holds.

    figures(params, config, seed=0, molecules=40)        headline figures in seconds

The same molecules are measured on 4 instruments in every modality that the weights were
trained on. Seed, molecules and instruments fix everything, so values compare between
weights.

Dimension legend: M molecules, N instruments, L points, Z latent width.
"""

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.audit.chemistry import composition, groups
from spektron_jax.audit.swap import swap
from spektron_jax.errors import SpektronError
from spektron_jax.evaluation.disentanglement import CODES, code_figures, verdict
from spektron_jax.grid import MODALITIES
from spektron_jax.lab.instruments import audit_instruments
from spektron_jax.training import views
from spektron_jax.training.judge import FIRST_STEP, Judge
from spektron_jax.training.loop import open_training_source
from spektron_jax.training.state import build_model

INSTRUMENTS = 4
LEAST_MOLECULES = 10  # two in each fold of the probes
AGAIN = FIRST_STEP + 2000  # random stream of second measurements
ALL = "all"  # name of the modalities together


def figures(
    params,
    config,
    seed=0,
    molecules=40,
    *,
    model=None,
    source=None,
    split="test",
    thorough=False,
):
    """What z_chem and z_inst know, whether swaps decode, and the verdict.

    Args:
      params: of the model.
      config: settings that they were trained with.
      seed: of molecules, instruments, noise and folds.
      molecules: how many of the split; fewer if it has fewer that show in every
        modality.
      model: has `apply` as the Flax module does; built from the config if None.
      source: of molecules; that of config.data if None.
      split: "test"; "validation" to choose between weights by.
      thorough: also MLP probes, second measurements on the same instrument, and
        chemistry from z_chem. Minutes instead of seconds.

    Returns:
      dict: verdict; headline (flat: verdict and the main figures); rows: modality and
      "all" -> figures of `code_figures`, swap and, if thorough, chemistry (swap and
      chemistry are by modality only).

    Raises:
      SpektronError: too few molecules in the split.
    """
    config = ConfigDict(config.to_dict())
    config.lab.fluorescence = 0.0  # what differs is the instrument, for all weights
    source = open_training_source(config) if source is None else source
    model = build_model(config) if model is None else model
    instruments = views.instruments_of(config, audit_instruments, INSTRUMENTS, seed)
    judge = Judge(config, model, params, source, instruments, seed)
    molecule = choose(source, config, split, molecules, seed)
    kinds = ("linear", "mlp") if thorough else ("linear",)
    rows, found = {}, []
    for name in config.data.modalities:
        code = np.full(len(molecule), MODALITIES.index(name), np.int32)
        seen = list(judge.everywhere(molecule, code))
        latents, again = judge.latents(molecule, code, seen), None
        if thorough:
            again = judge.codes(judge.everywhere(molecule, code, AGAIN))
        rows[name] = code_figures(latents, seed, kinds, again)
        rows[name]["swap"] = swap(judge, latents, seen, seed)
        if thorough:
            rows[name]["chemistry"] = {
                "groups": groups(source, latents, seed),
                "composition": composition(judge, molecule, name, seed),
            }
        found.append((latents, again))
    if len(found) > 1:
        latents, again = (
            {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            if parts[0] is not None
            else None
            for parts in zip(*found, strict=True)
        )
        rows[ALL] = code_figures(latents, seed, kinds, again)
    return summarised(rows)


def summarised(rows):
    """rows with their verdict and headline."""
    last = rows.get(ALL) or next(iter(rows.values()))
    collapsed = last["kl"]["z_chem"]["collapsed"]
    said = verdict([row["z_chem"] for row in rows.values()], collapsed)
    single = [row for name, row in rows.items() if name != ALL]
    headline = {"verdict": said}
    for code in CODES:
        # By modality: an instrument's parameters differ from one to the other, so a
        # probe of all together reads less.
        for what in ("instrument", "molecule"):
            values = [row[code][what]["accuracy"] for row in single]
            headline[f"{code}_{what}"] = float(np.mean(values))
    headline["chance"] = float(
        np.mean([row["z_chem"]["instrument"]["chance"] for row in single])
    )
    headline["collapsed"] = collapsed
    headline["kl_z_chem"] = last["kl"]["z_chem"]["mean"]
    headline["swap"] = float(np.mean([row["swap"]["of_nothing"] for row in single]))
    return {"verdict": said, "headline": headline, "rows": rows}


def choose(source, config, split, count, seed):
    """`count` molecules of a split that show in every modality, drawn by seed, (M,)."""
    molecule, modality = source.examples(split)
    for name in config.data.modalities:
        shown = molecule[modality == MODALITIES.index(name)]
        molecule, modality = (
            values[np.isin(molecule, shown)] for values in (molecule, modality)
        )
    usable = np.unique(molecule)
    if min(len(usable), count) < LEAST_MOLECULES:
        raise SpektronError(
            f"{min(len(usable), count)} molecules of the {split} split for the audit: "
            f"{LEAST_MOLECULES} or more are needed; give more or use other data"
        )
    return np.random.default_rng([seed, 1]).permutation(usable)[:count]
