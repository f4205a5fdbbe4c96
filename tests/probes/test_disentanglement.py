"""The rule that calls a code disentangled, leaking or collapsed."""

import numpy as np
import pytest

from spektron_jax.probes.disentanglement import (
    chance_limit,
    code_metrics,
    hides_instrument,
    verdict,
)

CHANCE = 0.25


def code(instrument=CHANCE, molecule=0.9, mlp=None, high=0.28):
    def probe(accuracy):
        return {"accuracy": accuracy, "chance": CHANCE, "low": 0.22, "high": high}

    found = {"instrument": probe(instrument), "molecule": {"accuracy": molecule}}
    return found | ({} if mlp is None else {"instrument_mlp": probe(mlp)})


@pytest.mark.parametrize(
    "codes, collapsed, expected",
    [
        ([code()], 0.0, "disentangled"),
        ([code(), code(0.30, 0.80)], 0.30, "disentangled"),
        ([code(), code(0.31)], 0.0, "leaking"),  # one modality is enough
        ([code(mlp=0.31)], 0.0, "leaking"),
        ([code(0.31, 0.1)], 0.0, "leaking"),
        ([code(), code(molecule=0.79)], 0.0, "collapsed"),
        ([code()], 0.31, "collapsed"),
        ([code(0.9)], 0.31, "collapsed"),  # of a code without content
    ],
)
def test_the_table(codes, collapsed, expected):
    assert verdict(codes, collapsed) == expected


def test_few_directions_are_a_collapse_that_kl_does_not_see():
    assert verdict([code()], 0.0, 3.9) == "collapsed"
    assert verdict([code()], 0.0, 4.0) == "disentangled"
    assert verdict([code(0.31)], 0.0, 3.9) == "leaking"


def test_few_molecules_widen_the_limit():
    assert chance_limit(code(high=0.28)["instrument"]) == pytest.approx(CHANCE + 0.05)
    assert chance_limit(code(high=0.40)["instrument"]) == 0.40
    assert hides_instrument(code(0.35, high=0.40))


def test_figures_of_planted_codes():
    """z_chem the molecule alone, z_inst the instrument alone; modalities differ."""
    rng = np.random.default_rng(0)
    molecule, instrument, modality = (
        axis.ravel() for axis in np.meshgrid(range(30), range(4), (1, 2), indexing="ij")
    )
    chem = rng.normal(size=(30, 3, 8))[molecule, modality]
    inst = rng.normal(size=(4, 3, 8))[instrument, modality]
    noise = rng.normal(size=(2, *chem.shape))
    kl = np.ones_like(chem)
    kl[:, :2] = 0.0
    latents = {
        "z_chem": chem + 0.1 * noise[0],
        "z_inst": inst + 0.1 * noise[1],
        "kl_z_chem": kl,
        "kl_z_inst": np.ones_like(kl),
        **{"molecule": molecule, "instrument": instrument, "modality": modality},
    }
    again = {name: latents[name][:] for name in ("z_chem", "z_inst")}
    found = code_metrics(latents, 0, ("linear", "mlp"), again)
    assert hides_instrument(found["z_chem"]) and not hides_instrument(found["z_inst"])
    assert found["z_chem"]["molecule"]["accuracy"] == 1.0
    assert found["z_chem"]["molecule"]["same"] == 1.0
    assert found["z_inst"]["instrument"]["accuracy"] == 1.0
    assert found["z_inst"]["instrument_mlp"]["accuracy"] == 1.0
    assert found["z_inst"]["molecule"]["accuracy"] < 0.1
    assert found["kl"]["z_chem"] == {"mean": 0.75, "collapsed": 0.25}
    assert 6 < found["dimensions"]["z_chem"] < 8
    assert verdict([found["z_chem"]], 0.25) == "disentangled"
