"""Bands of analytes as a direction of the coefficients' prior."""

from dataclasses import replace

import numpy as np

from benchmarks import analyte, signature_bound
from benchmarks.analyte_bands import BANDS, signature
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.methods.workspace import Workspace

AXIS = np.linspace(1100, 2498, 120)
WATER = signature("water", AXIS)


def measured(samples=40, pairs=8, seed=0):
    """Water under ten times as much of five other smooth bands; two instruments."""
    rng = np.random.default_rng(seed)
    others = np.exp(-(((AXIS - rng.uniform(1100, 2498, (5, 1))) / 150) ** 2))
    y = rng.normal(size=samples)
    X = 0.1 * y[:, None] * WATER + rng.normal(size=(samples, 5)) @ others
    A, B = (X + 1e-3 * rng.normal(size=X.shape) for _ in range(2))
    rows = np.arange(pairs)
    return (
        TransferData(A, y, 1.02 * B[rows], y[rows], rows),
        1.02 * B[pairs:],
        y[pairs:],
    )


def test_bands_lie_where_they_are_said_and_relative_to_what_the_axis_holds():
    assert abs(AXIS[WATER.argmax()] - 1940) < 12 and WATER.max() == 1
    short = np.linspace(850, 1050, 100)
    for name, peak in (("water", 970), ("fat", 928)):
        g = signature(name, short)
        assert abs(short[g.argmax()] - peak) < 5 and g.max() == 1


def test_every_property_has_bands():
    for properties in analyte.ANALYTES.values():
        assert set(properties.values()) <= set(BANDS)


def test_direction_is_what_removes_the_others():
    data, X, y = measured()
    v = analyte.direction(data, "raw", WATER)
    along, plain = (abs(np.corrcoef(X @ one, y)[0, 1]) for one in (v, WATER))
    assert along > 0.8 > 0.5 > plain


def test_true_bands_help_where_mirrored_ones_do_not():
    data, X, y = measured(samples=30, pairs=5)
    groups = data.groups()
    errors = []
    for g in (WATER, WATER[::-1]):
        own = analyte.informed_members(data, groups, g, "NIR")
        predicted = analyte.fitted(own, data, groups)(X)
        errors.append(np.mean((predicted - y) ** 2))
    assert errors[0] < 0.7 * errors[1]


def test_twins_that_know_nothing_change_nothing():
    data, X, _ = measured()
    groups = data.groups()
    members = Ensemble("combination", "IR").members(Workspace.of(data), groups)
    twins = [
        replace(one, name=f"twin {one.name}", kind=analyte.KIND)
        for one in members
        if one.kind == "bayes"
    ]
    alone, both = (
        analyte.fitted(own, data, groups)(X) for own in (members, [*members, *twins])
    )
    np.testing.assert_allclose(both, alone, rtol=1e-8, atol=1e-10)


def test_rows_are_means_of_tasks():
    def trial(task, without, known):
        ways = {"without": [without, 0.5], "with": [known, 0.75]}
        return {"task": task, "regime": "paired 5", **ways}

    found = [trial("a", 0, -1), trial("a", 0, -3), trial("b", -1, -1)]
    row = analyte.row_of("both", found)
    assert row["tasks"] == 2 and row["with"] == {"r2": 0.75, "change": -1, "error": 1}
    assert "mirrored" not in row


def test_directions_for_all_ridges_are_those_of_the_whole_matrix():
    X = np.random.default_rng(1).normal(size=(6, AXIS.size))
    found, S = (
        signature_bound.along(X, WATER),
        np.cov(X, rowvar=False, bias=True) * len(X),
    )
    for ridge, v in zip(signature_bound.RIDGES[5:], found.T[5:], strict=True):
        M = S + ridge * np.trace(S) * np.eye(AXIS.size)
        np.testing.assert_allclose(v, np.linalg.solve(M, WATER), rtol=1e-6, atol=1e-9)
