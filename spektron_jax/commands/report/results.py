"""Reading the result files of a run, and saying which one is wrong.

    config.json        settings of the run
    metrics.jsonl      a row of numbers for each logged step
    evaluation.json    errors, probes, collapse, experts
    evaluation.npz     examples, codes and poles for the figures

Everything is checked here, field by field and shape by shape, so that drawing can
trust its input and a damaged file is named instead of failing half-way down a page.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import MODALITIES

GAPS = ("long", "short")
METHODS = ("model", "mean", "linear", "spline")
CODES = ("z_chem", "z_inst")
REPAIR = "evaluate this workdir again"

# E examples, L spectral points, N codes, Zc and Zi widths, Y layers, P oscillators.
SHAPES = {
    "axis_cm1": "L",
    "example_clean": "E L",
    "example_observed": "E L",
    "example_hidden": "E L",
    "example_model": "E L",
    "example_linear": "E L",
    "example_spline": "E L",
    "example_title": "E",
    "instrument": "N",
    "molecule": "N",
    "modality": "N",
    "z_chem": "N Zc",
    "z_inst": "N Zi",
    "poles_angle_before": "Y 2 P",
    "poles_radius_before": "Y 2 P",
    "poles_angle_after": "Y 2 P",
    "poles_radius_after": "Y 2 P",
}
LABELS = ("example_title", "instrument", "molecule", "modality")  # need not be numbers


@dataclass(frozen=True)
class Results:
    """Checked contents of the four result files."""

    config: dict[str, Any]
    metrics: dict[str, np.ndarray]  # column -> (rows,) float64; NaN where not logged
    evaluation: dict[str, Any]
    arrays: dict[str, np.ndarray]


def read_results(workdir: str | Path) -> Results:
    """Read and check the result files of a run.

    Args:
      workdir: folder that holds the four files

    Returns:
      Their contents.

    Raises:
      SpektronError: a file is missing, damaged or lacks a field; names file and field.
    """
    workdir = Path(workdir)
    if not workdir.is_dir():
        raise SpektronError(f"{workdir}: no such folder; give the workdir of a run")
    return Results(
        config=_read_json(workdir / "config.json"),
        metrics=_read_metrics(workdir / "metrics.jsonl"),
        evaluation=_read_evaluation(workdir / "evaluation.json"),
        arrays=_read_arrays(workdir / "evaluation.npz"),
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpektronError(f"{path}: missing; train and {REPAIR}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpektronError(f"{path}: cannot be read ({error})") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise SpektronError(f"{path}: not JSON ({error}); {REPAIR}") from None
    if not isinstance(content, dict):
        raise SpektronError(f"{path}: must hold a JSON object; {REPAIR}")
    return content


def _read_metrics(path: Path) -> dict[str, np.ndarray]:
    rows: dict[int, dict[str, float]] = {}
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            # A resumed run logs some steps again: the last row of a step counts.
            rows[int(row["step"])] = row
        except (json.JSONDecodeError, KeyError, TypeError, ValueError):
            raise SpektronError(
                f"{path}: line {number} is not a JSON object with a step; "
                "delete that line"
            ) from None
    if not rows:
        raise SpektronError(f"{path}: holds no row; train at least one logged step")
    ordered = [rows[step] for step in sorted(rows)]
    names = list(dict.fromkeys(name for row in ordered for name in row))
    columns = {
        name: np.array([_number_or_nan(row.get(name)) for row in ordered])
        for name in names
    }
    if "loss/total" not in columns:
        raise SpektronError(f"{path}: field 'loss/total' is missing; train again")
    return columns


def _number_or_nan(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _read_evaluation(path: Path) -> dict[str, Any]:
    evaluation = _read_json(path)
    numbers = ["seed", "step", "parameters", "molecules", "instruments"]
    for gap in GAPS:
        for method in METHODS:
            base = f"reconstruction.{gap}.{method}"
            numbers += [f"{base}.{name}" for name in ("mse", "rmse", "low", "high")]
    for code in CODES:
        probe = f"probes.{code}"
        names = ("accuracy", "chance", "low", "high")
        numbers += [f"{probe}.instrument.{name}" for name in names]
        numbers += [f"{probe}.molecule.{name}" for name in names[:2]]
        numbers += [f"kl.{code}.mean", f"kl.{code}.collapsed"]
    numbers += ["density.cosine", "density.relative_move"]
    for field in numbers:
        value = _field(evaluation, field, path)
        if not _is_number(value) or not np.isfinite(value):
            raise SpektronError(f"{path}: field '{field}' must be a number; {REPAIR}")
    for gap in GAPS:
        ratios = evaluation["reconstruction"][gap].get("ratio", {})
        if not isinstance(ratios, dict):
            field = f"reconstruction.{gap}.ratio"
            raise SpektronError(f"{path}: field '{field}' must be an object; {REPAIR}")
        for name, ratio in ratios.items():
            parts = [_field(ratio, key, path) for key in ("ratio", "low", "high")]
            if not all(map(_is_number, parts)):
                field = f"reconstruction.{gap}.ratio.{name}"
                raise SpektronError(f"{path}: field '{field}' must hold numbers")
    for field in ("config", "versions"):
        if not isinstance(_field(evaluation, field, path), dict):
            raise SpektronError(f"{path}: field '{field}' must be an object; {REPAIR}")
    _field(evaluation, "device", path)
    _check_experts(_field(evaluation, "experts", path), path)
    return evaluation


def _check_experts(experts: object, path: Path) -> None:
    shares = list(experts.values()) if isinstance(experts, dict) else []
    good = all(
        isinstance(row, list) and row and all(map(_is_number, row)) for row in shares
    )
    if not shares or not good or len({len(row) for row in shares}) != 1:
        raise SpektronError(
            f"{path}: field 'experts' must hold, for each modality, one share for each "
            f"expert; {REPAIR}"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _field(content: Any, field: str, path: Path) -> Any:
    for name in field.split("."):
        if not isinstance(content, Mapping) or name not in content:
            raise SpektronError(f"{path}: field '{field}' is missing; {REPAIR}")
        content = content[name]
    return content


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise SpektronError(f"{path}: missing; {REPAIR}")
    try:
        # The file is opened here because numpy leaves it open when it is no archive.
        with path.open("rb") as file, np.lib.npyio.NpzFile(file) as archive:
            missing = [name for name in SHAPES if name not in archive]
            arrays = {name: archive[name] for name in SHAPES if name in archive}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SpektronError(f"{path}: damaged ({error}); {REPAIR}") from None
    if missing:
        raise SpektronError(f"{path}: array '{missing[0]}' is missing; {REPAIR}")
    _check_shapes(arrays, path)
    arrays["example_hidden"] = arrays["example_hidden"].astype(bool)
    arrays["modality"] = _modality_names(arrays["modality"], path)
    return arrays


def _check_shapes(arrays: dict[str, np.ndarray], path: Path) -> None:
    sizes: dict[str, int] = {"2": 2}
    for name, letters in SHAPES.items():
        shape, wanted = arrays[name].shape, letters.split()
        if len(shape) == len(wanted):
            for letter, size in zip(wanted, shape, strict=True):
                sizes.setdefault(letter, size)
        if shape != tuple(sizes.get(letter, -1) for letter in wanted) or 0 in shape:
            raise SpektronError(
                f"{path}: array '{name}' has shape {shape}, "
                f"not ({', '.join(wanted)}) like the others; {REPAIR}"
            )
        numeric = np.issubdtype(arrays[name].dtype, np.number)
        if name not in LABELS and not (numeric or arrays[name].dtype == bool):
            raise SpektronError(f"{path}: array '{name}' must hold numbers; {REPAIR}")
        if numeric and not np.all(np.isfinite(arrays[name])):
            # Observed spectra may lack points; everything else must be whole.
            if name != "example_observed":
                raise SpektronError(f"{path}: array '{name}' must be finite; {REPAIR}")


def _modality_names(modality: np.ndarray, path: Path) -> np.ndarray:
    """Codes of grid.MODALITIES, or names, as names."""
    if not np.issubdtype(modality.dtype, np.integer):
        return modality.astype(str)
    if modality.min() < 0 or modality.max() >= len(MODALITIES):
        raise SpektronError(
            f"{path}: array 'modality' must hold codes 0 to {len(MODALITIES) - 1}; "
            f"{REPAIR}"
        )
    return np.array(MODALITIES)[modality]
