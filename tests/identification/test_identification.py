"""Search, rejection and classification on instruments whose answers are planted."""

import csv
import json
import re
from urllib.parse import unquote

import numpy as np
import pytest

from spektron_jax import main
from spektron_jax.encoder.weights import checksum, locate
from spektron_jax.errors import SpektronError
from spektron_jax.identification import combine
from spektron_jax.identification.library import SpectralLibrary
from spektron_jax.identification.metrics import (
    hits,
    rejection_curve,
    share,
    share_difference,
)
from spektron_jax.identification.similarities import NAMES, similarities
from spektron_jax.spectra.spectra_file import save
from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet

AXIS = np.linspace(500.0, 1500.0, 401)


def compounds(count, seed=0, shift=0.0, response=0.0):
    """Spectra of compounds with ten bands each, strongest about 1, (count, 401)."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(520, 1480, (count, 10, 1))
    height = rng.uniform(0.1, 1, (count, 10, 1))
    bands = height * np.exp(-0.5 * ((AXIS - place - shift) / 8.0) ** 2)
    return bands.sum(1) * np.exp(response * (AXIS - 1000) / 500)


def test_every_similarity_of_a_spectrum_with_itself_is_the_highest():
    X = compounds(6)
    found = similarities(X, X, AXIS[1] - AXIS[0])
    assert tuple(found) == NAMES
    for name, each in found.items():
        assert each.shape == (6, 6)
        np.testing.assert_array_equal(each.argmax(axis=1), np.arange(6), err_msg=name)
        if name != "windows":
            np.testing.assert_allclose(np.diag(each), 1.0, atol=1e-9, err_msg=name)


def test_cosine_by_hand():
    query, library = np.array([[0.0, 1.0, 2.0]]), np.array([[2.0, 1.0, 0.0]])
    found = similarities(query, library, 1.0, ["cosine"])["cosine"]
    np.testing.assert_allclose(found, [[-1.0]])


def test_slopes_do_not_see_a_background_and_windows_forgive_a_shift():
    X, step = compounds(8), AXIS[1] - AXIS[0]
    lifted = X + 3.0 + 0.002 * (AXIS - 1000)
    names = ["cosine", "slope"]
    plain, seen = (similarities(Y, X, step, names) for Y in (X, lifted))
    change = {n: np.abs(plain[n] - seen[n]).max() for n in names}
    assert change["cosine"] > 3 * change["slope"]
    moved = compounds(8, shift=5.0)
    found = similarities(moved, X, step, ["curve", "windows"])
    relative = {
        name: np.diag(each).mean() / np.diag(similarities(X, X, step, [name])[name])
        for name, each in found.items()
    }
    assert relative["windows"].mean() > relative["curve"].mean()


def test_shares_by_hand():
    names, truth = ["a", "b", "c"], np.array(["b", "c"])
    scores = np.array([[0.9, 0.8, 0.1], [0.1, 0.2, 0.3]])
    np.testing.assert_array_equal(hits(scores, names, truth, 1), [False, True])
    np.testing.assert_array_equal(hits(scores, names, truth, 2), [True, True])
    found = share([True, True, False, False], ["x", "x", "y", "z"])
    assert found["share"] == 0.5 and found["low"] == 0.0 and found["n"] == 4
    same = share_difference([1, 0], [1, 0], ["x", "y"])
    assert same == {"difference": 0.0, "low": 0.0, "high": 0.0}
    rejected, accuracy = rejection_curve([0.9, 0.1, 0.5], [True, False, True])
    np.testing.assert_allclose(rejected, [0, 1 / 3, 2 / 3])
    np.testing.assert_allclose(accuracy, [2 / 3, 1, 1])


def test_a_library_finds_its_compounds_on_another_axis_and_rejects_strangers():
    names = np.array([f"c{i}" for i in range(15)])
    library = SpectralLibrary(compounds(15), AXIS, names)
    threshold = library.calibrate(precision=0.9)
    assert 0 < threshold <= 1
    other = compounds(15, shift=1.0, response=0.3)[:, ::-1][:, 5:]
    found = library.search(other, AXIS[::-1][5:], k=3)
    assert found.names.shape == (15, 3)
    np.testing.assert_array_equal(found.names[:, 0], names)
    assert found.accepted.mean() > 0.8
    strangers = library.search(compounds(15, seed=9), k=3)
    assert strangers.accepted.mean() < 0.3
    assert strangers.p_correct.mean() < found.p_correct.mean()


def test_what_a_library_cannot_do():
    with pytest.raises(SpektronError, match="3 spectra and 2 names"):
        SpectralLibrary(compounds(3), AXIS, ["a", "b"])
    library = SpectralLibrary(compounds(2), AXIS, ["a", "b"])
    with pytest.raises(SpektronError, match="fewer than 3 different names"):
        library.calibrate()
    with pytest.raises(SpektronError, match="points in common"):
        library.search(compounds(1), AXIS + 2000)
    broken = compounds(2)
    broken[1, 7] = np.nan
    with pytest.raises(SpektronError, match="row 1 has missing"):
        library.search(broken)


@pytest.fixture
def two_instruments(tmp_path):
    """A file of 12 compounds on two instruments; the last is not on the second."""
    first, second = compounds(12), compounds(12, shift=1.5, response=0.4)
    second[-1] = np.nan
    family = np.where(np.arange(12) % 2, "odd", "even")
    found = SpectraSet(
        {
            "red": InstrumentSpectra(AXIS, "cm-1", "intensity", first),
            "green": InstrumentSpectra(AXIS, "cm-1", "intensity", second),
        },
        [f"c{i}" for i in range(12)],
        "Raman",
        labels={"family": family},
    )
    save(tmp_path / "set.h5", found)
    return tmp_path / "set.h5"


def identify(out, path, *more):
    return main.main(
        [
            "--config=configs/identify.py",
            f"--workdir={out}",
            f"--config.data.path={path}",
            "--noconfig.identify.progress",
            "--config.identify.weights=",
            *more,
        ]
    )


def test_all_pairs_of_instruments(two_instruments, tmp_path, capsys):
    assert identify(tmp_path / "out", two_instruments) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    methods = {entry["method"]: entry for entry in results["methods"]}
    assert methods["combination, no network"]["top1"]["share"] == 1.0
    assert methods["cosine"]["top1"]["n"] == 22
    assert results["reject"]["absent"] == 1
    with (tmp_path / "out" / "hits.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == (12 + 11) * 5
    first = rows[0]
    assert first["query_id"] == first["name"] == "c0" and first["rank"] == "1"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "When to reject" in page and '<h2 id="hits"' in page
    assert not re.search(r"https?://(?!www.w3.org)", unquote(page))
    assert "report:" in capsys.readouterr().out


def test_a_wrong_label_and_a_lone_instrument_are_told(
    two_instruments, tmp_path, capsys
):
    assert identify(tmp_path, two_instruments, "--config.data.label=genus") == 2
    assert "label = 'genus': choose one of family in" in capsys.readouterr().err
    assert identify(tmp_path, two_instruments, "--config.identify.mode=guess") == 2
    assert "must be one of search, classify" in capsys.readouterr().err


def test_classes_from_few_spectra(tmp_path):
    rng = np.random.default_rng(3)
    kinds = compounds(3)
    code = np.arange(24) % 3
    spectra = [
        kinds[code] * gain + 0.02 * rng.normal(size=(24, AXIS.size))
        for gain in (1.0, 1.2)
    ]
    found = SpectraSet(
        {
            name: InstrumentSpectra(AXIS, "cm-1", "absorbance", X)
            for name, X in zip(("a", "b"), spectra, strict=True)
        },
        [f"s{i}" for i in range(24)],
        "IR",
        labels={"kind": np.array(["x", "y", "z"])[code]},
    )
    save(tmp_path / "set.h5", found)
    more = "--config.identify.mode=classify", "--config.data.label=kind"
    more += "--config.identify.shots=(2,4)", "--config.identify.repeats=3"
    assert identify(tmp_path / "out", tmp_path / "set.h5", *more) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [entry["shots"] for entry in results["shots"]] == [2, 4]
    for entry in results["shots"]:
        for method in ("LDA", "PLS-DA", "nearest centroid"):
            assert entry["methods"][method]["share"] > 0.9, method


def test_the_shipped_encoder_has_learnt_weights():
    """Catches: new weights ship, and identification quietly does without them."""
    learnt = combine.shipped("Raman", checksum(locate("nano")))
    assert max(w for name, w in learnt.items() if name != combine.AVERAGE) > 0.1


def test_an_encoder_that_was_not_weighted_has_no_part():
    weights = combine.shipped("IR", "0" * 64)
    score = np.random.default_rng(0).normal(size=(3, 4))
    both = combine.weighted({combine.AVERAGE: score, "encoder z_chem": score}, weights)
    np.testing.assert_array_equal(both, score)


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("unit", ["nm", "um", "cm-1"])
def test_queries_without_an_axis_are_on_the_librarys_own(unit, falling):
    """In its own unit and direction, not on the axis that it is kept on."""
    rng = np.random.default_rng(0)
    axis = {"nm": (1100, 2400), "um": (1.1, 2.4), "cm-1": (4200, 9000)}[unit]
    axis = np.linspace(*axis, 200)[:: -1 if falling else 1]
    spectra = np.cumsum(rng.normal(size=(6, 200)), axis=1)
    library = SpectralLibrary(spectra, axis, list("abcdef"), unit, "NIR")
    assert library.search(spectra).names[:, 0].tolist() == list("abcdef")


def written(path, names, X, quantity="unknown", **labels):
    """One instrument's IR spectra in a file that names their quantity, or does not."""
    one = InstrumentSpectra(AXIS, "cm-1", quantity, X)
    save(path, SpectraSet({"ftir": one}, names, "IR", labels=labels))
    return path


def searched(folder, known, unknown):
    """Exit code of a search, and the first hits."""
    code = identify(folder, known, f"--config.data.query_path={unknown}")
    with (folder / "hits.csv").open() as file:
        rows = list(csv.DictReader(file))
    return code, [row["name"] for row in rows if row["rank"] == "1"]


@pytest.fixture
def absorbance(tmp_path):
    """A library in absorbance, and the names and spectra of four queries."""
    A, names = compounds(12), [f"c{i}" for i in range(12)]
    path = written(tmp_path / "known.h5", names, A, "absorbance")
    return path, ["c3", "c1", "c7", "c9"], A[[3, 1, 7, 9]]


@pytest.mark.parametrize("quantity, scale", [("%T", 100.0), ("transmittance", 1.0)])
def test_queries_in_another_quantity_are_converted(
    absorbance, tmp_path, capsys, quantity, scale
):
    path, names, A = absorbance
    new = written(tmp_path / "new.h5", list("wxyz"), scale * 10**-A, quantity)
    kept = f"--config.identify.keep={tmp_path / 'k.npz'}"
    query = f"--config.data.query_path={new}"
    assert identify(tmp_path / "out", path, query, kept) == 0
    said = f"new converted from {quantity} to absorbance"
    assert f"note: {said}" in capsys.readouterr().out
    assert said in (tmp_path / "out" / "report.html").read_text()
    for library in (path, tmp_path / "k.npz"):
        assert searched(tmp_path / "out", library, new) == (0, names)
    assert SpectralLibrary.load(tmp_path / "k.npz").quantity == "absorbance"


def test_a_quantity_that_is_not_named_is_taken_as_the_librarys(
    absorbance, tmp_path, capsys
):
    path, names, A = absorbance
    new = written(tmp_path / "new.h5", list("wxyz"), A)
    assert searched(tmp_path / "out", path, new) == (0, names)
    said = "new is of a quantity that is not named, library known absorbance: taken as"
    assert said in capsys.readouterr().out
    new = written(tmp_path / "new.h5", list("wxyz"), A, "absorbance")
    assert searched(tmp_path / "out", path, new) == (0, names)
    assert "note:" not in capsys.readouterr().out


def test_a_quantity_in_the_files_own_words_is_one_that_is_not_named(
    absorbance, tmp_path, capsys
):
    """Catches: a set whose quantity is a remark can no longer be searched."""
    _, names, A = absorbance
    own = "intensity (arbitrary)"
    known = written(tmp_path / "known.h5", names, A, own)
    assert searched(tmp_path / "a", known, known) == (0, names)
    new = written(tmp_path / "new.h5", list("wxyz"), A, "absorbance")
    assert searched(tmp_path / "b", known, new) == (0, names)
    assert "known of a quantity that is not named: taken as" in capsys.readouterr().out


@pytest.mark.parametrize(
    "quantity, least, said",
    [
        ("reflectance", 0.1, "are different measurements; search in a library of refl"),
        ("%T", -50, "new: w holds %T of 0 or less, which has no absorbance (4 spectra"),
    ],
)
def test_a_quantity_that_does_not_convert_is_refused(
    absorbance, tmp_path, capsys, quantity, least, said
):
    path, _, A = absorbance
    X = 100 * 10**-A
    X = X - X.min(axis=1, keepdims=True) + least
    new = written(tmp_path / "new.h5", list("wxyz"), X, quantity)
    query = f"--config.data.query_path={new}"
    assert identify(tmp_path / "out", path, query) == 2
    assert said in capsys.readouterr().err


def test_log_of_reflectance_is_searched_in_absorbance(absorbance, tmp_path, capsys):
    path, names, A = absorbance
    new = written(tmp_path / "new.h5", list("wxyz"), A, "log(1/R)")
    assert searched(tmp_path / "out", path, new) == (0, names)
    said = "new is log(1/R), library known absorbance: taken as alike"
    assert f"note: {said}" in capsys.readouterr().out


def test_points_without_light_do_not_stop_a_search(absorbance, tmp_path, capsys):
    """Catches: one %T of 0 in one query refused the search of all queries."""
    path, names, A = absorbance
    X = 100 * 10**-A
    X[0, 100], X[2, 50:150] = 0, -0.1
    new = written(tmp_path / "new.h5", list("wxyz"), X, "%T")
    assert searched(tmp_path / "out", path, new) == (0, [*names[:2], names[3]])
    out = capsys.readouterr().out
    assert "new: w with a few points of %T of 0 or less" in out
    assert "new: y left out, with %T of 0 or less, which has no absorbance" in out


def test_advice_names_options_as_typed(absorbance, tmp_path, capsys):
    """Catches: a setting with a digit in its name kept its name of a config."""
    from spektron_jax.commands.prompt.run import main as prompt

    path, _, A = absorbance
    new = written(tmp_path / "new.h5", list("wxyz"), A - 9, "%T")
    out = f"--out={tmp_path / 'out'}"
    assert prompt(["identify", str(path), str(new), "--weights=", out]) == 2
    error = capsys.readouterr().err
    assert "by --low-cm1" in error and "config." not in error


@pytest.fixture
def judged(tmp_path, capsys):
    """Searches queries of a file; returns results.json and what was printed."""

    def searched(known, unknown, *more):
        query = f"--config.data.query_path={unknown}"
        assert identify(tmp_path / "out", known, query, *more) == 0
        results = json.loads((tmp_path / "out" / "results.json").read_text())
        return results, capsys.readouterr().out

    return searched


def test_unknown_spectra_of_any_name_are_not_called_absent(
    absorbance, tmp_path, judged
):
    """One is called as an entry of the library by chance, or because it is known."""
    path, names, A = absorbance
    results, out = judged(path, written(tmp_path / "n.h5", ["c3", *"xyz"], A))
    assert results["unscored"] == 3 and results["reject"]["absent"] == 0
    assert results["reject"]["queries"] == 1 and results["pairs"][0]["queries"] == 1
    assert "absent ones" not in out
    assert "not scored: 3 of 4 queries: the library has no such name" in out
    assert "x: c1, score" in out  # what they are is the answer

    results, out = judged(path, written(tmp_path / "n.h5", names, A))
    assert results["unscored"] == 0 and results["reject"]["queries"] == 4
    assert "not scored" not in out

    results, out = judged(path, written(tmp_path / "n.h5", list("wxyz"), A))
    assert results["unscored"] == 4 and results["reject"] is None


def test_true_names_of_a_column_may_be_absent(absorbance, tmp_path, judged):
    _, names, A = absorbance
    own = np.array([f"c{i}" for i in range(12)])
    path = written(tmp_path / "known.h5", own, compounds(12), compound=own)
    true = np.array([names[0], names[1], "another", ""])
    new = written(tmp_path / "n.h5", list("wxyz"), A, compound=true)
    results, out = judged(path, new, "--config.data.label=compound")
    assert results["reject"]["absent"] == 1 and results["reject"]["queries"] == 3
    assert results["unscored"] == 1 and "of 1 for absent ones" in out


def test_too_little_in_common_is_told_before_the_search(
    absorbance, tmp_path, capsys, monkeypatch
):
    path, names, A = absorbance
    monkeypatch.setattr(SpectralLibrary, "__init__", None)
    part = InstrumentSpectra(AXIS[:100], "cm-1", "absorbance", A[:, :100] + AXIS[:100])
    save(tmp_path / "n.h5", SpectraSet({"ftir": part}, names, "IR"))
    query = f"--config.data.query_path={tmp_path / 'n.h5'}"
    low = "--config.data.low_cm1=700"
    assert identify(tmp_path / "out", path, query, low) == 2
    said = capsys.readouterr().err
    assert "n.h5, instrument ftir: 20 points from 700 cm-1 on, and a sear" in said
    assert "takes 30; lower config.data.low_cm1" in said
    low = "--config.data.low_cm1=5000"
    assert identify(tmp_path / "out", path, query, low) == 2
    assert "known.h5, instrument ftir: 0 points from 5000" in capsys.readouterr().err
    beside = InstrumentSpectra(AXIS + 980, "cm-1", "absorbance", A)
    save(tmp_path / "n.h5", SpectraSet({"ftir": beside}, names, "IR"))
    assert identify(tmp_path / "out", path, query) == 2
    said = capsys.readouterr().err
    assert "query (1480 to 2480 cm-1) and library (500 to 1500 cm-1) have" in said
    assert identify(tmp_path / "out", path, query, "--config.data.low_cm1=600") == 2
    assert "or lower config.data.low_cm1" in capsys.readouterr().err
