"""Does z_inst carry the instrument? Spectra decoded from exchanged codes.

z_chem of a molecule on instrument a with z_inst of instrument b should decode to the
molecule on b. It is compared with the noise-free spectrum on b; the baseline is to do
nothing, that is to take the spectrum measured on a for that on b.

Dimension legend: M molecules, N instruments, L points, Z latent width.
"""

import numpy as np

from spektron_jax.metrics import paired_ratio


def swap(evaluator, latents, rendered, seed):
    """Errors of swaps between neighbouring instruments, one modality.

    Args:
      evaluator: decodes.
      latents: from `FixedEvaluator.latents`, rows by instrument, then molecule.
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
    count = latents["instrument"].max() + 1
    scale = evaluator.simulator.scale
    axis = np.asarray(rendered[0].inputs[1])
    axis = axis if axis.ndim == 1 else axis[0]  # the same for all of one modality

    def per_instrument(values):
        return np.asarray(values).reshape(count, -1, *np.shape(values)[1:])

    def spectra(of):
        rows = [np.asarray(of(one))[: one.real] for one in rendered]
        return scale * per_instrument(np.concatenate(rows))

    def decoded(z_chem, z_inst):
        rows = [
            scale * np.asarray(evaluator.apply(*pair, axis, method="transfer"))
            for pair in zip(z_chem, z_inst, strict=True)
        ]
        return np.concatenate(rows)

    chem, inst = (per_instrument(latents[name]) for name in ("z_chem", "z_inst"))
    measured = spectra(lambda one: one.view.measured)
    ideal = spectra(lambda one: one.view.ideal)
    chem_b, inst_b, ideal_b = (np.roll(x, -1, axis=0) for x in (chem, inst, ideal))
    wanted, before = np.concatenate(ideal_b), np.concatenate(ideal)
    predicted = {
        "swapped": decoded(chem, inst_b),
        "nothing": np.concatenate(measured),
        "itself": decoded(chem_b, inst_b),
        "other_molecule": decoded(chem, np.roll(inst_b, 1, axis=1)),
        "own_instrument": decoded(chem, inst),
        "other_chemistry": decoded(np.roll(chem, 1, axis=1), inst_b),
    }
    ratio = paired_ratio(
        predicted["swapped"],
        predicted["nothing"],
        wanted,
        np.ones(wanted.shape, bool),
        latents["molecule"],
        seed,
    )
    to_b, to_a = (
        ((predicted["swapped"] - other) ** 2).sum(axis=1) for other in (wanted, before)
    )
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
    return found, np.stack([axis, before[0], wanted[0], predicted["swapped"][0]])
