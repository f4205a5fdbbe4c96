"""Planted faults change what they say, and the summary counts hits and alarms."""

import numpy as np
import pytest

from benchmarks import check_tables, data_checks
from benchmarks.planted_faults import FAULTS, NEW
from spektron_jax.transfer import checks


@pytest.fixture
def given(instruments):
    X_s, axis, X_t, _, y = instruments()
    return {
        **{"X_source": X_s, "y_source": y, "axis_source": axis},
        **{"X_target": X_t[:10], "axis_target": axis, "y_target": y[:10]},
        **{"paired": np.arange(10), "unit": "nm", "modality": "NIR"},
    }


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_a_copy(given, name):
    before = {key: np.array(value) for key, value in given.items()}
    may, fault = FAULTS[name]
    changed = fault(given, np.random.default_rng(0))
    assert may <= set(checks.NAMES)
    different = [key for key in given if not np.array_equal(changed[key], before[key])]
    assert different
    for key, value in before.items():
        np.testing.assert_array_equal(given[key], value)


def test_what_is_named(given):
    assert data_checks.named(given) == set()
    flat = FAULTS["one target spectrum 0"][1](given, np.random.default_rng(0))
    assert data_checks.named(flat) == {checks.FLAT}
    assert data_checks.named(given | {"X_target": 0 * given["X_target"]}) == {"refused"}


def test_shares_are_of_their_kind():
    name = "one target spectrum 0"
    found = [
        {"chose": True, "fault": None, "named": {checks.FLAT}},
        {"chose": True, "fault": None, "named": set()},
        {"chose": False, "fault": None, "named": set()},
        {"chose": False, "fault": name, "named": {checks.FLAT}},
        {"chose": False, "fault": name, "named": {checks.SLIPS}},
        {"chose": False, "new": None, "warned": ""},
        {"chose": False, "new": "0", "warned": "range, spectra"},
    ]
    content = data_checks.summary(found)
    alarms = {row["check"]: row for row in content["alarms"]}
    assert alarms[checks.FLAT]["chose"] == 0.5 and alarms[checks.FLAT]["others"] == 0
    assert content["faults"] == [{"fault": name, "n": 2, "right": 0.5, "any": 1.0}]
    assert [row["warned"] for row in content["new"]] == [0, 1]
    assert content["new"][1]["range"] == 1 and set(NEW) >= {"0", "reversed"}
    for table in ("alarm_rows", "fault_rows", "new_rows"):
        assert "%" in getattr(check_tables, table)(content)
