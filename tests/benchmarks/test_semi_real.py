"""Semi-real tasks: fixed by their parameters, of every kind, back and forth."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from spektron_jax.training.transfer_network import semi_real
from spektron_jax.training.transfer_network.measured_sets import MeasuredSet
from spektron_jax.training.transfer_network.semi_real import KINDS, TASKS, draw, render

NAMES = ("beer", "tecator", "emulsions_raman", "soil_yamsys_mir")
# The benchmark is these tasks: another checksum is another benchmark.
PARAMETERS = "5c73e12ed9d5209c"


@pytest.fixture(scope="module")
def measured():
    """40 spectra of three bands, whose heights vary, and one reference value."""
    rng = np.random.default_rng(3)
    axis = np.linspace(1100.0, 1900.0, 201)
    bands = np.exp(-(((axis - np.array([[1250], [1450], [1700]])) / 60) ** 2))
    heights = 0.5 + 0.1 * rng.normal(size=(40, 3))
    targets = {"height": heights[:, 1], "unknown": np.full(40, np.nan)}
    spectra = heights @ bands + 1e-4 * rng.normal(size=(40, 201))
    return MeasuredSet("beer", True, "NIR", "nm", axis, spectra, False, targets)


def test_parameters_are_what_they_were():
    drawn = [draw(name, number) for name in NAMES for number in range(TASKS)]
    text = json.dumps(drawn, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == PARAMETERS


def test_every_kind_and_both_directions_occur():
    drawn = [draw(name, number) for name in NAMES for number in range(TASKS)]
    assert len(KINDS) == TASKS
    for kind in KINDS:
        own = [one for one in drawn if one["kind"] == kind]
        assert len(own) == len(NAMES)
        assert all(kind != "noisy" or one["direction"] == "to simulated" for one in own)
    for name in NAMES:
        ways = {one["direction"] for one in drawn if one["set"] == name}
        assert ways == {"to simulated", "from simulated"}


def test_a_task_is_rendered_alike_every_time(measured):
    first, again = (render(draw("beer", 7), measured) for _ in range(2))
    np.testing.assert_array_equal(first.X_target, again.X_target)
    np.testing.assert_array_equal(first.y, again.y)
    other = render(draw("beer", 8), measured)
    assert other.X_target.shape != first.X_target.shape


@pytest.mark.parametrize("number", range(TASKS), ids=KINDS)
def test_one_side_is_measured_and_the_other_differs(measured, number):
    parameters = draw("beer", number)
    pair = render(parameters, measured)
    real, simulated = pair.X_source, pair.X_target
    axis_real, axis_simulated = pair.axis_source, pair.axis_target
    if parameters["direction"] == "from simulated":
        real, simulated = simulated, real
        axis_real, axis_simulated = axis_simulated, axis_real
    rows = [np.flatnonzero((measured.spectra == x).all(axis=1)) for x in real]
    assert all(len(row) == 1 for row in rows)
    assert np.unique(np.concatenate(rows)).size == len(real) == 40
    np.testing.assert_array_equal(axis_real, measured.axis)
    assert np.isfinite(simulated).all()
    assert axis_simulated[0] >= axis_real[0] and axis_simulated[-1] <= axis_real[-1]
    A, B = pair.common
    assert A.shape == B.shape and not np.allclose(A, B, atol=1e-4)
    (split,) = pair.splits
    assert not np.intersect1d(split.calibration, split.test).size
    assert np.isin(split.transfer_order["source"], split.calibration).all()


def test_an_instrument_that_changes_nothing_shows_the_spectra(measured):
    parameters = draw("beer", KINDS.index("gain"))
    assert parameters["direction"] == "to simulated"
    still = dict.fromkeys(parameters["instrument"], 0.0) | {"step": 1.0}
    pair = render(parameters | {"instrument": still}, measured)
    np.testing.assert_allclose(*pair.common, atol=1e-5)
    doubled = parameters | {"instrument": still | {"gain": np.log(2.0)}}
    A, B = render(doubled, measured).common
    level = measured.spectra.mean(axis=0).min()  # the light that counts as all of it
    np.testing.assert_allclose(B - level, 2 * (A - level), atol=1e-5)


def test_reference_values_and_combinations(measured):
    parameters = draw("beer", 0) | {"measured_property": True}
    pair = render(parameters, measured)
    assert set(pair.y) == set(measured.targets["height"])
    np.testing.assert_array_equal(pair.y, pair.truth)
    nothing = replace(measured, targets={})
    drawn = parameters | {"label_noise": 0.1}
    pair = render(drawn, nothing)
    assert pair.truth.std() == pytest.approx(1, abs=0.1)
    assert 0.05 < np.std(pair.y - pair.truth) < 0.2


def test_magnitudes_lie_in_their_ranges():
    for number, kind in enumerate(KINDS):
        values = draw("beer", number)["instrument"]
        for key, (low, high) in semi_real.RANGES[kind].items():
            assert low * 0.999 <= abs(values[key]) <= high * 1.001
