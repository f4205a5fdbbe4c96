"""The line lists: scaling, dropping, splitting, reading and damaged files."""

import hashlib
import time

import h5py
import numpy as np
import pytest

from spektron_jax.corpus import line_corpus as corpus_module
from spektron_jax.corpus.line_corpus import PACKAGED, LineCorpus, split_of
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import MODALITIES, XH_TYPES

IR, RAMAN = MODALITIES.index("IR"), MODALITIES.index("Raman")


@pytest.fixture(scope="module")
def corpus():
    return LineCorpus.load()


def write_corpus(path, **replaced):
    """Write two molecules, 3 + 2 lines; `replaced` overrides datasets by name."""
    nan = np.nan
    values = {
        "molecules/smiles": np.array([b"O", b"N#N"]),
        "molecules/natoms": np.array([3, 2], np.uint8),
        "molecules/energy_hartree": np.array([-5.0, -6.0]),
        "molecules/dipole_debye": np.array([2.2, 0.0], np.float32),
        "molecules/polarizability_a3": np.array([1.4, 1.7], np.float32),
        "molecules/line_offset": np.array([0, 3, 5]),
        "molecules/xh_offset": np.array([0, 2, 2]),
        "frequency_cm1": np.array([10, 1500, 3600, 2300, 450], np.float32),
        "ir_intensity_km_mol": np.array([9, 50, 8, 0, 30], np.float32),
        "raman_activity": np.array([9, 1, 70, 20, 0], np.float32),
        "frequency_qm9_cm1": np.array([nan, 1600, nan, nan, nan], np.float32),
        "xh_share": np.zeros((5, 6), np.uint8),
        "xh_type": np.array([10, 10], np.uint8),
        "xh_local_mode_cm1": np.array([3600, 3600], np.float32),
        "xh_dmu_dr_debye_per_a": np.array([1, 1], np.float32),
    }
    values["xh_share"][2, 2] = 255
    attributes = {"format": "spektron-lines", "format_version": 1, "xh_types": ["OH"]}
    for name, value in replaced.items():
        target = attributes if name in attributes else values
        target[name.replace("__", "/")] = value
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        for name, value in values.items():
            if value is not None:
                file[name] = value
    return str(path)


def test_loads_quickly_and_whole(corpus):
    started = time.process_time()
    LineCorpus.load()
    assert time.process_time() - started < 1.0  # 0.2 s when nothing else runs
    assert len(corpus.smiles) == 12_116 and len(set(corpus.smiles.tolist())) == 12_116
    assert len(corpus.position_cm1) == 581_576 == corpus.line_offset[-1]
    assert len(corpus.xh_share) == len(corpus.position_cm1)
    assert len(corpus.xh_type) == 115_865 == corpus.xh_offset[-1]
    assert corpus.xh_type_names[corpus.xh_type[0]] == "OH_water"
    assert corpus.position_cm1.min() >= 20 and corpus.position_cm1.dtype == np.float32
    assert corpus.axis_cm1 is None
    assert corpus.checksum == hashlib.sha256(PACKAGED.read_bytes()).hexdigest()


def test_split_rule(corpus):
    assert split_of("O") == "train" and corpus.split[0] == "train"
    counts = {name: int((corpus.split == name).sum()) for name in corpus_module.SPLITS}
    assert counts == {"train": 10_912, "validation": 594, "test": 610}
    # Worked from the definition, with whole numbers.
    number = int(hashlib.sha256(b"CCO").hexdigest()[:16], 16)
    share = number * 100 // 2**64
    expected = "train" if share < 90 else "validation" if share < 95 else "test"
    assert split_of("CCO") == expected


def test_splits_share_no_molecule(corpus):
    seen = [set(corpus.examples(split)[0].tolist()) for split in corpus_module.SPLITS]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_examples_are_usable(corpus):
    counts = []
    for split in corpus_module.SPLITS:
        molecule, modality = corpus.examples(split)
        counts.append([int((modality == code).sum()) for code in (IR, RAMAN)])
        lines = corpus.fetch(molecule, modality)
        inside = (lines["position_cm1"] >= 500) & (lines["position_cm1"] <= 4000)
        assert (np.where(inside, lines["strength"], 0).max(axis=1) >= 0.1).all()
    assert counts == [[10_908, 10_910], [593, 594], [610, 610]]


def test_water(corpus):
    lines = corpus.fetch([0, 0], [IR, RAMAN])
    assert lines["position_cm1"].shape == lines["strength"].shape == (2, 90)
    assert all(value.dtype == np.float32 for value in lines.values())
    # 0.965 x B3LYP; the bend is strong in IR, the symmetric stretch in Raman.
    np.testing.assert_allclose(
        lines["position_cm1"][0, :3], [1612.9, 3670.5, 3770.9], atol=0.1
    )
    assert lines["strength"].argmax(axis=1).tolist() == [0, 1]
    assert not lines["position_cm1"][:, 3:].any() and not lines["strength"][:, 3:].any()


def test_benzene_has_its_known_bands(corpus):
    row = np.flatnonzero(corpus.smiles == "c1ccccc1")
    ir = corpus.fetch(row, [IR])
    strong = ir["position_cm1"][0][ir["strength"][0] > 20]
    assert np.abs(strong - 674).min() < 35  # CH out of plane
    assert ((strong > 3000) & (strong < 3100)).any()


def test_scaling_rule():
    position = corpus_module.scaled_position_cm1(
        np.array([1000, 1000, 1000, 1000, 1000], np.float32),
        np.array([np.nan, np.nan, np.nan, np.nan, 2000], np.float32),
        np.array(
            [
                [0] * 6,
                [255] + [0] * 5,
                [0, 255] + [0] * 4,
                [0, 0, 51] + [0] * 3,
                [9] * 6,
            ]
        ).astype(np.uint8),
    )
    expected = [982, 988, 1008, 0.2 * 1039 + 0.8 * 982, 0.965 * 2000]
    np.testing.assert_allclose(position, expected, rtol=1e-6)


def test_small_file(tmp_path):
    small = LineCorpus.load(write_corpus(tmp_path / "small.h5"))
    # The line at 10 cm-1 is dropped, so the offsets move.
    assert small.line_offset.tolist() == [0, 2, 4]
    np.testing.assert_allclose(
        small.position_cm1, [0.965 * 1600, 1.039 * 3600, 2258.6, 441.9], rtol=1e-6
    )
    # N2: its IR line is zero or out of range, its Raman line counts.
    assert small.usable[:, [IR, RAMAN]].tolist() == [[True, True], [False, True]]
    raman_only = LineCorpus.load(str(tmp_path / "small.h5"), modalities=("Raman",))
    assert not raman_only.usable[:, IR].any()
    wide = LineCorpus.load(str(tmp_path / "small.h5"), low_cm1=400.0)
    assert wide.usable[1, IR]


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"format": "else"}, "not a line list"),
        ({"format_version": 2}, "format_version is 2, this program reads 1"),
        ({"raman_activity": None}, "incomplete line list.*raman_activity"),
        ({"raman_activity": np.ones(4, np.float32)}, "raman_activity has a wrong"),
        ({"frequency_cm1": np.full(5, np.nan, np.float32)}, "not finite"),
        ({"molecules__line_offset": np.array([0, 6, 5])}, "line_offset is not a list"),
        ({"xh_share": np.zeros((5, 2), np.uint8)}, "xh_share has a wrong length"),
        ({"xh_type": np.array([b"a", b"b"])}, "xh_type holds .*, not numbers"),
        ({"molecules__smiles": np.array([b"O", b"\xff"])}, "cannot be read"),
        ({"molecules__natoms": np.array([1], np.uint8)}, "natoms has a wrong length"),
    ],
)
def test_faulty_files_are_named(tmp_path, replaced, message):
    path = write_corpus(tmp_path / "bad.h5", **replaced)
    with pytest.raises(SpektronError, match=message) as failure:
        LineCorpus.load(path)
    assert "bad.h5" in str(failure.value) and "\n" not in str(failure.value)


def test_missing_cut_off_and_foreign_files(tmp_path):
    with pytest.raises(SpektronError, match="none.h5: no such file"):
        LineCorpus.load(str(tmp_path / "none.h5"))
    whole = PACKAGED.read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.h5").write_text("not HDF5 at all")
    for name in ("cut.h5", "text.h5"):
        with pytest.raises(SpektronError, match=f"{name}: cannot be read"):
            LineCorpus.load(str(tmp_path / name))
    with pytest.raises(SpektronError, match="cannot be read"):
        LineCorpus.load(str(tmp_path))  # a folder


def test_one_flipped_byte_in_the_shipped_file(tmp_path, monkeypatch):
    data = bytearray(PACKAGED.read_bytes())
    data[-1] ^= 1
    (tmp_path / "xtb_lines.h5").write_bytes(data)
    monkeypatch.setattr(corpus_module, "PACKAGED", tmp_path / "xtb_lines.h5")
    with pytest.raises(SpektronError, match="damaged|cannot be read"):
        LineCorpus.load()


def test_bonds_of_molecules_for_the_near_infrared(corpus):
    rows = corpus.rows_of(["O", "c1ccccc1", "CCO"])
    assert corpus.smiles[rows].tolist() == ["O", "c1ccccc1", "CCO"]
    bonds = corpus.bonds(rows)
    real = bonds["dmu_dr_debye_per_a"] > 0
    assert real.sum(1).tolist() == [2, 6, 6]
    kinds = [
        {XH_TYPES[k] for k in row[r]}
        for row, r in zip(bonds["kind"], real, strict=True)
    ]
    assert kinds == [{"OH_water"}, {"CH_arom"}, {"CH_sp3", "OH_alcohol"}]
    # Water has one bend, of OH; benzene's modes above 700 cm-1 that bend CH.
    share = bonds["bend_share"]
    assert (share[0] > 0).sum() == 1 and share[0, 0, 2] > 0.9
    assert bonds["bend_cm1"][0, 0] == pytest.approx(1613, abs=1)
    bends = bonds["bend_cm1"][1][share[1, :, 0] > 0]
    assert len(bends) >= 11 and bends.min() > 700 and bends.max() < 1800
    with pytest.raises(SpektronError, match="C1CC1XX: not in the line lists"):
        corpus.rows_of(["O", "C1CC1XX"])
