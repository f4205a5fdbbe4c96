"""Ocean Optics SpectraSuite (.ProcSpec): the processed spectrum.

A zip archive with XML as XStream writes it: certificates, each a step of processing
with its pixels, wavelengths and units. An element may only refer to another by a path:
"../../sourceSpectra/.../pixelValues[2]". The last certificate is the result.
"""

import re
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from spektron_jax.spectra.limits import check_claim
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

MAX_XML_BYTES = 2**24  # some 20 times what a spectrum of 4,000 pixels takes
MAX_REFERENCES = 10  # that lead from one to the next
_UNITS = {"Wavelength": "nm", "Wavenumber": "cm-1", "Raman": "cm-1"}
_QUANTITIES = {
    "Transmission": "%T",
    "Reflection": "%R",
    "Absorbance": "absorbance",
    "Counts": "counts",
}
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd]")
_PATH = re.compile(r"([\w.-]+)(?:\[(\d+)\])?")


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the processed spectrum of a .ProcSpec file."""
    root = _root(path, log)
    parents = {child: parent for parent in root.iter() for child in parent}
    steps = root.find("certificates")
    if steps is None or not len(steps):
        log.fail("XML", "has no certificates of processing; export it as text")
    if len(root.findall("sourceSpectra/*")) > 1:
        log.note("XML", "several source spectra; their processed spectrum is taken")
    last = steps[-1]
    values = _numbers(last, "processedPixels", parents, log)
    axis = _numbers(last, "processedWavelengths", parents, log)
    if values.size != axis.size:
        log.fail("XML", f"{values.size} values at {axis.size} positions: damaged")
    x_kind, y_kind = (_descriptor(last, name, log) for name in ("xUnits", "yUnits"))
    return [
        ParsedSpectra(
            axis=axis,
            spectra=values[None],
            sample_ids=[path.stem],
            places=["XML"],
            unit=_UNITS.get(x_kind),
            quantity=_QUANTITIES.get(y_kind),
            modality="Raman" if x_kind == "Raman" else None,
        )
    ]


def _root(path: Path, log: Log) -> ElementTree.Element:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if re.fullmatch(r"ps_\d+\.xml", n)]
            if len(names) != 1:
                log.fail("archive", f"{len(names)} spectra in one archive; split it")
            size = archive.getinfo(names[0]).file_size
            check_claim(f"{path}: {names[0]}", size, path.stat().st_size, MAX_XML_BYTES)
            raw = archive.read(names[0])
    except (zipfile.BadZipFile, OSError, zlib.error, *_DAMAGE) as error:
        log.fail("archive", f"damaged or cut off ({error})")
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        log.fail(names[0], "holds XML with definitions of its own, which is not read")
    try:
        return ElementTree.fromstring(_NO_XML.sub("?", raw.decode("utf-8", "replace")))
    except (ElementTree.ParseError, RecursionError) as error:
        log.fail(names[0], f"is no whole XML ({error}): damaged")


_DAMAGE = (ValueError, NotImplementedError, RuntimeError, EOFError, MemoryError)


def _numbers(
    step: ElementTree.Element, name: str, parents: dict, log: Log
) -> np.ndarray:
    """The numbers of an element or of the one it refers to."""
    found = step.find(name)
    for _ in range(MAX_REFERENCES):
        if found is None or "reference" not in found.attrib:
            break
        found = _followed(found, found.attrib["reference"], parents)
    if found is None or not len(found):
        log.fail("XML", f"{name} is missing: damaged")
    try:
        return np.array([float(one.text or "") for one in found])
    except ValueError as error:
        log.fail("XML", f"{name}: {error}: damaged")


def _followed(
    element: ElementTree.Element, path: str, parents: dict
) -> ElementTree.Element | None:
    """The element at a relative path, None where there is none."""
    found: ElementTree.Element | None = element
    for part in path.split("/"):
        if found is None:
            return None
        if part == "..":
            found = parents.get(found)
            continue
        named = _PATH.fullmatch(part)
        if named is None:
            return None
        alike = [child for child in found if child.tag == named[1]]
        place = int(named[2] or 1)
        found = alike[place - 1] if 0 < place <= len(alike) else None
    return found


def _descriptor(step: ElementTree.Element, name: str, log: Log) -> str:
    """ "Transmission" of the class "...TransmissionIntensityDescriptor"."""
    found = step.find(name)
    words = found.get("class", "").split(".")[-1] if found is not None else ""
    return re.sub(r"(Intensity|Shift)?Descriptor$", "", words)
