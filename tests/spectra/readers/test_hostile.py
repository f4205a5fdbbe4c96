"""Files that reach for other files, or claim more than they hold."""

import csv
import io
import subprocess
import sys
import zipfile
import zlib

import h5py
import numpy as np
import pytest
import spectra_files as files

import spektron_jax
from spektron_jax.corpus.lines_file import read_lines
from spektron_jax.corpus.qm9s import QM9SFile
from spektron_jax.errors import SpektronError
from spektron_jax.spectra import spectra_file, tables

NM = files.NM
SPECTRA = files.bands(NM)


def external_storage(file, secret):
    file.create_dataset("spectra", (4, 60), "u1", external=[(str(secret), 0, 240)])


def external_link(file, secret):
    file["spectra"] = h5py.ExternalLink(str(secret), "/x")


def external_link_in_a_group(file, secret):
    file.create_group("a/b")["spectra"] = h5py.ExternalLink(str(secret), "/x")
    file["spectra"] = h5py.SoftLink("/a/b/spectra")


def virtual(file, secret):
    layout = h5py.VirtualLayout((4, 60), "f4")
    layout[:] = h5py.VirtualSource(str(secret), "x", (4, 60))
    file.create_virtual_dataset("spectra", layout)


def virtual_in_itself(file, secret):
    file["x"] = SPECTRA
    layout = h5py.VirtualLayout((5, 60), "f4")
    layout[:] = h5py.VirtualSource(".", "x", (5, 60))
    file.create_virtual_dataset("spectra", layout)


WAYS = [
    external_storage,
    external_link,
    external_link_in_a_group,
    virtual,
    virtual_in_itself,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("suffix", [".h5", ".mat", ".csv"])
def test_hdf5_never_reads_another_file(tmp_path, way, suffix):
    secret = tmp_path / "secret"
    with h5py.File(secret, "w") as file:
        file["x"] = SPECTRA[:4]
    path = tmp_path / f"x{suffix}"
    with h5py.File(path, "w", userblock_size=512 if suffix == ".mat" else 0) as file:
        way(file, secret)
        file["axis"] = NM
        file["axis"].attrs["unit"] = "nm"
    if suffix == ".mat":
        head = b"MATLAB 7.3 MAT-file".ljust(128)
        data = bytearray(path.read_bytes())
        data[:128] = head
        path.write_bytes(data)
    for strict in (True, False):
        with pytest.raises(SpektronError, match="other files are never followed"):
            spektron_jax.read(path, unit="nm", strict=strict)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(
    "opened", [spectra_file.load, read_lines, QM9SFile], ids=lambda f: f.__name__
)
def test_every_reader_of_hdf5_refuses_other_files(tmp_path, way, opened):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "spectra-set"
        way(file, tmp_path / "secret")
    with pytest.raises(SpektronError, match="other files are never followed"):
        opened(path)


def test_rings_of_links_end(tmp_path):
    path = tmp_path / "x.h5"
    files.plain_hdf5(path, NM, SPECTRA, files.ids())
    with h5py.File(path, "a") as file:
        file.create_group("a")["again"] = file["/"]
        file["soft"] = h5py.SoftLink("/axis")
    with pytest.raises(SpektronError):  # /soft is a second axis
        spektron_jax.read(path)


def hdf5_bomb(path):
    with h5py.File(path, "w") as file:
        file["axis"] = np.arange(1000.0)
        file.create_dataset(
            "spectra", (10**7, 1000), "f4", chunks=(100, 1000), compression="gzip"
        )


def hdf5_many(path):
    with h5py.File(path, "w") as file:
        file["axis"] = np.arange(10**6) * 1.0
        for i in range(50):
            file[f"x{i}"] = file["axis"]


def spectra_set_bomb(path):
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "spectra-set", 1
        file.create_dataset("targets", (10**7, 1000), "f4", chunks=(100, 1000))


def npz_bomb(path):
    np.savez_compressed(path, spectra=np.zeros((100, 10**5), "f4"), axis=NM)


def npz_bytes(path):
    np.savez_compressed(path, spectra=np.zeros((200, 10**5), "u1"), axis=NM)


def npz_claim(path):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (10**9, 9), }"
    header = header.replace("10**9", str(10**9)).ljust(117) + "\n"
    data = b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("spectra.npy", data)


def mat_variable(shape, kind=6, code=2, data=None):
    def element(code, data):
        return (
            code.to_bytes(4, "little")
            + len(data).to_bytes(4, "little")
            + data
            + bytes(-len(data) % 8)
        )

    data = bytes(shape[0] * shape[1]) if data is None else data
    body = element(6, kind.to_bytes(4, "little") + bytes(4))
    body += element(5, np.array(shape, "<i4").tobytes()) + element(1, b"spectra")
    return element(14, body + element(code, data))


def mat_bomb(path, shape=(2000, 20000), **options):
    packed = zlib.compress(mat_variable(shape, **options))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    size = len(packed).to_bytes(4, "little")
    path.write_bytes(head + (15).to_bytes(4, "little") + size + packed)


def mat_text(path):
    mat_bomb(path, (2 * 10**7, 1), kind=4, code=16)


def workbook(path, sheet, extra=""):
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "http://schemas.openxmlformats.org/package/2006/content-types"
    links = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml."
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{kinds}">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{types}sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" '
        f'ContentType="{types}worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{links}"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{links}"><Relationship '
        f'Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f'{extra}<worksheet xmlns="{main}"><sheetData>'
        f"{sheet}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)


def cell(place, value=1):
    return f'<row r="{place.lstrip("ABCDXF")}"><c r="{place}"><v>{value}</v></c></row>'


def xlsx_far_row(path):
    workbook(path, cell("A1") + cell("A999999999"))


def xlsx_far_columns(path):
    workbook(path, '<row><c r="XFD1"><v>1</v></c></row>' * 5000)


def xlsx_bomb(path):
    workbook(path, f"<row>{'<c><v>1</v></c>' * 16000}</row>" * 150)


def xlsx_tall(path):
    workbook(path, cell("XFD1") + "".join(cell(f"A{i}") for i in range(2, 2000)))


def xlsx_entities(path):
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    workbook(path, cell("A1", "&b;"), entities)


def jcamp_bomb(path):
    labels = {"XUNITS": "1/CM", "YUNITS": "ABSORBANCE", "FIRSTX": 0, "LASTX": 5e8 - 1}
    labels |= {"NPOINTS": 5 * 10**8, "XYDATA": "(X++(Y..Y))"}
    lines = [f"##{name}={value}" for name, value in labels.items()]
    rows = [f"{i * 10**6} A0Z99999" for i in range(500)]
    text = ["##TITLE=x", "##DATA TYPE=INFRARED SPECTRUM", *lines, *rows, "##END="]
    path.write_text("\n".join(text) + "\n")


BOMBS = {
    hdf5_bomb: "h5",
    hdf5_many: "h5",
    spectra_set_bomb: "h5",
    npz_bomb: "npz",
    npz_bytes: "npz",
    npz_claim: "npz",
    mat_bomb: "mat",
    mat_text: "mat",
    xlsx_far_row: "xlsx",
    xlsx_far_columns: "xlsx",
    xlsx_bomb: "xlsx",
    xlsx_tall: "xlsx",
    xlsx_entities: "xlsx",
    jcamp_bomb: "jdx",
}
LIMITED = """
import resource, sys
import spektron_jax
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
for path in sys.argv[1:]:
    try:
        spektron_jax.read(path, unit="nm")
        sys.exit(f"{path}: read")
    except spektron_jax.SpektronError as error:
        assert "does not fit into memory" not in str(error), error
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base
assert grown < 500_000, grown
"""


def test_bombs_are_refused_before_memory_is_taken(tmp_path):
    paths = []
    for bomb, suffix in BOMBS.items():
        paths.append(tmp_path / f"{bomb.__name__}.{suffix}")
        bomb(paths[-1])
        assert paths[-1].stat().st_size < 9 * 10**6
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED, *map(str, paths)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"],
)
def test_tables_hold_no_formulas(tmp_path, text):
    path = tmp_path / "x.csv"
    tables.write_predictions(
        path,
        [text],
        np.array([-1.5]),
        names=[text],
        units=[text],
        flags=[text],
        model=text,
        version="1",
    )
    written = path.read_bytes().decode("utf-8")
    (_, row) = csv.reader(io.StringIO(written, newline=""))
    shown = "'" + text.replace("\r", " ")
    assert row[0] == row[1] == row[2] == row[6] == row[7] == shown
    assert row[3] == "-1.5"


def test_numbers_in_tables_stay(tmp_path):
    path = tmp_path / "x.csv"
    tables.write_table(path, [("-1.5", "+3", -2, "a=b", "", "-inf")])
    assert path.read_text() == "-1.5,+3,-2,a=b,,-inf\n"
