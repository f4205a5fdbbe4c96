"""Does z_inst carry the instrument? Spectra decoded from exchanged codes.

z_chem of a molecule on instrument a with z_inst of instrument b should decode to the
molecule on b. The reference is the noise-free spectrum on b; the baseline is to do
nothing, that is to take the spectrum measured on a for that on b.

Dimension legend: M molecules, N instruments, L points, Z latent width.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from spektron_jax.metrics import paired_ratio


def swap(
    evaluator: Any, latents: Mapping[str, np.ndarray], rendered: Sequence, seed: int
) -> tuple[dict[str, Any], np.ndarray]:
    """Errors of swaps between neighbouring instruments, one modality.

    Args:
      evaluator: decodes.
      latents: from its `latents`, rows by instrument, then molecule.
      rendered: the batches that they come from.
      seed: of the bootstrap over molecules.

    Returns:
      mse (absorbance squared): swapped, nothing, and four decodings that say why:
      itself (both codes of b: what the decoder loses), other_molecule (z_inst of b
      from another molecule), own_instrument (z_inst of a), other_chemistry (z_chem of
      another molecule); of_nothing, low, high: error of the swap over that of doing
      nothing; closer: share of swaps that lie nearer to the spectrum on b than to
      that on a (half: no better than a coin). And an example, (4, L): axis (cm-1),
      the noise-free spectrum on a, that on b, and the swap.
    """
    count, scale = latents["instrument"].max() + 1, evaluator.simulator.scale
    axis = np.asarray(rendered[0].inputs[1])
    axis = axis if axis.ndim == 1 else axis[0]  # the same for all of one modality

    def spectra(of: Callable[[Any], Any]) -> np.ndarray:
        rows = [np.asarray(of(one))[: one.real] for one in rendered]
        return scale * np.concatenate(rows)

    measured = spectra(lambda one: one.view.measured)
    ideal = _by_instrument(spectra(lambda one: one.view.ideal), count)
    wanted, before = np.concatenate(np.roll(ideal, -1, axis=0)), np.concatenate(ideal)
    codes = (_by_instrument(latents[name], count) for name in ("z_chem", "z_inst"))
    predicted = {"nothing": measured}
    for name, pairs in _exchanged(*codes).items():
        rows = [
            np.asarray(evaluator.apply(*pair, axis, method="transfer"))
            for pair in zip(*pairs, strict=True)
        ]
        predicted[name] = scale * np.concatenate(rows)
    swapped, everywhere = predicted["swapped"], np.ones(wanted.shape, bool)
    ratio = paired_ratio(
        swapped, measured, wanted, everywhere, latents["molecule"], seed
    )
    to_b, to_a = (((swapped - other) ** 2).sum(axis=1) for other in (wanted, before))
    found = {
        "mse": {
            name: float(np.mean((value - wanted) ** 2))
            for name, value in predicted.items()
        },
        "of_nothing": ratio["ratio"],
        "low": ratio["low"],
        "high": ratio["high"],
        "closer": float(np.mean(to_b < to_a)),
    }
    return found, np.stack([axis, before[0], wanted[0], swapped[0]])


def _by_instrument(values: np.ndarray, count: int) -> np.ndarray:
    """(N M, ...) to (N, M, ...)."""
    return values.reshape(count, -1, *values.shape[1:])


def _exchanged(
    chem: np.ndarray, inst: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pairs of codes to decode, each (N, M, Z); b is the instrument after a."""
    chem_b, inst_b = (np.roll(code, -1, axis=0) for code in (chem, inst))
    return {
        "swapped": (chem, inst_b),
        "itself": (chem_b, inst_b),
        "other_molecule": (chem, np.roll(inst_b, 1, axis=1)),
        "own_instrument": (chem, inst),
        "other_chemistry": (np.roll(chem, 1, axis=1), inst_b),
    }
