"""A prepared library as one npz file: arrays, and a header that seals all of them.

    spectra, axis, names      as given
    similarity/NAME           features on the library's own grid
    encoder/DEPTH             the same of an encoder, where it has a part
    index/NAME                of a very large library, in place of features
    confidence/NAME           where it is calibrated
    library.json              kind, format, settings, SHA-256 of arrays and of itself

Never unpickled; every shape is checked before it is used.
"""

import contextlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spektron_jax import archive
from spektron_jax.errors import SpektronError
from spektron_jax.identification.combine import DEPTHS, MEAN
from spektron_jax.identification.confidence import Confidence
from spektron_jax.identification.engines import Engines
from spektron_jax.identification.shortlist import Shortlist
from spektron_jax.identification.similarities import NAMES
from spektron_jax.spectra import npz
from spektron_jax.spectra.grid import to_cm1
from spektron_jax.transfer.persistence import sha256_of

if TYPE_CHECKING:
    from spektron_jax.identification.library import SpectralLibrary

KIND, FORMAT, HEADER = "spektron-library", 1, "library.json"
INDEX = ("weights", "directions", "numbers")
CONFIDENCE = ("logistic", "threshold", "p_correct", "truth")


def write(
    path: Path,
    library: "SpectralLibrary",
    engines: Engines,
    confidence: Confidence | None,
) -> Path:
    """Write a library and what was prepared, whole or not at all."""
    engines.prepare()
    arrays = {"spectra": library.spectra, "axis": library.axis, "names": library.names}
    checksum = None
    if engines.index is not None:
        arrays |= {f"index/{name}": getattr(engines.index, name) for name in INDEX}
    else:
        own = engines.own
        arrays |= {f"similarity/{name}": v for name, v in own.features.items()}
        arrays |= {f"encoder/{name}": v for name, v in own.encoded.items()}
        checksum = own.encoder.checksum if own.encoded and own.encoder else None
    if confidence is not None:
        values = zip(CONFIDENCE, astuple(confidence), strict=True)
        arrays |= {f"confidence/{name}": np.asarray(value) for name, value in values}
    settings = {
        "unit": library.unit,
        "modality": library.modality,
        "weights": library.weights,
        "quantity": library.quantity,
        "encoder": checksum,
    }
    header = {
        "kind": KIND,
        "format": FORMAT,
        "arrays": sha256_of(*(arrays[name] for name in sorted(arrays))),
        "settings": settings,
    }
    content: dict[str, Any] = dict(arrays)
    content[HEADER] = np.array(json.dumps(archive.sealed(header)))
    with archive.replacing(path) as draft, open(draft, "wb") as file:
        np.savez(file, **content)
    return path


@dataclass(frozen=True, eq=False)
class Saved:
    """What a file holds."""

    settings: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def arguments(self) -> tuple:
        """Of the library's constructor."""
        axis = _shaped(self.arrays, "axis", None)
        spectra = _shaped(self.arrays, "spectra", None, axis.size)
        place = to_cm1(axis, self.settings["unit"])
        if place[0] > place[-1]:  # kept rising
            spectra = spectra[:, ::-1]
        names = _shaped(self.arrays, "names", len(spectra), kind="U")
        given = (self.settings[name] for name in ("unit", "modality", "weights"))
        quantity = self.settings.get("quantity", "unknown")  # of older files
        return spectra, axis, names, *given, quantity

    def fill(self, engines: Engines) -> None:
        """Give engines what was prepared."""
        count = len(engines.spectra)
        if engines.is_large:
            weights = _shaped(self.arrays, "index/weights", len(NAMES))
            numbers = _shaped(self.arrays, "index/numbers", count, None)
            depth = numbers.shape[1]
            directions = _shaped(self.arrays, "index/directions", None, depth)
            engines.index = Shortlist(weights, directions, numbers)
            return
        features = {
            name: _shaped(self.arrays, f"similarity/{name}", count, None)
            for name in NAMES
        }
        encoded: dict[str, np.ndarray] = {}
        if self.settings["encoder"] is not None:
            for depth in DEPTHS.values():
                values = _shaped(self.arrays, f"encoder/{depth}", count, None)
                mean = depth + MEAN
                size = values.shape[1]
                encoded |= {
                    depth: values,
                    mean: _shaped(self.arrays, f"encoder/{mean}", size),
                }
        engines.prepared(features, encoded)
        encoder = engines.own.encoder
        if encoded and (
            encoder is None or encoder.checksum != self.settings["encoder"]
        ):
            raise SpektronError(
                f"weights {self.settings['weights']!r} are not those that the library "
                "was prepared with; prepare it again"
            )

    def confidence(self) -> Confidence | None:
        """Where it was calibrated."""
        if "confidence/logistic" not in self.arrays:
            return None
        return Confidence(
            _shaped(self.arrays, "confidence/logistic", 3),
            float(self.arrays["confidence/threshold"]),
            _shaped(self.arrays, "confidence/p_correct", None),
            _shaped(self.arrays, "confidence/truth", None, kind="b"),
        )


def is_prepared(path: str | Path) -> bool:
    """Whether a file is meant as a prepared library; it may be damaged."""
    try:
        with zipfile.ZipFile(path) as file:
            return f"{HEADER}.npy" in file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Saved]:
    """Yield what a file holds; what does not fit together ends in SpektronError."""
    arrays = npz.load(path)
    try:
        header = json.loads(str(arrays.pop(HEADER)))
        intact = header.pop("sha256") == archive.sealed(header)["sha256"]
        kind, settings = (header["kind"], header["format"]), header["settings"]
        listed = header["arrays"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SpektronError(
            f"{path}: is no prepared library, or damaged ({error})"
        ) from error
    if kind != (KIND, FORMAT):
        raise SpektronError(f"{path}: is no library of this format; prepare it again")
    if not intact or sha256_of(*(arrays[name] for name in sorted(arrays))) != listed:
        raise SpektronError(
            f"{path}: has changed since it was written; prepare it again"
        )
    try:
        yield Saved(settings, arrays)
    except SpektronError as error:
        raise SpektronError(f"{path}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise SpektronError(
            f"{path}: is no prepared library ({error}); prepare it again"
        ) from error


def _shaped(
    arrays: dict[str, np.ndarray], name: str, *shape: int | None, kind: str = "f"
) -> np.ndarray:
    """An array of that shape and kind; None: any size."""
    found = arrays[name]
    sizes = zip(shape, found.shape, strict=False)
    if (
        found.dtype.kind != kind
        or found.ndim != len(shape)
        or any(size not in (None, n) for size, n in sizes)
    ):
        raise ValueError(f"{name}: {found.dtype} of {found.shape}")
    if kind == "f" and not np.isfinite(found.sum(dtype=np.float64)):
        raise ValueError(f"{name}: not finite")
    return found
