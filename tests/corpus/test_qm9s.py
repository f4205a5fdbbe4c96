"""The reader of QM9S-style files, on small files written here."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from spektron_jax.corpus.qm9s import QM9SFile
from spektron_jax.errors import SpektronError
from spektron_jax.training.examples import ExampleStream, open_source, prefetch

POINTS, MOLECULES = 32, 40


def write_qm9s(path, **replaced):
    """Write a valid file; `replaced` overrides datasets, None leaves one out."""
    rng = np.random.default_rng(0)
    shape = (MOLECULES, POINTS)
    values = {
        "ir": rng.uniform(size=shape).astype(np.float32),
        "raman": rng.uniform(size=shape).astype(np.float32),
        "axis": np.linspace(500.0, 4000.0, POINTS),
        "split": ["train"] * 30 + ["validation"] * 6 + ["test"] * 4,
        "smiles": [f"{'C' * (i + 1)}O" for i in range(MOLECULES)],
    } | replaced
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            if value is not None:
                file[name] = value
    return str(path), values


def test_rows_come_back_in_the_order_asked(tmp_path):
    path, values = write_qm9s(tmp_path / "q.h5")
    source = QM9SFile(path)
    molecule = np.array([7, 3, 7, 39, 0])
    modality = np.array([1, 2, 2, 1, 1])
    clean = source.fetch(molecule, modality)["clean"]
    expected = [
        values["ir" if c == 1 else "raman"][m]
        for m, c in zip(molecule, modality, strict=True)
    ]
    np.testing.assert_array_equal(clean, expected)
    assert clean.dtype == np.float32
    np.testing.assert_array_equal(source.axis_cm1, values["axis"])
    assert source.smiles.tolist() == values["smiles"]
    source.close()


def test_examples_leave_out_rows_that_cannot_be_used(tmp_path):
    ir = np.ones((MOLECULES, POINTS), np.float32)
    ir[3] = 0
    ir[31, 5] = np.nan
    ir[39, 5] = np.inf
    path, _ = write_qm9s(tmp_path / "q.h5", ir=ir)
    source = QM9SFile(path)
    assert source.skipped == {"IR": 3, "Raman": 0}
    molecule, modality = source.examples("train")
    assert molecule.dtype == modality.dtype == np.int32
    assert (modality == 1).sum() == 29 and (modality == 2).sum() == 30
    assert 3 not in molecule[modality == 1]
    assert [len(source.examples(s)[0]) for s in ("validation", "test")] == [11, 7]


def test_one_modality_needs_only_its_own_dataset(tmp_path):
    path, _ = write_qm9s(tmp_path / "q.h5", raman=None, smiles=None)
    source = QM9SFile(path, ("IR",))
    assert source.smiles is None and set(source.examples("train")[1].tolist()) == {1}


def test_checksum_follows_the_content(tmp_path):
    path, values = write_qm9s(tmp_path / "a.h5")
    other, _ = write_qm9s(tmp_path / "b.h5", ir=values["ir"] * 2)
    assert QM9SFile(path).checksum == QM9SFile(path).checksum
    assert QM9SFile(path).checksum != QM9SFile(other).checksum


def test_streams_like_the_line_lists(tmp_path):
    path, values = write_qm9s(tmp_path / "q.h5")
    source = open_source("qm9s", path, points=POINTS)
    batch = ExampleStream(source, "train", 8, seed=0).batch(5, (1, 2), 2, 1)
    assert batch["clean"].shape == (1, 2, 2, POINTS)
    first = batch["molecule"][0, 0, 0], batch["modality"][0, 0, 0]
    np.testing.assert_array_equal(
        batch["clean"][0, 0, 0], values["ir" if first[1] == 1 else "raman"][first[0]]
    )
    with pytest.raises(SpektronError, match="32 points, config.data.points = 2048"):
        open_source("qm9s", path)


WIDE = np.ones((MOLECULES, POINTS + 1), np.float32)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (
            {"raman": None},
            "'raman' is missing .the file holds axis, ir, smiles",
        ),
        ({"axis": None}, "dataset 'axis' is missing"),
        ({"ir": WIDE}, r"'ir' is float32 \(40, 33\); must be float32 \(40, 32\)"),
        ({"ir": WIDE[:, 1:].astype(np.float64)}, "'ir' is float64"),
        ({"ir": 0 * WIDE[:, 1:]}, "'ir' has no row that can be used"),
        ({"axis": np.linspace(4000.0, 500.0, POINTS)}, "must be positive wavenumbers"),
        ({"axis": np.full(POINTS, np.nan)}, "must be positive wavenumbers"),
        ({"axis": np.arange(POINTS)}, "'axis' is int64"),
        ({"split": ["train"] * 39 + ["dev"]}, "'split' holds 'dev'; use train"),
        ({"split": np.zeros(MOLECULES)}, "must be strings"),
        ({"smiles": [b"\xff"] * MOLECULES}, "damaged"),
        ({"smiles": ["C"]}, "'smiles' has 1 rows, split 40"),
    ],
)
def test_faulty_files_are_named(tmp_path, replaced, message):
    path, _ = write_qm9s(tmp_path / "bad.h5", **replaced)
    with pytest.raises(SpektronError, match=message) as failure:
        QM9SFile(path)
    assert "bad.h5" in str(failure.value) and "\n" not in str(failure.value)


def test_missing_and_cut_off_files(tmp_path):
    with pytest.raises(SpektronError, match="none.h5: cannot be opened"):
        QM9SFile(str(tmp_path / "none.h5"))
    path, _ = write_qm9s(tmp_path / "q.h5")
    whole = (tmp_path / "q.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[:5000])
    with pytest.raises(SpektronError, match="cut.h5"):
        QM9SFile(str(tmp_path / "cut.h5"))


def test_a_resumed_stream_of_a_file_goes_on_exactly(tmp_path):
    """Ahead, from another step on, in two processes' shares: the same batches."""
    path, values = write_qm9s(tmp_path / "q.h5")

    def open_stream():
        return ExampleStream(QM9SFile(path), "train", 8, seed=5)

    def run(start, part, devices=1):
        stream = open_stream()
        batches = prefetch(
            lambda step: stream.batch(step, part, 1, devices), range(start, 12)
        )
        found = dict(batches)
        stream.source.close()
        return found

    whole = run(0, (0, 1))
    order = [whole[step]["molecule"].ravel().tolist() for step in range(12)]
    assert len({tuple(molecules) for molecules in order}) == 12  # past an epoch of 7
    resumed, shares = run(6, (0, 1)), [run(6, (i, 2)) for i in range(2)]
    for step in range(6, 12):
        for name, value in whole[step].items():
            np.testing.assert_array_equal(resumed[step][name], value)
            both = np.concatenate([share[step][name] for share in shares], axis=2)
            np.testing.assert_array_equal(both, value)
    batch = whole[11]
    for clean, molecule, code in zip(
        batch["clean"][0, 0],
        batch["molecule"][0, 0],
        batch["modality"][0, 0],
        strict=True,
    ):
        right = values["ir" if code == 1 else "raman"][molecule]
        np.testing.assert_array_equal(clean, right)


def test_reading_a_file_maps_and_keeps_none_of_it(tmp_path):
    """A file of 66 MB opens and is read with 40 MB more than Python and libraries."""
    shape = (4_000, 2048)
    with h5py.File(tmp_path / "q.h5", "w") as file:
        for name in ("ir", "raman"):
            file[name] = np.full(shape, 0.5, np.float32)
        file["axis"] = np.linspace(500.0, 4000.0, shape[1])
        file["split"] = ["train"] * shape[0]
    code = (
        "import sys\n"
        "from spektron_jax.training.examples import ExampleStream, open_source\n"
        "def resident():\n"
        "    fields = dict(x.split(':', 1) for x in open('/proc/self/status'))\n"
        "    return int(fields['VmHWM'].split()[0]) / 1e3\n"
        "before = resident()\n"
        "stream = ExampleStream(open_source('qm9s', sys.argv[1]), 'train', 64, 0)\n"
        "for step in range(100):\n"
        "    stream.batch(step)\n"
        "print(resident() - before)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "q.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 40.0
