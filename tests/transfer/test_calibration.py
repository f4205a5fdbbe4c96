"""The public class: every regime, axes, files, and errors that say what to do."""

import json

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError, archive
from spektron_jax.transfer.applicability import IN_DOMAIN, UNLIKE
from spektron_jax.transfer.methods import make
from tests import forks

TRAIN, N = 24, 10


def error_of(ct, X, y):
    return float(np.sqrt(np.mean((ct.predict(X) - y) ** 2)))


def fitted(instruments, kind="paired", n=N, weights=None, **kwargs):
    X_s, axis, X_t, axis_t, y = instruments(**kwargs)
    train, rows = np.arange(TRAIN), np.arange(n)
    given = {"axis_target": axis_t, "X_target": X_t[rows]}
    if kind == "none":
        given = {}
    elif kind == "paired":
        given |= {"y_target": y[rows], "paired": rows}
    elif kind == "unpaired":
        given |= {"y_target": y[rows]}
        train = np.arange(n, TRAIN)
    ct = CalibrationTransfer(weights=weights)
    ct.fit(X_s[train], y[train], axis, **given)
    return ct, X_t[TRAIN:], y[TRAIN:]


@pytest.mark.parametrize(
    "kind, n, limit",
    [
        ("none", 0, 3.0),
        ("unlabelled", 5, 0.6),
        ("unlabelled", 24, 0.5),
        ("unlabelled", 1, 1.0),
        ("unpaired", 1, 1.0),
        ("unpaired", 3, 0.6),
        ("unpaired", 10, 0.3),
        ("paired", 1, 0.6),
        ("paired", 2, 0.3),
        ("paired", 5, 0.15),
        ("paired", 10, 0.15),
    ],
)
def test_every_regime(instruments, kind, n, limit):
    ct, X, y = fitted(instruments, kind, n)
    assert error_of(ct, X, y) < limit
    assert ct.network_share_ == 0.0
    assert {"none": "no target data", "paired": f"{n} labelled paired"}.get(
        kind, f"{n} "
    ) in ct.regime_
    low, high = ct.predict_interval(X)
    assert (low < high).all() and np.isfinite([low, high]).all()
    expected = "calibrated" if n >= 10 and kind != "unlabelled" else "not calibrated"
    assert ct.interval_mark() == expected
    assert (expected == "calibrated") != any("intervals" in w for w in ct.warnings_)


@pytest.mark.parametrize("pairs", [1, 2, 3, 8])
def test_pairs_beside_other_target_spectra(instruments, pairs):
    X_s, axis, X_t, _, y = instruments()
    labels = np.r_[y[: pairs + 4], np.full(4, np.nan)]  # 4 unpaired, 4 unlabelled
    rows = np.r_[np.arange(pairs), np.full(8, -1)]
    source = np.setdiff1d(np.arange(22), np.arange(pairs, pairs + 8))
    ct = CalibrationTransfer(None).fit(
        X_s[source], y[source], axis, X_t[: pairs + 8], y_target=labels, paired=rows
    )
    assert ct.regime_ == (
        f"{pairs} labelled paired and 4 labelled unpaired and 4 unlabelled "
        "target spectra"
    )
    assert error_of(ct, X_t[22:], y[22:]) < 0.4
    low, high = ct.predict_interval(X_t[22:])
    assert np.isfinite([low, high]).all()


def test_transfer_beats_none(instruments):
    none, X, y = fitted(instruments, "none")
    paired, *_ = fitted(instruments, "paired")
    floor = make("none/sg1").fit(none._data)(X)  # the source model as it is
    floor = np.sqrt(np.mean((floor - y) ** 2))
    assert error_of(paired, X, y) < 0.3 * floor
    assert error_of(none, X, y) < floor


def test_no_target_data_on_another_axis(instruments):
    X_s, axis, X_t, axis_t, y = instruments(points_target=97)
    ct = CalibrationTransfer(None).fit(X_s, y, axis, axis_target=axis_t)
    np.testing.assert_array_equal(ct.predict(X_t), ct.predict(X_t, axis=axis_t))
    assert any("nothing is known of the target" in text for text in ct.warnings_)


def test_five_samples_in_all(instruments):
    X_s, axis, X_t, _, y = instruments(samples=5)
    ct = CalibrationTransfer(weights=None).fit(
        X_s, y, axis, X_t, y_target=y, paired=np.arange(5)
    )
    assert np.isfinite(ct.predict(X_t)).all()
    assert set(ct.applicability(X_t)) <= {"in domain", "extrapolating", UNLIKE}
    low, high = ct.predict_interval(X_t)
    assert ((low < y) & (y < high)).mean() > 0.5


def test_a_paired_sample_needs_no_label_of_its_own(instruments):
    X_s, axis, X_t, _, y = instruments()
    both = [
        CalibrationTransfer(None).fit(
            X_s, y, axis, X_t[:8], y_target=labels, paired=np.arange(8)
        )
        for labels in (y[:8], np.full(8, np.nan))
    ]
    np.testing.assert_array_equal(both[0].predict(X_t), both[1].predict(X_t))


def test_axes_that_differ(instruments):
    ct, X, y = fitted(instruments, points_target=97)
    assert error_of(ct, X, y) < 0.2
    (warning,) = ct.warnings_
    assert "axis differs" in warning and "linear interpolation" in warning
    again = ct.predict(X[:, ::-1], axis=np.linspace(1150, 2350, 97)[::-1])
    np.testing.assert_allclose(again, ct.predict(X), rtol=1e-12)


def test_saved_and_loaded_predictions_are_bit_identical(instruments, tmp_path):
    ct, X, _ = fitted(instruments)
    ct.save(tmp_path / "model")
    assert {p.name for p in (tmp_path / "model").iterdir()} == {
        *("manifest.json", "model.json", "model.npz")
    }
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    other = CalibrationTransfer.load(tmp_path / "model")
    np.testing.assert_array_equal(ct.predict(X), other.predict(X))
    np.testing.assert_array_equal(ct.predict_interval(X), other.predict_interval(X))
    np.testing.assert_array_equal(ct.applicability(X), other.applicability(X))
    assert (other.regime_, other.warnings_) == (ct.regime_, ct.warnings_)
    other.save(tmp_path / "model")  # over an older one
    again = CalibrationTransfer.load(tmp_path / "model")
    np.testing.assert_array_equal(ct.predict(X), again.predict(X))


def test_damaged_or_foreign_folders_are_refused(instruments, tmp_path):
    ct, *_ = fitted(instruments, n=5)
    folder = ct.save(tmp_path / "model")
    with pytest.raises(SpektronError, match="no transfer model"):
        CalibrationTransfer.load(tmp_path)
    with pytest.raises(SpektronError, match="exists and holds no model"):
        ct.save(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]
    newer = archive.sealed(manifest | {"format": 99})
    (folder / "manifest.json").write_text(json.dumps(newer))
    with pytest.raises(SpektronError, match="newer format"):
        CalibrationTransfer.load(folder)
    (folder / "manifest.json").write_text(json.dumps(newer | {"format": 7}))
    with pytest.raises(SpektronError, match="manifest.json has changed"):
        CalibrationTransfer.load(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 6}))
    with pytest.raises(SpektronError, match="older format; fit again"):
        CalibrationTransfer.load(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest))  # as older ones are
    CalibrationTransfer.load(folder)
    content = (folder / "model.npz").read_bytes()
    (folder / "model.npz").write_bytes(content[:-1] + b"x")
    with pytest.raises(SpektronError, match="model.npz has changed"):
        CalibrationTransfer.load(folder)


def test_applicability_tells_strange_spectra(instruments):
    ct, X, _ = fitted(instruments)
    assert np.mean(ct.applicability(X) == IN_DOMAIN) > 0.6
    ramp = np.linspace(0, 3, X.shape[1])
    assert (ct.applicability(X[:2] + ramp) == UNLIKE).all()


def test_compare_lists_the_rivals(instruments):
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(None, compare=True, random_state=1)
    ct.fit(X_s, y, axis, X_t[:8], y_target=y[:8], paired=np.arange(8))
    table = {entry["method"]: entry for entry in ct.comparison_.table()}
    assert {"no transfer", "PDS", "without network"} <= set(table)
    for entry in table.values():
        assert entry["low"] <= entry["rmsep"] <= entry["high"]
    change = ct.comparison_.difference("without network", "no transfer")
    assert change["low"] <= change["difference"] <= change["high"] < 0


@pytest.mark.parametrize(
    "change, message",
    [
        ({"y_source": np.arange(5.0)}, "5 labels for 30 spectra"),
        ({"y_source": np.ones(30)}, "every label is 1; nothing to calibrate"),
        ({"y_source": np.r_[np.nan, np.arange(29.0)]}, "row 0 has no label"),
        ({"y_source": ["a"] * 30}, "y_source: must be numbers"),
        ({"y_target": np.arange(4.0)}, "y_target: 4 entries for 8 target spectra"),
        ({"paired": np.arange(9)}, "paired: 9 entries for 8 target spectra"),
        ({"paired": np.arange(8) + 28}, "paired: rows must lie in 0..29 or be -1"),
        ({"paired": np.zeros(8, int)}, "paired twice"),
        ({"paired": np.arange(8.0)}, "must hold row numbers"),
        ({"X_target": None}, "X_target: missing, but y_target or paired is given"),
        ({"axis_source": np.arange(1100, 1140)}, "80 points and axis_source 40"),
        ({"axis_target": np.linspace(2290, 2500, 80)}, "points in common, 16 are"),
        ({"unit": "cm-1"}, "axis_source: 1100 to 2300 cm-1 lies outside NIR"),
        ({"compare": True, "rows": 3}, "compare: needs 5 labelled target samples"),
    ],
)
def test_bad_input_says_what_to_do(instruments, change, message):
    X_s, axis, X_t, _, y = instruments()
    rows = np.arange(change.pop("rows", 8))
    ct = CalibrationTransfer(None, compare=change.pop("compare", False))
    given = {
        **{"X_source": X_s, "y_source": y, "axis_source": axis},
        **{"X_target": X_t[rows], "y_target": y[rows], "paired": rows},
    }
    with pytest.raises(SpektronError, match=message):
        ct.fit(**given | change)


def test_rows_of_nan_are_named(instruments):
    X_s, axis, X_t, _, y = instruments()
    for name, X in (("X_source", X_s), ("X_target", X_t)):
        broken = X.copy()
        broken[3, 5] = np.nan
        given = {"X_source": X_s, "X_target": X_t} | {name: broken}
        with pytest.raises(SpektronError, match=f"{name}: row 3 holds NaN"):
            CalibrationTransfer(None).fit(y_source=y, axis_source=axis, **given)
    ct = CalibrationTransfer(None).fit(X_s, y, axis, X_t)
    with pytest.raises(SpektronError, match="X: row 0 holds NaN"):
        ct.predict(np.full((1, 80), np.nan))
    with pytest.raises(
        SpektronError,
        match="X has 79 features, but CalibrationTransfer is expecting 80",
    ):
        ct.predict(X_t[:, 1:])
    with pytest.raises(SpektronError, match="does not cover"):
        ct.predict(X_t[:, 10:], axis=axis[10:])
    with pytest.raises(SpektronError, match="call fit or load first"):
        CalibrationTransfer(None).predict(X_t)


def test_what_weakens_the_result_is_said(instruments):
    X_s, axis, X_t, _, y = instruments()
    X_s[4] = X_s[3]
    y = y.copy()
    ct = CalibrationTransfer(None).fit(
        X_s, y, axis, X_t[:3], y_target=[20.0, 20.0, 20.0]
    )
    text = "\n".join(ct.warnings_)
    assert "X_source: 1 spectra occur more than once" in text
    assert "extrapolation" in text and "all target labels are equal" in text
    assert "3 labelled target samples: intervals are not calibrated" in text


@pytest.fixture(scope="module")
def python():
    with forks.python("import spektron_jax.transfer.estimator\n") as run:
        yield run


@pytest.mark.parametrize(
    "given, known",
    [
        ("", "y_target=y[:6], paired=np.arange(6)"),  # as by default, with labels
        ("", "y_target=y[:6]"),
        ("weights=None", ""),
    ],
)
def test_no_jax_is_loaded_where_the_encoder_has_no_weight(
    python, given, known, tmp_path
):
    code = f"""
import sys
import numpy as np
from spektron_jax import CalibrationTransfer
rng = np.random.default_rng(0)
X, axis = rng.normal(size=(12, 40)), np.linspace(1100, 2300, 40)
y = X[:, 3]
ct = CalibrationTransfer({given}).fit(X, y, axis, X[:6], {known})
ct.predict(X)
ct.predict_interval(X)
CalibrationTransfer.load(ct.save({str(tmp_path / "model")!r})).predict(X)
assert ct.network_share_ == 0
heavy = {{"jax", "matplotlib", "h5py", "ml_collections"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_learned_prior_needs_no_encoder(instruments, tiny_weights):
    X_s, axis, X_t, _, y = instruments()
    labelled = {"y_target": y[:8], "paired": np.arange(8)}
    none, named = (
        CalibrationTransfer(weights).fit(X_s, y, axis, X_t[:8], **labelled)
        for weights in (None, tiny_weights)
    )
    np.testing.assert_array_equal(none.predict(X_t), named.predict(X_t))
    assert none.network_share_ == named.network_share_ == 0
    assert none.prior_share_ == named.prior_share_ > 0
    assert sum(none.members_.values()) == pytest.approx(1)
    prior = [w for name, w in none.members_.items() if name.startswith("prior, ")]
    assert none.prior_share_ == pytest.approx(sum(prior))
    assert named.provenance_["weights"] == tiny_weights
    assert len(named.provenance_["weights_sha256"]) == 64
    infrared = CalibrationTransfer(None).fit(
        X_s, y, np.linspace(1000, 3000, 80), X_t[:8], **labelled, unit="cm-1",
        modality="IR",
    )  # fmt: skip
    assert infrared.prior_share_ == 0
    # An unlabelled target is what the encoder has weight for.
    unlabelled = CalibrationTransfer(tiny_weights).fit(X_s, y, axis, X_t[:8])
    assert unlabelled.network_share_ > 0 and unlabelled.prior_share_ == 0


def test_wrong_weights_are_named_though_nothing_is_encoded(instruments, tmp_path):
    X_s, axis, X_t, _, y = instruments()
    for weights, message in (("nino", "no such folder"), (tmp_path, "manifest.json")):
        ct = CalibrationTransfer(weights)
        with pytest.raises(SpektronError, match=message):
            ct.fit(X_s, y, axis, X_t[:8], y_target=y[:8], paired=np.arange(8))


class Halves:
    """Features of one's own: the mean of either half of the differences."""

    name, checksum = "halves", "0" * 64

    def linearised(self, centre, X_target):
        self.halves = np.repeat(np.eye(2), centre.size // 2, axis=0) / 40
        return self

    def __call__(self, X):
        return X @ self.halves

    def back(self, vector):
        return self.halves @ vector


def test_weights_can_be_an_object_with_features_of_its_own(instruments, tmp_path):
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(Halves()).fit(X_s, y, axis, X_t[:8])
    assert ct.provenance_["weights"] == "halves"
    assert any(name.startswith("encoder") for name in ct.members_)
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(X_t), ct.predict(X_t))
    with pytest.raises(SpektronError, match="neighbours: needs an object that was"):
        ct.neighbours(X_t)


def test_left_out_errors_are_in_the_order_of_the_labels(instruments, tmp_path):
    """And saved: 19 samples in 5 groups, two unlabelled between them."""
    X_s, axis, X_t, _, y = instruments()
    labels = y[:21].copy()
    labels[[2, 11]] = np.nan
    ct = CalibrationTransfer(None).fit(
        X_s[21:], y[21:], axis, X_t[:21], y_target=labels
    )
    errors, model = ct.left_out_errors(), ct._model
    kept = np.flatnonzero(np.isfinite(labels))
    expected = np.full(21, np.nan)
    for rows, part in zip(model.groups, model.without, strict=True):
        expected[rows] = np.abs(part(X_t[rows]) - y[rows])
    np.testing.assert_array_equal(errors, expected[kept])
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.left_out_errors(), errors)
    np.testing.assert_array_equal(
        loaded.predict_interval(X_t), ct.predict_interval(X_t)
    )


@pytest.mark.parametrize("value, what", [(0.0, "0 everywhere"), (0.4, "equal to each")])
def test_target_spectra_that_are_all_equal_are_refused(instruments, value, what):
    X_s, axis, _, axis_t, y = instruments()
    same = np.full((5, axis_t.size), value)
    with pytest.raises(SpektronError, match=f"all 5 spectra are {what}"):
        CalibrationTransfer(weights=None).fit(X_s, y, axis, same, axis_t, y[:5])


@pytest.mark.parametrize("state", [np.int64(3), None, np.random.RandomState(3)])
def test_parameters_of_other_types_compare_and_are_saved(
    instruments, few_trials, tmp_path, state
):
    X_s, axis, X_t, axis_t, y = instruments()
    ct = CalibrationTransfer(weights=None, random_state=state, compare=True)
    ct.fit(X_s, y, axis, X_t[:5], axis_t, None, np.arange(5))
    assert ct.comparison_ is not None and ct.comparison_.measured
    ct.about_["file"] = tmp_path / "spectra.csv"
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    assert loaded.about_["file"] == str(tmp_path / "spectra.csv")
    assert loaded.random_state == (3 if isinstance(state, np.int64) else None)
