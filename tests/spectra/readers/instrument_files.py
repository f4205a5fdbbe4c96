"""Writers of small files as programs of instruments write them, after their layouts.

Each takes a path, an axis (p,) and spectra (n, p) or one spectrum (p,); none shares
code with the readers.
"""

import struct
import zipfile

import numpy as np


def omnic(path, axis, spectra, titles=None, units=(1, 17), form=b"Spectral Data File"):
    """A .spa of one spectrum, a .spg of several."""
    spectra = np.atleast_2d(spectra)
    entries, body = [], b""
    start = 304 + 16 * 3 * len(spectra)
    for i, row in enumerate(spectra):
        head = struct.pack("<IIB3xB3x2f", 0, axis.size, *units, axis[0], axis[-1])
        parts = [(2, head.ljust(140, b"\0")), (3, row.astype("<f4").tobytes())]
        if titles:
            parts.append((107, titles[i].encode().ljust(264, b"\0")))
        for kind, data in parts:
            entries.append(
                struct.pack("<BBIIH4x", kind, 0, start + len(body), len(data), i)
            )
            body += data
    data = bytearray(304)
    data[:20] = (form + b"\r\n").ljust(20, b"\0")
    name = (titles or ["a title"])[0].encode()
    data[30 : 30 + len(name)] = name
    struct.pack_into("<H", data, 294, len(entries))
    table = b"".join(entries)
    path.write_bytes(bytes(data) + table.ljust(start - 304, b"\0") + body)


def wdf(path, axis, spectra, *, unit=1, kind=1, capacity=None, spot=None, flags=0):
    """A .wdf with WDF1, DATA, XLST and, for maps, ORGN."""
    spectra = np.atleast_2d(spectra)
    n, points = spectra.shape
    capacity = capacity or n
    head = bytearray(512)
    struct.pack_into("<4sIQQ", head, 0, b"WDF1", 1, 512, flags)
    struct.pack_into(
        "<IQQIIII", head, 60, points, capacity, n, 1, 1, points, 2 if spot else 0
    )
    struct.pack_into("<II", head, 128, 1, kind)
    struct.pack_into("<If", head, 152, 6, 18797.0)
    head[240:247] = b"a title"
    full = np.zeros((capacity, points), "<f4")
    full[:n] = spectra
    blocks = [
        (b"DATA", full.tobytes()),
        (b"XLST", struct.pack("<II", 1, unit) + axis.astype("<f4").tobytes()),
    ]
    if spot:
        origins = struct.pack("<I", 2)
        for code, values in zip((0x80000003, 4), spot, strict=True):
            origins += (
                struct.pack("<II16s", code, 5, b"X")
                + np.asarray(values, "<f8").tobytes()
            )
        blocks.append((b"ORGN", origins))
    body = b"".join(
        struct.pack("<4sIQ", name, 0, 16 + len(data)) + data for name, data in blocks
    )
    path.write_bytes(bytes(head) + body)


def _block(number, data):
    return struct.pack("<hi", number, len(data)) + data


def _label(number, text):
    data = text.encode("latin-1")
    return _block(number, struct.pack("<Hh", 0x7523, len(data)) + data)


def perkinelmer(path, axis, spectrum, x="cm-1", y="A", name="a film"):
    """An .sp with the blocks that matter."""
    data = spectrum.astype("<f8").tobytes()
    inner = _block(-29838, struct.pack("<H2d", 0x751D, axis[0], axis[-1]))
    inner += _block(-29835, struct.pack("<Hi", 0x752B, axis.size))
    inner += _label(-29833, x) + _label(-29832, y) + _label(-29823, name)
    inner += _block(-29828, struct.pack("<Hi", 0x7516, len(data)) + data)
    head = b"PEPE2D constant interval DataSet file".ljust(44, b"\0")
    path.write_bytes(head + _block(120, inner))


def asd(path, axis, spectrum, *, kind=0, form=2, reference=None):
    """An .asd, version 8."""
    number = {0: "<f4", 1: "<i4", 2: "<f8"}[form]
    head = bytearray(484)
    head[:3] = b"as8"
    head[3:12] = b"a comment"
    head[186] = kind
    struct.pack_into("<2f", head, 191, axis[0], axis[1] - axis[0])
    head[199] = form
    struct.pack_into("<H", head, 204, axis.size)
    data = bytes(head) + spectrum.astype(number).tobytes()
    flag = 0 if reference is None else 0xFFFF
    data += struct.pack("<H16xH", flag, 5) + b"white"
    if reference is not None:
        data += reference.astype(number).tobytes()
    path.write_bytes(data + bytes(60))


def svc(path, axis, spectrum):
    """A .sig with reference, target and reflectance in per cent."""
    lines = [
        "/*** Spectra Vista SIG Data ***/",
        "name= a.sig",
        "units= Radiance, Radiance",
    ]
    lines += ["factors= 1.080, 1.133, 1.000 [Overlap: Preserve]", "data= "]
    lines += [
        f"{x:.1f}  900.00  {9 * y:.2f}  {y:.4f}"
        for x, y in zip(axis, spectrum, strict=True)
    ]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode())


def avantes(path, axis, spectrum):
    """A .trm; the axis must be even."""
    header = np.zeros(100, "<f4")
    header[0] = 70
    header[1:10] = list(b"0804016U1")
    header[74:76] = axis[0], axis[1] - axis[0]
    header[79:81] = 0, axis.size - 1
    white, dark = np.full(axis.size, 4000.0), np.full(axis.size, 100.0)
    sample = dark + spectrum / 100 * (white - dark)
    pixels = np.stack([sample, white, dark], axis=1).astype("<f4")
    path.write_bytes(header.tobytes() + pixels.tobytes() + bytes(12))


def procspec(path, axis, spectrum, kind="Transmission", bad=""):
    """A .ProcSpec whose last step refers to the one before."""

    def doubles(name, values):
        cells = "".join(f"<double>{v!r}</double>" for v in np.asarray(values).tolist())
        return f"<{name}>{cells}</{name}>"

    step = "com.oceanoptics.ProcessedSpectrumCertificate"
    source = "com.oceanoptics.OmniSpectrum"
    units = '<xUnits class="a.b.WavelengthDescriptor"/>'
    units += f'<yUnits class="a.b.{kind}IntensityDescriptor"/>'
    at = f'reference="../../../sourceSpectra/{source}/channelWavelengths"'
    raw = f'reference="../../../sourceSpectra/{source}/pixelValues"'
    steps = f"<{step}><processedPixels {raw}/><processedWavelengths {at}/></{step}>"
    steps += f"<{step}>{doubles('processedPixels', spectrum)}"
    steps += f"<processedWavelengths {at}/>{units}</{step}>"
    steps += f'<{step}><processedPixels reference="../../{step}[2]/processedPixels"/>'
    steps += f"<processedWavelengths {at}/>{units}</{step}>"
    text = f"<root><sourceSpectra><{source}>{doubles('pixelValues', spectrum + 9)}"
    text += (
        f"{doubles('channelWavelengths', axis)}<userName>{bad}</userName></{source}>"
    )
    text += f"</sourceSpectra><certificates>{steps}</certificates></root>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ps_0.xml", text.encode("latin-1"))
        archive.writestr("OOIVersion.txt", "1")
