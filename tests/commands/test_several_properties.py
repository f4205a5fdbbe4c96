"""Several properties at the prompt: one model, one page, a column for each."""

import csv
import json

import numpy as np
import pytest

import spektron_jax
from spektron_jax import CalibrationTransfer, SpektronError, SpektronWarning, demo
from spektron_jax.commands import config_file, runner
from spektron_jax.commands import transfer as transfer_command
from spektron_jax.commands.report.transfer_several import slugs
from spektron_jax.spectra.labels import Labels
from spektron_jax.spectra.samples import read_paired
from spektron_jax.spectra.spectra_file import save
from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet
from spektron_jax.transfer import curve
from spektron_jax.transfer.comparison import tried

NEW = str(demo.path_of("new_samples.csv"))


def configured(name, **settings):
    config = config_file.load(f"configs/{name}.py")
    config.update_from_flattened_dict(
        {key.replace("__", "."): value for key, value in settings.items()}
    )
    return config


def task(name, folder, /, **settings):
    config = configured(name, **settings)
    folder.mkdir(exist_ok=True)
    runner.check(config)
    return runner.run(config, folder)


def transfer(out, wanted, compare=False, **more):
    old, new = (str(demo.path_of(name)) for name in demo.FILES[:2])
    return task(
        *("transfer", out),
        **{"data__source_path": old, "data__target_path": new},
        **{"data__property": wanted, "transfer__weights": ""},
        **{"transfer__compare": compare, "transfer__progress": False},
        **more,
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a transfer of both properties."""
    folder = tmp_path_factory.mktemp("several")
    transfer(folder, "moisture, Protein", transfer__date="2026-11-29")
    return folder


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_folder_one_page_one_table(out):
    page = (out / "report.html").read_text(encoding="utf-8")
    table = page.index("All properties")
    assert (
        table < page.index('id="Moisture-verdict"') < page.index('id="Protein-verdict"')
    )
    names = [one.split('"')[0] for one in page.split(' id="')[1:]]
    assert len(names) == len(set(names)) and "Protein-domain" in names
    data = json.loads((out / "results.json").read_text())
    assert list(data["properties"]) == ["Moisture", "Protein"]
    assert data["properties"]["Protein"]["left_out"]["n"] == 10
    assert [one["label"] for one in data["verdict"]] == [
        "Moisture: first answer: use this model",
        "Protein: first answer: use this model",
    ]
    ct = CalibrationTransfer.load(out / "model")
    rows, found = rows_of(out / "predictions.csv"), spektron_jax.read(demo.path_of(
        "new_instrument.csv"))  # fmt: skip
    (one,) = found.instruments.values()
    expected = ct.predict(one.spectra)
    place = {name: row for row, name in enumerate(found.sample_ids)}
    for row in rows:
        values = [float(row["Moisture (%)"]), float(row["Protein (%)"])]
        np.testing.assert_allclose(values, expected[place[row["sample_id"]]])
        assert float(row["Protein low"]) < values[1] < float(row["Protein high"])
        assert row["Moisture flag"].endswith("transfer sample")
    assert (out / "adapter.npz").exists()


def test_each_property_is_what_it_is_alone(out, tmp_path):
    transfer(tmp_path / "one", "Protein")
    one = CalibrationTransfer.load(tmp_path / "one" / "model")
    both = CalibrationTransfer.load(out / "model")
    X = np.stack([both.axis_ / 9e3, both.axis_[::-1] / 9e3])
    with pytest.warns(SpektronWarning):
        ours, theirs = both.predict(X)[:, 1], one.predict(X)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert both.only("Protein").about_ == one.about_
    alone = json.loads((tmp_path / "one" / "results.json").read_text())
    found = json.loads((out / "results.json").read_text())["properties"]["Protein"]
    for name in ("left_out", "samples", "labels", "regime", "interval", "flags"):
        if name == "left_out":
            assert found[name] == pytest.approx(alone[name])
        else:
            assert found[name] == alone[name]


def test_predict_monitor_and_export(out, tmp_path, capsys):
    given = {"model": str(out), "data__path": NEW}
    found = task("predict", tmp_path / "p", **given)
    assert len(found["predictions"]) == 60 and found["intervals"] == "calibrated"
    assert {one["property"] for one in found["predictions"]} == {"Moisture", "Protein"}
    first = rows_of(tmp_path / "p" / "predictions.csv")[0]
    assert list(first) == ["sample_id", *(
        f"{name}{part}" for name in ("Moisture", "Protein")
        for part in (" (%)", " low", " high", " flag"))]  # fmt: skip
    assert "30 spectra predicted by a model with 10" in capsys.readouterr().out
    given["monitor__log"] = str(tmp_path / "log.csv")
    said = "data.property = '': the model predicts Moisture, Protein; name one"
    with pytest.raises(SpektronError, match=said):
        task("monitor", tmp_path / "m", **given)
    for name in ("Protein", "protein"):
        task("monitor", tmp_path / "m", **given, data__property=name)
    assert [row["samples"] for row in rows_of(tmp_path / "log.csv")] == ["30", "30"]
    given = {"model": str(out), "out": str(tmp_path / "x.json")}
    task("export", tmp_path, **given)
    both = json.loads((tmp_path / "x.json").read_text())["calibrations"]
    assert [one["about"]["property"] for one in both] == ["Moisture", "Protein"]
    assert [one["about"]["unit"] for one in both] == ["%", "%"]
    for name in ("Moisture", "moisture", "MOISTURE (%)"):
        task("export", tmp_path, **given, property=name)
        assert json.loads((tmp_path / "x.json").read_text()) == both[0]
    with pytest.raises(SpektronError, match="config.property = 'Fat': the model predi"):
        task("export", tmp_path, **given, property="Fat")


def test_names_that_do_not_fit(tmp_path):
    with pytest.raises(SpektronError, match="Moisture stands twice"):
        transfer(tmp_path, "moisture,Moisture")
    with pytest.raises(SpektronError, match="'Fat': choose one of Moisture, Protein"):
        transfer(tmp_path, "Moisture,Fat")
    config = config_file.load("configs/transfer.py")
    old, new = (str(demo.path_of(name)) for name in demo.FILES[:2])
    config.data.update({"source_path": old, "target_path": new, "property": "all"})
    with pytest.raises(SpektronError, match="Moisture, Protein are several; give one"):
        read_paired(config.data)


def test_in_python(tmp_path):
    old, new = map(demo.path_of, demo.FILES[:2])
    asked = ["Protein", "Moisture"]
    with pytest.warns(SpektronWarning, match="^6 labelled target samples"):
        ct = spektron_jax.transfer(old, new, property=asked, weights=None, n=6)
    assert ct.properties_ == ("Protein", "Moisture")
    page = ct.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.index("Protein-verdict") < page.index("Moisture-verdict")
    assert ct.only("Moisture").regime_ == "6 labelled paired target spectra"


def test_a_name_may_have_a_comma():
    names = ("Oil, dry", "Oil", "dry", "Ash")
    labels = Labels(np.array(["a"]), np.ones((1, 4)), names, ("",) * 4, "x.csv")

    def asked(text):
        return [one.names[0] for one in labels.several(text)]

    assert asked("Ash,Oil, dry") == ["Ash", "Oil, dry"]
    assert asked("Oil, dry") == ["Oil, dry"] and asked("dry, Oil") == ["dry", "Oil"]
    with pytest.raises(SpektronError, match="'wet': choose one of Oil, dry"):
        asked("Ash,wet")


def test_names_in_files_and_addresses_are_never_alike():
    assert slugs(["Oil", "Ash"]) == {"Oil": "Oil", "Ash": "Ash"}
    assert slugs(["Oil", "oil!"]) == {"Oil": "1_Oil", "oil!": "2_oil"}
    assert slugs(["%", "Ash"]) == {"%": "1_", "Ash": "2_Ash"}


def test_an_interrupted_comparison_resumes(tmp_path, monkeypatch, instruments):
    """Of two properties with two trials each, Ctrl-C at the fourth."""
    X_s, axis, X_t, _, y = instruments(samples=24, points=30)
    found = {
        name: InstrumentSpectra(axis, "nm", "absorbance", X)
        for name, X in (("old", X_s), ("new", X_t))
    }
    Y, ids = np.column_stack([y, X_s[:, 9]]), [f"s{k}" for k in range(24)]
    both = SpectraSet(found, ids, "NIR", Y, ("fat", "water"), ("%", "%"))
    save(tmp_path / "both.h5", both)
    made = []

    def counted(trial, methods):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(trial)
        return tried(trial, methods)

    monkeypatch.setattr(curve, "tried", counted)
    settings = {
        **{"data__path": str(tmp_path / "both.h5"), "data__property": "all"},
        **{"data__source": "old", "data__target": "new", "transfer__weights": ""},
        **{"transfer__repeats": 2, "transfer__curve": (), "transfer__progress": False},
    }
    config = configured("transfer", **settings)
    with pytest.raises(KeyboardInterrupt):  # without the pages, which take longest
        list(transfer_command.run(config, tmp_path))
    logs = [tmp_path / f"trials_{name}.jsonl" for name in ("fat", "water")]
    assert [len(log.read_text().splitlines()) for log in logs] == [2, 1]
    made.append("not the third again")
    list(transfer_command.run(config, tmp_path))
    assert len(made) == 5
    assert [len(log.read_text().splitlines()) for log in logs] == [2, 2]
