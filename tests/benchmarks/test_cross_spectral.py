"""Judges of predicted spectra, and the regressions behind them."""

import numpy as np
import pytest

from benchmarks import cross_spectral

RNG = np.random.default_rng(0)
WANTED = RNG.normal(size=(50, 8))
MEAN = np.full(8, 0.1)


def numbers(predicted):
    its = cross_spectral.scores(predicted, WANTED, MEAN)
    return {
        key: float(value[0])
        for key, value in cross_spectral.resampled(its, np.ones((1, 50))).items()
    }


def test_truth_the_mean_and_another_molecule_score_as_they_must():
    assert numbers(WANTED) == pytest.approx({"r2": 1, "cosine": 1, "top1": 1})
    flat = numbers(np.tile(MEAN, (50, 1)))
    assert flat == pytest.approx({"r2": 0, "cosine": 0, "top1": 1 / 50})
    other = numbers(np.roll(WANTED, 1, axis=0))
    assert other["top1"] == 0
    assert other["r2"] < -0.5
    # A shrunk prediction has the same direction: found, and 1 - 0.5^2.
    shrunk = numbers(MEAN + 0.5 * (WANTED - MEAN))
    assert shrunk == pytest.approx({"r2": 0.75, "cosine": 1, "top1": 1})


def test_a_linear_map_is_found_and_a_curved_one_by_the_gaussian_alone():
    parts = [RNG.uniform(-1, 1, size=(count, 3)) for count in (400, 60, 60)]
    weights = RNG.normal(size=(3, 4))
    for curve, best in ((lambda x: x, "linear"), (lambda x: x**2, "Gaussian")):
        answers = [curve(x) @ weights for x in parts]
        found = cross_spectral.regressions(parts, answers[:2])
        errors = {
            name: np.mean((predicted - answers[2]) ** 2) / answers[2].var(axis=0).mean()
            for name, (_, predicted) in found.items()
        }
        assert min(errors, key=errors.get) == best
        assert errors[best] < 0.05
    assert errors["linear"] > 0.5


def test_features_beside_each_other_weigh_the_same():
    parts = [RNG.normal(size=(count, 3)) for count in (30, 5)]
    wide = [100 * RNG.normal(size=(count, 40)) + 7 for count in (30, 5)]
    joined = cross_spectral.beside(parts, wide)
    assert [x.shape for x in joined] == [(30, 43), (5, 43)]
    lengths = [np.linalg.norm(joined[0][:, part]) for part in (slice(3), slice(3, 43))]
    assert lengths == pytest.approx([1, 1])


def test_differences_are_to_the_rival_on_the_same_molecules():
    half = MEAN + 0.5 * (WANTED - MEAN)
    both = {"half": half, "all": WANTED}
    found = cross_spectral.compared(both, WANTED, MEAN, {"raw": "half"})
    assert found["half"]["r2 minus raw"] == {"value": 0, "low": 0, "high": 0}
    # 1 - 0.75 of every molecule, so of every resample.
    change = found["all"]["r2 minus raw"]
    assert change == pytest.approx({"value": 0.25, "low": 0.25, "high": 0.25})
