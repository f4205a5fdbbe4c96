"""Every exported form predicts, outside Python, what the estimator predicts."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.transfer.applicability import EXTRAPOLATING, IN_DOMAIN, UNLIKE

pytestmark = pytest.mark.filterwarnings("ignore::spektron_jax.errors.SpektronWarning")
FLAGS = (IN_DOMAIN, EXTRAPOLATING, UNLIKE)
EXACT = 1e-10
NODE, CC = shutil.which("node"), shutil.which("cc") or shutil.which("gcc")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler is installed")

KINDS = {
    "paired": {},
    "other axis": {"points_target": 97},
    "few": {"n": 3},
    "unlabelled": {"n": 8, "labels": False},
    "derivative": {"preprocessing": "savgol", "points_target": 91},
    "scaled": {"preprocessing": "scaler"},
    "no domain": {"n": 3, "source": 4},
    "encoder": {"n": 8, "labels": False, "weights": "linear"},
    "one point less": {"points_target": 40},
    "falling": {"step": -1},
}
ABOUT = {
    "property": '=cmd|"<b>*/</script>\n',
    "property_unit": "% µ\\??/",
    "quantity": "absorbance",
    "target": "@NIR 2",
}


def transformer(name):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "scaler":
        return StandardScaler()
    derivative = pytest.importorskip("chemotools.derivative").SavitzkyGolay
    smooth = derivative(window_length=7, polyorder=2)
    return make_pipeline(smooth, StandardScaler())


class LinearFeatures:
    """An encoder as a transfer sees it: weighted sums of neighbouring points."""

    name, checksum = "linear", None

    def linearised(self, centre, X_target):
        points = np.arange(centre.size)
        nodes = np.linspace(0, centre.size - 1, 12)
        W = np.exp(-(((points[:, None] - nodes) / 4) ** 2))

        class Map:
            def __call__(self, X):
                return X @ W

            def back(self, vector):
                return W @ vector

        return Map()


def fitted(
    instruments,
    n=10,
    labels=True,
    preprocessing=None,
    points_target=None,
    source=24,
    weights=None,
    step=1,
):
    """A transfer, its target axis, and 11 spectra of which some are unlike others."""
    X_s, axis, X_t, axis_t, y = instruments(points_target=points_target)
    X_t, axis_t = X_t[:, ::step], axis_t[::step]
    rows = np.arange(n)
    known = {"y_target": y[rows], "paired": rows} if labels else {}
    if preprocessing is not None:
        preprocessing = transformer(preprocessing)
    if weights == "linear":
        weights = LinearFeatures()
    ct = CalibrationTransfer(weights, preprocessing=preprocessing)
    ct.fit(X_s[:source], y[:source], axis, X_t[rows], axis_t, **known)
    ct.about_ = dict(ABOUT)
    noise = np.random.default_rng(5).normal(size=X_t.shape[1])
    odd = [X_t[24] + 0.2 * noise, X_t[24] + 9 * noise, X_t[24] - 9 * noise]
    return ct, axis_t, np.vstack([X_t[24:], 1.3 * X_t[24:26], *odd])


@pytest.fixture(scope="module", params=KINDS, ids=list(KINDS))
def transferred(request, instruments):
    return fitted(instruments, **KINDS[request.param])


def test_what_an_encoder_adds_is_in_the_vectors(instruments):
    ct, *_ = fitted(instruments, **KINDS["encoder"])
    assert ct.network_share_ > 0.01


@pytest.fixture(scope="module")
def plain(instruments):
    return fitted(instruments)


def expected(ct, X):
    """Value, low, high, T2, Q (n, 5) and number of the flag (n,)."""
    low, high = ct.predict_interval(X)
    value = ct.predict(X)
    if ct.domain_ is None:
        nothing = np.full(len(X), np.nan)
        return np.stack([value, low, high, nothing, nothing], 1), np.full(len(X), -1)
    flags = [FLAGS.index(flag) for flag in ct.applicability(X)]
    return np.stack([value, low, high, *ct.distances(X)], 1), np.array(flags)


def check(ct, X, numbers, flags, exact=EXACT):
    wanted, wanted_flags = expected(ct, X)
    np.testing.assert_allclose(numbers, wanted, rtol=exact, atol=exact)
    np.testing.assert_array_equal(flags, wanted_flags)


def node(code, *arguments):
    done = subprocess.run(
        [NODE, "-e", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def parsed(results):
    """Numbers and flags from objects of the JavaScript function."""
    names = ("value", "low", "high", "t2", "q")
    numbers = [[np.nan if r[k] is None else r[k] for k in names] for r in results]
    known = [FLAGS.index(r["flag"]) if r["flag"] in FLAGS else -1 for r in results]
    return np.array(numbers, float), np.array(known)


MODULE = """
const {predict} = require(process.argv[1]);
const {axis, spectra} = JSON.parse(require("fs").readFileSync(process.argv[2]));
console.log(JSON.stringify(spectra.map(x => {
  try { return predict(axis, x); } catch (error) { return error.message; }
})));
"""


def in_node(folder, script, axis, X):
    data = folder / "spectra.json"
    data.write_text(json.dumps({"axis": list(axis), "spectra": np.asarray(X).tolist()}))
    return node(MODULE, script, data)


@needs_node
def test_javascript(transferred, tmp_path):
    ct, axis, X = transferred
    script = ct.export(tmp_path / "calibration.js")
    check(ct, X, *parsed(in_node(tmp_path, script, axis, X)))


WRONG = {
    "shorter": lambda axis: axis[:-1],
    "longer": lambda axis: np.append(axis, 2 * axis[-1] - axis[-2]),
    "shifted": lambda axis: axis + 0.1 * (axis[1] - axis[0]),
    "reversed": lambda axis: axis[::-1],
    "in wavenumbers": lambda axis: 1e7 / axis,
    "one position": lambda axis: np.where(np.arange(axis.size) == 5, axis + 1, axis),
    "missing": lambda axis: np.where(np.arange(axis.size) == 5, np.nan, axis),
}


def on_other(axis, X):
    """Spectra cut or lengthened to another number of positions."""
    return np.resize(X, (len(X), axis.size))


@needs_node
@pytest.mark.parametrize("kind", WRONG)
def test_javascript_refuses_another_axis(plain, tmp_path, kind):
    ct, axis, X = plain
    script = ct.export(tmp_path / "calibration.js")
    wrong = WRONG[kind](axis)
    said = in_node(tmp_path, script, np.nan_to_num(wrong), on_other(wrong, X))
    assert all("wrong axis" in each for each in said)


@needs_node
def test_javascript_refuses_missing_values(plain, tmp_path):
    ct, axis, X = plain
    script = ct.export(tmp_path / "calibration.js")
    rows = X[:3].tolist()
    rows[0][3], rows[1][0], rows[2][1] = None, "1.0", 1e13
    data = tmp_path / "spectra.json"
    data.write_text(json.dumps({"axis": list(axis), "spectra": rows}))
    said = node(MODULE, script, data)
    assert all("not a measured value" in each for each in said)


C_MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "calibration.c"
#ifndef SPEKTRON_PROPERTIES
#define SPEKTRON_PROPERTIES 1
#endif
int main(void) {
  size_t m, n, i, j, k;
  if (scanf("%zu %zu", &m, &n) != 2) return 2;
  double *axis = malloc(n * sizeof *axis), *x = malloc(n * sizeof *x);
  for (i = 0; i < n; i++) if (scanf("%lf", axis + i) != 1) return 2;
  for (j = 0; j < m; j++) {
    spektron_result r[SPEKTRON_PROPERTIES];
    for (i = 0; i < n; i++) if (scanf("%lf", x + i) != 1) return 2;
    int code = spektron_predict(axis, x, n, r);
    for (k = 0; k < SPEKTRON_PROPERTIES; k++)
      printf("%d %d %.17g %.17g %.17g %.17g %.17g\\n", code, r[k].flag, r[k].value,
             r[k].low, r[k].high, r[k].t2, r[k].q);
  }
  free(axis); free(x);
  return 0;
}
"""


def compiled(ct, folder):
    ct.export(folder / "calibration.c")
    (folder / "main.c").write_text(C_MAIN)
    flags = "-std=c99 -Wall -Wextra -pedantic -Werror -Wno-unused-function -O1".split()
    command = [CC, *flags, "main.c", "-o", "predict", "-lm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "predict"


def in_c(program, axis, X):
    rows = [(len(X), len(axis)), axis, *X]
    text = "\n".join(" ".join(map(repr, map(float, row))) for row in rows[1:])
    done = subprocess.run(
        [program], input=f"{len(X)} {len(axis)}\n{text}", capture_output=True, text=True
    )
    assert done.returncode == 0
    return np.array([line.split() for line in done.stdout.splitlines()], float)


@needs_cc
def test_c(transferred, tmp_path):
    ct, axis, X = transferred
    found = in_c(compiled(ct, tmp_path), axis, X)
    assert not found[:, 0].any()
    check(ct, X, found[:, 2:], found[:, 1].astype(int))


@needs_cc
def test_c_refuses_another_axis_and_missing_values(plain, tmp_path):
    ct, axis, X = plain
    program = compiled(ct, tmp_path)
    for kind, change in WRONG.items():
        wrong = change(axis)
        found = in_c(program, wrong, on_other(wrong, X))
        assert set(found[:, 0]) == {1.0 if wrong.size != axis.size else 2.0}, kind
        assert np.isnan(found[:, 2:]).all() and (found[:, 1] == -1).all()
    broken = X[:3].copy()
    broken[0, 3], broken[1, 0], broken[2, -1] = np.nan, np.inf, -1e13
    assert set(in_c(program, axis, broken)[:, 0]) == {3.0}


def in_onnx(path, axis, X):
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(path, options)
    return session.run(None, {"axis": np.array(axis), "spectra": np.array(X)})


def test_onnx(transferred, tmp_path):
    pytest.importorskip("onnx")
    ct, axis, X = transferred
    *numbers, flags = in_onnx(ct.export(tmp_path / "calibration.onnx"), axis, X)
    check(ct, X, np.stack(numbers, 1), flags)


def test_onnx_refuses_another_axis_and_missing_values(plain, tmp_path):
    pytest.importorskip("onnx")
    ct, axis, X = plain
    path = ct.export(tmp_path / "calibration.onnx")
    for change in WRONG.values():
        wrong = change(axis)
        if wrong.size != axis.size:
            with pytest.raises(Exception, match="Got invalid dimensions"):
                in_onnx(path, wrong, on_other(wrong, X))
        else:
            *numbers, flags = in_onnx(path, wrong, X)
            assert np.isnan(numbers).all() and (flags == -1).all()
    broken = X.copy()
    broken[0, 3], broken[1, 0], broken[2, -1] = np.nan, np.inf, -1e13
    *numbers, flags = in_onnx(path, axis, broken)
    assert np.isnan(np.array(numbers)[:, :3]).all() and (flags[:3] == -1).all()
    check(ct, X[3:], np.stack(numbers, 1)[3:], flags[3:])


CSV_READER = """
const lines = require("fs").readFileSync(process.argv[1], "utf8").split("\\n");
const blocks = {};
let block = null;
for (const line of lines) {
  const cells = line.split(",");
  if (["settings", "coefficients", "points"].includes(cells[0])) {
    block = blocks[cells[0]] = {header: cells, rows: []};
  } else if (line) block.rows.push(cells);
}
const set = Object.fromEntries(blocks.settings.rows);
const [constant, ...own] = blocks.coefficients.rows;
const variances = blocks.points.rows[0][0] === "variance" ?
  blocks.points.rows.shift() : null;
const column = name => blocks.points.header.indexOf(name);
const of = name => blocks.points.rows.map(row => Number(row[column(name)]));
const all = start => blocks.points.header.filter(name => name.startsWith(start + " "));
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const {axis, spectra} = JSON.parse(require("fs").readFileSync(process.argv[2]));
console.log(JSON.stringify(spectra.map(x => {
  let z = x;
  if (column("first") > 0) {
    const first = of("first"), weights = all("weight").map(of);
    z = of("constant").map((c, j) =>
      weights.reduce((sum, w, k) => sum + w[j] * x[first[j] - 1 + k], c));
  }
  const vector = place => own.map(row => Number(row[place]));
  let value = Number(constant[1]) + dot(vector(1), x);
  if (constant.length > 2) {
    const mean = z.reduce((a, b) => a + b, 0) / z.length;
    const squares = z.reduce((sum, v) => sum + (v - mean) ** 2, 0);
    const sd = Math.sqrt(squares / (z.length - 1));
    value += (Number(constant[2]) + dot(vector(2), x)) / sd;
  }
  let half = Number(set["interval fixed"]);
  if (!("interval fixed" in set)) {
    const moved = of("centre").map((c, j) => z[j] - c);
    const h = all("axis").reduce((sum, name) => sum + dot(of(name), moved) ** 2,
      Number(set["interval floor"]));
    half = Number(set["interval scale"]) * h ** 0.25;
  }
  if (variances === null) {
    return {value, low: value - half, high: value + half, t2: null, q: null, flag: ""};
  }
  const moved = of("mean").map((m, j) => z[j] - m);
  let t2 = 0, q = dot(moved, moved);
  for (const name of all("loading")) {
    const score = dot(of(name), moved);
    t2 += score ** 2 / Number(variances[column(name)]);
    q -= score ** 2;
  }
  t2 /= Number(set.t2_limit); q /= Number(set.q_limit);
  const flag = q > Number(set.unlike) ? "unlike anything" :
    t2 <= 1 && q <= 1 ? "in domain" : "extrapolating";
  if (q > Number(set.unlike) && "least label" in set) {
    value = Math.min(Math.max(value, Number(set["least label"])),
      Number(set["greatest label"]));
  }
  return {value, low: value - half, high: value + half, t2, q, flag};
})));
"""


@needs_node
def test_csv_holds_all_that_a_prediction_takes(transferred, tmp_path):
    ct, axis, X = transferred
    ct.about_ = {"property": "fat"}  # the reader of this test knows no quoted cells
    table = ct.export(tmp_path / "calibration.csv")
    ct.about_ = dict(ABOUT)
    data = tmp_path / "spectra.json"
    data.write_text(json.dumps({"axis": axis.tolist(), "spectra": X.tolist()}))
    check(ct, X, *parsed(node(CSV_READER, table, data)))


def test_json_is_plain_and_complete(transferred, tmp_path):
    ct, axis, _ = transferred
    found = json.loads(ct.export(tmp_path / "calibration.json").read_text())
    assert (found["format"], found["version"]) == ("spektron-calibration", 1)
    np.testing.assert_array_equal(found["axis"]["positions"], axis)
    assert found["about"]["property"] == ABOUT["property"]
    assert len(found["raw"]) == axis.size


def calculated(path, axis, X, folder):
    """The sheet Result after pasting, by an engine of Excel's formulas."""
    formulas = pytest.importorskip("formulas")
    from openpyxl import load_workbook

    book = load_workbook(path)
    sheet = book["Spectra"]
    for row, position in enumerate(axis, 2):
        sheet.cell(row, 1, float(position))
    for column, spectrum in enumerate(X, 2):
        for row, value in enumerate(spectrum, 2):
            sheet.cell(row, column, None if np.isnan(value) else float(value))
    unused = range(len(X) + 2, 12)  # the engine takes seconds for each
    for name in book.sheetnames:
        for cells in book[name].iter_rows():
            for cell in cells:
                place = cell.row if name == "Result" else cell.column
                if cell.data_type == "f" and place in unused:
                    cell.value = None
    book.save(folder / "pasted.xlsx")
    solution = formulas.ExcelModel().loads(str(folder / "pasted.xlsx")).finish()
    solution = solution.calculate()
    found = {}
    for key, value in solution.items():
        if "]RESULT'!" in str(key).upper() and ":" not in str(key):
            found[str(key).split("!")[1]] = value.value[0, 0]
    letters = [cell.column_letter for cell in book["Result"][1][1:]]
    return [[found.get(f"{c}{r}") for c in letters] for r in range(2, len(X) + 2)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", ["paired", "derivative", "no domain"])
def test_excel(instruments, tmp_path, kind):
    ct, axis, X = fitted(instruments, **KINDS[kind])
    path = ct.export(tmp_path / "calibration.xlsx")
    X = X[[0, 8]]
    rows = calculated(path, axis, X, tmp_path)
    numbers = np.array(
        [[v if isinstance(v, float) else np.nan for v in r[:5]] for r in rows]
    )
    known = [FLAGS.index(r[5]) if r[5] in FLAGS else -1 for r in rows]
    assert [row[6] for row in rows] == ["ok"] * 2
    check(ct, X, np.array(numbers), known)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", ["shorter", "longer", "shifted", "missing"])
def test_excel_refuses_another_axis(plain, tmp_path, kind):
    ct, axis, X = plain
    path = ct.export(tmp_path / "calibration.xlsx")
    wrong = WRONG[kind](axis)
    if kind == "missing":
        wrong = np.where(np.isnan(wrong), 0, wrong)
    (row,) = calculated(path, wrong, on_other(wrong, X[:1]), tmp_path)
    assert "#N/A" in {str(v) for v in row[:5]} and row[5] == "no prediction"
    assert "wrong axis" in row[6]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_excel_refuses_missing_values(plain, tmp_path):
    ct, axis, X = plain
    path = ct.export(tmp_path / "calibration.xlsx")
    broken = X[:1].copy()
    broken[0, 4] = np.nan
    (row,) = calculated(path, axis, broken, tmp_path)
    assert {str(v) for v in row[:5]} == {"#N/A"} and row[5] == "no prediction"


def test_words_of_a_user_are_no_formulas(plain, tmp_path):
    from openpyxl import load_workbook

    ct, *_ = plain
    book = load_workbook(ct.export(tmp_path / "calibration.xlsx"))
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f" or "cmd" not in str(cell.value)
    text = ct.export(tmp_path / "calibration.csv").read_text()
    assert "property,\"'=cmd" in text and "instrument,'@NIR 2" in text


def test_a_loaded_model_exports_the_same(transferred, tmp_path):
    ct, *_ = transferred
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    for name in ("a.json", "a.c", "a.csv", "a.html"):
        own = ct.export(tmp_path / name).read_bytes()
        assert loaded.export(tmp_path / f"again_{name}").read_bytes() == own


@pytest.mark.parametrize(
    "name", ["StandardNormalVariate", "MultiplicativeScatterCorrection"]
)
@pytest.mark.parametrize("piped", [False, True])
def test_preprocessing_that_is_no_sum_is_refused_by_name(
    instruments, tmp_path, name, piped
):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = getattr(pytest.importorskip("chemotools.scatter"), name)()
    whole = make_pipeline(found, StandardScaler()) if piped else found
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(None, preprocessing=whole)
    ct.fit(X_s[:24], y[:24], axis, X_t[:5], y_target=y[:5], paired=np.arange(5))
    with pytest.raises(SpektronError, match=f"export: preprocessing {name} is no"):
        ct.export(tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_formats_go_by_name_or_ending(plain, tmp_path):
    ct, *_ = plain
    assert ct.export(tmp_path / "a.txt", "JSON").read_text().startswith("{")
    assert ct.export(str(tmp_path / "a.htm")).read_text().startswith("<!DOCTYPE")
    for path, given in (("a", None), ("a.docx", None), ("a.json", "pickle")):
        with pytest.raises(SpektronError, match=r"use one of json \(\.json\)"):
            ct.export(tmp_path / path, given)
    with pytest.raises(SpektronError, match="is a folder"):
        ct.export(tmp_path, "json")
    with pytest.raises(SpektronError):
        ct.export(tmp_path / "nowhere" / "a.json")
    with pytest.raises(SpektronError, match="coverage"):
        ct.export(tmp_path / "b.json", coverage=1.5)
    assert not (tmp_path / "b.json").exists()


def test_an_unfitted_one_says_so(tmp_path):
    with pytest.raises(SpektronError, match="call fit or load first"):
        CalibrationTransfer(None).export(tmp_path / "a.json")
