"""Heads by hand and against scikit-learn, and what the corpus knows of molecules."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from spektron_jax.probes import property_corpus as source
from spektron_jax.probes.property_heads import auc, pls, ridge, scores


def test_auc_is_scikit_learns():
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=40) < 0.4).astype(float)
    score = np.round(rng.normal(size=40) + y, 1)  # with ties
    assert auc(y, score) == pytest.approx(roc_auc_score(y, score))


def test_groups_are_judged_by_auc_on_resamples_with_both_kinds():
    y = np.zeros(12)
    y[3] = 1.0
    predicted = {"knows": y + 0.1, "random": np.linspace(0, 1, 12)}
    found = scores(y, predicted, "random", group=True)
    assert found["knows"].auc == found["knows"].low == found["knows"].high == 1.0
    assert found["knows"].mae is None and found["knows"].minus_rival["low"] > 0.3


def test_both_heads_find_a_linear_property_and_not_a_random_one():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(120, 30))
    Y = np.column_stack([X[:, :3].sum(1), rng.normal(size=120)])
    for head in (pls, ridge):
        found = head(X[:80], Y[:80], X[80:])
        assert found.shape == (40, 2)
        both = {"right": found[:, 0], "wrong": found[:, 1]}
        good = scores(Y[80:, 0], both, "wrong")["right"]
        assert good.r2 > 0.95 and good.low > 0.9 and good.value == good.r2, head
        assert good.minus_rival["low"] > 0.5, head
        assert scores(Y[80:, 1], both, "wrong")["wrong"].r2 < 0.3, head


def test_a_method_does_not_differ_from_itself():
    y = np.linspace(0, 1, 20)
    found = scores(y, {"square": y**2, "same": y**2}, "same")["square"]
    assert found.minus_rival == {"difference": 0.0, "low": 0.0, "high": 0.0}
    assert found.mae == pytest.approx(np.abs(y - y**2).mean())


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
