"""Properties: heads by hand, a planted property, the corpus' targets, bad labels."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from spektron_jax import main
from spektron_jax.probes import property_corpus as source
from spektron_jax.probes.property_heads import auc, judged, pls, ridge
from spektron_jax.spectra.spectra_file import save
from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet


def test_auc_is_scikit_learns():
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=40) < 0.4).astype(float)
    score = np.round(rng.normal(size=40) + y, 1)  # with ties
    assert auc(y, score) == pytest.approx(roc_auc_score(y, score))


def test_both_heads_find_a_linear_property_and_not_a_random_one():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(120, 30))
    Y = np.column_stack([X[:, :3].sum(1), rng.normal(size=120)])
    for head in (pls, ridge):
        found = head(X[:80], Y[:80], X[80:])
        assert found.shape == (40, 2)
        good = judged(Y[80:, 0], found[:, 0], found[:, 1])
        assert good["r2"] > 0.95 and good["low"] > 0.9, head
        assert good["minus_rival"]["low"] > 0.5, head
        assert judged(Y[80:, 1], found[:, 1], found[:, 1])["r2"] < 0.3, head


def test_a_method_does_not_differ_from_itself():
    y = np.linspace(0, 1, 20)
    found = judged(y, y**2, y**2)
    assert found["minus_rival"] == {"difference": 0.0, "low": 0.0, "high": 0.0}
    assert found["mae"] == pytest.approx(np.abs(y - y**2).mean())


def test_what_the_corpus_knows_of_ethanol():
    corpus = source.load()
    names, values, binary = source.targets(corpus, corpus.rows_of(["CCO", "c1ccccc1"]))
    known = dict(zip(names, values.T.tolist(), strict=True))
    assert known["heavy atoms"] == [3.0, 6.0]
    assert known["OH_alcohol"] == [1.0, 0.0] and known["CH_arom"] == [0.0, 1.0]
    assert known["dipole (D)"][0] > 1 > known["dipole (D)"][1]
    assert binary.tolist() == [False] * 4 + [True] * (len(names) - 4)


@pytest.mark.parametrize("modality", ["IR", "NIR"])
def test_spectra_of_the_corpus(modality):
    corpus = source.load()
    rows = source.molecules(corpus, "test", 3, modality, seed=0)
    assert set(corpus.split[rows]) == {"test"}
    X, axis = source.spectra(corpus, rows, modality, seed=0)
    assert X.shape == (3, axis.size) and np.isfinite(X).all()
    assert (0.5 < X.max(axis=1)).all() and (X.max(axis=1) < 2).all()


@pytest.fixture
def own(tmp_path):
    """Spectra with one band whose height is the label, and the labels' file."""
    rng = np.random.default_rng(2)
    axis = np.linspace(1000, 1800, 100)
    y = rng.uniform(1, 2, 30)
    X = y[:, None] * np.exp(-(((axis - 1400) / 40) ** 2))
    X = X + 0.01 * rng.normal(size=X.shape)
    ids = [f"s{i}" for i in range(30)]
    instrument = InstrumentSpectra(axis, "cm-1", "absorbance", X)
    save(tmp_path / "own.h5", SpectraSet({"a": instrument}, ids, "IR"))
    text = "id,height\n" + "".join(f"{i},{v}\n" for i, v in zip(ids, y, strict=True))
    (tmp_path / "labels.csv").write_text(text)
    return tmp_path


def properties(folder, weights, labels="labels.csv"):
    return main.main(
        [
            "--config=configs/property.py",
            f"--workdir={folder / 'out'}",
            f"--config.data.path={folder / 'own.h5'}",
            f"--config.data.labels_path={folder / labels}",
            f"--config.property.weights={weights}",
            "--config.property.folds=5",
        ]
    )


def test_labels_of_ones_own(own, tiny_weights, capsys):
    assert properties(own, tiny_weights) == 0
    results = json.loads((own / "out" / "results.json").read_text())
    (entry,) = results["tables"][0]["entries"]
    assert entry["property"] == "height" and not entry["group"]
    assert entry["methods"]["PLS on spectra"]["r2"] > 0.9
    assert "ridge on z_chem" in entry["methods"]
    assert "height" in (own / "out" / "report.html").read_text()
    assert "report:" in capsys.readouterr().out


def test_bad_labels_are_told(own, tiny_weights, capsys):
    (own / "bad.csv").write_text("id,height\ns1,tall\n")
    assert properties(own, tiny_weights, "bad.csv") == 2
    assert "bad.csv: line 2" in capsys.readouterr().err
    (own / "other.csv").write_text("id,height\nx1,3\n")
    assert properties(own, tiny_weights, "other.csv") == 2
    assert "the sample ids must match" in capsys.readouterr().err
