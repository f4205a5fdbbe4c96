"""Preprocessing against its equations, and the recipe's way through JSON."""

import json

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from spektron_jax.data.preprocess import STEPS, Recipe
from spektron_jax.errors import SpektronError

AXIS = np.linspace(1100.0, 1300.0, 101)
RNG = np.random.default_rng(0)
X = 0.3 + RNG.normal(0, 0.01, (6, 101)).cumsum(axis=1) + np.linspace(0, 0.2, 101)


def run(*steps, data=X):
    return Recipe.of(*steps).fit(X, AXIS).apply(data, AXIS)


def test_nothing_is_on_by_default():
    np.testing.assert_array_equal(Recipe().apply(X, AXIS), X)


def test_snv():
    centred = X - X.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(run("snv"), centred / X.std(axis=1, keepdims=True))


def test_msc_uses_the_training_mean():
    reference, new = X.mean(axis=0), X[:2] * 1.3 + 0.1
    lines = [np.polyfit(reference, row, 1) for row in new]
    expected = [(row - b) / a for row, (a, b) in zip(new, lines, strict=True)]
    np.testing.assert_allclose(run("msc", data=new), expected, atol=1e-10)


@pytest.mark.parametrize("axis", [AXIS, AXIS[::-1]])
def test_savgol_gives_the_derivative_per_unit_of_the_axis(axis):
    parabola = (0.01 * (axis - 1200.0) ** 2)[None]
    step = {"name": "savgol", "window": 11, "order": 2, "derivative": 1}
    first = Recipe.of(step).apply(parabola, axis)
    np.testing.assert_allclose(first[0], 0.02 * (axis - 1200.0), atol=1e-10)
    second = Recipe.of(step | {"derivative": 2}).apply(parabola, axis)
    np.testing.assert_allclose(second, 0.02, atol=1e-10)


def test_detrend_removes_exactly_polynomials():
    x = AXIS - 1200.0
    parabola = 1.0 + 0.1 * x + 0.02 * x**2
    band = np.exp(-((x / 5) ** 2))
    np.testing.assert_allclose(run("detrend", data=parabola), 0, atol=1e-9)
    np.testing.assert_allclose(
        run("detrend", data=parabola + band), run("detrend", data=band), atol=1e-9
    )
    fit = np.polynomial.Polynomial.fit(AXIS, X[0], 2)(AXIS)
    np.testing.assert_allclose(run("detrend")[0], X[0] - fit, atol=1e-12)


def asls(y, lam, p):
    """Eilers & Boelens 2005, as written there."""
    n, w = y.size, np.ones(y.size)
    second = sparse.diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(n - 2, n))
    for _ in range(50):
        system = sparse.diags(w) + lam * second.T @ second
        z = spsolve(system.tocsc(), w * y)
        w = np.where(y > z, p, 1 - p)
    return z


def test_asls_solves_its_equation():
    got = run({"name": "asls", "lam": 1e4, "p": 0.01})
    np.testing.assert_allclose(got[0], X[0] - asls(X[0], 1e4, 0.01), atol=1e-6)


def arpls(y, lam):
    """Baek et al. 2015, as written there, stopped at a change of weights of 1e-3."""
    n, w = y.size, np.ones(y.size)
    second = sparse.diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(n - 2, n))
    for _ in range(50):
        z = spsolve((sparse.diags(w) + lam * second.T @ second).tocsc(), w * y)
        below = (y - z)[y < z]
        m, s = below.mean(), below.std(ddof=1)
        new = 1 / (1 + np.exp(np.clip(2 * (y - z - (2 * s - m)) / s, -500, 500)))
        if np.linalg.norm(w - new) / np.linalg.norm(w) < 1e-3:
            break
        w = new
    return z


def test_arpls_solves_its_equation_and_leaves_a_band():
    x = np.linspace(-1, 1, 101)
    band = np.exp(-((x / 0.05) ** 2))
    data = 1 + 0.1 * x + band + RNG.normal(0, 1e-3, 101)
    got = run({"name": "arpls", "lam": 1e4}, data=data)[0]
    np.testing.assert_allclose(got, data - arpls(data, 1e4), atol=1e-6)
    np.testing.assert_allclose(got, band, atol=0.01)


def test_center_and_the_order_of_steps():
    snv = run("snv")
    np.testing.assert_allclose(run("snv", "center"), snv - snv.mean(axis=0))
    np.testing.assert_allclose(run("center").mean(axis=0), 0, atol=1e-12)


def test_recipe_goes_through_json():
    recipe = Recipe.of("msc", {"name": "savgol", "window": 7}, "center").fit(X, AXIS)
    copy = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert copy == recipe
    np.testing.assert_array_equal(copy.apply(X, AXIS), recipe.apply(X, AXIS))


def test_rows_that_were_not_measured_stay_so():
    data = X.copy()
    data[1] = np.nan
    for name in STEPS:
        out = Recipe.of(name).fit(data, AXIS).apply(data, AXIS)
        assert np.isnan(out[1]).all() and np.isfinite(np.delete(out, 1, 0)).all()
    data[2, 5] = np.nan
    with pytest.raises(SpektronError, match="snv: row 2 has missing values"):
        Recipe.of("snv").apply(data, AXIS)


@pytest.mark.parametrize(
    "step, message",
    [
        ("sg", "'sg': unknown; use one of snv, msc, savgol"),
        ({"name": "savgol", "windw": 3}, "no parameter windw; it has window, order"),
        ({"name": "snv", "order": 3}, "it has none"),
        ({"name": "savgol", "window": 4}, "window must be odd"),
        ({"name": "savgol", "window": 3, "order": 3}, "greater than order"),
        ({"name": "asls", "p": 1.5}, "out of range"),
        ({"name": "asls", "lam": -1.0}, "out of range"),
    ],
)
def test_wrong_steps(step, message):
    with pytest.raises(SpektronError, match=message):
        Recipe.of(step)


def test_wrong_use():
    with pytest.raises(SpektronError, match="fit the recipe on training spectra first"):
        Recipe.of("msc").apply(X, AXIS)
    with pytest.raises(SpektronError, match="fitted on 101 points, these have 50"):
        Recipe.of("center").fit(X, AXIS).apply(X[:, :50], AXIS[:50])
    with pytest.raises(SpektronError, match="make them agree"):
        Recipe.of("snv").apply(X, AXIS[:5])
    with pytest.raises(SpektronError, match="even steps"):
        Recipe.of("savgol").apply(X, 1e7 / AXIS**2)
    with pytest.raises(SpektronError, match="window 301 is too long"):
        Recipe.of({"name": "savgol", "window": 301}).apply(X, AXIS)
    with pytest.raises(SpektronError, match="a spectrum is constant"):
        Recipe.of("snv").apply(np.ones((1, 101)), AXIS)
    with pytest.raises(SpektronError, match="no spectrum to fit on"):
        Recipe.of("center").fit(np.full((1, 101), np.nan), AXIS)
    for values in ({}, {"steps": ["msc"], "state": [], "points": 3}, {"steps": 3}):
        with pytest.raises(SpektronError, match="saved recipe"):
            Recipe.from_dict(values)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "chemotools.scatter", None)
    with pytest.raises(SpektronError, match=r"pip install spektron_jax\[preprocess\]"):
        Recipe.of("snv").apply(X, AXIS)
