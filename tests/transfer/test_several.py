"""Several properties in one fit: the same models as of each alone."""

import copy
import json
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn

from spektron_jax import CalibrationTransfer, SpektronError, archive
from spektron_jax.transfer import ensemble, persistence

NAMES = ["Moisture", "Oil", "Starch"]


def labels(X, y):
    """Three properties, of which one is the given, one is of other bands."""
    rng = np.random.default_rng(3)
    others = X @ rng.normal(size=(X.shape[1], 2)) * 4
    return np.column_stack([y, others + rng.normal(0, 0.01, others.shape)])


@pytest.fixture(scope="module")
def both(instruments):
    """Spectra of 30 samples on two instruments, axis, labels of 3 properties."""
    X_s, axis, X_t, _, y = instruments(points=24)
    return X_s, X_t, axis, labels(X_s, y)


@pytest.fixture(scope="module")
def model(both):
    """A transfer that no test changes."""
    return fitted(both, properties=NAMES)


def fitted(both, Y=None, n=8, **known):
    X_s, X_t, axis, labels = both
    Y = labels if Y is None else Y
    paired = {"paired": np.arange(n)} | known
    return CalibrationTransfer(None).fit(X_s, Y, axis, X_t[:n], **paired)


def check_same(whole, singles, X):
    """Everything that whole says is what those of one property say."""
    alone = dict(zip(whole.properties_, singles, strict=True))
    each = [one.predict(X) for one in singles]
    near = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(whole.predict(X), np.stack(each, -1), **near)
    for ends, parts in zip(
        whole.predict_interval(X, 0.8),
        zip(*(one.predict_interval(X, 0.8) for one in singles), strict=True),
        strict=True,
    ):
        np.testing.assert_allclose(ends, np.stack(parts, -1), **near)
    for values, parts in zip(
        whole.distances(X), zip(*(one.distances(X) for one in singles), strict=True),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(values, np.stack(parts, -1), rtol=1e-8)
    flags = np.stack([one.applicability(X) for one in singles], -1)
    np.testing.assert_array_equal(whole.applicability(X), flags)
    for name, one in alone.items():
        assert whole.verdict()[name] == one.verdict()
        assert whole.interval_mark()[name] == one.interval_mark()
        assert whole.members_[name] == pytest.approx(one.members_, rel=1e-9, abs=1e-12)
        assert whole.regime_[name] == one.regime_
        errors = whole.left_out_errors()[name], one.left_out_errors()
        np.testing.assert_allclose(*errors, **near)


@pytest.mark.parametrize("regime", ["paired", "unpaired", "unlabelled", "none"])
def test_each_is_what_it_is_alone(both, regime):
    X_s, X_t, axis, Y = both

    def fit(y):
        given = {
            "paired": {"X_target": X_t[:10], "paired": np.arange(10)},
            "unpaired": {"X_target": X_t[20:], "y_target": y[20:]},
            "unlabelled": {"X_target": X_t[10:]},
            "none": {},
        }[regime]
        return CalibrationTransfer(None).fit(X_s[:20], y[:20], axis, **given)

    whole = fit(Y)
    assert whole.properties_ == ("property 1", "property 2", "property 3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_same(whole, [fit(y) for y in Y.T], X_t)


def test_labels_that_are_missing_are_missing_for_that_property(both):
    """As if the samples without a label were not there; on the target, unlabelled."""
    X_s, X_t, axis, Y = both
    gone = Y.copy()
    gone[[2, 4, 20], 1] = np.nan  # two of the pairs, and another sample
    of_target = Y[:10].copy()
    of_target[:, 0] = np.nan
    of_target[[2, 5], 1] = np.nan
    whole = fitted(both, gone, 10, y_target=of_target)
    kept = np.isfinite(gone[:, 1])
    place = np.cumsum(kept) - 1
    paired = np.where(kept[:10], place[:10], -1)
    known = {"paired": np.arange(10)}
    alone = [
        CalibrationTransfer(None).fit(X_s, Y[:, 0], axis, X_t[:10], **known),
        CalibrationTransfer(None).fit(
            *(X_s[kept], gone[kept, 1], axis, X_t[:10]),
            y_target=of_target[:, 1],
            paired=paired,
        ),
        CalibrationTransfer(None).fit(X_s, Y[:, 2], axis, X_t[:10], **known),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_same(whole, alone, X_t)
    assert whole.regime_["property 2"] == (
        "8 labelled paired and 1 labelled unpaired and 1 unlabelled target spectra"
    )
    said = [text for text in whole.warnings_ if "have no label" in text]
    assert said == ["property 2: 3 source spectra have no label and do not calibrate"]


def test_scans_with_groups_and_both_instruments_in_one_matrix(both):
    X_s, X_t, axis, Y = both
    X = np.vstack([X_s, X_s[:5] + 1e-4, X_t[:10]])
    rows = np.r_[np.arange(30), np.arange(5), np.arange(10)]
    gone = Y[rows]
    gone[[1, 31, 2, 7, 20], 1] = np.nan  # both scans of 1, one of two of 2
    instrument = np.repeat(["source", "target"], [35, 10])

    def fit(y, kept=slice(None)):
        given = {"groups": rows[kept], "instrument": instrument[kept]}
        return CalibrationTransfer(None).fit(X[kept], y[kept], axis, **given)

    kept = ~np.isin(np.arange(45), [1, 31, 7, 20])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_same(fit(gone), [fit(gone[:, 0]), fit(gone[:, 1], kept), fit(gone[:, 2])],
                   X_t)  # fmt: skip


def test_what_depends_on_spectra_is_found_once(both, monkeypatch):
    """Catches: each property's Bayesian models are solved by themselves."""
    from spektron_jax.transfer import checks, fitting, members

    calls = dict.fromkeys(["fits", "preprocessed", "fit_domain", "of_spectra"], 0)

    def counted(module, name):
        inner = getattr(module, name)

        def call(*given):
            calls[name] += 1
            return inner(*given)

        monkeypatch.setattr(module, name, call)

    counted(members, "fits")
    counted(members, "preprocessed")
    counted(fitting, "fit_domain")
    counted(checks, "of_spectra")
    monkeypatch.setattr(ensemble, "prior_members", lambda *_: [])
    fitted(both, n=8)
    assert calls == {"fits": 4 * 6, "preprocessed": 4, "fit_domain": 1, "of_spectra": 1}


def test_spectra_are_kept_once(model):
    first, *others = [one._data for one in model.models_.values()]
    for data in others:
        assert data.X_source is first.X_source and data.X_target is first.X_target


def test_names_and_forms_of_labels(both):
    X_s, X_t, axis, Y = both
    table = pd.DataFrame(Y, columns=NAMES)
    ways = [
        fitted(both, table),
        fitted(both, {name: y for name, y in zip(NAMES, Y.T, strict=True)}),
        fitted(both, Y.tolist(), properties=NAMES),
        # Columns of the target's labels are found by name.
        fitted(both, table, paired=None, y_target=table[NAMES[::-1]][:8]),
    ]
    for way in ways:
        assert way.properties_ == tuple(NAMES)
        assert way.only("Oil").about_["property"] == "Oil"
    for way in ways[1:3]:
        np.testing.assert_array_equal(way.predict(X_t), ways[0].predict(X_t))
    swapped = fitted(both, Y, paired=None, y_target=Y[:8]).predict(X_t)
    np.testing.assert_array_equal(ways[3].predict(X_t), swapped)
    spectra = pd.DataFrame(X_t, columns=axis, index=[f"s{i}" for i in range(30)])
    assert isinstance(ways[0].predict(spectra), np.ndarray)
    with sklearn.config_context(transform_output="pandas"):
        found = ways[0].predict(spectra)
    assert list(found.columns) == NAMES and list(found.index) == list(spectra.index)


def test_columns_are_found_by_the_names_asked_for(both):
    """Catches: columns of y_target taken by position where y_source has no names."""
    from spektron_jax.transfer.several import columns

    Y, mixed = both[3], NAMES[::-1]
    plain = pd.DataFrame(Y)  # columns 0, 1, 2
    table = pd.DataFrame(Y, columns=NAMES)[mixed]
    for target in (table, {name: table[name].to_numpy() for name in mixed}):
        for source in (Y, plain, table):
            found = columns(source, target, NAMES)
            assert found.names == tuple(NAMES)
            np.testing.assert_array_equal(found.source, Y)
            np.testing.assert_array_equal(found.target, Y)
    for target in (Y, plain):  # without names: by position
        np.testing.assert_array_equal(columns(Y, target, NAMES).target, Y)
    renamed = columns(table, table[NAMES], ["c", "b", "a"])
    np.testing.assert_array_equal(renamed.target, renamed.source)
    with pytest.raises(SpektronError, match="has columns Starch, Oil, Moisture, y"):
        columns(Y, table, ["a", "b", "c"])


def test_a_column_stays_a_column(both):
    X_t, Y = both[1], both[3]
    one = fitted(both, Y[:, :1])
    assert one.predict(X_t).shape == (30, 1)
    np.testing.assert_array_equal(
        one.predict(X_t)[:, 0], fitted(both, Y[:, 0]).predict(X_t)
    )
    assert one.score(X_t, Y[:, :1]) == one.only("property 1").score(X_t, Y[:, 0])


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda Y: (Y[:, :0], {}), "y_source: has no column"),
        (lambda Y: (Y, {"properties": NAMES[:2]}), "2 names for 3 columns"),
        (lambda Y: (Y, {"properties": ["a", "b", "a"]}), "'a' stands twice"),
        (lambda Y: (Y, {"properties": ["a", "b", ""]}), "a name is empty"),
        (lambda Y: (Y[:, 0], {"properties": ["a"]}), "is of one property"),
        (lambda Y: (Y[:9], {}), "property 1: y_source: 9 labels for 30 spectra"),
        (lambda Y: (Y[None], {}), "y_source: must be one column"),
        (lambda Y: (Y, {"y_target": Y[:8, :2]}), "y_target: must have a column for"),
        (lambda Y: (Y, {"y_target": Y[:8, 0]}), "y_target: must have a column for"),
        (lambda Y: (Y, {"y_target": Y[:7]}), "property 1: y_target: 7 entries for 8"),
        (lambda Y: (Y[:, 0], {"y_target": Y[:8]}), "y_target: must be one column"),
        (lambda Y: (Y * [1, np.nan, 1], {}), "property 2 has no label"),
        (
            lambda Y: (Y * [1, np.inf, 1], {}),
            "property 2: y_source: row 0 holds infinity",
        ),
        (lambda Y: (Y * [1, 0, 1] + 0.0, {}), "property 2: y_source: every label is 0"),
        (lambda Y: (Y.astype(str) + "x", {}), "y_source: must be numbers"),
        (lambda Y: ({"a": Y[:, 0], "b": Y[:9, 0]}, {}), "differ in length"),
        (lambda Y: ({}, {}), "y_source: has no column"),
        (
            lambda Y: (
                pd.DataFrame(Y, columns=NAMES),
                {"y_target": pd.DataFrame(Y[:8], columns=["x", *NAMES[1:]])},
            ),
            "y_target: has columns x, Oil, Starch",
        ),
    ],
)
def test_labels_that_do_not_fit(both, change, text):
    Y, more = change(both[3])
    with np.errstate(invalid="ignore"), pytest.raises(SpektronError, match=text):
        fitted(both, Y, **more)


def test_faults_of_spectra_name_no_property(both):
    bad = both[0].copy()
    bad[3, 5] = np.nan
    with pytest.raises(SpektronError, match="^X_source: row 3 holds NaN"):
        fitted((bad, *both[1:]))


def test_warnings_are_said_once_and_name_their_property(both):
    whole, X = fitted(both, n=3), both[1][:2] * 3
    everyone = [text for text in whole.warnings_ if "3 labelled target" in text]
    assert len(everyone) == 1 and "property" not in everyone[0]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        whole.predict(X)
    texts = [str(one.message) for one in told]
    assert len(texts) == len(set(texts)) > 0


def test_what_is_of_one_property_says_so(both, model):
    whole, X = model, both[1]
    for call in (
        whole.monitor,
        lambda: whole.rerender(X),
        lambda: whole.neighbours(X),
        lambda: whole.latent_map(X),
    ):
        with pytest.raises(SpektronError, match=r"call only\('Moisture'\)"):
            call()
    with pytest.raises(SpektronError, match="'Fat' is none of Moisture, Oil, Starch"):
        whole.only("Fat")
    alone = fitted(both, both[3][:, 0])
    with pytest.raises(SpektronError, match="none of the property"):
        alone.only("Fat")
    with pytest.raises(SpektronError, match="call fit or load first"):
        CalibrationTransfer(None).only("Fat")
    # One list of samples to measure, whatever they are measured for.
    np.testing.assert_array_equal(
        whole.next_samples(X[8:], 4), alone.next_samples(X[8:], 4)
    )


def test_fitting_again_changes_the_kind(both):
    X_s, X_t, axis, Y = both
    ct = fitted(both)
    ct.fit(X_s, Y[:, 0], axis, X_t[:8], paired=np.arange(8))
    assert ct.predict(X_t).shape == (30,)
    ct.fit(X_s, Y, axis, X_t[:8], paired=np.arange(8))
    assert ct.predict(X_t).shape == (30, 3)


def test_a_folder_holds_all(both, model, tmp_path):
    whole, X = model, both[1]
    loaded = CalibrationTransfer.load(whole.save(tmp_path / "model"))
    assert loaded.properties_ == tuple(NAMES)
    np.testing.assert_array_equal(loaded.predict(X), whole.predict(X))
    ends = loaded.predict_interval(X), whole.predict_interval(X)
    np.testing.assert_array_equal(*ends)
    assert loaded.verdict() == whole.verdict()
    assert loaded.warnings_ == whole.warnings_ and loaded.about_ == whole.about_
    np.testing.assert_array_equal(loaded.only("Oil").predict(X), whole.predict(X)[:, 1])
    again = CalibrationTransfer.load(loaded.only("Oil").save(tmp_path / "oil"))
    np.testing.assert_array_equal(again.predict(X), whole.predict(X)[:, 1])
    with np.load(tmp_path / "model" / "model.npz") as file:  # shared arrays once
        assert sum(name.endswith("domain/loadings") for name in file.files) == 1


def test_adapters_of_several(both, model, tmp_path):
    (X_s, X_t, axis, Y), whole = both, model
    path = whole.save_adapter(tmp_path / "a.npz", "B", "2026-11-29")
    expected = whole.predict(X_t)
    other = fitted((X_s, X_t * 1.1, axis, Y), pd.DataFrame(Y, columns=NAMES))
    assert np.abs(other.predict(X_t) - expected).max() > 1e-3
    np.testing.assert_array_equal(other.switch(path).predict(X_t), expected)
    assert other.provenance_["Oil"]["instrument"] == "B"
    with pytest.raises(SpektronError, match="the model for one property"):
        whole.only("Oil").switch(path)
    alone = whole.only("Oil").save_adapter(tmp_path / "b.npz", "B", "2026-11-29")
    with pytest.raises(SpektronError, match="is for one property, the model for Mois"):
        whole.switch(alone)
    strange = fitted((X_s[::-1], X_t[::-1], axis, Y[::-1]), properties=NAMES)
    with pytest.raises(SpektronError, match="made with another source"):
        strange.switch(path)
    assert "instrument" not in strange.provenance_["Oil"]


def test_a_folder_of_several_that_is_edited_and_signed_again(both, tmp_path):
    """Every setting away, and of every wrong type: our own error, or a model."""
    whole, X = fitted(both, both[3][:, :2]), both[1][:2]
    settings, arrays = whole._states()
    settings = json.loads(json.dumps(settings, default=str))
    first, second = settings["each"]
    wrong = (None, "x", -1, [], {}, [1], True, [None, None], ["a", "a"], ["", "b"])
    cases = [settings | {name: bad} for name in settings for bad in wrong]
    cases += [{k: v for k, v in settings.items() if k != name} for name in settings]
    lines = [second | {name: bad} for name in second for bad in (None, "x", [], 1e400)]
    lines += [{k: v for k, v in second.items() if k != name} for name in second]
    places = second["arrays"]
    lines += [second | {"arrays": places | {one: "no"}} for one in places]
    lines += [second | {"arrays": places | {"axis": places["errors"]}}]
    cases += [settings | {"each": [first, line]} for line in lines]
    cases += [settings | {"each": [first]}, settings | {"each": [first] * 3}]
    loaded = 0
    for number, case in enumerate(cases):
        path = tmp_path / f"{number}.npz"
        persistence.write_adapter(path, case, arrays)
        other = copy.copy(whole)
        try:
            other.switch(path)
            with np.errstate(all="ignore"):
                other.predict(X)
                other.predict_interval(X)
            loaded += 1
        except SpektronError as error:
            assert "\n" not in str(error)
        if number % 8 == 0:
            try:
                folder = persistence.write(tmp_path / str(number), case, arrays)
                CalibrationTransfer.load(folder).predict(X)
            except SpektronError as error:
                assert str(tmp_path) in str(error) or str(error).startswith("X")
    assert 0 < loaded < len(cases) / 2
    np.testing.assert_array_equal(
        whole.predict(X), whole.switch(whole.save_adapter(path, "B", "")).predict(X)
    )


def test_formats_of_one_and_of_several(model, tmp_path):
    """One property is written as before, so that older versions can read it."""
    for one, expected in ((model, 8), (model.only("Oil"), 7)):
        folder = one.save(tmp_path / str(expected))
        listed = json.loads((folder / archive.MANIFEST).read_text())
        assert listed["format"] == expected
