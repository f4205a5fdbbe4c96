"""What the pages on pretraining, latent codes and interpretation have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spektron_jax.commands.report.latent_figures import expert_use, latent_scatter
from spektron_jax.commands.report.wording import interval, share
from spektron_jax.commands.result import Part, Plot, Section, Table, Text
from spektron_jax.probes.disentanglement import CODES, PROBES, chance_limit
from spektron_jax.probes.interpretation.experts import preference
from spektron_jax.spectra.grid import MODALITIES

DESIRED = {
    "z_chem": "Desired: instruments lie on each other (left), each sample forms one "
    "tight clump whatever the instrument (right).",
    "z_inst": "Desired: instruments lie apart (left), samples do not (right).",
}


def probe_table(
    rows: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[Mapping[str, Mapping[str, Any]]] = (),
    caption: str = "",
) -> Table:
    """What is read from codes; with several seeds, each value with its range.

    Args:
      rows: heading -> metrics of one code, as from `disentanglement.code_metrics`
      seeds: the same rows of each seed
      caption: of the table
    """
    first = next(iter(rows.values()))
    kinds = {kind: name for kind, name in PROBES.items() if name in first}
    again = "same" in first["molecule"]

    def cell(heading: str, what: str, which: str) -> str:
        values = [seed[heading][what][which] for seed in seeds]
        text = share(rows[heading][what][which])
        if len(values) > 1:
            text += f" ({100 * min(values):.1f}–{100 * max(values):.1f})"
        return text

    cells = []
    for heading, row in rows.items():
        at_chance = row["instrument"]
        cells.append(
            [
                heading,
                *(cell(heading, name, "accuracy") for name in kinds.values()),
                f"{share(at_chance['chance'])} {interval(at_chance, share)}",
                share(chance_limit(at_chance)),
                cell(heading, "molecule", "accuracy"),
                *([cell(heading, "molecule", "same")] if again else []),
                share(row["molecule"]["chance"]),
            ]
        )
    named = {"linear": "instrument, linear probe", "mlp": "instrument, MLP probe"}
    header = ["", *(named[kind] for kind in kinds)]
    header += ["chance [95 %]", "at chance up to", "top-1 retrieval across instruments"]
    header += ["same instrument"] if again else []
    return Table([*header, "chance"], cells, caption)


def latent_section(arrays: Mapping[str, np.ndarray]) -> Section:
    """Both codes in the plane of their first two principal components.

    Args:
      arrays: z_chem and z_inst (N, Z); instrument, molecule and modality (N,)
    """
    modality = np.array(MODALITIES)[arrays["modality"]]
    labels = arrays["instrument"], arrays["molecule"], modality
    plots = [
        Plot(
            latent_scatter(arrays[code], *labels, name=code),
            f"{code}, first two principal components. {DESIRED[code]} Instruments are "
            "numbered; on the right each colour and marker is one molecule in one "
            "modality. A plane shows only a part; the probes use all dimensions.",
        )
        for code in CODES
    ]
    return Section("latent", "Latent space", plots)


def expert_parts(use: Mapping[str, Sequence[float] | np.ndarray]) -> list[Part]:
    """Which experts are called, as table, sentence and figure.

    Args:
      use: modality -> share of its tokens that each expert takes
    """
    amount = len(next(iter(use.values())))
    header = ("modality", *(f"expert {index + 1}" for index in range(amount)))
    rows = [(name, *map(share, shares)) for name, shares in use.items()]
    return [
        Table(header, rows, "Share of tokens, by modality"),
        Text(expert_reading(use)),
        Plot(
            expert_use(use),
            "Bars of different height within an expert mean that modalities choose "
            "experts differently; bars at the dashed line mean even use.",
        ),
    ]


def expert_reading(use: Mapping[str, Sequence[float] | np.ndarray]) -> str:
    """Are experts used, and do modalities choose differently?"""
    shares = np.array(list(use.values()), dtype=np.float64)
    # A fifth of even use: below that an expert hardly gets a gradient.
    idle = np.flatnonzero(shares.max(axis=0) < 0.2 / shares.shape[1]) + 1
    text = "All experts are in use."
    if idle.size:
        text = f"Hardly used by any modality: expert {', '.join(map(str, idle))}."
    if len(use) > 1:
        text += (
            f" Modalities place up to {share(preference(use))} of their tokens "
            "differently (0 %: no specialisation)."
        )
    return text
