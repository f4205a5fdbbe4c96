"""Any common file of spectra in one call: `read`.

    spectra = spektron_jax.read("corn.mat", unit="nm", modality="NIR")
    print(spectra.describe())

The format is told from the content first and the suffix second. Reading unpickles
nothing, runs nothing and writes nothing, and loads no jax. What cannot be read as it
stands raises a SpektronError that names the file and the place; with strict=False the
good rows are kept and `problems` lists the others.
"""

import importlib
import re
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra import spectra_file
from spektron_jax.spectra.axis import QUANTITIES
from spektron_jax.spectra.grid import check_name
from spektron_jax.spectra.hdf5_check import heaps_are_sound
from spektron_jax.spectra.readers import asd, avantes, folder, foreign, perkinelmer, svc
from spektron_jax.spectra.readers.assemble import assemble, resolve
from spektron_jax.spectra.readers.csv import is_avantes, utf16_of
from spektron_jax.spectra.readers.given import as_path
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra
from spektron_jax.spectra.spectra_set import SpectraSet


class Format(NamedTuple):
    """What is read, and how it is told.

    Attributes:
      name: of the format.
      suffixes: of its files; content comes first.
      written_by: programs that write it.
      extra: of `pip install spektron_jax[...]` that it needs, or "".
      module: of this folder.
      instead: what to do with a file that this reader refuses, or "".
    """

    name: str
    suffixes: tuple[str, ...]
    written_by: str
    extra: str
    module: str
    instead: str = ""


_TEXT = (
    *(".csv", ".tsv", ".txt", ".dat", ".asc", ".prn", ".xy", ".dpt"),
    *(".ttt", ".sed", ".jaz"),
)
_FORMATS = (
    Format(
        "CSV",
        _TEXT,
        "text exports; AvaSoft .ttt, Spectral Evolution .sed, Ocean .jaz",
        *("", "csv"),
    ),
    Format("Excel", (".xlsx", ".xlsm"), "Excel, LibreOffice, LIMS", "", "excel"),
    Format(
        "JCAMP-DX",
        (".jdx", ".dx", ".jcm", ".jcamp"),
        "nearly every program of spectrometers; NIST",
        *("", "jcamp"),
    ),
    Format("SPC", (".spc",), "Galactic GRAMS, Thermo, many exports", "", "spc"),
    Format("OPUS", tuple(f".{i}" for i in range(10)), "Bruker OPUS", "", "opus"),
    Format(
        "OMNIC",
        (".spa", ".spg"),
        "Thermo OMNIC",
        *("", "omnic", "save it as SPC, JCAMP-DX or CSV in OMNIC"),
    ),
    Format(
        "WiRE",
        (".wdf",),
        "Renishaw WiRE",
        *("", "wire", "save it as text or SPC in WiRE"),
    ),
    Format(
        "PerkinElmer",
        (".sp",),
        "PerkinElmer Spectrum",
        *("", "perkinelmer", "save it as ASCII (.asc), CSV or JCAMP-DX"),
    ),
    Format(
        "ASD",
        (".asd",),
        "ASD FieldSpec and LabSpec, raw counts",
        *("", "asd", "export it as text with ViewSpec Pro"),
    ),
    Format(
        "SVC",
        (".sig",),
        "Spectra Vista (SVC) HR series",
        *("", "svc", "export it as CSV"),
    ),
    Format(
        "Avantes",
        (".trm",),
        "Avantes AvaSoft 7, transmittance",
        *("", "avantes", "export it as text (.ttt) in AvaSoft"),
    ),
    Format(
        "ProcSpec",
        (".procspec",),
        "Ocean Optics SpectraSuite",
        *("", "ocean", "save it as tab-delimited text"),
    ),
    Format("MATLAB", (".mat",), "MATLAB, PLS_Toolbox (dataset objects)", "", "mat"),
    Format("NumPy", (".npz", ".npy"), "numpy.savez", "", "npy"),
    Format(
        "HDF5",
        (".h5", ".hdf5", ".hdf", ".he5"),
        "spektron_jax (spectra sets), h5py and others, data sets at the top",
        *("", "hdf5"),
    ),
)
FORMATS = {one.name: one for one in _FORMATS}


def formats() -> list[Format]:
    """Return what `read` opens: formats, suffixes, programs, and extras needed.

    Examples:
      >>> import spektron_jax
      >>> [one.name for one in spektron_jax.formats()][:3]
      ['CSV', 'Excel', 'JCAMP-DX']
    """
    return list(_FORMATS)


def read(
    path: Any,
    unit: str | None = None,
    modality: str | None = None,
    strict: bool = True,
    quantity: str | None = None,
    rows: int | None = None,
) -> SpectraSet:
    """Read spectra from a file or a folder of files.

    Args:
      path: a file of any of `formats()`, or a folder of single spectra; or a table of
        pandas (the index holds sample ids), or a file open for reading.
      unit: of the axis, "nm", "um" or "cm-1"; needed only where the file does not say.
      modality: "NIR", "IR", "Raman" or "unknown"; guards against a wrong unit.
      strict: raise at the first error, else keep good rows and list the others.
      quantity: what was measured, one of `axis.QUANTITIES`; needed only where the
        file does not say and it matters. Nothing is converted.
      rows: the first so many samples only, for a look at a large file; None: all.

    Raises:
      SpektronError: with the file, the place in it and what to do.

    Examples:
      >>> from spektron_jax import demo
      >>> import spektron_jax
      >>> old = spektron_jax.read(demo.path_of("old_instrument.csv"))
      >>> print(old)
      Spectra: 50 samples, unknown
        sample ids: S01, ...
        instrument spectra: 50 spectra of 700 points, 1100 to 2498 nm (step 2), unknown
        target Moisture: 50 values, ... %
        target Protein: 50 values, ... %
        notes: 1
          table: read as wide (positions in the first row)
    """
    if quantity is not None:
        check_name("quantity", quantity, QUANTITIES)
    if rows is not None and rows < 1:
        raise SpektronError(f"rows = {rows}: must be 1 or more")
    with as_path(path) as file:
        log = Log(str(file), strict, unit)
        log.rows = rows
        found = _read(file, unit, modality, log, quantity)
    return found if rows is None else found.take(np.arange(min(rows, len(found))))


def _read(
    path: Path,
    unit: str | None,
    modality: str | None,
    log: Log,
    quantity: str | None,
) -> SpectraSet:
    """`read`, of a path, with what is wrong or was chosen in a log."""
    try:
        if path.is_dir():
            parts = folder.read(path, log, _parsed)
            return assemble(parts, unit, modality, log, quantity)
        if not path.exists():
            raise SpektronError(f"{path}: no such file; check the name")
        if not path.is_file():
            raise SpektronError(f"{path}: no regular file; give a file or a folder")
        name = detect(path, log)
        if name == "HDF5" and spectra_file.is_spectra_set(path):
            return _spectra_set(path, unit, modality, log, quantity)
        parts = _parsed(path, log, name, modality)
        return assemble(parts, unit, modality, log, quantity)
    except MemoryError as error:
        raise SpektronError(f"{path}: does not fit into memory; split it") from error
    except OSError as error:
        raise SpektronError(
            f"{path}: cannot be read ({error.strerror or error}); check disk and rights"
        ) from error


def read_cells(path: str | Path, log: Log) -> tuple[list[list[str]], list[str]]:
    """Read a table that holds no spectra, such as labels: CSV or one Excel sheet.

    Returns:
      Rows of equally many cells, the header first, and the place of each row.

    Raises:
      SpektronError: with the file, the place in it and what to do.
    """
    path = Path(path)
    try:
        name = detect(path, log)
        if name not in ("CSV", "Excel"):
            log.fail("file", f"holds {name}; give the table as CSV or Excel")
        return _reader(name).read_cells(path, log)
    except OSError as error:
        raise SpektronError(
            f"{path}: cannot be read ({error.strerror or error}); check the name"
        ) from error


def detect(path: Path, log: Log) -> str:
    """Return the format of a file; SpektronError if it is none of FORMATS."""
    with path.open("rb") as file:
        head = file.read(4096)
    suffix = path.suffix.lower()
    by_suffix = next((one.name for one in _FORMATS if suffix in one.suffixes), None)
    found = _by_content(path, head) or by_suffix
    if not head:
        log.fail("byte 0", "the file is empty")
    if found is None or (found in ("CSV", "SVC") and not _is_text(head)):
        kind = "binary format" if b"\0" in head else "format"
        log.fail(
            "byte 0",
            f"unknown {kind} {suffix}; export it from the instrument's program as "
            f"text, CSV, JCAMP-DX or SPC (this program reads {', '.join(FORMATS)})",
        )
    if by_suffix not in (None, found):
        log.note("file", f"suffix {suffix} means {by_suffix}, but it holds {found}")
    return found


def _by_content(path: Path, head: bytes) -> str | None:
    if head.startswith(b"\n\n\xfe\xfe"):
        return "OPUS"
    if head.startswith((b"MATLAB 5.0", b"MATLAB 7.3")):
        return "MATLAB"  # version 7.3 is HDF5, of which only numbers are read
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        if not heaps_are_sound(path):
            raise SpektronError(
                f"{path}: global heap: damaged or cut off; fetch the file again"
            )
        return "HDF5"
    if head.startswith(b"\x93NUMPY"):
        return "NumPy"
    if head.startswith(b"PK\x03\x04"):
        return _of_archive(path)
    for start, name in _MAGIC.items():
        if head.startswith(start):
            return name
    if asd.HEAD.match(head) and not _is_text(head):
        return "ASD"
    if head.startswith(avantes.HEAD) and path.suffix.lower() == ".trm":
        return "Avantes"
    refused = foreign.describe(head, path.suffix.lower())
    if refused is not None:
        raise SpektronError(f"{path}: byte 0: {refused}")
    text = head.decode(utf16_of(head) or "utf-8-sig", "ignore")
    if _is_text(head) and _JCAMP.search(text):
        return "JCAMP-DX"
    if not _is_text(head):
        is_spc = len(head) >= 256 and head[1] in (0x4B, 0x4C, 0x4D)
        return "SPC" if is_spc and path.suffix.lower() != ".mat" else None
    return "CSV" if head.strip() else None


# First bytes of a file -> its format.
_MAGIC = {
    b"Spectral Data File": "OMNIC",
    b"WDF1": "WiRE",
    perkinelmer.HEAD: "PerkinElmer",
    svc.HEAD: "SVC",
}


_JCAMP = re.compile(r"^\s*##\s*(TITLE|JCAMP.?DX)\s*=", re.I | re.M)


def _is_text(head: bytes) -> bool:
    return b"\0" not in head or utf16_of(head) is not None or is_avantes(head)


def _of_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise SpektronError(
            f"{path}: archive: damaged or cut off ({error}); fetch it again"
        ) from error
    if any(name.startswith("xl/") for name in names):
        return "Excel"
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy"
    if any(re.fullmatch(r"ps_\d+\.xml", name) for name in names):
        return "ProcSpec"
    raise SpektronError(
        f"{path}: archive: neither an Excel workbook, NumPy arrays nor a .ProcSpec; "
        "unpack it first"
    )


def _parsed(
    path: Path, log: Log, name: str | None = None, modality: str | None = None
) -> list[ParsedSpectra]:
    name = name or detect(path, log)
    try:
        return _reader(name).read(path, log, modality)
    except SpektronError as error:
        one = FORMATS[name]
        if not one.instead:
            raise
        text = f"{error} ({one.written_by} file; if it is whole, {one.instead})"
        raise SpektronError(text) from error


def _reader(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{FORMATS[name].module}")


def _spectra_set(
    path: Path,
    unit: str | None,
    modality: str | None,
    log: Log,
    quantity: str | None,
) -> SpectraSet:
    """Our own format names unit and modality itself; a request must agree."""
    found = spectra_file.load(path)
    for name, one in found.instruments.items():
        if unit is not None and unit != one.unit:
            raise SpektronError(
                f"{path}: instrument {name!r} is in {one.unit}, not {unit!r}; leave "
                "unit out"
            )
        if quantity not in (None, one.quantity):
            raise SpektronError(
                f"{path}: instrument {name!r} holds {one.quantity}, not {quantity!r}; "
                "leave quantity out"
            )
    if modality is not None and modality != found.modality:
        if found.modality != "unknown":
            raise SpektronError(
                f"{path}: its modality is {found.modality}, not {modality!r}; leave "
                "modality out"
            )
        found = SpectraSet(**{**vars(found), "modality": modality})
    return resolve(found, log)
