"""An exported calibration as JSON, C, JavaScript and a page: text around the numbers.

What a user named (property, unit, instrument) stands in JSON alone, escaped for where
it is put: it is never part of a comment or of code.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

_MARK = re.compile(r"/\*NUMBERS\*/|\{\{(\w+)\}\}")


def as_json(found: dict[str, Any]) -> str:
    """The definition itself; a number of Python is written so that it comes back."""
    return json.dumps(found, allow_nan=False, indent=None, separators=(",", ":")) + "\n"


def as_javascript(found: dict[str, Any]) -> str:
    """A file for a browser or for Node: `predict(axis, spectrum)`."""
    return (
        '"use strict";\n'
        "// predict(axis, spectrum) -> {value, low, high, t2, q, flag, beyond}, or\n"
        "// an Error for another axis. In Node: const {predict} = require(file).\n"
        f"const calibration = {as_json(found).strip()};\n\n"
        f"{_template('predict.js')}\n"
        "function predict(axis, spectrum) {\n"
        "  return predictSpectrum(calibration, axis, spectrum);\n}\n"
        'if (typeof module !== "undefined") {\n'
        "  module.exports = { calibration, predict, predictSpectrum };\n}\n"
    )


def as_c(found: dict[str, Any]) -> str:
    """A C99 file with one function, `spektron_predict`."""
    names = found["about"]
    parts = [
        _text("property", names.get("property", "")),
        _text("unit", names.get("unit", "")),
        _text("axis_unit", found["axis"]["unit"]),
        *_numbers(found),
    ]
    return _template("predict.c").replace("/*NUMBERS*/", "\n".join(parts))


def as_page(found: dict[str, Any]) -> str:
    """One HTML file that asks nothing of any network."""
    style = _template("calculator.css")
    code = "".join(
        _template(name) for name in ("predict.js", "read_spectra.js", "calculator.js")
    )
    # "<" inside JSON would end the script element.
    numbers = as_json(found).replace("<", "\\u003c")
    filled = {
        "script_hash": _hash(code),
        "style_hash": _hash(style),
        "property": html.escape(found["about"].get("property") or "property"),
        "style": style,
        "numbers": numbers,
        "code": code,
    }
    page = _template("calculator.html")
    return _MARK.sub(lambda match: filled[match[1]], page)


def _numbers(found: dict[str, Any]) -> list[str]:
    """Sizes, settings and arrays of the C file."""
    axis, interval, domain = found["axis"], found["interval"], found["domain"]
    points, snv = found["points"], found["snv"]
    fixed = interval["fixed"] is not None
    L = len(axis["positions"] if points is None else points["first"])
    sizes = {
        "Q": len(axis["positions"]),
        "L": L,
        "W": 0 if points is None else len(points["weights"][0]),
        "SNV": int(snv is not None),
        "AXES": 0 if fixed else len(interval["axes"]),
        "COMPONENTS": 0 if domain is None else len(domain["variances"]),
        "TOLERANCE": axis["tolerance"],
        "LARGEST": found["largest"],
        "INTERCEPT": found["intercept"],
    }
    arrays = {"axis": axis["positions"], "raw": found["raw"]}
    if points is not None:
        arrays |= {"weights": points["weights"], "constant": points["constant"]}
    if snv is not None:
        sizes["SNV_CONSTANT"], arrays["snv"] = found["snv_constant"], snv
    if fixed:
        sizes["HALF"] = interval["fixed"]
    else:
        sizes |= {"FLOOR": interval["floor"], "SCALE": interval["scale"]}
        arrays |= {"centre": interval["centre"], "axes": interval["axes"]}
    if domain is not None:
        sizes |= {name.upper(): domain[name] for name in ("t2_limit", "q_limit")}
        sizes |= {"UNLIKE_FACTOR": domain["unlike"], "ENDS": int(bool(domain["ends"]))}
        if domain["ends"]:
            sizes["LOWEST"], sizes["HIGHEST"] = domain["ends"]
        arrays |= {name: domain[name] for name in ("mean", "variances", "loadings")}
    lines = [f"#define SPEKTRON_{name} ({value!r})" for name, value in sizes.items()]
    lines += [_array(name, values) for name, values in arrays.items()]
    if points is not None:
        whole = ", ".join(map(str, points["first"]))
        lines.append(f"static const size_t spektron_first[{L}] = {{{whole}}};")
    return lines


def _array(name: str, values: Sequence) -> str:
    rows = values if isinstance(values[0], list) else [values]
    size = f"[{len(values)}]" + (f"[{len(rows[0])}]" if rows is values else "")
    body = ",\n".join(
        ("{%s}" if rows is values else "%s") % ",\n".join(map(repr, row))
        for row in rows
    )
    return f"static const double spektron_{name}{size} = {{\n{body}}};"


def _text(name: str, value: str) -> str:
    """A C string of any text: bytes that are no plain letter as three octal digits."""
    plain = "".join(
        chr(byte)
        if chr(byte).isalnum() and byte < 128 or byte == 32
        else f"\\{byte:03o}"
        for byte in value.encode()
    )
    return f'const char *const spektron_{name} = "{plain}";'


def _template(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what may run."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
