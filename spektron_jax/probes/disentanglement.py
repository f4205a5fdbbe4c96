"""Disentangled, leaking or collapsed? One rule for training runs and audits.

In this order, over every modality and all of them together:

| verdict | when |
|---|---|
| collapsed | more than 30 % of the z_chem dimensions have a KL below 0.01 nats |
| leaking | the accuracy of an instrument probe on z_chem, linear or MLP, is above chance + 5 points and above the 97.5 % quantile of chance |
| collapsed | top-1 retrieval of the molecule across instruments, by nearest neighbour in z_chem, is below 80 %: hiding alone is no achievement |
| collapsed | the effective rank of z_chem is below 4: KL does not see that few directions, turned, move in all dimensions |
| disentangled | none of these |

n = spectra, Z = latent width.
"""  # noqa: E501 (a table cannot be wrapped)

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spektron_jax.metrics import dimensions, kl_summary
from spektron_jax.probes.probes import chance_interval, instrument_probe, molecule_probe
from spektron_jax.spectra.grid import MODALITIES

CODES = ("z_chem", "z_inst")
POINTS_ABOVE_CHANCE = 0.05
KNOWS_MOLECULE = 0.80
COLLAPSED_SHARE = 0.30
LEAST_RANK = 4.0
VERDICTS = ("disentangled", "leaking", "collapsed")
PROBES = {
    "linear": "instrument",
    "mlp": "instrument_mlp",
}  # kind -> its metrics


def code_metrics(
    latents: Mapping[str, np.ndarray],
    seed: int,
    kinds: tuple[str, ...] = ("linear",),
    again: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """What both codes know of instrument and molecule, and their KL.

    Args:
      latents: z_chem and z_inst (n, Z), kl_z_chem and kl_z_inst (n, Z), instrument,
        molecule and modality (n,).
      seed: of the folds.
      kinds: of instrument probes.
      again: z_chem and z_inst of a second measurement, row by row.

    Returns:
      "z_chem" and "z_inst": instrument (and instrument_mlp) and molecule, as from
      `probes`; "dimensions": effective rank of each; "kl": a summary of each;
      "molecules": spectra of one instrument.
    """
    instrument = latents["instrument"]
    identity = latents["molecule"] * len(MODALITIES) + latents["modality"]
    found: dict[str, Any] = {}
    for code in CODES:
        z = latents[code]
        found[code] = {
            PROBES[kind]: instrument_probe(z, instrument, identity, seed, kind)
            for kind in kinds
        }
        second = None if again is None else again[code]
        found[code]["molecule"] = molecule_probe(z, instrument, identity, second)
    found["molecules"] = int(np.unique(identity).size)
    found["dimensions"] = {c: dimensions(latents[c]) for c in CODES}
    found["kl"] = {c: kl_summary(latents[f"kl_{c}"].mean(axis=0)) for c in CODES}
    return found


def mean_over_seeds(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean of several seeds' metrics; the interval of chance is that of all together.

    Args:
      seeds: nested metrics of equal form, as from `code_metrics` or dicts of them.
    """
    found: dict[str, Any] = {}
    for name, first in seeds[0].items():
        values = [seed[name] for seed in seeds]
        if isinstance(first, Mapping):
            found[name] = mean_over_seeds(values)
        elif isinstance(first, float):
            found[name] = float(np.mean(values))
        else:
            found[name] = sum(values) if name == "molecules" else first
    if "molecules" in found:
        for code in CODES:
            for probe in PROBES.values():
                if probe in found[code]:
                    its = found[code][probe]
                    its |= chance_interval(found["molecules"], its["chance"])
    return found


def chance_limit(instrument: Mapping[str, float]) -> float:
    """The accuracy up to which an instrument probe counts as at chance."""
    return max(instrument["chance"] + POINTS_ABOVE_CHANCE, instrument["high"])


def hides_instrument(code: Mapping[str, Any]) -> bool:
    """Whether every instrument probe of a code is at chance."""
    probes = [code[name] for name in PROBES.values() if name in code]
    return all(probe["accuracy"] <= chance_limit(probe) for probe in probes)


def knows_molecule(code: Mapping[str, Any]) -> bool:
    """Whether top-1 retrieval across instruments is 80 % or more."""
    return code["molecule"]["accuracy"] >= KNOWS_MOLECULE


def most_read(
    codes: Mapping[str, Mapping[str, Any]],
) -> tuple[str, str, Mapping[str, float]]:
    """The instrument probe farthest above chance: its kind, its modality, its metrics.

    Args:
      codes: modality -> metrics of a code
    """
    probes = [
        (kind, modality, code[probe])
        for modality, code in codes.items()
        for kind, probe in PROBES.items()
        if probe in code
    ]
    return max(probes, key=lambda found: found[2]["accuracy"] - chance_limit(found[2]))


def least_retrieved(
    codes: Mapping[str, Mapping[str, Any]],
) -> tuple[str, Mapping[str, float]]:
    """The modality whose molecules are retrieved worst, and the metrics there."""
    found = [(modality, code["molecule"]) for modality, code in codes.items()]
    return min(found, key=lambda pair: pair[1]["accuracy"])


def verdict(
    codes: list[Mapping[str, Any]], collapsed: float, rank: float | None = None
) -> str:
    """One of VERDICTS, by the table above.

    Args:
      codes: the metrics of z_chem, of each modality and of all together.
      collapsed: share of z_chem dimensions below 0.01 nats, all together.
      rank: effective rank of z_chem, all together; None if it is not known.
    """
    if collapsed > COLLAPSED_SHARE:
        return "collapsed"
    if not all(map(hides_instrument, codes)):
        return "leaking"
    if rank is not None and rank < LEAST_RANK:
        return "collapsed"
    return "disentangled" if all(map(knows_molecule, codes)) else "collapsed"
