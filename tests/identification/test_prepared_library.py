"""Libraries that are prepared once, kept in a file, or too large to be gone through."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from spektron_jax import archive
from spektron_jax.errors import SpektronError
from spektron_jax.identification import engines, library_file
from spektron_jax.identification.confidence import Confidence
from spektron_jax.identification.library import SpectralLibrary
from spektron_jax.identification.similarities import (
    compared,
    peaks,
    prepared,
    similarities,
    smoothed,
)

AXIS = np.linspace(500.0, 1500.0, 251)


def spectra(count, seed=0):
    """Ten bands each, from a pool of places, (count, 251)."""
    rng = np.random.default_rng(seed)
    pool = np.random.default_rng(9).uniform(520, 1480, 60)
    place, height = rng.choice(pool, (count, 10, 1)), rng.exponential(1, (count, 10, 1))
    return (height * np.exp(-0.5 * ((AXIS - place) / 9.0) ** 2)).sum(1)


def seen(X, seed=1):
    """As another instrument shows them."""
    rng = np.random.default_rng(seed)
    return X * np.exp(0.2 * (AXIS - 1000) / 500) + 0.02 * rng.normal(size=X.shape)


def library(count=40, **more):
    names = [f"c{i}" for i in range(count)]
    return SpectralLibrary(spectra(count), AXIS, names, **more)


def test_features_are_those_of_each_spectrum_alone():
    """Many rows go through products with filters, few through the filters."""
    X, step = spectra(300), AXIS[1] - AXIS[0]
    query = seen(X[:3])
    at_once = compared(prepared(query, step), prepared(X, step), step)
    for name, values in at_once.items():
        alone = [similarities(query, row[None], step, [name])[name] for row in X[:20]]
        np.testing.assert_allclose(
            values[:, :20], np.concatenate(alone, axis=1), atol=1e-9, err_msg=name
        )


@pytest.mark.parametrize("sigma, order", [(3.0, 1), (5.0, 2), (30.0, 0)])
def test_products_with_filters_are_the_filters(sigma, order):
    X = spectra(300) + 1000.0
    X[0] = 3.7  # level: no rounding errors that a feature would blow up
    expected = gaussian_filter1d(X, sigma, axis=1, order=order)
    found = smoothed(X, sigma, order)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_array_equal(found[0] - found[0, 0], expected[0] - expected[0, 0])


def test_peaks_of_many_rows_end_with_their_row():
    X = spectra(300)
    X[::3, -1] = X[::3].max(axis=1) + 1  # a rise to the last point, which is no peak
    X[1::3] = 1.0
    drawn = peaks(X, 5.0)
    for row, found in zip(X, drawn, strict=True):
        alone = peaks(row[None], 5.0)[0]
        np.testing.assert_allclose(found, alone, atol=1e-12)
    assert not drawn[1::3].any()


def test_a_library_is_prepared_once(monkeypatch):
    held, calls = library(), []
    real = engines.prepared
    monkeypatch.setattr(
        engines, "prepared", lambda X, *a, **k: calls.append(len(X)) or real(X, *a, **k)
    )
    held.prepare()
    first = held.search(seen(held.spectra[:3]))
    again = held.search(seen(held.spectra[:3]))
    assert calls == [40, 3, 3]
    np.testing.assert_array_equal(first.score, again.score)
    held.search(seen(held.spectra[:3])[:, 10:], AXIS[10:])  # a grid of its own
    held.search(seen(held.spectra[:3])[:, 10:], AXIS[10:])
    assert calls == [40, 3, 3, 40, 3, 3]
    held.search(seen(held.spectra[:3]))
    assert calls[-1] == 3 and len(calls) == 7


@pytest.mark.parametrize("falling", [False, True])
def test_a_saved_library_answers_alike(tmp_path, falling, monkeypatch):
    turn = slice(None, None, -1 if falling else 1)
    held = SpectralLibrary(
        spectra(40)[:, turn], AXIS[turn], [f"c{i}" for i in range(40)]
    )
    truth = np.array([True, False])
    logistic = np.array([-1.0, 2.0, 0.1])
    held._confidence = Confidence(logistic, 0.6, truth * 0.5, truth)
    path = held.save(tmp_path / "known.npz")
    expected = held.search(seen(spectra(40))[:, turn])
    loaded = SpectralLibrary.load(path)
    monkeypatch.setattr(engines.Whole, "encode", None)
    found = loaded.search(seen(spectra(40))[:, turn])
    for name in ("rows", "names", "score", "p_correct", "accepted"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert loaded.threshold_ == held.threshold_


def test_the_encoder_runs_over_a_library_once(tiny_weights, tmp_path, monkeypatch):
    """However many spectra the features of others keep."""
    from spektron_jax.encoder import features
    from spektron_jax.identification import combine

    monkeypatch.setattr(features, "MAX_KEPT", 2)
    learnt = {combine.AVERAGE: 1.0, "encoder CLS": 0.5}
    monkeypatch.setattr(combine, "shipped", lambda *about: learnt)
    counts = []
    real = features.Features.encode
    monkeypatch.setattr(
        features.Features,
        "encode",
        lambda self, X, *more: counts.append(len(X)) or real(self, X, *more),
    )
    held = library(6, weights=tiny_weights)
    path = held.save(tmp_path / "known.npz")
    expected = held.search(seen(held.spectra[:2]))
    loaded = SpectralLibrary.load(path)
    found = loaded.search(seen(held.spectra[:2]))
    assert counts == [6, 2, 2]
    np.testing.assert_allclose(found.score, expected.score, atol=1e-5)


def test_every_damage_of_a_file_is_noticed(tmp_path):
    path = library(5).save(tmp_path / "known.npz")
    whole, rng = path.read_bytes(), np.random.default_rng()
    for _ in range(40):
        at = int(rng.integers(len(whole)))
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed if rng.random() < 0.7 else whole[:at])
        try:
            found = SpectralLibrary.load(path)
        except SpektronError:
            continue
        # Bytes that no reader looks at, such as a date of the archive's directory.
        np.testing.assert_array_equal(found.spectra, spectra(5), err_msg=str(at))


def resigned(path, changes, settings=(), without=()):
    """The file with other arrays and settings, and right checksums."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop(library_file.HEADER)))
    header.pop("sha256")
    arrays |= changes
    arrays = {name: values for name, values in arrays.items() if values is not None}
    header["settings"] |= dict(settings)
    for name in without:
        del header["settings"][name]
    header["arrays"] = library_file.sha256_of(*(arrays[n] for n in sorted(arrays)))
    arrays[library_file.HEADER] = np.array(json.dumps(archive.sealed(header)))
    np.savez(path, **arrays)


def test_a_file_keeps_the_quantity_and_an_older_one_has_none(tmp_path):
    path = library(5, quantity="%T").save(tmp_path / "known.npz")
    assert SpectralLibrary.load(path).quantity == "%T"
    resigned(path, {}, without=["quantity"])
    assert SpectralLibrary.load(path).quantity == "unknown"
    with pytest.raises(SpektronError, match="quantity 'percent': unknown; use one of"):
        library(5, quantity="percent")


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({"axis": AXIS[:7]}, {}),
        ({"axis": np.full(251, np.nan)}, {}),
        ({"spectra": np.full((5, 251), np.nan)}, {}),
        ({"names": np.arange(5.0)}, {}),
        ({"similarity/peaks": None}, {}),
        ({"similarity/peaks": np.zeros((4, 400))}, {}),
        ({}, {"unit": "parsec"}),
        ({}, {"unit": None}),
        ({}, {"modality": ["Raman"]}),
        ({}, {"weights": "no such weights"}),
        ({}, {"weights": 7}),
        ({}, {"quantity": "parsec"}),
        ({}, {"quantity": ["%T"]}),
        ({}, {"encoder": "0" * 64}),
        ({"confidence/logistic": np.zeros(2)}, {}),
    ],
)
def test_a_hostile_file_with_right_checksums_is_refused(tmp_path, changes, settings):
    path = library(5).save(tmp_path / "known.npz")
    resigned(path, {}, {})
    assert SpectralLibrary.load(path).search(spectra(1)).names[0, 0] == "c0"
    resigned(path, changes, settings)
    with pytest.raises(SpektronError, match=r"known\.npz"):
        SpectralLibrary.load(path).search(spectra(1))


def test_a_very_large_library_finds_what_the_whole_one_finds(tmp_path, monkeypatch):
    pytest.importorskip("faiss", reason="faiss is not installed")
    whole, queries = library(3000), seen(spectra(3000)[::50])
    expected = whole.search(queries)
    monkeypatch.setattr(engines, "MOST_WHOLE", 1000)
    listed = library(3000)
    found = listed.search(queries)
    assert (found.rows[:, 0] == expected.rows[:, 0]).mean() >= 0.98
    path = listed.save(tmp_path / "large.npz")
    loaded = SpectralLibrary.load(path).search(queries)
    np.testing.assert_array_equal(found.rows[:, 0], loaded.rows[:, 0])
    narrow = listed.search(queries[:, 25:-25], AXIS[25:-25])
    assert (narrow.rows[:, 0] == expected.rows[:, 0]).mean() > 0.8
    with pytest.raises(SpektronError, match="give weights=None"):
        library(3000, weights="nano")
    with pytest.raises(SpektronError, match="use search"):
        listed.search_and_compare(queries)


def test_without_faiss_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    monkeypatch.setattr(engines, "MOST_WHOLE", 10)
    with pytest.raises(SpektronError, match=r"spektron-jax\[search\]"):
        library(12).search(spectra(1))


def test_the_command_keeps_a_library_and_takes_it_again(tmp_path, monkeypatch, capsys):
    from spektron_jax.commands.prompt.run import main
    from spektron_jax.spectra.tables import write_table

    monkeypatch.chdir(tmp_path)
    head = ["sample", *(f"{x:g} cm-1" for x in AXIS)]
    for name, X in (("known", spectra(20)), ("new", seen(spectra(20)[4:7]))):
        rows = [[f"{name}{i}", *row] for i, row in enumerate(X.tolist())]
        write_table(tmp_path / f"{name}.csv", [head, *rows])
    more = ["new.csv", "--modality=Raman", "--weights=", "--no-progress"]
    assert main(["identify", "known.csv", *more, "--out=one", "--keep=k.npz"]) == 0
    assert "give it as the library next time" in capsys.readouterr().out

    def prepared_again(*_):
        raise AssertionError("features of a kept library are computed anew")

    monkeypatch.setattr(SpectralLibrary, "calibrate", prepared_again)
    assert main(["identify", "k.npz", *more, "--out=two"]) == 0
    one, two = (
        (tmp_path / f / "hits.csv").read_text().replace("known,", "k,")
        for f in ("one", "two")
    )
    assert one == two and "known4" in two
    (tmp_path / "k.npz").write_bytes((tmp_path / "k.npz").read_bytes()[:-900])
    assert main(["identify", "k.npz", *more, "--out=three"]) == 2
    assert "k.npz" in capsys.readouterr().err
