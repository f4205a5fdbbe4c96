"""What the latent codes of weights know, for one seed, on instruments of no pool.

    latent_metrics(evaluator, seed=0, molecules=40)      the headline in seconds

The same molecules are measured on 4 instruments in every modality that the weights were
trained on. Seed, molecules and instruments fix everything, so values compare between
weights.

Dimension legend: M molecules, N instruments, L points, Z latent width.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.probes.chemistry import composition, groups
from spektron_jax.probes.disentanglement import CODES, code_metrics, verdict
from spektron_jax.probes.swap import swap
from spektron_jax.spectra.grid import MODALITIES

MIN_MOLECULES = 10  # two in each fold of the probes
SECOND_MEASUREMENT = 2000  # its random stream
ALL = "all"  # name of the modalities together
Arrays = dict[str, np.ndarray]


def latent_metrics(
    evaluator: Any,
    seed: int = 0,
    molecules: int = 40,
    *,
    split: str = "test",
    thorough: bool = False,
) -> dict[str, Any]:
    """What z_chem and z_inst know, whether swaps decode, and the verdict.

    Args and errors as of `evaluate_seed`.

    Returns:
      verdict, headline and rows, as from `summarise`.
    """
    rows, _ = evaluate_seed(evaluator, seed, molecules, split=split, thorough=thorough)
    return summarise(rows)


def evaluate_seed(
    evaluator: Any,
    seed: int,
    molecules: int,
    *,
    split: str = "test",
    thorough: bool = False,
    watch: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> tuple[dict[str, Any], Arrays]:
    """All metrics of one seed, and arrays for the figures.

    Args:
      evaluator: renders and encodes, as a FixedEvaluator does; takes on the seed, and
        as many instruments as it has anew.
      seed: of molecules, instruments, noise and folds.
      molecules: how many of the split; fewer if it has fewer that show in every
        modality.
      split: "test"; "validation" to choose between weights by.
      thorough: also MLP probes, second measurements on the same instrument, and
        chemistry from z_chem. Minutes instead of seconds.
      watch: wraps the modalities that are gone through, such as a progress bar.

    Returns:
      rows: modality and "all" -> metrics of `code_metrics`, swap and, if thorough,
      chemistry (these two by modality only); arrays: latents (n, ...) with their
      labels, swap_<modality> (4, L): axis, before, wanted and swapped spectrum.

    Raises:
      SpektronError: too few molecules in the split.
    """
    evaluator.audit(evaluator.count, seed)
    names, molecule = evaluator.modalities, evaluator.choose(split, molecules)
    if len(molecule) < MIN_MOLECULES:
        raise SpektronError(
            f"{len(molecule)} molecules of the {split} split for the audit: "
            f"{MIN_MOLECULES} or more are needed; give more or use other data"
        )
    rows: dict[str, Any] = {}
    arrays: Arrays = {}
    codes: list[Arrays] = []
    second: list[Arrays] = []
    for name in watch(names):
        found = _one_modality(evaluator, molecule, name, seed, thorough)
        rows[name], arrays[f"swap_{name}"], latents, again = found
        codes.append(latents)
        second += [] if again is None else [again]
    latents = _joined(codes)
    if len(names) > 1:
        again = _joined(second) if second else None
        rows[ALL] = code_metrics(latents, seed, _kinds(thorough), again)
    return rows, arrays | latents


def _kinds(thorough: bool) -> tuple[str, ...]:
    return ("linear", "mlp") if thorough else ("linear",)


def _one_modality(
    evaluator: Any, molecule: np.ndarray, name: str, seed: int, thorough: bool
) -> tuple[dict[str, Any], np.ndarray, Arrays, Arrays | None]:
    """Its row, a swapped spectrum, latents, and those of second measurements."""
    code = np.full(len(molecule), MODALITIES.index(name), np.int32)
    rendered = list(evaluator.all_instruments(molecule, code))
    latents, again = evaluator.latents(molecule, code, rendered), None
    if thorough:
        repeated = evaluator.all_instruments(molecule, code, SECOND_MEASUREMENT)
        again = evaluator.encode(repeated)
    row = code_metrics(latents, seed, _kinds(thorough), again)
    row["swap"], example = swap(evaluator, latents, rendered, seed)
    if thorough:
        row["chemistry"] = {
            "groups": groups(evaluator.source, latents, seed),
            "composition": composition(evaluator, molecule, name, seed),
        }
    return row, example, latents, again


def _joined(parts: list[Arrays]) -> Arrays:
    """Rows of several dicts of arrays, one after the other."""
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def summarise(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Rows with their verdict and headline.

    Returns:
      verdict; headline: verdict and the main metrics, flat, means over modalities;
      rows.
    """
    overall = rows.get(ALL) or next(iter(rows.values()))
    collapsed = overall["kl"]["z_chem"]["collapsed"]
    rank = overall["dimensions"]["z_chem"]
    said = verdict([row["z_chem"] for row in rows.values()], collapsed, rank)

    def mean(*path: str) -> float:
        """By modality: an instrument's parameters differ from one to the other, so a
        probe of all together reads less."""
        values: list[Any] = [row for name, row in rows.items() if name != ALL]
        for key in path:
            values = [value[key] for value in values]
        return float(np.mean(values))

    headline: dict[str, Any] = {"verdict": said}
    for code in CODES:
        for what in ("instrument", "molecule"):
            headline[f"{code}_{what}"] = mean(code, what, "accuracy")
    headline |= {
        "chance": mean("z_chem", "instrument", "chance"),
        "collapsed": collapsed,
        "effective_rank": rank,
        "kl_z_chem": overall["kl"]["z_chem"]["mean"],
        "swap": mean("swap", "of_nothing"),
    }
    return {"verdict": said, "headline": headline, "rows": rows}
