"""Model folders: arrays as npz, settings as JSON, checksums in a manifest; no pickle.

    model.npz      float64 arrays and strings
    model.json     settings; of several properties, those of each: `together.py`
    manifest.json  kind, format, package version, SHA-256 of the other two

A folder is an archive, so that it is whole or absent and shows damage.

An adapter is the same for one target instrument in one npz file: the arrays, and as
"adapter.json" the settings with provenance and the SHA-256 of the arrays.

L = points, n = labelled target samples.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import spektron_jax
from spektron_jax import archive
from spektron_jax.errors import SpektronError
from spektron_jax.spectra import npz
from spektron_jax.transfer.applicability import Applicability
from spektron_jax.transfer.arguments import Arguments
from spektron_jax.transfer.intervals import Intervals, Spread
from spektron_jax.transfer.members import Affine

FORMAT, SEVERAL = 7, 8  # of one property and of several
HEADER = "adapter.json"
KIND = "spektron-transfer"
INTERVALS = ("errors", "scaled", "source_errors", "shift", "label_sd")
DOMAIN = ("mean", "loadings", "variances", "t2_limit", "q_limit")
FILES = {"model.json", "model.npz"}
SPACES = ("raw", "snv")
ANY = -1


def packed(
    model: Affine, intervals: Intervals, domain: Applicability | None
) -> dict[str, np.ndarray]:
    """Everything a fitted transfer consists of, as arrays by name."""
    arrays = {"intercept": np.array(model.intercept)}
    groups: list[tuple[str, Any, Sequence[str]]] = [
        ("", intervals, INTERVALS),
        ("spread/", intervals.spread, ("centre", "axes", "floor")),
    ]
    if domain is not None:
        groups.append(("domain/", domain, DOMAIN))
    for head, owner, names in groups:
        arrays |= {head + name: np.array(getattr(owner, name)) for name in names}
    for space, vector in model.coefficients.items():
        arrays[f"space/{space}"] = vector
    return arrays


def unpacked(
    arrays: Mapping[str, np.ndarray],
) -> tuple[Affine, Intervals, Applicability | None]:
    """The inverse of `packed`."""
    centre = _numbers(arrays, "spread/centre")
    points = centre.size
    coefficients = {
        name.removeprefix("space/"): _numbers(arrays, name, (points,))
        for name in arrays
        if name.startswith("space/")
    }
    if not set(coefficients) <= set(SPACES):
        raise ValueError(f"coefficients of {', '.join(coefficients)}")
    if not all(np.isfinite(vector).all() for vector in coefficients.values()):
        raise ValueError("coefficients that are not finite")
    model = Affine(coefficients, float(arrays["intercept"]))
    spread = Spread(
        centre,
        _numbers(arrays, "spread/axes", (points, ANY)),
        float(arrays["spread/floor"]),
    )
    if not spread.floor >= 0:
        raise ValueError(f"a leverage of {spread.floor}")
    intervals = Intervals(
        model,
        _numbers(arrays, "errors"),
        _numbers(arrays, "scaled"),
        _numbers(arrays, "source_errors"),
        float(arrays["shift"]),
        float(arrays["label_sd"]),
        spread,
    )
    domain = None
    if "domain/mean" in arrays:
        domain = Applicability(
            _numbers(arrays, "domain/mean"),
            _numbers(arrays, "domain/loadings", (ANY, points)),
            _numbers(arrays, "domain/variances"),
            float(arrays["domain/t2_limit"]),
            float(arrays["domain/q_limit"]),
        )
        if domain.variances.size != len(domain.loadings) or domain.mean.size != points:
            raise ValueError("components of another size")
    return model, intervals, domain


def _numbers(
    arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...] = (ANY,)
) -> np.ndarray:
    """An array of numbers of that shape."""
    values = np.asarray(arrays[name], np.float64)
    sizes = zip(shape, values.shape, strict=False)
    if len(shape) != values.ndim or any(size not in (ANY, n) for size, n in sizes):
        raise ValueError(f"{name} of {values.shape}")
    return values


def write(path: Path, settings: dict[str, Any], arrays: Mapping) -> Path:
    """Write a model folder; an older model there is replaced.

    Raises:
      SpektronError: the place holds something else, or cannot be written.
    """
    archive.check_place(path, "model")
    with archive.writing(path, _kind(settings)) as draft:
        content: dict[str, Any] = dict(arrays)
        np.savez_compressed(draft / "model.npz", **content)
        text = json.dumps(settings, indent=1, default=_plain)
        (draft / "model.json").write_text(text)
    return path.absolute()


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Settings and arrays of a model folder, after checking every file.

    Raises:
      SpektronError: not a model folder, damaged, or of another format.
    """
    if not (path / archive.MANIFEST).is_file():
        raise SpektronError(
            f"{path}: no transfer model ({archive.MANIFEST} is missing); give the "
            "folder that `save` wrote"
        )
    try:
        listed = archive.verify(path, SEVERAL, seal=False)
        if listed["kind"] != KIND or not FILES <= set(listed["files"]):
            raise KeyError("kind")
        if listed["format"] < FORMAT:
            raise SpektronError(
                f"{path}: written by {listed.get('package')} in an older format; fit "
                "again"
            )
    except archive.Damaged as error:
        raise SpektronError(f"{path}: {error}; save it again") from error
    except (KeyError, TypeError) as error:
        raise SpektronError(f"{path}: {archive.MANIFEST} is not a model's") from error
    try:
        settings = json.loads((path / "model.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SpektronError(f"{path}: cannot be read ({error})") from error
    return settings, npz.load(path / "model.npz")


def write_adapter(path: Path, settings: dict[str, Any], arrays: Mapping) -> Path:
    """Write an adapter file, as a whole or not at all."""
    header = {
        **_kind(settings),
        "sha256": sha256_of(*(arrays[name] for name in sorted(arrays))),
        "settings": settings,
    }
    content: dict[str, Any] = dict(arrays)
    content[HEADER] = np.array(json.dumps(header, default=_plain))
    with archive.replacing(path) as draft, open(draft, "wb") as file:
        np.savez_compressed(file, **content)
    return path


def read_adapter(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Settings and arrays of an adapter file.

    Raises:
      SpektronError: not an adapter, damaged, or of another format.
    """
    arrays = npz.load(path)
    try:
        header = json.loads(str(arrays.pop(HEADER)))
        settings, listed = header["settings"], header["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SpektronError(f"{path}: is no adapter, or damaged ({error})") from error
    if any(header.get(name) != value for name, value in _kind(settings).items()):
        raise SpektronError(f"{path}: is an adapter of another format; save it again")
    if sha256_of(*(arrays[name] for name in sorted(arrays))) != listed:
        raise SpektronError(f"{path}: has changed since it was written; save it again")
    return settings, arrays


def _kind(settings: Any) -> dict[str, Any]:
    """What a file of these settings says of itself."""
    several = isinstance(settings, dict) and "each" in settings
    return {"kind": KIND, "format": SEVERAL if several else FORMAT}


def _plain(value: Any) -> Any:
    """Parameters that JSON does not know: numbers of numpy, paths; a state: none."""
    if isinstance(value, np.generic):
        return value.item()
    return None if isinstance(value, np.random.RandomState) else str(value)


def sha256_of(*arrays: np.ndarray) -> str:
    """SHA-256 of arrays: shapes, types and values."""
    digest = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def provenance_of(given: Arguments, network: Any) -> dict[str, Any]:
    """What a model is made of: package, weights, checksums of the data, regime."""
    data = given.inputs.data
    source = given.source.X, given.y_source, given.axis_source
    return {
        "package": f"spektron_jax {spektron_jax.__version__}",
        "weights": None if network is None else network.name,
        "weights_sha256": None if network is None else network.checksum,
        "source_sha256": sha256_of(*source),
        "target_sha256": sha256_of(data.X_target, data.y_target),
        "n": int(len(data.y_target)),
        "regime": given.inputs.regime,
    }
