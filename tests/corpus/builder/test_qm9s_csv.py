"""Files of QM9S in miniature, of a model molecule whose derivatives are known.

The model: springs between all atoms at rest, fixed charges, and a polarizability along
each bond that grows with its length. All of it turns with the molecule.
"""

import csv
import io
import zipfile

import h5py
import numpy as np
import pytest

from spektron_jax.corpus import lines_file, published
from spektron_jax.corpus.builder import line_lists, modes, qm9s_csv
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.corpus.published import Bundle
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import XH_TYPES

pytest.importorskip("rdkit.Chem", reason="needs rdkit, of the extra corpus")
WATER = np.array([[0.1, 0.2, 0.3], [0.9, 0.5, -0.2], [-0.4, 1.0, 0.4]])
HCN = np.array([[0.0, 0, 0], [0.66, 0.66, 0.66], [-0.6, -0.6, -0.6]])  # C, N, H


def alpha(x, bonds):
    total = np.eye(3)
    for a, b in bonds:
        r = x[b] - x[a]
        total = total + 2.0 * np.outer(r, r)
    return total


def derivatives(f, x, h=1e-5):
    """df/dx, (n, 3, ...), by central differences."""
    found = []
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = h
        step = step.reshape(x.shape)
        found.append((f(x + step) - f(x - step)) / (2 * h))
    return np.array(found).reshape(*x.shape, *np.shape(found[0]))


def hessian(x, strength):
    n = len(x)
    blocks = np.zeros((n, 3, n, 3))
    for a in range(n):
        for b in range(a):
            e = (x[a] - x[b]) / np.linalg.norm(x[a] - x[b])
            k = strength[frozenset((a, b))] * np.outer(e, e)
            for i, j, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
                blocks[i, :, j, :] += sign * k
    return blocks.reshape(3 * n, 3 * n)


def tensors(numbers, x, charges, strength):
    bonds = [(0, i) for i in range(1, len(x))]
    six = lambda m: np.array([m[0, 0], m[0, 1], m[1, 1], m[2, 0], m[2, 1], m[2, 2]])  # noqa: E731
    return {
        "dipole": 4.80320 * charges @ x,
        "slope": 4.80320 * charges[:, None, None] * np.eye(3),  # (n, x, mu)
        "alpha": six(alpha(x, bonds)),
        "change": derivatives(lambda y: six(alpha(y, bonds)), x),  # (n, x, 6)
        "hessian": hessian(x, strength),
    }


def text(number, smiles, numbers, x, t, order="xc"):
    """The file, with the 9 and 18 numbers in one of the two orders."""
    rows = [[number, number + 1, smiles, len(x)], [-2079.0], [0.0], t["dipole"]]
    rows += [[0.0], [0.0], t["alpha"], [0.0], [0.0], [0.0]]
    rows += [[z, *p] for z, p in zip(numbers, x, strict=True)]
    swap = order == "cx"
    for name in ("slope", "change"):
        rows += [(a.T if swap else a).ravel() for a in t[name]]
    rows += list(t["hessian"])
    width = max(map(len, rows))
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["", *range(width)])
    for i, row in enumerate(rows):
        table.writerow([i, *row, *[""] * (width - len(row))])
    return out.getvalue()


def water(order="xc", number=0, **changed):
    charges = np.array([-0.8, 0.4, 0.4])
    strength = {frozenset(p): k for p, k in (((0, 1), 50), ((0, 2), 48), ((1, 2), 6))}
    t = tensors([8, 1, 1], WATER, charges, strength) | changed
    return text(number, "O", [8, 1, 1], WATER, t, order)


def hcn(triple=130.0, number=1):
    charges = np.array([0.2, -0.4, 0.2])
    strength = {
        frozenset(p): k for p, k in (((0, 1), triple), ((0, 2), 38), ((1, 2), 1))
    }
    t = tensors([6, 7, 1], HCN, charges, strength)
    return text(number, "C#N", [6, 7, 1], HCN, t)


def read(path, failures=None):
    failures = [] if failures is None else failures
    bundle = Bundle(path, "config.lines.path")
    return list(qm9s_csv.molecules(bundle, enumerate(bundle.names, 1), failures))


def test_lines_of_water_in_any_order_of_columns(tmp_path):
    results = []
    for order in ("xc", "cx"):
        folder = tmp_path / order
        folder.mkdir()
        (folder / "000001.csv").write_text(water(order))
        ((smiles, name, arrays),) = read(folder)
        assert (smiles, name) == ("O", "000001.csv")
        results.append(arrays)
    for field in ("frequency_cm1", "ir_intensity_km_mol", "raman_activity"):
        np.testing.assert_allclose(results[0][field], results[1][field], rtol=1e-8)
    # Independently: frequencies in eV/A^2/amu, strengths by moving along each mode.
    mass = np.repeat([15.99491, 1.00783, 1.00783], 3)
    strength = {frozenset(p): k for p, k in (((0, 1), 50), ((0, 2), 48), ((1, 2), 6))}
    weighted = hessian(WATER, strength) / np.sqrt(np.outer(mass, mass))
    value, vector = np.linalg.eigh(weighted)
    arrays = results[0]
    np.testing.assert_allclose(
        arrays["frequency_cm1"], 521.4709 * np.sqrt(value[-3:]), rtol=1e-5
    )
    moved = (vector[:, -3:].T / np.sqrt(mass)).reshape(3, 3, 3)
    slope = 4.80320 * np.einsum("a,mac->mc", [-0.8, 0.4, 0.4], moved)
    np.testing.assert_allclose(
        arrays["ir_intensity_km_mol"], 42.2561 * (slope**2).sum(1), rtol=1e-4
    )
    assert [XH_TYPES[t] for t in arrays["xh_type"]] == ["OH_water"] * 2
    assert arrays["energy_hartree"] == pytest.approx(-2079.0 / 27.2114, rel=1e-5)
    assert arrays["dipole_debye"] == pytest.approx(
        np.linalg.norm(4.8032 * np.array([-0.8, 0.4, 0.4]) @ WATER), rel=1e-4
    )
    bonds = [(0, 1), (0, 2)]
    change = [
        (alpha(WATER + 1e-4 * q, bonds) - alpha(WATER - 1e-4 * q, bonds)) / 2e-4
        for q in moved
    ]
    activity = [
        45 * (np.trace(c) / 3) ** 2
        + 7 * 1.5 * np.linalg.norm(c - np.eye(3) * np.trace(c) / 3) ** 2
        for c in change
    ]
    np.testing.assert_allclose(
        arrays["raman_activity"], np.array(activity) * modes.BOHR_A**6, rtol=1e-4
    )


def test_a_zip_becomes_a_corpus_at_b3lyp_positions(tmp_path):
    path = tmp_path / "qm9s_csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("qm9s_csv/000001.csv", water())
        archive.writestr("qm9s_csv/000002.csv", hcn())
    target = tmp_path / "lines.h5"
    assert lines_file.write(target, read(path), qm9s_csv.ATTRIBUTES) == 2
    corpus = LineCorpus.load(str(target))
    assert corpus.smiles.tolist() == ["O", "C#N"]
    (_, _, arrays), _ = read(path)
    np.testing.assert_allclose(
        corpus.position_cm1[:3], 0.965 * arrays["frequency_cm1"], rtol=1e-6
    )
    assert 2050 < corpus.position_cm1[corpus.line_offset[1] :].max() < 4000


@pytest.mark.parametrize(
    "content, reason",
    [
        ("", "not a file of QM9S"),
        (water()[:900], "cut off"),
        (water().replace(",O,", ",CO,"), "not of the same molecule"),
        (water().replace(",O,", ",((,"), "cannot be read as SMILES"),
        (water(dipole=np.array([9.0, -9.0, 9.0])), "dipole do not turn"),
        (water(alpha=np.array([9.0, 0, 0, 0, 0, 1])), "polarizability do not turn"),
        (water(hessian=np.full((9, 9), np.nan)), "a number is missing"),
        (water(hessian=1e4 * np.eye(9)), "beyond reason"),
    ],
)
def test_a_bad_file_is_left_out_with_the_reason(tmp_path, content, reason):
    (tmp_path / "000001.csv").write_text(water())
    (tmp_path / "000002.csv").write_text(content)
    failures = []
    assert len(read(tmp_path, failures)) == 1
    ((entry, found),) = failures
    assert entry.name == "000002.csv" and reason in found


def test_a_damaged_member_of_a_zip_is_left_out(tmp_path):
    path = tmp_path / "qm9s_csv.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("000001.csv", water())
        archive.writestr("000002.csv", hcn())
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    failures = []
    assert [name for _, name, _ in read(path, failures)] == ["000002.csv"]
    assert [entry.name for entry, _ in failures] == ["000001.csv"]


def test_triple_bonds_must_show_their_band(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "MIN_MOLECULES", 1)
    source, target = tmp_path / "qm9s", tmp_path / "lines.h5"
    source.mkdir()
    (source / "000001.csv").write_text(hcn())
    assert line_lists.from_qm9s(source, "path", target, False) == target
    (source / "000001.csv").write_text(hcn(triple=6.5))
    with pytest.raises(SpektronError, match="0 of 1 molecules with a triple bond"):
        line_lists.from_qm9s(source, "path", target, False)


def test_an_interrupted_run_resumes(tmp_path, monkeypatch):
    """Parts of two files: what is done is not computed again, and the result agrees."""
    source = tmp_path / "qm9s"
    source.mkdir()
    for i, content in enumerate([water(), hcn(), "", water("cx"), hcn(), "x"]):
        (source / f"{i + 1:06d}.csv").write_text(content)
    whole, target = tmp_path / "whole.h5", tmp_path / "lines.h5"
    line_lists.from_qm9s(source, "path", whole, False)
    assert lines_file.write(tmp_path / "plain.h5", read(source), {}) == 4
    monkeypatch.setattr(line_lists, "PART_FILES", 2)
    rows, seen = qm9s_csv._rows, []

    def interrupt(text):
        seen.append(text)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return rows(text)

    monkeypatch.setattr(qm9s_csv, "_rows", interrupt)
    with pytest.raises(KeyboardInterrupt):
        line_lists.from_qm9s(source, "path", target, False)
    assert not target.exists()
    line_lists.from_qm9s(source, "path", target, False)
    assert len(seen) == 8  # the first part only once
    for other in (target, tmp_path / "plain.h5"):
        with h5py.File(whole) as a, h5py.File(other) as b:
            names = [f"molecules/{name}" for name in a["molecules"]]
            names += [name for name in a if name != "molecules"]
            assert len(names) == 4 + len(lines_file.FIELDS)
            for name in names:
                np.testing.assert_array_equal(a[name][()], b[name][()])
    assert not list(tmp_path.glob("parts*"))
    table = (tmp_path / "failures.csv").read_text()
    assert table.count("not a file of QM9S") == 2


@pytest.mark.parametrize("make", ["nothing", "empty folder", "no zip"])
def test_a_path_that_is_wrong(tmp_path, make):
    path = tmp_path / "x"
    if make == "empty folder":
        path.mkdir()
    elif make == "no zip":
        path.write_bytes(b"PK")
    with pytest.raises(SpektronError, match="config.lines.path"):
        read(path)
