"""The command lines of transfer and predict, from files to files."""

import csv
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest

from benchmarks.reading import write_spectra
from spektron_jax import CalibrationTransfer, main
from spektron_jax.commands.report import html
from spektron_jax.encoder import features
from spektron_jax.spectra.spectra_file import save
from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet
from spektron_jax.transfer import curve
from spektron_jax.transfer.comparison import tried

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
CORN = Path(os.environ.get("SPEKTRON_DATA", BESIDE)) / "corn.h5"
FAST = ["--config.transfer.repeats=2", "--config.transfer.weights="]
FAST += ["--noconfig.transfer.progress", "--config.transfer.curve=(5,)"]


@pytest.fixture
def both(instruments, tmp_path):
    """One file with two instruments; the last sample was not measured on the target."""
    X_s, axis_s, X_t, axis_t, y = instruments(samples=28, points_target=90)
    X_t[-1] = np.nan
    found = SpectraSet(
        {
            "old": InstrumentSpectra(axis_s, "nm", "absorbance", X_s),
            "new": InstrumentSpectra(axis_t, "nm", "absorbance", X_t),
        },
        [f"s{i}" for i in range(28)],
        "NIR",
        y[:, None],
        ("fat",),
        ("%",),
    )
    save(tmp_path / "both.h5", found)
    return found, tmp_path / "both.h5"


def transfer(out, path, *more):
    return main.main(
        [
            "--config=configs/transfer.py",
            f"--workdir={out}",
            *([f"--config.data.path={path}"] if path else []),
            *FAST,
            *more,
        ]
    )


NAMES = ("--config.data.source=old", "--config.data.target=new")


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_from_one_file_to_a_decision_and_new_predictions(both, tmp_path, capsys):
    found, path = both
    out = tmp_path / "out"
    more = ["--config.transfer.n=10", "--config.transfer.date=2026-11-22"]
    assert transfer(out, path, *NAMES, *more) == 0
    said = capsys.readouterr().out
    first, final = said.split("report: ")[:2]
    assert first.startswith("first answer: use this model: By cross-validated errors")
    label = "\nuse this model, few samples tested: "
    assert f"{label}With 10 target samples the ensemble predicts" in final
    assert {p.name for p in out.iterdir()} == {
        *("model", "report.html", "results.json", "results.npz", "predictions.csv"),
        *("adapter.npz", "trials.jsonl"),
    }
    results = json.loads((out / "results.json").read_text())
    assert results["regime"] == "10 labelled paired target spectra"
    assert any("axis differs" in text for text in results["warnings"])
    assert set(results["curve"]["without network"][0]) and results["trials"] == 2
    methods = {entry["method"]: entry["rmsep"] for entry in results["table"]}
    assert methods["without network"] < methods["no transfer"]
    assert results["agreement"]["concordance"] > 0.8
    page = (out / "report.html").read_text()
    order = ("verdict", "next", "predictions", "left-out", "methods", "spectra")
    places = [page.index(f'<h2 id="{name}"') for name in order]
    assert places == sorted(places)
    assert page.count("<figure>") == 5 and len(page) < 800_000
    assert not re.search(r"<script|https?://(?!www.w3.org)", unquote(page))

    rows = rows_of(out / "predictions.csv")
    assert len(rows) == 27 and rows[0]["property"] == "fat" and rows[0]["unit"] == "%"
    assert sum("transfer sample" in row["flag"] for row in rows) == 10

    write_spectra(tmp_path / "new.csv", found.take(np.arange(5, 9)), "new")
    arguments = [
        *("--config=configs/predict.py", f"--workdir={tmp_path / 'out2'}"),
        *(f"--config.model={out / 'model'}", f"--config.data.path={tmp_path}/new.csv"),
        "--config.data.modality=NIR",
        f"--config.adapter={out / 'adapter.npz'}",
    ]
    assert main.main(arguments) == 0
    assert "4 spectra predicted by a model with 10 labelled" in capsys.readouterr().out
    again = rows_of(tmp_path / "out2" / "predictions.csv")
    known = {row["sample_id"]: row for row in rows}
    for row in again:
        for name in ("prediction", "low", "high"):
            ours = float(known[row["sample_id"]][name])
            assert float(row[name]) == pytest.approx(ours, rel=1e-5)
    ct = CalibrationTransfer.load(out / "model")
    assert ct.about_["target"] == "new"


@pytest.fixture
def trials(monkeypatch):
    """Counts trials, and acts as Ctrl-C at the one whose number is its limit."""
    found = SimpleNamespace(made=0, limit=None)

    def counted(trial, methods):
        if found.made == found.limit:
            raise KeyboardInterrupt
        found.made += 1
        return tried(trial, methods)

    monkeypatch.setattr(curve, "tried", counted)
    return found


def interrupted(trials, out, path, capsys):
    """What lies in the folder of a transfer that Ctrl-C ended after 3 of 4 trials."""
    trials.limit = 3
    assert transfer(out, path, *NAMES) == 130
    said = capsys.readouterr()
    assert "run the same command again to resume" in said.err
    assert said.out.startswith("first answer: ") and said.out.count("report: ") == 1
    trials.made, trials.limit = 0, None


def test_an_interrupted_comparison_leaves_a_first_answer_and_resumes(
    both, tmp_path, capsys, trials, monkeypatch
):
    out, whole = tmp_path / "out", tmp_path / "whole"
    interrupted(trials, out, both[1], capsys)
    CalibrationTransfer.load(out / "model")
    assert len(rows_of(out / "predictions.csv")) == 27
    results = json.loads((out / "results.json").read_text())
    assert results["to_come"] and results["table"] == []
    assert results["left_out"]["n"] == 10 and results["left_out"]["rmse"] > 0
    with np.load(out / "results.npz") as arrays:
        rmse = np.sqrt(np.mean(arrays["left_out_errors"] ** 2))
    assert rmse == pytest.approx(results["left_out"]["rmse"])
    page = (out / "report.html").read_text()
    assert "still to come" in page and page.count("<figure>") == 4
    assert '<h2 id="left-out"' in page and '<h2 id="methods"' not in page

    assert transfer(out, both[1], *NAMES) == 0
    assert trials.made == 1
    page = (out / "report.html").read_text()
    assert "still to come" not in page
    assert '<h2 id="left-out"' in page and '<h2 id="methods"' in page
    undrawn(monkeypatch)
    assert transfer(whole, both[1], *NAMES) == 0
    assert trials.made == 1 + 4
    found, expected = (
        json.loads((folder / "results.json").read_text()) for folder in (out, whole)
    )
    assert found["table"] == expected["table"] and found["curve"] == expected["curve"]
    assert not found["to_come"]


def test_the_first_answer_loads_no_encoder(both, tmp_path, capsys, monkeypatch):
    def ctrl_c(folder, checksum):
        raise KeyboardInterrupt

    monkeypatch.setattr(features, "_loaded", ctrl_c)
    out = tmp_path / "out"
    assert transfer(out, both[1], *NAMES, "--config.transfer.weights=nano") == 130
    assert capsys.readouterr().out.startswith("first answer: ")
    assert json.loads((out / "results.json").read_text())["weights"] == "nano"


def undrawn(monkeypatch):
    """Runs from here on write a page without its figures, which take longest."""
    monkeypatch.setattr(html, "render", lambda result, repeat: "")


def test_trials_of_other_data_or_settings_are_not_used(
    both, tmp_path, capsys, trials, monkeypatch
):
    undrawn(monkeypatch)
    found, path = both
    out = tmp_path / "out"
    interrupted(trials, out, path, capsys)
    found.instruments["new"].spectra[0, 0] += 1e-3
    save(path, found)
    assert transfer(out, path, *NAMES) == 0 and trials.made == 4
    assert transfer(out, path, *NAMES, "--config.seed=1") == 0 and trials.made == 8


def test_separate_files_with_labels(both, tmp_path, capsys):
    found, _ = both
    bare = SpectraSet(found.instruments, found.sample_ids, "NIR")
    files = {}
    for name in ("old", "new"):
        rows = np.arange(20) if name == "old" else np.arange(10, 27)
        files[name] = tmp_path / f"{name}.csv"
        write_spectra(files[name], bare.take(rows), name)
    lines = [
        f"{i};{v:.4f}".replace(".", ",") for i, v in zip(*_labels(found), strict=True)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["sample;fat", *lines]))
    paths = [
        f"--config.data.source_path={files['old']}",
        f"--config.data.target_path={files['new']}",
        f"--config.data.labels_path={tmp_path / 'labels.csv'}",
        "--config.data.modality=NIR",
    ]
    for regime, said in (
        ("paired", "10 labelled paired"),
        ("unpaired", "7 labelled unpaired"),
        ("unlabelled", "10 unlabelled"),
        ("none", "no target data"),
    ):
        n = 7 if regime == "unpaired" else 10
        more = [f"--config.transfer.regime={regime}", f"--config.transfer.n={n}"]
        more.append("--config.transfer.repeats=2")
        assert transfer(tmp_path / regime, "", *paths, *more) == 0, capsys.readouterr()
        results = json.loads((tmp_path / regime / "results.json").read_text())
        assert results["regime"].startswith(said)
        assert len(results["files"]) == 3
        assert (tmp_path / regime / "report.html").is_file()
    capsys.readouterr()


def _labels(found):
    return found.sample_ids, found.target("fat")


@pytest.mark.parametrize(
    "more, message",
    [
        (["--config.transfer.n=28"], "config.transfer.n = 28: only 27 samples"),
        (["--config.transfer.n=-1"], "must be 0 (all) or more"),
        (["--config.transfer.regime=some"], "must be one of none, unlabelled"),
        (["--config.transfer.coverage=1"], "must lie between 0 and 1"),
        (["--config.transfer.repeats=1"], "must be 2 or more"),
        (
            ["--config.data.target=x"],
            "target = 'x': choose one of old, new",
        ),
        (["--config.data.target=old"], "name two instruments of old, new"),
        (
            ["--config.data.property=oil"],
            "property = 'oil': choose one of fat in",
        ),
        (["--config.data.labels_path=nothing.csv"], "nothing.csv: cannot be read"),
        (["--config.data.source_path=a"], "give path (one file with both"),
    ],
)
def test_wrong_settings_are_one_line(both, tmp_path, capsys, more, message):
    code = transfer(tmp_path / "out", both[1], *NAMES, *more)
    err = capsys.readouterr().err
    assert code == 2 and message in err and err.count("\n") == 1


def test_labels_that_do_not_match_say_so(both, tmp_path, capsys):
    labels = tmp_path / "labels.csv"
    argument = f"--config.data.labels_path={labels}"
    labels.write_text("id,fat\nA1,3\nA2,4\n")
    assert transfer(tmp_path / "o", both[1], *NAMES, argument) == 2
    assert "the sample ids must match" in capsys.readouterr().err
    labels.write_text("id,fat\ns1,three\n")
    assert transfer(tmp_path / "o", both[1], *NAMES, argument) == 2
    said = capsys.readouterr().err
    assert "line 2, column 2 (fat): 'three' is not a number; leave" in said


def test_predict_needs_a_model_and_fitting_spectra(both, tmp_path, capsys):
    base = ["--config=configs/predict.py", f"--workdir={tmp_path / 'o'}"]
    assert main.main(base) == 2
    assert "config.model: give the model folder" in capsys.readouterr().err
    assert main.main([*base, f"--config.model={tmp_path}"]) == 2
    assert "config.data.path: give the file" in capsys.readouterr().err
    more = [f"--config.model={tmp_path}", f"--config.data.path={both[1]}"]
    assert main.main([*base, *more]) == 2
    assert "no transfer model" in capsys.readouterr().err


@pytest.mark.skipif(
    not CORN.exists(), reason="needs corn.h5; set SPEKTRON_DATA to its folder"
)
def test_corn_without_the_network(tmp_path, capsys):
    more = ["--config.data.source=m5", "--config.data.target=mp6"]
    more += ["--config.data.property=protein", "--config.transfer.n=10"]
    assert transfer(tmp_path / "out", CORN, *more) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    rows = {entry["method"]: entry for entry in results["table"]}
    assert rows["without network"]["r2"] > 0.8
    assert results["forecast"]["level"] == "high"
    assert "transfer is needed" in capsys.readouterr().out


def test_strange_spectra_are_named(both, tmp_path):
    found, _ = both
    for name, row in (("old", 4), ("new", 25)):
        found.instruments[name].spectra[row, 30:33] += 5.0
    save(tmp_path / "strange.h5", found)
    more = ["--config.transfer.n=10", "--noconfig.transfer.compare"]
    assert transfer(tmp_path / "out", tmp_path / "strange.h5", *NAMES, *more) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    text = "\n".join(results["warnings"])
    for side, name in (("source", "s4"), ("target", "s25")):
        assert f"{side}: spectra unlike the others of this instrument: {name};" in text


def scans_file(path, ids, axis, X, times, column=False, noise=1e-3):
    rng = np.random.default_rng(1)
    head = ["sample", *(["replicate"] if column else []), *(f"{a:.3f}" for a in axis)]
    rows = [",".join(head)]
    for name, x in zip(ids, X, strict=True):
        for k in range(times):
            values = x + noise * rng.normal(size=x.size)
            told = [name, str(k)] if column else [f"{name}_{k}"]
            rows.append(",".join([*told, *(f"{v:.6f}" for v in values)]))
    path.write_text("\n".join(rows))


@pytest.mark.parametrize("column", [False, True])
def test_replicates_in_files(instruments, tmp_path, column, capsys):
    """Catches: suffixed ids match nothing, and scans pass for samples."""
    X_s, axis, X_t, _, y = instruments(samples=28)
    ids = [f"s{i}" for i in range(28)]
    scans_file(tmp_path / "old.csv", ids, axis, X_s, 2, column)
    scans_file(tmp_path / "new.csv", ids, axis, X_t, 3, column)
    labels = [f"{name},{value:.4f}" for name, value in zip(ids, y, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["sample,Moisture", *labels]))
    more = [f"--config.data.source_path={tmp_path}/old.csv"]
    more += [f"--config.data.target_path={tmp_path}/new.csv"]
    more += [f"--config.data.labels_path={tmp_path}/labels.csv"]
    more += ["--config.data.property=moisture", "--config.data.unit=nm"]
    more += ["--config.transfer.n=12", "--noconfig.transfer.compare"]
    assert transfer(tmp_path / "out", None, *more) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["regime"] == "12 labelled paired target spectra"
    assert results["samples"]["all"] == 28 and results["failed_checks"] == []
    assert 1e-4 < results["repeatability"] < 0.1
    assert any("84 scans of 28 samples" in text for text in results["warnings"])
    assert "Repeatability" in (tmp_path / "out" / "report.html").read_text()
    scans_file(tmp_path / "fresh.csv", ids[:4], axis, X_t[:4], 1)
    capsys.readouterr()
    ct = CalibrationTransfer.load(tmp_path / "out" / "model")
    ct.about_["quantity"] = "absorbance"
    config = ["--config=configs/predict.py", f"--workdir={tmp_path}/fresh"]
    config += [f"--config.model={ct.save(tmp_path / 'model')}"]
    config += [f"--config.data.path={tmp_path}/fresh.csv"]
    assert main.main(config) == 0
    told = capsys.readouterr().out
    assert "unit nm taken from the model" in told
    assert "absorbance taken from the model" in told
    assert len(rows_of(tmp_path / "fresh" / "predictions.csv")) == 4


def test_the_only_possible_unit_is_taken_and_printed(instruments, tmp_path, capsys):
    X_s, axis, X_t, _, y = instruments(samples=20)
    ids = [f"s{i}" for i in range(20)]
    for name, X in (("old", X_s), ("new", X_t)):
        scans_file(tmp_path / f"{name}.csv", ids, axis, X, 1, True)
    labels = [f"{name},{value:.4f}" for name, value in zip(ids, y, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["sample,fat", *labels]))
    more = [f"--config.data.source_path={tmp_path}/old.csv"]
    more += [f"--config.data.target_path={tmp_path}/new.csv"]
    more += [f"--config.data.labels_path={tmp_path}/labels.csv"]
    more += ["--config.data.modality=NIR", "--noconfig.transfer.compare"]
    assert transfer(tmp_path / "out", None, *more) == 0
    said = capsys.readouterr().out
    assert said.count("unit nm taken: the only one in which") == 2


def test_ids_that_match_nowhere_are_shown(instruments, tmp_path, capsys):
    X_s, axis, X_t, _, y = instruments(samples=12)
    scans_file(tmp_path / "old.csv", [f"s{i}" for i in range(12)], axis, X_s, 1, True)
    scans_file(tmp_path / "new.csv", [f"N{i}" for i in range(12)], axis, X_t, 1, True)
    labels = [f"s{i},{y[i]:.4f}\nN{i},{y[i]:.4f}" for i in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(["sample,fat", *labels]))
    more = [f"--config.data.source_path={tmp_path}/old.csv", "--config.data.unit=nm"]
    more += [f"--config.data.target_path={tmp_path}/new.csv"]
    more += [f"--config.data.labels_path={tmp_path}/labels.csv"]
    more += ["--config.data.property=fat"]
    assert transfer(tmp_path / "out", None, *more) == 2
    said = capsys.readouterr().err
    assert "no sample id occurs in both files" in said and "unpaired" in said
    assert "'s0'" in said and "'N0'" in said and "np." not in said
