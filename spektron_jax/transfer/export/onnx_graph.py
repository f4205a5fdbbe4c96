"""An exported calibration as an ONNX graph in float64.

Inputs "axis" (q,) and "spectra" (n, q); outputs "value", "low", "high", "t2", "q", (n,)
float64 each, and "flag" (n,) int64: 0 in domain, 1 extrapolating, 2 unlike anything,
-1 not known; of several properties, (n, k) each. Another number of points is an error
of the runtime; with another axis, or for spectra with missing values, every number is
NaN and the flag -1.

q = points as measured, L = points of the model, n = spectra, k = properties.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spektron_jax.archive import replacing
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.export.definition import size_of
from spektron_jax.transfer.export.folding import Points

OPSET, IR_VERSION = 17, 8  # of 2022: what runtimes of today and of then read
OUTPUTS = ("value", "low", "high", "t2", "q", "flag")


def write_onnx(path: Path, found: Sequence[dict[str, Any]]) -> None:
    """Write the graph.

    Raises:
      SpektronError: the package onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise SpektronError(
            "format onnx needs the package onnx: pip install spektron-jax[export]"
        ) from error
    model = _Graph(onnx, len(found[0]["raw"])).model(found)
    onnx.checker.check_model(model)
    with replacing(path) as draft:
        onnx.save(model, draft)


class _Graph:
    """Nodes and numbers of a graph while it is put together."""

    def __init__(self, onnx: Any, q: int):
        self.onnx, self.q = onnx, q
        self.nodes, self.numbers = list[Any](), list[Any]()

    def number(self, value: Any, kind: Any = np.float64) -> str:
        """A constant's name."""
        name = f"number{len(self.numbers)}"
        array = np.asarray(value, kind)
        self.numbers.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """A node's output."""
        output = output or f"{kind}{len(self.nodes)}"
        make = self.onnx.helper.make_node
        self.nodes.append(make(kind, list(inputs), [output], **attributes))
        return output

    def summed(self, rows: str) -> str:
        """Sums over points, (n, L) -> (n,)."""
        return self.node("ReduceSum", rows, self.number([1], np.int64), keepdims=0)

    def times(self, rows: str, vectors: Any) -> str:
        """(n, L) @ (L, a)."""
        return self.node("MatMul", rows, self.number(vectors))

    def model(self, found: Sequence[dict[str, Any]]) -> Any:
        """The whole model."""
        helper, types = self.onnx.helper, self.onnx.TensorProto
        known = self._known(found[0])
        zero, nan = self.number(0.0), self.number(np.nan)
        clean = self.node("Where", known, "spectra", zero)
        parts = [self._property(one, clean) for one in found]
        row = self.node("Squeeze", known, self.number([1], np.int64))
        for name, columns in zip(OUTPUTS, zip(*parts, strict=True), strict=True):
            other = self.number(-1, np.int64) if name == "flag" else nan
            self._output(name, row, columns, other)
        shape = ["n"] if len(found) == 1 else ["n", len(found)]
        make, double = helper.make_tensor_value_info, types.DOUBLE
        inputs = [
            make("axis", double, [self.q]),
            make("spectra", double, ["n", self.q]),
        ]
        kinds = [*[double] * (len(OUTPUTS) - 1), types.INT64]
        outputs = [make(*one, shape) for one in zip(OUTPUTS, kinds, strict=True)]
        graph = helper.make_graph(
            self.nodes, "calibration", inputs, outputs, self.numbers
        )
        version = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[version])
        model.ir_version = IR_VERSION
        said = {name: found[0][name] for name in ("format", "version", "package")}
        about = [one["about"] for one in found]
        said["about"] = about if len(found) > 1 else about[0]
        helper.set_model_props(model, {k: json.dumps(v) for k, v in said.items()})
        return model

    def _property(self, found: dict[str, Any], clean: str) -> tuple[str, ...]:
        """What `OUTPUTS` lists of one property, (n,) or () each."""
        z = self._points(found["points"], clean)
        value = self._value(found, clean, z)
        half = self._half(found["interval"], z)
        distances = self._domain(found["domain"], z)
        value = self._cut(found["domain"], value, distances[-1])
        ends = self.node("Sub", value, half), self.node("Add", value, half)
        return value, *ends, *distances

    def _output(self, name: str, row: str, columns: Sequence[str], other: str) -> None:
        """One output: a column for each property; `other` for what is not known."""
        if len(columns) == 1:
            self.node("Where", row, columns[0], other, output=name)
            return
        rows = [self.node("Where", row, column, other) for column in columns]
        last = self.number([1], np.int64)
        rows = [self.node("Unsqueeze", each, last) for each in rows]
        self.node("Concat", *rows, output=name, axis=1)

    def _known(self, found: dict[str, Any]) -> str:
        """Whether a spectrum has the axis and measured values, (n, 1) bool."""
        axis, whole = found["axis"], self.onnx.TensorProto.INT32
        distance = self.node("Sub", "axis", self.number(axis["positions"]))
        checks = (
            (self.node("Abs", distance), axis["tolerance"], 0),
            (self.node("Abs", "spectra"), found["largest"], 1),
        )
        good = []
        for values, limit, dimension in checks:
            one = self.node("LessOrEqual", values, self.number(limit))
            one = self.node("Cast", one, to=whole)
            one = self.node("ReduceMin", one, axes=[dimension], keepdims=1)
            good.append(self.node("Cast", one, to=self.onnx.TensorProto.BOOL))
        return self.node("And", *good)

    def _points(self, points: dict[str, Any] | None, spectra: str) -> str:
        if points is None:
            return spectra
        first, weights = np.asarray(points["first"]), np.asarray(points["weights"])
        constant = np.asarray(points["constant"])
        matrix = Points(first, weights, constant, self.q).matrix()
        rows = self.times(spectra, matrix)
        return self.node("Add", rows, self.number(points["constant"]))

    def _value(self, found: dict[str, Any], spectra: str, z: str) -> str:
        """Predictions, (n,)."""
        value = self.node(
            "Add", self.times(spectra, found["raw"]), self.number(found["intercept"])
        )
        if found["snv"] is None:
            return value
        mean = self.node("ReduceMean", z, axes=[1], keepdims=1)
        moved = self.node("Sub", z, mean)
        squares = self.summed(self.node("Mul", moved, moved))
        sd = self.node(
            "Sqrt", self.node("Div", squares, self.number(size_of(found) - 1.0))
        )
        varies = self.node("Greater", sd, self.number(0.0))
        sd = self.node("Where", varies, sd, self.number(1.0))
        part = self.node(
            "Add", self.times(spectra, found["snv"]), self.number(found["snv_constant"])
        )
        return self.node("Add", value, self.node("Div", part, sd))

    def _half(self, interval: dict[str, Any], z: str) -> str:
        """Half the width of the interval, (n,) or ()."""
        if interval["fixed"] is not None:
            return self.number(interval["fixed"])
        moved = self.node("Sub", z, self.number(interval["centre"]))
        scores = self.times(moved, np.transpose(interval["axes"]))
        h = self.summed(self.node("Mul", scores, scores))
        h = self.node("Add", h, self.number(interval["floor"]))
        root = self.node("Sqrt", self.node("Sqrt", h))
        return self.node("Mul", root, self.number(interval["scale"]))

    def _cut(self, domain: dict[str, Any] | None, value: str, flag: str) -> str:
        """Predictions, within the labels for spectra unlike anything known, (n,)."""
        if domain is None or not domain["ends"]:
            return value
        low, high = map(self.number, domain["ends"])
        unlike = self.node("Equal", flag, self.number(2, np.int64))
        return self.node("Where", unlike, self.node("Clip", value, low, high), value)

    def _domain(self, domain: dict[str, Any] | None, z: str) -> tuple[str, str, str]:
        """T2, Q and the flag, (n,) or () each."""
        if domain is None:
            nan = self.number(np.nan)
            return nan, nan, self.number(-1, np.int64)
        moved = self.node("Sub", z, self.number(domain["mean"]))
        scores = self.times(moved, np.transpose(domain["loadings"]))
        squares = self.node("Mul", scores, scores)
        weights = 1 / (np.asarray(domain["variances"]) * domain["t2_limit"])
        t2 = self.times(squares, weights)
        rest = self.summed(self.node("Mul", moved, moved))
        rest = self.node("Sub", rest, self.summed(squares))
        rest = self.node("Max", rest, self.number(0.0))
        rest = self.node("Div", rest, self.number(domain["q_limit"]))
        one, whole = self.number(1.0), self.onnx.TensorProto.INT64
        outside = self.node(
            "Or", self.node("Greater", t2, one), self.node("Greater", rest, one)
        )
        unlike = self.node("Greater", rest, self.number(domain["unlike"]))
        flag = self.node("Cast", outside, to=whole)
        flag = self.node("Where", unlike, self.number(2, np.int64), flag)
        return t2, rest, flag
