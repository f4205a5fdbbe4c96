"""NIR lines: Morse oscillator against quadrature, and molecules against nature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import simpson
from scipy.special import eval_genlaguerre, gammaln

from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.lab.nir import (
    ROW_OF_KIND,
    ROWS,
    TABLE,
    Bonds,
    Lines,
    matrix_elements,
    nir_lines,
    transition,
    transition_strength,
)
from spektron_jax.lab.render import render_grid, render_table
from spektron_jax.spectra.grid import XH_TYPES

CORPUS = LineCorpus.load()
WAVELENGTHS_NM = np.arange(900.0, 2501.0)


def bonds_of(*smiles):
    return Bonds(**CORPUS.bonds(CORPUS.rows_of(smiles)))


def by_quadrature(w, wx, n, power):
    """<0|q^power|n> from the wave functions on a fine grid, in float64."""
    k = w / (2 * wx)
    q = np.linspace(-2.0, 12.0, 40_001)
    y = 2 * k * np.exp(-q)

    def state(v):
        s = 2 * k - 2 * v - 1
        log = 0.5 * (s * np.log(y) - y)
        norm = np.log(s) + gammaln(v + 1) - gammaln(2 * k - v)
        return np.exp(log + 0.5 * norm) * eval_genlaguerre(v, s, y)

    ground, upper = state(0), state(n)
    assert simpson(ground**2, x=q) == pytest.approx(1, abs=1e-6)
    assert simpson(upper**2, x=q) == pytest.approx(1, abs=1e-6)
    # The table's phase convention: every wave function positive at large q.
    sign = np.sign(upper[np.flatnonzero(np.abs(upper) > 1e-6)[-1]])
    return simpson(ground * q**power * upper, x=q) * sign


@pytest.mark.parametrize(("w", "wx"), [(3060.0, 62.5), (3805.0, 85.5), (2690.0, 48.0)])
def test_matrix_elements_against_quadrature(w, wx):
    for n in (1, 2, 3, 4):
        found = matrix_elements(jnp.float32(w), jnp.float32(wx), n)
        wanted = [by_quadrature(w, wx, n, power) for power in (1, 2)]
        # The relative sign counts: b adds to or takes from the intensity.
        sign = np.sign(found[0]) * np.sign(wanted[0])
        np.testing.assert_allclose(sign * np.asarray(found), wanted, rtol=2e-3)


@pytest.mark.parametrize(
    ("row", "first", "second"),
    [("CH sp3", (10, 19), (140, 320)), ("OH", (23, 68), (380, 1910))],
)
def test_overtones_fall_as_published(row, first, second):
    """At either end of b; 6 %: the published ends are rounded, w and wx unsaid."""
    w, wx, b, _, _, mass, _ = TABLE[row]
    for end, one, two in zip(b, first, second, strict=True):
        fundamental, overtone, next_overtone = (
            float(transition_strength(np.mean(w), np.mean(wx), end, 1.0, mass, n))
            for n in (1, 2, 3)
        )
        assert fundamental / overtone == pytest.approx(one, rel=0.06)
        assert fundamental / next_overtone == pytest.approx(two, rel=0.06)


def test_harmonic_limit_of_the_fundamental():
    """|mu01|^2 = mu1^2 hbar / (2 m w), and no overtone."""
    mass, w = 0.93, 3000.0
    hbar_c = 16.857629 * 2  # hbar / (2 pi c), amu A^2 cm-1
    wanted = 2.50664 * hbar_c / (2 * mass)
    found = float(transition_strength(w, 1.0, 0.0, 1.0, mass, 1))
    assert found == pytest.approx(wanted, rel=3e-3)
    assert float(transition_strength(w, 1.0, 0.0, 1.0, mass, 2)) < 1e-3 * found


def test_means_of_the_shipped_bonds_are_those_of_the_table():
    for row in ROWS:
        kinds = [XH_TYPES.index(k) for k, name in ROW_OF_KIND.items() if name == row]
        mean = CORPUS.xh_local_mode_cm1[np.isin(CORPUS.xh_type, kinds)].mean()
        assert mean == pytest.approx(TABLE[row][-1], abs=0.1), row


def peaks(x, y, low, high):
    """Positions of the local maxima of y between low and high, strongest first."""
    top = np.flatnonzero((y[1:-1] > y[:-2]) & (y[1:-1] >= y[2:])) + 1
    top = top[(x[top] > low) & (x[top] < high)]
    return x[top[np.argsort(-y[top])]]


# Textbook positions of the liquids' bands, nm: Workman & Weyer, Practical Guide and
# Spectral Atlas for Interpretive Near-Infrared Spectroscopy, 2nd ed. (2012).
@pytest.mark.parametrize(
    ("smiles", "low", "high", "wanted"),
    [
        ("O", 1300, 2100, [1450, 1940]),
        ("CCCCCC", 1600, 1850, [1725, 1760]),
        ("c1ccccc1", 1600, 1850, [1680]),
        ("c1ccccc1", 1050, 1250, [1143]),
    ],
)
def test_near_infrared_bands_lie_where_nature_has_them(smiles, low, high, wanted):
    y = np.asarray(render_table(nir_lines(bonds_of(smiles)), 1e7 / WAVELENGTHS_NM))[0]
    found = peaks(WAVELENGTHS_NM, y, low, high)[: len(wanted)]
    assert np.abs(np.sort(found) - wanted).max() <= 20, found


# Gas phase, as the computed molecules are; NIST Chemistry WebBook, SRD 69. In the
# liquid the C=O of acetone lies at 1715 cm-1 and the OH of ethanol near 3350.
@pytest.mark.parametrize(
    ("smiles", "modality", "low", "high", "wanted"),
    [
        ("CC(C)=O", "IR", 1600, 1900, 1731),
        ("CCO", "IR", 3600, 3800, 3676),
        ("CCO", "IR", 1020, 1100, 1066),
        ("c1ccccc1", "Raman", 900, 1050, 992),
    ],
)
def test_fundamentals_lie_where_nature_has_them(smiles, modality, low, high, wanted):
    code = np.array([{"IR": 1, "Raman": 2}[modality]])
    table = CORPUS.fetch(CORPUS.rows_of([smiles]), code)
    width = np.full_like(table["strength"], 15.0 if modality == "IR" else 10.0)
    lines = Lines(table["position_cm1"], table["strength"], width)
    y = np.asarray(render_grid(lines, 400.0, 4000.0, 3601, widths_cm1=(10.0, 15.0)))[0]
    found = peaks(np.linspace(400, 4000, 3601), y, low, high)[0]
    assert abs(found - wanted) <= 30


def test_hydrogen_bonds_move_strength_to_low_and_wide_lines():
    free, bonded = (nir_lines(bonds_of("CCO"), bonded=share) for share in (0.0, 0.9))
    x = np.linspace(6000.0, 7400.0, 1401)

    def oh(lines):
        """Strength, centre and mean width of the OH's first overtone."""
        p, s, f = (np.asarray(v)[0] for v in lines)
        mine = (p > 6150) & (p < 7300) & (s > 0)
        return s[mine].sum(), *(np.average(v[mine], weights=s[mine]) for v in (p, f))

    total, centre, width = oh(free)
    bonded_total, bonded_centre, bonded_width = oh(bonded)
    assert 7050 < centre < 7250 and 40 <= width <= 80
    assert 6200 < bonded_centre < 6950 and 300 < bonded_width < 550
    assert bonded_total == pytest.approx(total, rel=0.25)
    half = nir_lines(bonds_of("CCO"), bonded=0.45)
    three = [np.asarray(render_table(v, x))[0] for v in (free, half, bonded)]
    np.testing.assert_allclose(three[1], (three[0] + three[2]) / 2, rtol=0.05)


def test_combinations_are_stretch_and_bend_of_the_same_class():
    water = nir_lines(bonds_of("O"))
    p, s, _ = (np.asarray(v)[0] for v in water)
    overtone = s[(p > 6500) & (p < 7200)].sum()
    combination = s[(p > 4900) & (p < 5300)].sum()
    assert combination == pytest.approx(2.75 * overtone, rel=1e-3)
    # H2S has bonds and a bend, but its bend is of no class of the table.
    p, s, _ = (np.asarray(v)[0] for v in nir_lines(bonds_of("S")))
    assert len(p[s > 0]) == 6  # two bonds, three overtones, no combination


def test_water_moves_up_with_warmth():
    cool, warm = (
        nir_lines(bonds_of("O"), temperature_c=t).position_cm1[0, 0] for t in (25, 45)
    )
    assert float(warm - cool) == pytest.approx(20.0, abs=0.1)  # 1 cm-1 per kelvin


def test_draws_stay_in_their_ranges_and_differ_between_molecules():
    many = bonds_of(*["CCCCCC"] * 40)
    keys = jax.random.split(jax.random.key(0), 40)
    lines = jax.jit(nir_lines)(many, keys)
    again = jax.jit(nir_lines)(many, keys)
    np.testing.assert_array_equal(lines.position_cm1, again.position_cm1)
    bonds = many.kind.shape[1]
    first = np.asarray(lines.position_cm1[:, :14])
    assert len(np.unique(first[:, 0])) == 40
    shift = 0.6 * (np.asarray(many.local_mode_cm1[:, :14]) - TABLE["CH sp3"][-1])
    low, high = transition(3030, 65, 2), transition(3090, 60, 2)
    assert (first - 2 * shift > low - 0.1).all()
    assert (first - 2 * shift < high + 0.1).all()
    widths = np.asarray(lines.fwhm_cm1[:, :14])
    assert 50 <= widths.min() < 55 and 85 < widths.max() <= 90
    third = np.asarray(lines.fwhm_cm1[:, 2 * bonds : 2 * bonds + 14])
    np.testing.assert_allclose(third, 2 * widths, rtol=1e-5)
    # What a molecule gets depends on its own key only.
    alone = nir_lines(bonds_of("CCCCCC"), keys[7:8])
    np.testing.assert_allclose(lines.strength[7], alone.strength[0], rtol=1e-4)


def test_gradient_reaches_the_bond():
    water = bonds_of("O")

    @jax.jit
    @jax.grad
    def slope(dmu_dr):
        lines = nir_lines(water._replace(dmu_dr_debye_per_a=dmu_dr))
        return jnp.sum(render_grid(lines, 4000.0, 9000.0, 64))

    # Intensity goes as the square of the dipole derivative.
    dmu_dr = jnp.asarray(water.dmu_dr_debye_per_a)
    lines = nir_lines(water)
    total = jnp.sum(render_grid(lines, 4000.0, 9000.0, 64))
    grown = float(jnp.sum(slope(dmu_dr) * dmu_dr))
    assert grown == pytest.approx(2 * float(total), rel=1e-3)
