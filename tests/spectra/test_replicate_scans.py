"""Scans of a sample in files: a replicate column, suffixes, and what only looks so."""

import numpy as np
import pytest

import spektron_jax
from spektron_jax import SpektronError
from spektron_jax.spectra.labels import Labels
from spektron_jax.spectra.replicate_scans import column_of, merged, samples_of_scans
from spektron_jax.spectra.samples import Samples, pair

SCANS = np.array(["s1_0", "s1_1", "s2_0", "s2_1", "s3_0", "s3_1"])


def labels(ids, values):
    values = np.asarray(values, float)[:, None]
    return Labels(np.array(ids), values, ("fat",), ("%",), "labels.csv")


PLAIN = labels(["s1", "s2", "s3"], [1, 2, 3])
EQUAL = labels(SCANS, [1, 1, 2, 2, 3, 3])
OTHER = labels(SCANS, [1, 1.5, 2, 2, 3, 3])


@pytest.mark.parametrize("form", ["s{}_{}", "s{}-{}", "s{} {}", "s{}.{}", "s{}_rep{}"])
def test_suffixes_that_labels_do_not_know(form):
    ids = np.array([form.format(i, k) for i in (1, 2, 3) for k in (1, 2)])
    found = samples_of_scans(ids, PLAIN, [], "auto")
    assert found.tolist() == ["s1", "s1", "s2", "s2", "s3", "s3"]


@pytest.mark.parametrize(
    "ids, known, others, expected",
    [
        (SCANS, EQUAL, [], True),  # scans of a sample share its label
        (SCANS, OTHER, [], False),  # samples of their own
        (SCANS, labels(["x"], [1]), ["s1", "s2", "s3"], True),
        (SCANS, labels(["x"], [1]), SCANS.tolist(), False),
        (np.array(["lot_1", "lot_2", "lot_3"]), labels(["lot_1"], [1]), [], False),
        (np.array(["s1", "s2"]), PLAIN, [], False),
    ],
)
def test_what_is_a_suffix_is_guessed_with_care(ids, known, others, expected):
    """Catches: samples called lot_1, lot_2 are averaged into one."""
    found = samples_of_scans(ids, known, others, "auto")
    assert (len(set(found.tolist())) < ids.size) == expected
    assert samples_of_scans(ids, known, others, "none") is ids


def test_a_separator_that_is_given():
    ids = np.array(["a/1x", "a/2x", "b/1x"])
    assert samples_of_scans(ids, PLAIN, [], "/").tolist() == ["a", "a", "b"]
    with pytest.raises(SpektronError, match="'s1' has no such text"):
        samples_of_scans(np.array(["s1"]), PLAIN, [], "/")


@pytest.mark.parametrize(
    "name", ["replicate", "Rep", "scan no.", "repeat", "Run", "reps"]
)
def test_names_of_replicate_columns(name):
    assert column_of(["fat", name]) == name
    assert column_of(["fat", "protein", "report", "scanner"]) is None


@pytest.mark.parametrize("column", ["replicate", "scan"])
def test_a_file_with_a_replicate_column(tmp_path, column):
    """Catches: the second scan of a sample is an error, or left out."""
    axis = np.linspace(1100, 1200, 20)
    rows = [",".join(["sample", column, *(f"{a:g}" for a in axis)])]
    rng = np.random.default_rng(0)
    for i in range(3):
        for k in (1, 2):
            values = ",".join(f"{v:.4f}" for v in rng.uniform(0.1, 1, 20))
            rows.append(f"s{i},{k},{values}")
    path = tmp_path / "scans.csv"
    path.write_text("\n".join(rows))
    found = spektron_jax.read(path, unit="nm", modality="NIR")
    assert found.sample_ids.tolist() == ["s0", "s0", "s1", "s1", "s2", "s2"]
    path.write_text("\n".join([*rows, rows[-1]]))  # the same scan twice
    with pytest.raises(SpektronError, match="stands 3 times|stands 2 times"):
        spektron_jax.read(path, unit="nm", modality="NIR")


def side(ids, X):
    about = np.linspace(1100, 1200, X.shape[1]), "nm", "absorbance", "NIR"
    empty = Labels(np.array(ids), np.empty((len(ids), 0)), (), (), "x")
    return Samples(np.array(ids), X, *about, "one", empty, "x.csv")


def test_pairs_are_means_of_scans():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(3, 20)), rng.normal(size=(6, 20))
    B[1, 4] = np.nan  # a scan with a missing point counts for nothing
    found = pair(side(["s1", "s2", "s3"], A), side(SCANS, B), PLAIN)
    assert found.ids.tolist() == ["s1", "s2", "s3"]
    np.testing.assert_allclose(found.X_target[0], B[0])
    np.testing.assert_allclose(found.X_target[1], B[2:4].mean(axis=0))
    assert any("6 scans of 3 samples averaged" in text for text in found.warnings)
    number, X = found.scans
    assert number.tolist() == [0, 1, 1, 2, 2] and len(X) == 5
    both = pair(side(SCANS, B), side(SCANS, B), EQUAL)
    assert both.y.tolist() == [1, 2, 3] and both.ids.tolist() == ["s1", "s2", "s3"]
    apart = pair(side(SCANS, B), side(SCANS, B), EQUAL, "none")
    assert apart.ids.size == 6 and apart.scans is None


def test_merging_keeps_the_order():
    found = merged(np.array(["b", "a", "b"]))
    assert found.ids.tolist() == ["b", "a"] and found.number.tolist() == [0, 1, 0]
    assert found.mean(np.array([1.0, 5.0, np.nan])).tolist() == [1, 5]


def test_scans_with_labels_of_their_own_are_told():
    """Catches: scans with labels measured one by one become samples without a hint."""
    X = np.random.default_rng(0).normal(size=(6, 20))
    near = labels(SCANS, [1, 1.02, 2, 2.01, 3, 2.98])
    (text, _) = pair(side(SCANS, X), side(SCANS, X + 1), near).warnings
    assert "such as s1_0 look like scans of 3 samples and are taken as 6" in text
    assert "--config.data.replicates=_ averages" in text
    for known in (OTHER, labels(SCANS, [1, 3, 2, 1, 3, 2])):
        found = pair(side(SCANS, X), side(SCANS, X + 1), known).warnings
        assert bool(found) == (known is OTHER)
    assert not pair(side(SCANS, X), side(SCANS, X + 1), near, "none").warnings


def test_scans_whose_labels_are_far_apart_are_told():
    """Catches: scans of different samples under one name are averaged."""
    X = np.random.default_rng(0).normal(size=(6, 20))
    far = labels(SCANS, [1, 5, 2, 2, 3, 3])
    (text, *_) = pair(side(SCANS, X), side(SCANS, X), far, "_").warnings
    assert "fat of 1 samples differs between their scans, such as s1: 1 to 5" in text
    found = pair(side(SCANS, X), side(SCANS, X), EQUAL, "_").warnings
    assert not any("differs between" in text for text in found)
