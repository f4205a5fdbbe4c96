"""An exported calibration as JSON, C, JavaScript and a page: text around the numbers.

What a user named (property, unit, instrument) stands in JSON alone, escaped for where
it is put: it is never part of a comment or of code.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Container, Sequence
from importlib import resources
from typing import Any

from spektron_jax.transfer.export.definition import VERSION, size_of

FORMAT_OF_SEVERAL = "spektron-calibrations"
_MARK = re.compile(r"\{\{(\w+)\}\}")
_NAME = re.compile(r"\b(?:spektron|SPEKTRON)_\w+")  # in C
_SEVERAL_BEGIN = """\
/* One spectrum through transferred calibrations of several properties. C99, needs
   math.h (-lm).

     spektron_result r[SPEKTRON_PROPERTIES];
     if (spektron_predict(axis, spectrum, points, r) == SPEKTRON_OK) use(r[0].value);

   r[0] is of spektron_property_1, and so on; spektron_predict_1 calculates it alone.
   Every other return value means that a property has no prediction: the numbers of
   its result are NaN. Compile without -ffast-math, which takes NaN for a number. */
#define SPEKTRON_PROPERTIES {k}
"""
_SEVERAL_END = """
int spektron_predict(const double *axis, const double *spectrum, size_t points,
                     spektron_result *r) {{
  int code = SPEKTRON_OK, each;
{calls}  return code;
}}
"""


def as_json(found: Sequence[dict[str, Any]]) -> str:
    """The definition itself; a number of Python is written so that it comes back."""
    whole: dict[str, Any] = {"format": FORMAT_OF_SEVERAL, "version": VERSION}
    whole["calibrations"] = found
    if len(found) == 1:
        whole = found[0]
    return json.dumps(whole, allow_nan=False, indent=None, separators=(",", ":")) + "\n"


def as_javascript(found: Sequence[dict[str, Any]]) -> str:
    """A file for a browser or for Node: `predict(axis, spectrum)`."""
    result = "{value, low, high, t2, q, flag, beyond}"
    body = "predictSpectrum(calibration, axis, spectrum)"
    if len(found) > 1:
        result = "[{property, " + result[1:] + ", ...]"
        body = (
            "calibration.calibrations.map(c =>\n    ({ property: c.about.property, "
            "...predictSpectrum(c, axis, spectrum) }))"
        )
    return (
        '"use strict";\n'
        f"// predict(axis, spectrum) -> {result}, or\n"
        "// an Error for another axis. In Node: const {predict} = require(file).\n"
        f"const calibration = {as_json(found).strip()};\n\n"
        f"{_template('predict.js')}\n"
        "function predict(axis, spectrum) {\n"
        f"  return {body};\n}}\n"
        'if (typeof module !== "undefined") {\n'
        "  module.exports = { calibration, predict, predictSpectrum };\n}\n"
    )


def as_c(found: Sequence[dict[str, Any]]) -> str:
    """A C99 file with `spektron_predict`, and a function for each of several."""
    head, function = _template("predict.c").split("/*NUMBERS*/")
    parts = ["\n".join(_described(one)) + function for one in found]
    if len(parts) == 1:
        return head + parts[0]
    # What the head defines is of all; other names end in the number of the property.
    head = head.partition("*/\n")[2]
    shared = set(_NAME.findall(head))
    parts = [_renamed(part, shared, f"_{k}") for k, part in enumerate(parts, 1)]
    calls = "".join(
        f"  each = spektron_predict_{k + 1}(axis, spectrum, points, r + {k});\n"
        "  if (!code) code = each;\n"
        for k in range(len(parts))
    )
    last = _SEVERAL_END.format(calls=calls)
    return "".join([_SEVERAL_BEGIN.format(k=len(parts)), head, *parts, last])


def _renamed(code: str, shared: Container[str], end: str) -> str:
    """C code whose names end so, but for those that are shared."""

    def name(found: re.Match) -> str:
        return found[0] if found[0] in shared else found[0] + end

    return _NAME.sub(name, code)


def _described(found: dict[str, Any]) -> list[str]:
    """Texts and numbers of the C file."""
    names = found["about"]
    return [
        _text("property", names.get("property", "")),
        _text("unit", names.get("unit", "")),
        _text("axis_unit", found["axis"]["unit"]),
        *_numbers(found),
    ]


def as_page(found: Sequence[dict[str, Any]]) -> str:
    """One HTML file that asks nothing of any network."""
    style = _template("calculator.css")
    code = "".join(
        _template(name) for name in ("predict.js", "read_spectra.js", "calculator.js")
    )
    properties = ", ".join(one["about"].get("property", "") for one in found)
    # "<" inside JSON would end the script element.
    numbers = as_json(found).replace("<", "\\u003c")
    filled = {
        "script_hash": _hash(code),
        "style_hash": _hash(style),
        "property": html.escape(properties or "property"),
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
    L = size_of(found)
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
