"""One step of training against a plain re-computation; see `wiring.py`."""

import pytest

from tests.training import ttt_wiring, wiring
from tests.training.package_copy import package_copy


@pytest.fixture(scope="module")
def run():
    with package_copy():
        yield wiring.Run()


@pytest.mark.parametrize(
    "check",
    [
        wiring.check_inputs,
        wiring.check_keys,
        wiring.check_values,
        wiring.check_gradients,
        wiring.check_log,
        wiring.check_step,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_the_step_is_what_plain_loops_give(run, check):
    check(run)


def test_test_time_training_is_what_was_worked_out_by_hand():
    ttt_wiring.check_test_time()
