"""Every method of docs/preprocessing.md: what it computes, and in a saved transfer."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from spektron_jax import CalibrationTransfer
from spektron_jax.corrections import AtrCorrection, Baseline, Despike

pytest.importorskip("pybaselines")
scatter = pytest.importorskip("chemotools.scatter")
from chemotools.baseline import PolynomialCorrection, RubberbandCorrection  # noqa: E402
from chemotools.derivative import NorrisWilliams, SavitzkyGolay  # noqa: E402
from chemotools.feature_selection import RangeCut  # noqa: E402
from chemotools.scale import BandScaler, PointScaler  # noqa: E402

AXIS = np.linspace(1100, 2300, 80)  # of the fixture `instruments`


def smooth(x, w, lam):
    """Whittaker: (W + lam D'D) z = W x."""
    D = sparse.csc_matrix(np.diff(np.eye(x.size), 2, axis=0))
    return spsolve(sparse.csc_matrix(sparse.diags(w) + lam * D.T @ D), w * x)


def asls(x, lam=1e5, p=0.01):
    w = np.ones_like(x)
    for _ in range(60):
        z = smooth(x, w, lam)
        w = np.where(x > z, p, 1 - p)
    return x - z


def arpls(x, lam=1e5):
    w = np.ones_like(x)
    for _ in range(60):
        z = smooth(x, w, lam)
        d = x - z
        m, s = d[d < 0].mean(), d[d < 0].std(ddof=1)
        new = 1 / (1 + np.exp(np.clip(2 * (d - (2 * s - m)) / s, -500, 500)))
        if np.linalg.norm(w - new) / np.linalg.norm(w) < 1e-3:
            break
        w = new
    return x - z


def airpls(x, lam=1e5):
    w = np.ones_like(x)
    for i in range(1, 60):
        z = smooth(x, w, lam)
        d = x - z
        total = np.abs(d[d < 0]).sum()
        if total < 1e-3 * np.abs(x).sum():
            break
        w = np.where(d < 0, np.exp(np.minimum(i * np.abs(d) / total, 500)), 0)
    return x - z


def snip(x, m=40):
    m = min(m, (x.size - 1) // 2)
    z = np.pad(x, m, mode="edge")
    for k in range(m, 0, -1):
        z[k:-k] = np.minimum(z[k:-k], (z[2 * k :] + z[: -2 * k]) / 2)
    return x - z[m:-m]


def rubberband(x):
    """The lower convex hull, by Andrew's chain."""
    hull = []
    for i, y in enumerate(x):
        while len(hull) > 1:
            (a, u), (b, v) = hull[-2:]
            if (v - u) * (i - a) < (y - u) * (b - a):
                break
            hull.pop()
        hull.append((i, y))
    return x - np.interp(np.arange(x.size), *np.transpose(hull))


def emsc(x, mean):
    t = np.linspace(-1, 1, x.size)
    B = np.stack([np.ones_like(t), t, t**2, mean], axis=1)
    c = np.linalg.lstsq(B, x, rcond=None)[0]
    return (x - B[:, :3] @ c[:3]) / c[3]


def msc(x, mean):
    slope, offset = np.polyfit(mean, x, 1)
    return (x - offset) / slope


def slope_of_fit(x, half=5):
    """First derivative of a straight line through 11 points, edges repeated."""
    t, padded = np.arange(-half, half + 1), np.pad(x, half, mode="edge")
    return np.array(
        [np.polyfit(t, padded[i : i + t.size], 1)[0] for i in range(x.size)]
    )


def gap(x, window=5, size=5):
    padded = np.pad(x, 10, mode="edge")
    means = np.array([padded[i - 2 : i + 3].mean() for i in range(2, x.size + 18)])
    at, h = np.arange(8, 8 + x.size), size // 2
    return (means[at + h] - means[at - h]) / size


def detrend(x):
    t = np.arange(x.size)
    return x - np.polyval(np.polyfit(t, x, 2), t)


def area(x):
    i, j = np.abs(AXIS - 1300).argmin(), np.abs(AXIS - 2000).argmin()
    a, y = AXIS[i:j], x[i:j]
    return x / (np.diff(a) * (y[1:] + y[:-1]) / 2).sum()


def cut(x):
    return x[np.abs(AXIS - 1300).argmin() : np.abs(AXIS - 2000).argmin()]


# Method -> transformer, what it makes of a spectrum, relative tolerance.
METHODS = {
    "SNV": (
        scatter.StandardNormalVariate(),
        lambda x, _: (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean()),
    ),
    "MSC": (scatter.MultiplicativeScatterCorrection(), msc),
    "EMSC": (scatter.ExtendedMultiplicativeScatterCorrection(order=2), emsc),
    "Savitzky-Golay": (
        SavitzkyGolay(window_length=11, polyorder=1),
        lambda x, _: slope_of_fit(x),
    ),
    "Norris gap": (NorrisWilliams(5, 5), lambda x, _: gap(x)),
    "detrend": (PolynomialCorrection(order=2), lambda x, _: detrend(x)),
    "AsLS": (Baseline("asls"), lambda x, _: asls(x)),
    "arPLS": (Baseline("arpls"), lambda x, _: arpls(x)),
    "airPLS": (Baseline("airpls"), lambda x, _: airpls(x)),
    "SNIP": (Baseline("snip", half_window=30), lambda x, _: snip(x, 30)),
    "rubberband": (RubberbandCorrection(), lambda x, _: rubberband(x)),
    "spikes": (Despike(), lambda x, _: x),
    "ATR": (AtrCorrection(1e7 / AXIS, 6000), lambda x, _: x * 1e7 / AXIS / 6000),
    "area": (
        BandScaler(1300, 2000, x_axis=AXIS, aggregation="area"),
        lambda x, _: area(x),
    ),
    "vector": (Normalizer(), lambda x, _: x / np.sqrt((x**2).sum())),
    "peak": (
        PointScaler(1600, x_axis=AXIS),
        lambda x, _: x / x[np.abs(AXIS - 1600).argmin()],
    ),
    "range cut": (RangeCut(1300, 2000, x_axis=AXIS), lambda x, _: cut(x)),
}
# Iterations that stop at a tolerance of their own end a little apart.
TOLERANCE = {"AsLS": 1e-3, "arPLS": 1e-2, "airPLS": 1e-2}


@pytest.mark.parametrize("name", METHODS)
def test_what_it_computes(instruments, name):
    X = instruments(12)[0]
    transformer, expected = METHODS[name]
    found = clone(transformer).fit(X).transform(X)
    mean = X.mean(axis=0)
    own = np.array([expected(x, mean) for x in X])
    atol = TOLERANCE.get(name, 1e-8) * np.abs(own).max()
    np.testing.assert_allclose(found, own, atol=atol)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.filterwarnings("ignore::spektron_jax.errors.SpektronWarning")
def test_inside_a_saved_transfer(instruments, tmp_path, name):
    X_s, axis, X_t, axis_t, y = instruments()
    ct = CalibrationTransfer(None, preprocessing=METHODS[name][0])
    paired = np.arange(10)
    ct.fit(X_s[:24], y[:24], axis, X_t[:10], axis_t, y_target=y[:10], paired=paired)
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(X_t[24:]), ct.predict(X_t[24:]))
    assert np.isfinite(ct.predict(X_t[24:])).all()


def test_spikes_go_and_bands_stay(instruments):
    X = instruments(12)[0]
    spiked = X.copy()
    for row, at in enumerate(range(5, 77, 6)):
        spiked[row, at : at + 1 + row % 2] += 5.0
    spiked[3, 0] += 5.0
    found = Despike().fit(X).transform(spiked)
    touched = found != spiked
    np.testing.assert_array_equal(touched, spiked != X)
    assert np.abs(found - X).max() < 0.15
    np.testing.assert_array_equal(Despike().fit(X).transform(X), X)
    flat = np.ones((2, 80))
    np.testing.assert_array_equal(Despike().fit(flat).transform(flat), flat)


@pytest.mark.parametrize(
    "wrong, text",
    [
        (Baseline("als"), "method 'als': use one of asls, arpls"),
        (Baseline(lam=0), "lam must be above 0"),
        (Baseline("snip", half_window=50), "half_window 50 for 80 points; give 1 to"),
        (Despike(window=4), "window 4 must be odd"),
        (AtrCorrection(AXIS[:5]), "wavenumbers above 0 cm-1 of the 80 points"),
        (AtrCorrection(), "give wavenumbers"),
    ],
)
def test_wrong_parameters(instruments, wrong, text):
    with pytest.raises(ValueError, match=text):
        wrong.fit(instruments(12)[0])


def test_in_a_pipeline_as_documented(instruments):
    X = instruments(12)[0]
    pipe = make_pipeline(Despike(), Baseline(), scatter.StandardNormalVariate())
    np.testing.assert_allclose(pipe.fit(X).transform(X).mean(axis=1), 0, atol=1e-9)


def test_every_method_of_the_page_is_here():
    page = Path(__file__).parents[1] / "docs" / "preprocessing.md"
    rows = re.findall(r"^\| ([^|]+?) \| `", page.read_text(encoding="utf-8"), re.M)
    assert ", ".join(rows).split(", ") == list(METHODS)
