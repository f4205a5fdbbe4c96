"""Disentangled, leaking or collapsed? One rule for training runs and audits.

In this order, over every modality and all of them together:

| verdict | when |
|---|---|
| collapsed | more than 30 % of the z_chem dimensions have a KL below 0.01 nats |
| leaking | a probe, linear or MLP, reads the instrument from z_chem more often than chance + 5 points, and more often than a guesser does 97.5 % of the time |
| collapsed | the molecule is found again on another instrument, by nearest neighbour in z_chem, in less than 80 % of cases: hiding alone is no achievement |
| disentangled | none of these |

n = spectra, Z = latent width.
"""  # noqa: E501 (a table cannot be wrapped)

from collections.abc import Mapping
from typing import Any

import numpy as np

from spektron_jax.metrics import dimensions, kl_summary
from spektron_jax.probes.probes import guesser, instrument_probe, molecule_probe
from spektron_jax.spectra.grid import MODALITIES

CODES = ("z_chem", "z_inst")
POINTS_ABOVE_CHANCE = 0.05
KNOWS_MOLECULE = 0.80
COLLAPSED_SHARE = 0.30
VERDICTS = ("disentangled", "leaking", "collapsed")
PROBES = {"linear": "instrument", "mlp": "instrument_mlp"}  # kind -> name of figures


def code_figures(
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


def pooled(seeds: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean of several seeds' figures; a guesser's interval is that of all together.

    Args:
      seeds: nested figures of equal form, as from `code_figures` or dicts of them.
    """
    found = {}
    for name, first in seeds[0].items():
        values = [seed[name] for seed in seeds]
        if isinstance(first, Mapping):
            found[name] = pooled(values)
        elif isinstance(first, float):
            found[name] = float(np.mean(values))
        else:
            found[name] = sum(values) if name == "molecules" else first
    if "molecules" in found:
        for code in CODES:
            for probe in PROBES.values():
                if probe in found[code]:
                    its = found[code][probe]
                    its |= guesser(found["molecules"], its["chance"])
    return found


def limit(instrument: Mapping[str, float]) -> float:
    """The accuracy up to which an instrument probe counts as guessing."""
    return max(instrument["chance"] + POINTS_ABOVE_CHANCE, instrument["high"])


def hides_instrument(code: Mapping[str, Any]) -> bool:
    """Whether every instrument probe of a code stays within guessing."""
    probes = [code[name] for name in PROBES.values() if name in code]
    return all(probe["accuracy"] <= limit(probe) for probe in probes)


def knows_molecule(code: Mapping[str, Any]) -> bool:
    """Whether retrieval across instruments is right in 80 % of cases or more."""
    return code["molecule"]["accuracy"] >= KNOWS_MOLECULE


def verdict(codes: list[Mapping[str, Any]], collapsed: float) -> str:
    """One of VERDICTS, by the table above.

    Args:
      codes: the figures of z_chem, of each modality and of all together.
      collapsed: share of z_chem dimensions below 0.01 nats, all together.
    """
    if collapsed > COLLAPSED_SHARE:
        return "collapsed"
    if not all(map(hides_instrument, codes)):
        return "leaking"
    return "disentangled" if all(map(knows_molecule, codes)) else "collapsed"
