"""The calculator page: its script in Node, file by file.

In a browser: tests/browser/test_browser_calculator.py.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from itertools import product

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::spektron_jax.errors.SpektronWarning")

HOSTILE = "=cmd|' /C calc'!A0<img src=x onerror=alert(1)>"
RUN = """
const fs = require("fs");
const page = fs.readFileSync(process.argv[1], "utf8");
const [, numbers] = page.match(/<script id="calibration"[^>]*>(.*?)<\\/script>/s);
const [, code] = page.match(/<script>(.*?)<\\/script>/s);
new Function("module", code)(module);
const found = JSON.parse(numbers), {calculate, csvText} = module.exports;
const all = found.calibrations || [found];
const out = process.argv.slice(2).map(file => {
  try {
    const bytes = fs.readFileSync(file);
    const start = bytes.byteOffset;
    const buffer = bytes.buffer.slice(start, start + bytes.length);
    const found = calculate(file.split("/").pop(), buffer, all);
    return {...found, csv: csvText(found.spectra, all)};
  } catch (error) { return {error: error.message}; }
});
console.log(JSON.stringify(out));
"""


@pytest.fixture(scope="module")
def transferred(instruments):
    X_s, axis, X_t, _, y = instruments()
    rows = np.arange(10)
    ct = CalibrationTransfer(None)
    ct.fit(X_s[:24], y[:24], axis, X_t[rows], y_target=y[rows], paired=rows)
    ct.about_ = {"property": HOSTILE, "quantity": "absorbance", "property_unit": "%"}
    return ct, axis, X_t[24:]


@pytest.fixture(scope="module")
def page(transferred, tmp_path_factory):
    return transferred[0].export(tmp_path_factory.mktemp("page") / "calculator.html")


def calculated(page, *files):
    command = [NODE, "-e", RUN, str(page), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def texts(rows, mark=",", decimal=".", header=None):
    lines = [] if header is None else [mark.join(map(str, header))]
    for row in rows:
        cells = [c if isinstance(c, str) else repr(float(c)) for c in row]
        lines.append(mark.join(c.replace(".", decimal) for c in cells))
    return "\n".join(lines) + "\n"


def wide(axis, X, names=None, **kwargs):
    names = names or [f"s{k}" for k in range(len(X))]
    return texts(
        [["id", *axis], *([n, *x] for n, x in zip(names, X, strict=True))], **kwargs
    )


def long(axis, X, names=None, **kwargs):
    names = names or [f"s{k}" for k in range(len(X))]
    rows = [[a, *values] for a, values in zip(axis, np.transpose(X), strict=True)]
    return texts(rows, header=["nm", *names], **kwargs)


LAYOUTS = {
    "wide": wide,
    "wide, tab, decimal comma": lambda a, X: wide(a, X, mark="\t", decimal=","),
    "wide, semicolon": lambda a, X: wide(a, X, mark=";"),
    "wide, semicolon, decimal comma": lambda a, X: wide(a, X, mark=";", decimal=","),
    "wide, reversed": lambda a, X: wide(a[::-1], X[:, ::-1]),
    "wide, notes above": lambda a, X: "instrument: 7\nmade by, me\n\n" + wide(a, X),
    "wide, two ids and a property": lambda a, X: texts(
        [["id", "place", "fat"] + list(a)]
        + [[f"s{k}", "x", 3.5, *x] for k, x in enumerate(X)]
    ),
    "wide, units in the heading": lambda a, X: texts(
        [["id", *(f"{v!r} nm" for v in a.tolist())]]
        + [[f"s{k}", *x] for k, x in enumerate(X)]
    ),
    "wide, names of R": lambda a, X: texts(
        [["id", *(f"X{v!r}" for v in a.tolist())]]
        + [[f"s{k}", *x] for k, x in enumerate(X)]
    ),
    "wide, cells left empty at the end": lambda a, X: wide(a, X).replace("\n", ",,\n"),
    "wide, quoted": lambda a, X: wide(a, X, [f'"s{k}"' for k in range(len(X))]),
    "long": long,
    "long, spaces": lambda a, X: long(a, X, mark="  "),
    "long, semicolon, decimal comma": lambda a, X: long(a, X, mark=";", decimal=","),
    "long, reversed": lambda a, X: long(a[::-1], X[:, ::-1]),
    "long, line numbers before": lambda a, X: texts(
        [[f"{k}", p, *v] for k, (p, v) in enumerate(zip(a, X.T, strict=True), 1)],
        header=["n", "nm", *(f"s{k}" for k in range(len(X)))],
    ),
}


ENCODINGS = "utf-8-sig", "utf-16", "cp1252"


@pytest.fixture(scope="module")
def tables(transferred, page, tmp_path_factory):
    """(layout, encoding) -> what the page calculates of that file; one Node for all."""
    _, axis, X = transferred
    folder, paths = tmp_path_factory.mktemp("tables"), {}
    for number, (layout, encoding) in enumerate(product(LAYOUTS, ENCODINGS)):
        path = paths[layout, encoding] = folder / f"spectra{number}.csv"
        path.write_text(LAYOUTS[layout](axis, X), encoding=encoding)
    return dict(zip(paths, calculated(page, *paths.values()), strict=True))


@needs_node
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tables_of_every_layout(transferred, tables, layout, encoding):
    ct, _, X = transferred
    found = tables[layout, encoding]
    assert found.get("error") is None and not found["refused"]
    assert [each["name"] for each in found["spectra"]] == [
        f"s{k}" for k in range(len(X))
    ]
    low, high = ct.predict_interval(X)
    results = [each["results"][0] for each in found["spectra"]]
    for name, wanted in (("value", ct.predict(X)), ("low", low), ("high", high)):
        np.testing.assert_allclose([r[name] for r in results], wanted, rtol=1e-10)
    assert [r["flag"] for r in results] == ct.applicability(X).tolist()


def text_of_jcamp(axis, y, data, form="(X++(Y..Y))", **labels):
    known = {
        "TITLE": "sample 1",
        "JCAMP-DX": "4.24 $$ a comment",
        "XUNITS": "NANOMETERS",
        "YUNITS": "ABSORBANCE",
        "FIRSTX": repr(float(axis[0])),
        "LASTX": repr(float(axis[-1])),
        "NPOINTS": str(len(axis)),
    } | labels
    head = "".join(f"##{name}={value}\n" for name, value in known.items())
    kind = "XYDATA" if "++" in form else "XYPOINTS"
    return f"{head}##{kind}={form}\n{data}##END=\n"


def plain_jcamp(axis, y, **labels):
    lines = (
        " ".join(repr(float(v)) for v in [axis[k], *y[k : k + 5]])
        for k in range(0, len(y), 5)
    )
    return text_of_jcamp(axis, y, "\n".join(lines) + "\n", **labels)


def packed_jcamp(axis, y, difference=True):
    """With SQZ, DIF and DUP, integers times YFACTOR; returns what they stand for."""
    whole = np.rint(y / 1e-6).astype(int)
    whole[10:14] = whole[10]  # so that DUP occurs

    def letters(value, table):
        text = str(abs(value))
        place = int(text[0]) + (9 if value < 0 else 0)
        return table[place] + text[1:]

    lines = []
    for start in range(0, len(whole), 8):
        # a line after DIF begins with the value before it, as a check
        back = start - 1 if difference and start else start
        part = whole[back : start + 8]
        line = repr(float(axis[back])) + letters(part[0], "@ABCDEFGHIabcdefghi")
        steps = np.diff(part) if difference else part[1:]
        k = 0
        while k < len(steps):
            same = 1
            while k + same < len(steps) and steps[k + same] == steps[k]:
                same += 1
            table = "%JKLMNOPQRjklmnopqr" if difference else "@ABCDEFGHIabcdefghi"
            line += letters(steps[k], table)
            line += "" if same == 1 else "STUVWXYZs"[same - 1]
            k += same
        lines.append(line)
    if difference:
        lines.append(repr(float(axis[-1])) + letters(whole[-1], "@ABCDEFGHIabcdefghi"))
    text = text_of_jcamp(axis, y, "\n".join(lines) + "\n", YFACTOR="1e-6")
    return text, whole * 1e-6


@needs_node
def test_jcamp(transferred, page, tmp_path):
    ct, axis, X = transferred
    both = np.stack([axis, X[0]], 1).tolist()
    pairs = "".join(f"{a!r}, {v!r}\n" for a, v in both)
    made = {
        "plain.dx": (plain_jcamp(axis, X[0]), X[0]),
        "falling.dx": (plain_jcamp(axis[::-1], X[0][::-1]), X[0]),
        "pairs.jdx": (text_of_jcamp(axis, X[0], pairs, "(XY..XY)"), X[0]),
        "pairs_as_data.jdx": (
            text_of_jcamp(axis, X[0], pairs, "(XY..XY)").replace("XYPOINTS", "XYDATA"),
            X[0],
        ),
        "packed.jcm": packed_jcamp(axis, X[0]),
        "squeezed.jcm": packed_jcamp(axis, X[0], difference=False),
    }
    paths = []
    for name, (text, _) in made.items():
        paths.append(tmp_path / name)
        paths[-1].write_text(text)
    for found, (_, y) in zip(calculated(page, *paths), made.values(), strict=True):
        (one,) = found["spectra"]
        assert one["name"] == "sample 1"
        (value,) = [each["value"] for each in one["results"]]
        assert value == pytest.approx(ct.predict(y[None])[0], rel=1e-9)


def broken_files(axis, X):
    step = axis[1] - axis[0]
    one = X[0]
    lines = wide(axis, X).splitlines()
    jcamp = plain_jcamp(axis, one).splitlines(keepends=True)
    packed = packed_jcamp(axis, one)[0]
    return {
        "shifted.csv": (wide(axis + 0.1 * step, X), "wrong axis"),
        "shorter.csv": (wide(axis[:-1], X[:, :-1]), "wrong axis: .* in 79 points"),
        "longer.csv": (
            wide(np.append(axis, axis[-1] + step), np.hstack([X, X[:, :1]])),
            "wrong axis",
        ),
        "cm.csv": (long(1e7 / axis, X), "wrong axis"),
        "one.csv": (wide(np.where(axis == axis[3], axis[3] + 1, axis), X), "point 4"),
        "other_unit.csv": (
            texts(
                [["id", *(f"{v!r} cm-1" for v in axis.tolist())], ["a", *one.tolist()]]
            ),
            "wrong axis",
        ),
        "positions_twice.csv": (
            texts([[a, v, a, v] for a, v in zip(axis, one, strict=True)]),
            "positions stand in two columns",
        ),
        "no_axis.csv": ("\n".join(lines[1:]) + "\n", "wrong axis"),
        "thousands.csv": (wide(axis, X, mark=";").replace("id;", "a,5;1.5;", 1), "."),
        "text.csv": ("hello\nworld\n", "wrong axis|no spectrum|no positions"),
        "empty.csv": ("", "wrong axis|no spectrum"),
        "binary.spc": ("\0\1\2\0", "not a text file"),
        "units.dx": (plain_jcamp(axis, one, XUNITS="1/CM"), "##XUNITS is cm-1"),
        "quantity.dx": (
            plain_jcamp(axis, one, YUNITS="TRANSMITTANCE"),
            "needs absorbance",
        ),
        "points.dx": (plain_jcamp(axis, one, NPOINTS="81"), "NPOINTS|wrong place"),
        "lost_line.dx": ("".join(jcamp[:12] + jcamp[13:]), "NPOINTS|wrong place"),
        "checked.dx": (
            packed[:300] + packed[300:].replace("K", "L", 1),
            "check value|NPOINTS|wrong place",
        ),
        "range.dx": (plain_jcamp(axis, one, FIRSTX="1000"), "wrong"),
    }


@needs_node
def test_what_does_not_fit_is_refused_with_a_reason(transferred, page, tmp_path):
    _, axis, X = transferred
    made = broken_files(axis, X)
    for name, (text, _) in made.items():
        (tmp_path / name).write_text(text)
    found = calculated(page, *(tmp_path / name for name in made))
    for (name, (_, reason)), each in zip(made.items(), found, strict=True):
        said = each.get("error") or str(each["refused"])
        assert not each.get("spectra"), name
        assert re.search(reason, said), f"{name}: {said}"


@needs_node
def test_a_spectrum_with_a_gap_is_refused_and_the_others_go_on(
    transferred, page, tmp_path
):
    ct, axis, X = transferred
    text = wide(axis, X).splitlines()
    cells = text[2].split(",")
    cells[5] = ""
    text[2] = ",".join(cells)
    text[3] += ",7"
    (tmp_path / "a.csv").write_text("\n".join(text))
    (found,) = calculated(page, tmp_path / "a.csv")
    assert [each["name"] for each in found["refused"]] == ["s1", "s2"]
    values = [each["results"][0]["value"] for each in found["spectra"]]
    np.testing.assert_allclose(values, np.delete(ct.predict(X), [1, 2]), rtol=1e-10)


@needs_node
def test_hostile_names_are_harmless_in_the_downloaded_table(
    transferred, page, tmp_path
):
    _, axis, X = transferred
    names = [HOSTILE, '+1,"2"', "@SUM(A1)", "-2", "a", "b"]
    quoted = [f'"{name.replace(chr(34), 2 * chr(34))}"' for name in names]
    (tmp_path / "a.csv").write_text(wide(axis, X, quoted))
    (found,) = calculated(page, tmp_path / "a.csv")
    assert [each["name"] for each in found["spectra"]] == names
    header, *rows = found["csv"].strip().split("\r\n")
    assert header.startswith("sample,'=cmd")
    starts = ["'=cmd", "\"'+1,", "'@SUM", "-2,", "a,", "b,"]
    assert all(row.startswith(s) for row, s in zip(rows, starts, strict=True))


def test_the_page_asks_nothing_of_a_network_and_runs_its_own_script_alone(page):
    text = page.read_text()
    (policy,) = re.findall(
        r'http-equiv="Content-Security-Policy" content="(.*?)"', text
    )
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    for kind, part in (("script", "<script>"), ("style", "<style>")):
        content = text.split(part, 1)[1].split(f"</{kind}>", 1)[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    outside = re.findall(r"https?://[^\s\"'<)]+", text)
    assert set(outside) <= {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in text and "document.write" not in text
    assert "<img src=x" not in text and text.count("</script>") == 2
    assert len(text) < 800_000
