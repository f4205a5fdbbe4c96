"""Members: honest where samples are left out, and one model when combined."""

from dataclasses import replace

import numpy as np
import pytest

from spektron_jax.transfer.bayes import fits
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.members import (
    VIEWS,
    bayes_members,
    classical_members,
    classical_names,
    combined,
    encoder_members,
    prior_members,
    spectral_members,
)
from spektron_jax.transfer.methods import make
from spektron_jax.transfer.methods.pls_transfer import PLSTransfer
from spektron_jax.transfer.methods.preprocessing import preprocess
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.priors import coefficient_scales
from spektron_jax.transfer.views import preprocessed

FIELDS = "X_source", "y_source", "X_target", "y_target", "paired"


def data_of(instruments, pairs=6, unpaired=0, unlabelled=0, points=80):
    """Pairs, then labelled and unlabelled target spectra of other samples."""
    X_s, _, X_t, _, y = instruments(samples=60, points=points)
    n, known = pairs + unpaired + unlabelled, pairs + unpaired
    labels = np.r_[y[:known], np.full(unlabelled, np.nan)]
    paired = np.r_[np.arange(pairs), np.full(n - pairs, -1)]
    source = np.r_[np.arange(pairs), np.arange(n, n + 20)]
    return TransferData(X_s[source], y[source], X_t[:n], labels, paired)


KNOWN = [{"pairs": 6}, {"pairs": 0, "unpaired": 6}, {"pairs": 5, "unlabelled": 4}]


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("name", VIEWS)
def test_a_bayesian_member_left_out_is_a_fit_without_the_sample(
    instruments, known, name
):
    data = data_of(instruments, **known)
    groups = data.groups()
    found = [
        m.left_out(groups) for m in bayes_members(preprocessed(data, name), groups)
    ]
    expected = []
    for rows in groups:
        own = preprocessed(data.without(rows), name)
        X = preprocess(data.X_target[rows], own.scatter)
        affine = [
            (*own.on_spectra(fit.vector), fit.intercept) for fit in fits([own.space])[0]
        ]
        expected.append([X @ vector + more + c for vector, more, c in affine])
    expected = np.concatenate(expected, axis=1)
    assert len(found) == (4 if known["pairs"] else 1)
    # Coordinates, noise and the prior's terms are those of all spectra.
    np.testing.assert_allclose(found, expected, atol=0.03 * data.y_source.std())


@pytest.mark.parametrize("known", [*KNOWN, {"pairs": 3, "unpaired": 3}])
@pytest.mark.parametrize("name", ["raw", "snv"])
def test_a_classical_member_left_out_is_its_fit_with_as_many_components(
    instruments, known, name
):
    data = data_of(instruments, **known)
    groups = data.groups()
    X = instruments(samples=60)[2][45:]
    members = classical_members(preprocessed(data, name), groups)
    whole, _ = Workspace(data).preprocessed(name)
    names = classical_names(data, name)
    assert [m.name for m in members] == [f"{each}/{name}" for each in names]
    for each, member in zip(names, members, strict=True):
        np.testing.assert_allclose(
            combined([member], np.ones(1))(X), make(member.name).fit(data)(X), rtol=1e-9
        )
        k, method, expected = make(member.name).choose(whole), make(f"{each}/raw"), []
        for rows in groups:
            path = method.path(Workspace(whole.data.without(rows)))
            found = path(whole.data.X_target[rows])
            expected.append(found[:, min(k, found.shape[1]) - 1])
        np.testing.assert_allclose(
            member.left_out(groups), np.concatenate(expected), rtol=1e-9
        )


@pytest.mark.parametrize("known", KNOWN)
def test_nothing_of_a_left_out_sample_reaches_its_model(
    instruments, known, monkeypatch
):
    """Both spectra and labels of it are replaced, in the coordinates: exact."""
    monkeypatch.setattr(PLSTransfer, "choose", lambda *_: 2)
    data = data_of(instruments, **known)
    own = preprocessed(data, "raw")
    groups, rng = data.groups(), np.random.default_rng(0)

    def models(own):
        return bayes_members(own, groups) + classical_members(own, groups)

    before = models(own)
    for number, rows in enumerate(groups[:2]):
        there = own.space.data
        on_source = there.paired[rows][there.paired[rows] >= 0]
        wild = TransferData(*(np.array(getattr(there, name)) for name in FIELDS))
        for array, changed in (
            *((wild.X_source, on_source), (wild.y_source, on_source)),
            *((wild.X_target, rows), (wild.y_target, rows)),
        ):
            array[changed] = 50 * rng.normal(size=array[changed].shape)
        after = models(replace(own, space=replace(own.space, data=wild)))
        for old, new in zip(before, after, strict=True):
            np.testing.assert_array_equal(
                new.vectors[1 + number], old.vectors[1 + number]
            )
            assert new.intercepts[1 + number] == old.intercepts[1 + number]
            changed = (new.vectors != old.vectors).any(axis=1)
            changed |= new.intercepts != old.intercepts
            assert changed.sum() == len(groups), new.name


@pytest.mark.parametrize("known", KNOWN)
def test_a_wrong_label_changes_every_model_but_the_one_without_it(
    instruments, known, monkeypatch
):
    monkeypatch.setattr(PLSTransfer, "choose", lambda *_: 2)
    data = data_of(instruments, **known)
    groups = data.groups()
    before = spectral_members([data], groups)[0]
    y_source, y_target = data.y_source.copy(), data.y_target.copy()
    y_target[groups[1]] += 100
    if known["pairs"]:
        y_source[data.paired[groups[1]]] += 100
    wrong = replace(data, y_source=y_source, y_target=y_target)
    for old, new in zip(before, spectral_members([wrong], groups)[0], strict=True):
        same = [(a == b).all() for a, b in zip(old.vectors, new.vectors, strict=True)]
        shift = old.intercepts == new.intercepts
        assert same[2] and shift[2], new.name
        assert new.name.startswith("umc/") or not shift[[0, 1, 3]].any(), new.name


def test_groups_of_several_samples(instruments):
    """Predictions are in the order of the groups."""
    data = data_of(instruments, pairs=19)
    groups = data.groups()
    assert [rows.size for rows in groups] == [4, 4, 4, 4, 3]
    for member in spectral_members([data], groups)[0]:
        each = [
            combined([member], np.ones(1), 1 + number)(data.X_target[rows])
            for number, rows in enumerate(groups)
        ]
        found = member.left_out(groups)
        np.testing.assert_allclose(found, np.concatenate(each), rtol=1e-8)


def test_splits_that_one_pair_cannot_tell_are_left_away(instruments):
    data = data_of(instruments, pairs=2)
    own = preprocessed(data, "raw")
    assert len(bayes_members(own)) == 4
    (member,) = bayes_members(own, data.groups())
    assert member.split == "noisy target" and member.vectors.shape[0] == 3


class Smoothed:
    """A linear encoder of one's own."""

    name, checksum = "smoothed", None

    def linearised(self, centre, X_target):
        at = np.linspace(0, centre.size - 1, 12)
        self.map = np.exp(-(((np.arange(centre.size)[:, None] - at) / 4) ** 2))
        return self

    def __call__(self, X):
        return X @ self.map

    def back(self, vector):
        return self.map @ vector


@pytest.mark.parametrize("known", [*KNOWN, {"pairs": 0, "unlabelled": 24}])
def test_the_combination_is_the_weighted_sum_of_what_members_say(instruments, known):
    """Each through its own pretreatment, features and coordinates."""
    data = data_of(instruments, **known, points=81)
    X, groups = instruments(samples=60, points=81)[2][45:], data.groups()
    members = spectral_members([data], groups)[0] + prior_members(data, groups, "NIR")
    learned = coefficient_scales(data) if known["pairs"] else None
    encoder = Smoothed()
    members += encoder_members([data], encoder, groups)[0]
    kinds = {"bayes", "classical", "encoder"} | ({"prior"} if known["pairs"] else set())
    assert {m.kind for m in members} == kinds
    weights = np.random.default_rng(0).normal(size=len(members))
    for fit in range(1 + len(groups)):
        expected = 0.0
        for weight, m in zip(weights, members, strict=True):
            if m.kind == "encoder":
                features = encoder(X - data.X_source.mean(axis=0))
            else:
                features = preprocess(X, m.view.name)
            if m.kind == "prior":
                features = features * learned
            on = (features - m.view.origin) @ m.view.span
            vector = m.vectors[fit]
            expected += weight * (on[:, : vector.size] @ vector + m.intercepts[fit])
        ours = combined(members, weights, fit)
        assert set(ours.coefficients) == {"raw", "snv"}
        np.testing.assert_allclose(ours(X), expected, rtol=1e-8)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("kind", ["two points", "one spectrum", "offsets"])
def test_what_differs_by_rounding_alone_predicts_nothing(kind, labelled):
    """SNV of two points, or of one spectrum times a number; a derivative of offsets."""
    rng, y = np.random.default_rng(0), np.linspace(1.0, 3.0, 60)
    if kind == "two points":
        X = np.column_stack([y, 2 * y + 3]) + rng.normal(0, 0.2, (60, 2))
        new = X[40:] @ np.array([[0.0, 1.0], [1.0, 0.0]])  # rises where all others fall
    else:
        shape = 2 + np.sin(np.linspace(0, 9, 80))
        X = y[:, None] * shape if kind == "one spectrum" else y[:, None] + shape
        new = X[40:] + rng.normal(0, 1e-3, X[40:].shape)
    labels, paired = np.full(12, np.nan), np.full(12, -1)
    if labelled:
        labels, paired = y[:12], np.arange(12)
    data = TransferData(X[:40], y[:40], 1.1 * X[:12], labels, paired)
    predicted = Ensemble("combination", "NIR").fit(data)(1.1 * new)
    assert np.abs(predicted - y[40:]).max() < 60 * y.std()  # it had been up to 1e14
