"""Planted encoders: the audit must call each what it is."""

import planted
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.probes.latent_metrics import latent_metrics
from spektron_jax.training.evaluator import audit_evaluator


@pytest.fixture(scope="session")
def judged(config, source, molecules):
    """latent_metrics of a planted encoder, each computed once."""
    params, known = planted.params(config, source, molecules), {}

    def of(kind, thorough=False):
        if (kind, thorough) not in known:
            evaluator = audit_evaluator(params, config, kind(), source)
            known[kind, thorough] = latent_metrics(
                evaluator, molecules=len(molecules), thorough=thorough
            )
        return known[kind, thorough]

    return of


@pytest.mark.parametrize(
    "kind, expected",
    [
        (planted.Ideal, "disentangled"),
        (planted.Leaking, "leaking"),
        (planted.Collapsed, "collapsed"),
        (planted.Constant, "collapsed"),
    ],
)
def test_planted_encoders_are_called_what_they_are(judged, kind, expected):
    found = judged(kind)
    assert found["verdict"] == found["headline"]["verdict"] == expected


def test_the_ideal_encoder_passes_every_metric(judged):
    found = judged(planted.Ideal)
    headline = found["headline"]
    assert headline["z_chem_molecule"] > 0.9 and headline["z_inst_molecule"] < 0.3
    assert abs(headline["z_chem_instrument"] - headline["chance"]) < 0.1
    assert headline["z_inst_instrument"] > 0.9
    assert headline["collapsed"] == 0 and headline["swap"] < 0.5


@pytest.mark.slow
def test_a_leak_that_no_plane_divides_needs_the_thorough_audit(judged):
    assert judged(planted.BentLeak)["headline"]["z_chem_instrument"] < 0.35
    assert judged(planted.BentLeak, thorough=True)["verdict"] == "leaking"


@pytest.mark.slow
def test_every_planted_encoder_gets_the_same_verdict_from_the_thorough_audit(judged):
    for kind in (planted.Ideal, planted.Leaking, planted.Collapsed, planted.Constant):
        assert judged(kind, thorough=True)["verdict"] == judged(kind)["verdict"]


def test_too_few_molecules_are_an_error(config, source):
    evaluator = audit_evaluator(None, config, planted.Ideal(), source)
    with pytest.raises(SpektronError, match="9 molecules of the test split"):
        latent_metrics(evaluator, molecules=9)
