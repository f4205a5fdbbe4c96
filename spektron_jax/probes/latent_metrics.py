"""The figures of an audit for one seed: on instruments that no training pool holds.

    figures(audit_evaluator(params, config), seed=0, molecules=40)    in seconds

The same molecules are measured on every instrument in every modality that the weights
were trained on. Seed, molecules and instruments fix everything, so values compare
between weights.

Dimension legend: M molecules, N instruments, L points, Z latent width.
"""

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.probes.chemistry import composition, groups
from spektron_jax.probes.disentanglement import CODES, code_figures, verdict
from spektron_jax.probes.swap import swap
from spektron_jax.spectra.grid import MODALITIES

LEAST_MOLECULES = 10  # two in each fold of the probes
AGAIN = 2000  # random stream of second measurements
ALL = "all"  # name of the modalities together


def figures(evaluator, seed=0, molecules=40, *, split="test", thorough=False):
    """What z_chem and z_inst know, whether swaps decode, and the verdict.

    Args:
      evaluator, seed, molecules, split, thorough: as in `examine`.

    Returns:
      dict: verdict; headline (flat: verdict and the main figures, which are means
      over modalities); rows, as from `examine`.

    Raises:
      SpektronError: too few molecules in the split.
    """
    rows, _ = examine(evaluator, seed, molecules, split=split, thorough=thorough)
    return summarised(rows)


def examine(evaluator, seed, molecules, *, split="test", thorough=False, watch=iter):
    """All figures of one seed, and arrays for the pictures.

    Args:
      evaluator: from `training.evaluator.audit_evaluator`; takes on the seed, and as
        many instruments as it has anew.
      seed: of molecules, instruments, noise and folds.
      molecules: how many of the split; fewer if it has fewer that show in every
        modality.
      split: "test"; "validation" to choose between weights by.
      thorough: also MLP probes, second measurements on the same instrument, and
        chemistry from z_chem. Minutes instead of seconds.
      watch: wraps the modalities that are gone through, such as a progress bar.

    Returns:
      rows: modality and "all" -> figures of `code_figures`, swap and, if thorough,
      chemistry (these two by modality only); arrays: latents (n, ...) with their
      labels, swap_<modality> (4, L): axis, before, wanted and swapped spectrum.
    """
    evaluator.audit(evaluator.count, seed)
    names, molecule = evaluator.modalities, evaluator.choose(split, molecules)
    if len(molecule) < LEAST_MOLECULES:
        raise SpektronError(
            f"{len(molecule)} molecules of the {split} split for the audit: "
            f"{LEAST_MOLECULES} or more are needed; give more or use other data"
        )
    kinds = ("linear", "mlp") if thorough else ("linear",)
    rows, arrays, found = {}, {}, []
    for name in watch(names):
        code = np.full(len(molecule), MODALITIES.index(name), np.int32)
        rendered = list(evaluator.all_instruments(molecule, code))
        latents, again = evaluator.latents(molecule, code, rendered), None
        if thorough:
            again = evaluator.encode(evaluator.all_instruments(molecule, code, AGAIN))
        rows[name] = code_figures(latents, seed, kinds, again)
        rows[name]["swap"], arrays[f"swap_{name}"] = swap(
            evaluator, latents, rendered, seed
        )
        if thorough:
            rows[name]["chemistry"] = {
                "groups": groups(evaluator.source, latents, seed),
                "composition": composition(evaluator, molecule, name, seed),
            }
        found.append((latents, again))
    latents, again = (joined(parts) for parts in zip(*found, strict=True))
    if len(found) > 1:
        rows[ALL] = code_figures(latents, seed, kinds, again)
    return rows, arrays | latents


def joined(parts):
    """Rows of several dicts of arrays, one after the other; None if they are None."""
    if parts[0] is None:
        return None
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def overall(rows):
    """The row of all modalities together."""
    return rows.get(ALL) or next(iter(rows.values()))


def summarised(rows):
    """rows with their verdict and headline."""
    last = overall(rows)
    collapsed = last["kl"]["z_chem"]["collapsed"]
    said = verdict([row["z_chem"] for row in rows.values()], collapsed)
    single = [row for name, row in rows.items() if name != ALL]

    def mean(of):
        return float(np.mean([of(row) for row in single]))

    headline = {"verdict": said}
    for code in CODES:
        # By modality: an instrument's parameters differ from one to the other, so a
        # probe of all together reads less.
        for what in ("instrument", "molecule"):
            headline[f"{code}_{what}"] = mean(
                lambda row, code=code, what=what: row[code][what]["accuracy"]
            )
    headline["chance"] = mean(lambda row: row["z_chem"]["instrument"]["chance"])
    headline["collapsed"] = collapsed
    headline["kl_z_chem"] = last["kl"]["z_chem"]["mean"]
    headline["swap"] = mean(lambda row: row["swap"]["of_nothing"])
    return {"verdict": said, "headline": headline, "rows": rows}
