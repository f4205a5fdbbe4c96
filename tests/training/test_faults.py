"""The checks of `wiring.py` refuse every fault of `faults.py`.

A fault's copy of the package is imported, and judged until a check fails. Where the
fault is not in the network, a stand-in takes the network's place.
"""

import pytest

from tests.training import faults, ttt_wiring, wiring
from tests.training.package_copy import package_copy

LOSSES = (
    wiring.check_values,
    wiring.check_gradients,
    wiring.check_log,
    wiring.check_step,
)
STEP = (wiring.check_log, wiring.check_step)
INPUTS = (wiring.check_inputs, wiring.check_keys)


@pytest.fixture(scope="module")
def right():
    """The run without a fault."""
    with package_copy():
        run = wiring.Run(toy=True)
        for check in LOSSES:
            check(run)
    return run


def given(listed):
    """Parameters of a test: all faults, of which those not QUICK are slow."""
    return [
        pytest.param(
            fault,
            id=fault.name.replace(" ", "-"),
            marks=() if fault.name in faults.QUICK else pytest.mark.slow,
        )
        for fault in listed
    ]


def judge(fault, checks, toy=True, right=None):
    """Whether a check refuses the package with this fault.

    right: a run without it, whose terms are what to expect.
    """
    with package_copy({fault.file: ((fault.old, fault.new),)}):
        run = wiring.Run(toy)
        if right is not None:
            run.expect(right)
        for check in checks:
            try:
                check(run)
            except AssertionError:
                return True
    return False


@pytest.mark.parametrize("fault", given(faults.OF_THE_STEP))
def test_a_fault_of_the_step_is_found(fault, right):
    assert judge(fault, STEP, right=right)


@pytest.mark.parametrize("fault", given(faults.OF_THE_INPUTS))
def test_a_fault_of_the_inputs_is_found(fault):
    assert judge(fault, INPUTS)


@pytest.mark.parametrize("fault", given(faults.OF_THE_MODEL))
def test_a_fault_of_the_model_is_found(fault):
    assert judge(fault, LOSSES, toy=False)


@pytest.mark.parametrize("fault", given(faults.OF_TEST_TIME))
def test_a_fault_of_test_time_training_is_found(fault):
    with package_copy({fault.file: ((fault.old, fault.new),)}):
        with pytest.raises(AssertionError):
            ttt_wiring.check_test_time()


def test_there_are_faults_enough():
    listed = (
        *faults.OF_THE_STEP,
        *faults.OF_THE_INPUTS,
        *faults.OF_THE_MODEL,
        *faults.OF_TEST_TIME,
    )
    names = [fault.name for fault in listed]
    assert len(set(names)) == len(names) >= 40 and set(faults.QUICK) <= set(names)
