"""Virtual instruments as JSON files, to be used again by name.

    {"format": "spektron-instrument", "format_version": 1, "name": "line 3",
     "preset": "handheld_nir", "unit": "nm", "quantity": "absorbance",
     "low": 950.0, "high": 1650.0, "points": 141,
     "units": {"shift": "nm", ...}, "parameters": {"shift": 0.96, ...}}

`units` is for the reader of the file and must say what it says here. An infinite
signal-to-noise ratio is written as null, since JSON has no infinity.
"""

import json
import math
from pathlib import Path
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np

from spektron_jax.archive import replacing
from spektron_jax.errors import SpektronError
from spektron_jax.lab.instruments import Instrument, Instruments, ideal
from spektron_jax.lab.presets import preset_of

FORMAT, VERSION = "spektron-instrument", 1
T = TypeVar("T")
TEXT = ("name", "preset", "unit", "quantity")
AXIS = "axis"  # stands for the unit of the axis
UNITS = {
    "shift": AXIS,
    "sigma": AXIS,
    "snr_db": "dB",
    "baseline": "absorbance",
    "stretch": AXIS,
    "quadratic": AXIS,
    "axis_ripple": AXIS,
    "sigma_slope": "1",
    "stray": "1",
    "nonlinearity": "1/absorbance",
    "gain": "1",
    "tilt": "1",
    "penetration": "1",
    "response_ripple": "1",
    "baseline_ripple": "absorbance",
    "sample_gain": "1",
    "sample_offset": "absorbance",
    "noise": "absorbance",
    "noise_growth": "1",
    "smoothing": "points",
}


def save_instrument(path: str | Path, instrument: Instrument) -> None:
    """Write the file, whole or not at all.

    Examples:
      >>> import numpy as np
      >>> from spektron_jax import lab
      >>> lab.save_instrument("seven.json", lab.draw("ftir", seed=7))
    """
    path = Path(path)
    parameters = {
        field: np.asarray(value, np.float32).tolist()
        for field, value in instrument.parameters._asdict().items()
    }
    if not math.isfinite(parameters["snr_db"]):
        parameters["snr_db"] = None
    content = {
        "format": FORMAT,
        "format_version": VERSION,
        **{field: getattr(instrument, field) for field in TEXT},
        "low": float(instrument.low),
        "high": float(instrument.high),
        "points": instrument.points,
        "units": _units(instrument.unit),
        "parameters": parameters,
    }
    with replacing(path) as draft:
        draft.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def load_instrument(path: str | Path) -> Instrument:
    """Read the Instrument of a file; SpektronError names the file and the field.

    Examples:
      >>> import numpy as np
      >>> from spektron_jax import lab
      >>> lab.save_instrument("seven.json", lab.draw("ftir", seed=7))
      >>> lab.load_instrument("seven.json").name
      'ftir-7'
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpektronError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise SpektronError(
            f"{path}: not JSON ({error}); save the instrument again"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SpektronError(f"{path}: format is not {FORMAT!r}; give an instrument")
    if content.get("format_version") != VERSION:
        raise SpektronError(
            f"{path}: format_version is {content.get('format_version')!r}; this "
            f"program reads {VERSION}"
        )
    name, preset, unit, quantity = (_of(path, content, f, str) for f in TEXT)
    try:
        kind = preset_of(preset)
    except SpektronError as error:
        raise SpektronError(f"{path}: preset: {error}") from error
    for field, value, wanted in (
        ("unit", unit, kind.unit),
        ("quantity", quantity, kind.quantity),
        ("units", _of(path, content, "units", dict), _units(kind.unit)),
    ):
        if value != wanted:
            raise SpektronError(
                f"{path}: {field}: preset {preset} has {wanted!r}, not {value!r}"
            )
    low, high = (_number(path, f, content.get(f)) for f in ("low", "high"))
    points = _of(path, content, "points", int)
    if not 0 < low < high:
        raise SpektronError(f"{path}: low: must be greater than 0 and less than high")
    if not 4 <= points <= 2**20:
        raise SpektronError(f"{path}: points: must lie in 4 .. 2^20, not {points}")
    given = _of(path, content, "parameters", dict)
    return Instrument(_parameters(path, given, preset), low, high, name, preset, points)


def _parameters(path: Path, given: dict[str, Any], preset: str) -> Instruments:
    unknown = set(given) - set(Instruments._fields)
    if unknown:
        raise SpektronError(f"{path}: parameters.{min(unknown)}: no such parameter")
    arrays = {}
    for field, neutral in ideal(preset).parameters._asdict().items():
        where = f"parameters.{field}"
        if field not in given:
            raise SpektronError(f"{path}: {where}: missing; save the instrument again")
        value = given[field]
        if field == "snr_db" and value is None:
            value = np.inf
        elif neutral.ndim:
            if not isinstance(value, list) or len(value) != neutral.size:
                raise SpektronError(f"{path}: {where}: needs {neutral.size} numbers")
            value = [_number(path, where, one) for one in value]
        else:
            value = _number(path, where, value)
        arrays[field] = jnp.asarray(value, jnp.float32)
    for field in ("sigma", "stray", "noise", "smoothing"):
        if arrays[field] < 0:
            raise SpektronError(f"{path}: parameters.{field}: must be 0 or more")
    return Instruments(**arrays)


def _units(axis_unit: str) -> dict[str, str]:
    return {field: axis_unit if unit == AXIS else unit for field, unit in UNITS.items()}


def _of(path: Path, content: dict[str, Any], field: str, kind: type[T]) -> T:
    value = content.get(field)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise SpektronError(
            f"{path}: {field}: must be a {kind.__name__}, not {value!r}"
        )
    return value


def _number(path: Path, field: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) < 1e30:  # also false for NaN
        raise SpektronError(f"{path}: {field}: must be a finite number, not {value!r}")
    return value
