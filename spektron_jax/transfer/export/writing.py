"""The formats of `ct.export`, and which of them a file's name asks for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spektron_jax.archive import replacing
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.export import onnx_graph, source_code, table, workbook

# Format -> (ending, what writes it: text of the definitions, or a file from them)
TEXTS = {
    "json": (".json", source_code.as_json),
    "c": (".c", source_code.as_c),
    "javascript": (".js", source_code.as_javascript),
    "page": (".html", source_code.as_page),
}
FILES = {
    "csv": (".csv", table.write_csv),
    "excel": (".xlsx", workbook.write_workbook),
    "onnx": (".onnx", onnx_graph.write_onnx),
}
ENDINGS = {kind: ending for kind, (ending, _) in {**TEXTS, **FILES}.items()}
ALIASES = {"htm": "page", "js": "javascript"}
FORMATS = tuple(ENDINGS)


def format_of(path: Path, given: str | None) -> str:
    """The format that was asked for, else that of the file's ending.

    Raises:
      SpektronError: neither names one.
    """
    name = (given or path.suffix).lower().lstrip(".")
    for kind, ending in ENDINGS.items():
        if name in (kind, ending[1:]) or ALIASES.get(name) == kind:
            return kind
    asked = f"format {given!r}" if given else f"{path}: the ending {path.suffix!r}"
    listed = ", ".join(f"{kind} ({ending})" for kind, ending in ENDINGS.items())
    raise SpektronError(f"{asked} is no form of export; use one of {listed}")


def write(path: Path, kind: str, found: Sequence[dict[str, Any]]) -> Path:
    """Write a calibration in one format, as a whole or not at all.

    Args:
      path: of the file
      kind: one of `FORMATS`
      found: the definition of each property

    Raises:
      SpektronError: the file cannot be written, or a library is missing.
    """
    if path.is_dir():
        raise SpektronError(f"{path}: is a folder; give the name of a file")
    if kind in FILES:
        FILES[kind][1](path, found)
    else:
        with replacing(path) as draft:
            draft.write_text(TEXTS[kind][1](found), encoding="utf-8", newline="\n")
    return path.absolute()
