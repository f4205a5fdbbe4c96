"""A file of several properties predicts what the model predicts of each."""

import csv
import json

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from test_export_calculator import calculated as on_page
from test_export_calculator import wide
from test_export_forms import (
    FLAGS,
    check,
    compiled,
    in_c,
    in_node,
    in_onnx,
    needs_cc,
    needs_node,
    parsed,
)
from test_export_forms import calculated as in_sheets

from spektron_jax import CalibrationTransfer

pytestmark = pytest.mark.filterwarnings("ignore::spektron_jax.errors.SpektronWarning")
HOSTILE = '=cmd|"<b>*/</script>'
NAMES = ["Oil", HOSTILE, "Oil raw"]


def fitted(instruments, alike, k=3):
    """A transfer, its target's axis, and spectra, of which one is unlike others."""
    other = None if alike else 25
    X_s, axis, X_t, axis_t, y = instruments(points=30, points_target=other)
    bands = np.random.default_rng(3).normal(size=(axis.size, 2))
    Y = np.column_stack([y, 4 * X_s @ bands])[:, :k]
    transformer = None
    if not alike:  # each has a scaler, a domain and an interval of its own
        Y[[3, *range(18, 24)], 1] = np.nan
        transformer = StandardScaler()
    ct = CalibrationTransfer(None, preprocessing=transformer)
    known = {"paired": np.arange(10), "properties": NAMES[:k]}
    ct.fit(X_s[:24], Y[:24], axis, X_t[:10], axis_t, **known)
    noise = np.random.default_rng(5).normal(size=X_t.shape[1])
    return ct, axis_t, np.vstack([X_t[24:27], 1.3 * X_t[24], X_t[24] + 0.2 * noise])


@pytest.fixture(scope="module", params=[True, False], ids=["alike", "own samples"])
def several(request, instruments):
    return fitted(instruments, request.param)


def check_each(ct, X, numbers, flags):
    """Numbers (n, k, 5) and flags (n, k) of properties, in the order of the model's."""
    for place, name in enumerate(ct.properties_):
        check(ct.only(name), X, numbers[:, place], flags[:, place])


def test_json_holds_the_file_of_each(several, tmp_path):
    ct, *_ = several
    found = json.loads(ct.export(tmp_path / "all.json").read_text())
    assert (found["format"], found["version"]) == ("spektron-calibrations", 1)
    for name, one in zip(NAMES, found["calibrations"], strict=True):
        own = ct.only(name).export(tmp_path / "one.json").read_text()
        assert one == json.loads(own) and one["about"]["property"] == name


def blocks_of(path):
    """Columns by heading of each block, its first column by its name."""
    found = []
    for text in path.read_text(encoding="utf-8").strip().split("\n\n"):
        header, *rows = csv.reader(text.splitlines())
        found.append(dict(zip(header, zip(*rows, strict=True), strict=True)))
    return found


def test_csv_has_the_columns_of_each(several, tmp_path):
    ct, *_ = several
    settings, *whole = blocks_of(ct.export(tmp_path / "all.csv"))
    count = 0
    for name in NAMES:
        own, *alone = blocks_of(ct.only(name).export(tmp_path / "one.csv"))
        shown = f"'{name}" if name == HOSTILE else name
        own = dict(zip(own["settings"], own["value"], strict=True))
        found = dict(zip(settings["settings"], settings[shown], strict=True))
        assert own == {label: found[label] for label in own}
        assert not any(found[name] for name in found.keys() - own.keys())
        for one, all_of_them in zip(alone, whole, strict=True):
            for heading, column in list(one.items())[1:]:
                padded = all_of_them[f"{shown} {heading}"]
                assert padded[: len(column)] == column
                assert not any(padded[len(column) :])
                count += 1
    assert count == sum(len(block) - 1 for block in whole)


@needs_node
def test_javascript(several, tmp_path):
    ct, axis, X = several
    found = in_node(tmp_path, ct.export(tmp_path / "all.js"), axis, X)
    assert [[one["property"] for one in row] for row in found] == [NAMES] * len(X)
    each = [parsed(row) for row in found]
    check_each(ct, X, *(np.stack(part) for part in zip(*each, strict=True)))
    (said,) = in_node(tmp_path, tmp_path / "all.js", axis + 1, X[:1])
    assert "wrong axis" in said


@needs_cc
def test_c(several, tmp_path):
    ct, axis, X = several
    program = compiled(ct, tmp_path)
    found = in_c(program, axis, X).reshape(len(X), len(NAMES), 7)
    assert not found[..., 0].any()
    check_each(ct, X, found[..., 2:], found[..., 1].astype(int))
    found = in_c(program, axis + 1, X)
    assert set(found[:, 0]) == {2.0} and np.isnan(found[:, 2:]).all()


def test_onnx(several, tmp_path):
    pytest.importorskip("onnx")
    ct, axis, X = several
    path = ct.export(tmp_path / "all.onnx")
    *numbers, flags = in_onnx(path, axis, X)
    assert flags.shape == (len(X), len(NAMES))
    check_each(ct, X, np.stack(numbers, -1), flags)
    X = X.copy()
    X[0, 3] = np.nan
    *numbers, flags = in_onnx(path, axis, X)
    assert np.isnan(np.stack(numbers)[:, 0]).all() and (flags[0] == -1).all()
    check_each(ct, X[1:], np.stack(numbers, -1)[1:], flags[1:])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_excel(instruments, tmp_path):
    ct, axis, X = fitted(instruments, alike=False, k=2)
    path = ct.export(tmp_path / "all.xlsx")
    (row,) = in_sheets(path, axis, X[:1], tmp_path)
    *cells, said = row
    assert said == "ok"
    cells = np.array(cells, object).reshape(1, 2, 6)
    flags = np.array([[FLAGS.index(one) for one in cells[0, :, 5]]])
    check_each(ct, X[:1], cells[..., :5].astype(float), flags)


@needs_node
def test_the_page_has_columns_for_each(several, tmp_path):
    ct, axis, X = several
    ct.only("Oil").about_["property_unit"] = "%"
    path = ct.export(tmp_path / "all.html")
    assert "<title>Oil, =cmd|&quot;&lt;b&gt;" in path.read_text()
    names = [f"s{k}" for k in range(len(X))]
    (tmp_path / "new.csv").write_text(wide(axis, X, names))
    (found,) = on_page(path, tmp_path / "new.csv")
    assert [one["name"] for one in found["spectra"]] == names
    each = [parsed(one["results"]) for one in found["spectra"]]
    check_each(ct, X, *(np.stack(part) for part in zip(*each, strict=True)))
    header, *rows = csv.reader(found["csv"].splitlines())
    assert header[:8] == ["sample", "Oil (%)", *(
        f"Oil {name}" for name in ("low", "high", "T2/limit", "Q/limit", "flag")
    ), "'" + HOSTILE]  # fmt: skip
    values = np.array([row[1:-1:6] for row in rows], float)
    np.testing.assert_allclose(values, ct.predict(X), rtol=1e-10)


def test_a_loaded_model_exports_the_same(several, tmp_path):
    ct, *_ = several
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    for name in ("a.json", "a.c", "a.csv", "a.html"):
        own = ct.export(tmp_path / name).read_bytes()
        assert loaded.export(tmp_path / f"again_{name}").read_bytes() == own
