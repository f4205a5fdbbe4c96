"""Chemistry in z_chem: functional groups, and the composition of mixtures.

Both by ridge regression fitted on one instrument, used on it and on the others.

Dimension legend: M molecules, G groups.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from spektron_jax.lab.samples import draw_composition
from spektron_jax.probes.probes import property_probe
from spektron_jax.spectra.grid import MODALITIES

COMPONENTS = 6
MIN_MIXTURES = 20
MIXTURES = 3000  # their random stream
SAME = 0.9  # a group is left out if more molecules than this have the same number


def groups(
    source: Any, latents: Mapping[str, np.ndarray], seed: int
) -> dict[str, Any] | None:
    """R2 of the numbers of functional groups; None if the source does not know them.

    Returns:
      same, cross (see `property_probe`) and the names of the groups counted.
    """
    if not hasattr(source, "groups"):
        return None
    names, counts = source.groups(latents["molecule"])
    kept = [
        np.unique(c, return_counts=True)[1].max() <= SAME * len(c) for c in counts.T
    ]
    if not any(kept):
        return None
    found = property_probe(
        latents["z_chem"],
        latents["instrument"],
        latents["molecule"],
        counts[:, kept],
        seed,
    )
    return {**found, "groups": [n for n, its in zip(names, kept, strict=True) if its]}


def composition(
    evaluator: Any, molecule: np.ndarray, modality: str, seed: int
) -> dict[str, float]:
    """R2 of the shares in mixtures of 2 to 6 of the molecules; half as many as M.

    Spectra mix by Beer and Lambert before the instrument, each component's strongest
    band 1.

    Returns:
      same and cross, see `property_probe`.
    """
    count = max(len(molecule) // 2, MIN_MIXTURES)
    code = np.full(count, MODALITIES.index(modality), np.int32)
    parts = molecule[:COMPONENTS], code[:COMPONENTS]
    pure, _ = evaluator.clean({"modality": parts[1], **evaluator.source.fetch(*parts)})
    shares = draw_composition(jax.random.key(seed), count, COMPONENTS)
    mixtures = shares @ pure
    rendered = [
        batch
        for k in range(evaluator.count)
        for batch in evaluator.render_spectra(
            mixtures, code, evaluator.instruments.at(k), MIXTURES + k
        )
    ]
    return property_probe(
        evaluator.encode(rendered)["z_chem"],
        np.repeat(np.arange(evaluator.count), count),
        np.tile(np.arange(count), evaluator.count),
        np.tile(np.asarray(shares), (evaluator.count, 1)),
        seed,
    )
