"""Writers of small files in every format, after the formats' own specifications.

Each takes axis (p,), spectra (n, p) and sample ids, and writes them to a path; none
shares code with the readers.
"""

import struct

import h5py
import numpy as np
import scipy.io
from scipy.io.matlab import MatlabObject

NM = np.linspace(1100.0, 2498.0, 60).round(1)
CM1 = np.linspace(4000.0, 400.0, 61)  # runs down, as spectrometers write it


def bands(axis, n=5):
    """n smooth spectra with the values of a 1e-4 grid, so that text keeps them."""
    x = np.linspace(0.0, 1.0, axis.size)
    rows = np.arange(n)[:, None]
    y = (
        0.2
        + 0.03 * rows
        + 0.5 * np.exp(-(((x - 0.3 - 0.05 * rows) / 0.1) ** 2))
        - 0.1 * x
    )
    return y.round(4)


def ids(n=5):
    return [f"s{i + 1}" for i in range(n)]


def number(value, decimal="."):
    return f"{value:.10g}".replace(".", decimal)


def wide_csv(path, axis, spectra, names, delimiter=",", decimal=".", head="sample"):
    lines = [delimiter.join([head, *(number(x, decimal) for x in axis)])]
    for name, row in zip(names, spectra, strict=True):
        lines.append(delimiter.join([name, *(number(y, decimal) for y in row)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def long_csv(path, axis, spectra, names, delimiter=",", decimal=".", head="nm"):
    lines = [delimiter.join([head, *names])] if head is not None else []
    for x, column in zip(axis, spectra.T, strict=True):
        lines.append(delimiter.join(number(v, decimal) for v in (x, *column)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def tidy_csv(path, axis, spectra, names):
    lines = ["sample,wavelength (nm),absorbance"]
    for name, row in zip(names, spectra, strict=True):
        lines += [
            f"{name},{number(x)},{number(y)}" for x, y in zip(axis, row, strict=True)
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def xlsx(path, axis, spectra, names, sheets=("Sheet1",)):
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for title in sheets:
        sheet = book.create_sheet(title)
        sheet.append(["sample", *(f"{x:g} nm" for x in axis)])
        for name, row in zip(names, spectra, strict=True):
            sheet.append([name, *map(float, row)])
    book.save(path)


SQZ = "@ABCDEFGHI", "@abcdefghi"
DIF = "%JKLMNOPQR", "%jklmnopqr"
DUP = " STUVWXYZs"


def _squeezed(value, table):
    digits = str(abs(value))
    return table[value < 0][int(digits[0])] + digits[1:]


def _duplicates(tokens):
    """Replace runs of one token by a count, as DUP does."""
    out, i = [], 0
    while i < len(tokens):
        run = 1
        while i + run < len(tokens) and tokens[i + run] == tokens[i]:
            run += 1
        out.append(tokens[i])
        if run > 1:
            digits = str(run)
            out.append(DUP[int(digits[0])] + digits[1:])
        i += run
    return out


def jcamp_rows(axis, whole, form, per_line=7):
    """Rows of (X++(Y..Y)) for integers, as AFFN, PAC, SQZ, DIF or DIFDUP."""
    rows, start = [], 0
    while start < len(whole):
        ys = [int(y) for y in whole[start : start + per_line]]
        x = f"{axis[start]:.3f}"
        if form == "AFFN":
            rows.append(" ".join([x, *map(str, ys)]))
        elif form == "PAC":
            rows.append(x + "".join(f"{y:+d}" for y in ys))
        elif form in ("SQZ", "SQZDUP"):
            tokens = [_squeezed(y, SQZ) for y in ys]
            if form == "SQZDUP":
                tokens = _duplicates(tokens)
            rows.append(x + "".join(tokens))
        else:
            first = start - (start > 0)  # the Y check: the last value once more
            ys = [int(y) for y in whole[first : start + per_line]]
            x = f"{axis[first]:.3f}"
            steps = [_squeezed(b - a, DIF) for a, b in zip(ys, ys[1:], strict=False)]
            if form == "DIFDUP":
                steps = _duplicates(steps)
            rows.append(x + _squeezed(ys[0], SQZ) + "".join(steps))
        start += per_line
    if form.startswith("DIF"):
        rows.append(f"{axis[-1]:.3f}{_squeezed(int(whole[-1]), SQZ)}")
    return rows


def jcamp_block(title, axis, values, form="AFFN", factor=1e-4, **labels):
    labels = {
        "JCAMP-DX": "4.24",
        "DATA TYPE": "INFRARED SPECTRUM",
        "XUNITS": "1/CM",
        "YUNITS": "ABSORBANCE",
        "XFACTOR": "1.0",
        "YFACTOR": repr(factor),
        "FIRSTX": repr(float(axis[0])),
        "LASTX": repr(float(axis[-1])),
        "NPOINTS": str(len(axis)),
        "FIRSTY": repr(float(values[0])),
    } | labels
    head = [f"##TITLE={title}", *(f"##{k}={v}" for k, v in labels.items())]
    if form == "XY":
        pairs = zip(axis.tolist(), (values / factor).tolist(), strict=True)
        pairs = [f"{x!r}, {y!r}" for x, y in pairs]
        return [*head, "##XYPOINTS=(XY..XY)", *pairs, "##END="]
    whole = np.rint(values / factor).astype(int)
    return [*head, "##XYDATA=(X++(Y..Y))", *jcamp_rows(axis, whole, form), "##END="]


def jcamp(path, axis, spectra, names, form="AFFN", **labels):
    blocks = [
        jcamp_block(name, axis, row, form, **labels)
        for name, row in zip(names, spectra, strict=True)
    ]
    if len(blocks) > 1:
        link = ["##TITLE=several", "##JCAMP-DX=4.24", "##DATA TYPE=LINK"]
        link += [f"##BLOCKS={len(blocks)}"]
        blocks = [link, *blocks, ["##END="]]
    path.write_text("\n".join(sum(blocks, [])) + "\n", encoding="utf-8")


def spc(
    path, axis, spectra, names=None, *, kind="f4", order="<", shared_x=False,
    own_x=False, xtype=1, ytype=2, exponent=1, sub_exponent=None,
):  # fmt: skip
    """Version 4B or 4C; `kind` is f4, i4 or i2."""
    n, points = spectra.shape
    flags = {"i2": 0x01}.get(kind, 0) | (0x04 if n > 1 else 0)
    flags |= 0x80 if shared_x or own_x else 0
    flags |= 0x40 if own_x else 0
    exp = -128 if kind == "f4" else exponent
    if sub_exponent is None:
        sub_exponent = exp
    version = 0x4B if order == "<" else 0x4C
    body = b""
    if shared_x:
        body += axis.astype(f"{order}f4").tobytes()
    for i, row in enumerate(spectra):
        sub = struct.pack(
            f"{order}BbHfffIIf4s", 0, sub_exponent, i, i, i + 1, 0, points, 0, 0, b""
        )
        body += sub + (axis.astype(f"{order}f4").tobytes() if own_x else b"")
        if kind != "f4":
            row = np.rint(row * 2.0 ** (8 * int(kind[1]) - exponent))
        body += row.astype(f"{order}{kind}").tobytes()
    head = struct.pack(
        f"{order}BBBbIddIBBBBI9s9sH32s130s30sIIBBHf48sfIfB187s",
        flags, version, 0, exp, 0 if own_x else points, axis[0], axis[-1], n, xtype,
        ytype, 0, 0, 0, b"", b"", 0, b"", b"a comment", b"", 0, 0, 0, 0, 0, 0.0, b"",
        0.0, 0, 0.0, 0, b"",
    )  # fmt: skip
    assert len(head) == 512
    path.write_bytes(head + body)


def old_spc(path, axis, spectrum, exponent=2):
    """Version 4D: 32-bit integers with swapped halves."""
    head = struct.pack(
        "<BBhfffBBHBBBB8sHH28s130s30s32s",
        0, 0x4D, exponent, axis.size, axis[0], axis[-1], 1, 2, 1990, 1, 1, 0, 0, b"",
        0, 0, b"", b"", b"", b"",
    )  # fmt: skip
    assert len(head) == 256
    whole = np.rint(spectrum * 2.0 ** (32 - exponent)).astype("<i4")
    halves = whole.view("<u2").reshape(-1, 2)[:, ::-1]
    path.write_bytes(head + halves.tobytes())


def _parameters(values):
    out = b""
    for name, value in values.items():
        if isinstance(value, int):
            kind, data = 0, struct.pack("<i", value)
        elif isinstance(value, float):
            kind, data = 1, struct.pack("<d", value)
        else:
            data = value.encode("latin-1") + b"\0"
            kind, data = 2, data + b"\0" * (len(data) % 2)
        out += name.encode() + b"\0" + struct.pack("<2h", kind, len(data) // 2) + data
    out += b"END\0" + struct.pack("<2h", 0, 0)
    return out + b"\0" * (-len(out) % 4)


def opus(path, axis, spectrum, name="pill", unit="WN", result=4, others=()):
    """Header, directory, a sample block, and absorbance with its status block.

    `others`: more spectra, each after what else its kind says.
    """

    def kind(complex_=3, source=3, parameter=0, data=0, derivative=0, form=0):
        bits = complex_ | source << 2 | parameter << 4 | data << 10
        return bits | derivative << 17 | form << 19

    blocks = []
    for said, values in ({}, spectrum), *others:
        y = values.astype("<f4")
        status = {"DPF": 1, "NPT": int(axis.size), "CSF": 1.0, "DXU": unit}
        status |= {"FXV": float(axis[0]), "LXV": float(axis[-1])}
        status |= {"MXY": float(y.max()), "MNY": float(y.min())}
        said = {"data": result} | said
        blocks.append((kind(**said), y.tobytes()))
        blocks.append((kind(**said, parameter=1), _parameters(status)))
    blocks.append((kind(0, 0, 10), _parameters({"SNM": name, "SFM": "tablet"})))
    start = 24 + 12 * (len(blocks) + 1)
    entries, body = [(13 << 10, 3 * (len(blocks) + 1), 24)], b""
    for code, data in blocks:
        entries.append((code, len(data) // 4, start + len(body)))
        body += data
    head = b"\n\n\xfe\xfe" + struct.pack(
        "<d3i", 920622.0, 24, len(entries), len(entries)
    )
    path.write_bytes(head + b"".join(struct.pack("<3i", *e) for e in entries) + body)


def _cell(rows, columns=1):
    cell = np.empty((rows, columns), dtype=object)
    for i in np.ndindex(cell.shape):
        cell[i] = np.empty((0, 0))
    return cell


def dataset_object(data, axis=None, columns=()):
    """An Eigenvector dataset object, as scipy.io writes it."""
    scale, label, title = _cell(2), _cell(2, 2), _cell(2)
    if axis is not None:
        scale[1, 0] = axis[None, :]
        title[1, 0] = np.array(["Wavelength (nm)"])
    if columns:
        label[1, 0] = np.array(columns)
    fields = {
        "name": "x",
        "data": np.asarray(data, float),
        "label": label,
        "axisscale": scale,
        "axisscalename": title,
    }
    record = np.empty((1, 1), dtype=[(name, object) for name in fields])
    for name, value in fields.items():
        record[0, 0][name] = value
    return MatlabObject(record, "dataset")


def corn_mat(path, axis, spectra):
    """The layout of corn.mat: three instruments, glass standards, property values."""
    n, names = len(spectra), ["Moisture", "Oil", "Protein", "Starch"]
    scipy.io.savemat(
        path,
        {
            "m5spec": dataset_object(spectra, axis),
            "mp5spec": dataset_object(spectra + 0.01, axis),
            "mp6spec": dataset_object(spectra + 0.02, axis),
            "m5nbs": dataset_object(spectra[:2], axis),
            "mp5nbs": dataset_object(spectra[:3], axis),
            "propvals": dataset_object(np.arange(4.0 * n).reshape(n, 4), None, names),
            "information": np.array(["80 samples of corn"]),
        },
    )


def mat(path, axis, spectra, names):
    cells = np.array(names, dtype=object)
    values = {"spectra": spectra, "axis": axis, "unit": "nm", "sample_ids": cells}
    scipy.io.savemat(path, values, do_compression=True)


def npz(path, axis, spectra, names):
    np.savez(path, spectra=spectra, axis=axis, unit="nm", sample_ids=names)


def plain_hdf5(path, axis, spectra, names):
    with h5py.File(path, "w") as file:
        file["spectra"] = spectra
        file["axis"] = axis
        file["axis"].attrs["unit"] = "nm"
        file["sample_ids"] = names
