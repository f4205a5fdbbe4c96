"""Control samples at the prompt: whose values they have, in which unit, how often."""

import csv

import pytest

from spektron_jax import CalibrationTransfer, SpektronError, demo
from spektron_jax.commands import config_file, runner

NEW = demo.path_of("new_samples.csv")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a Moisture model."""
    config = config_file.load("configs/transfer.py")
    old, new = (str(demo.path_of(name)) for name in demo.FILES[:2])
    config.data.update({"source_path": old, "target_path": new, "property": "Moisture"})
    config.transfer.update({"weights": "", "compare": False, "progress": False})
    folder = tmp_path_factory.mktemp("moisture")
    runner.run(config, folder)
    return folder / "model"


@pytest.fixture
def control(model, tmp_path, capsys):
    """Enters a control file; returns the log's last row, the notes and the print."""

    def entered(path, **data):
        config = config_file.load("configs/monitor.py")
        config.model = str(data.pop("model", model))
        config.data.update({"path": str(path), **data})
        config.monitor.log = str(tmp_path / "log.csv")
        found = runner.run(config, tmp_path)
        with open(tmp_path / "log.csv", encoding="utf-8") as file:
            row = list(csv.DictReader(file))[-1]
        notes = [one["text"] for one in found["verdict"] if one["label"] == "note"]
        return row, notes, capsys.readouterr().out

    return entered


def written(path, columns, rows=4, factor=1.0):
    """A control file of the first samples; columns: name -> index of its values."""
    with open(NEW, encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow([header[0], *columns, *header[3:]])
        for line in lines[:rows]:
            values = [factor * float(line[number]) for number in columns.values()]
            out.writerow([line[0], *values, *line[3:]])
    return path


@pytest.mark.parametrize("name", ["Moisture (%)", "moisture (%)", "MOISTURE"])
def test_values_of_the_models_property(control, tmp_path, name):
    row, notes, _ = control(written(tmp_path / "c.csv", {name: 1}))
    assert row["samples"] == "4" and abs(float(row["bias"])) < 0.3
    said = [
        "MOISTURE taken as %: " + str(tmp_path / "c.csv") + " does not name its unit"
    ]
    assert notes == (said if name == "MOISTURE" else [])


@pytest.mark.parametrize("columns", [{"Ash": 1}, {"Protein (%)": 2}, {"T": 1, "H": 2}])
def test_values_of_another_property_are_no_reference(control, tmp_path, columns):
    row, (note,), out = control(written(tmp_path / "c.csv", columns))
    assert row["samples"] == "0" and row["bias"] == "" and "4 control" in out
    assert "the model predicts Moisture" in note and "call the column" in note


def test_a_table_of_values_without_the_property_is_refused(control, tmp_path):
    spectra = written(tmp_path / "c.csv", {})
    table = tmp_path / "labels.csv"
    table.write_text("sample,Ash\nS08,3.2\n", encoding="utf-8")
    with pytest.raises(SpektronError, match=r"labels.csv: holds Ash.* Moisture; call"):
        control(spectra, labels_path=str(table))
    assert not (tmp_path / "log.csv").exists()
    assert control(spectra)[0]["samples"] == "0"
    assert control(spectra, property="moisture")[0]["samples"] == "0"


def test_another_unit_is_refused(control, tmp_path):
    path = written(tmp_path / "c.csv", {"Moisture (g/kg)": 1}, factor=10)
    with pytest.raises(
        SpektronError, match=r"c.csv: Moisture is in g/kg.* values in %"
    ):
        control(path)
    assert not (tmp_path / "log.csv").exists()


@pytest.mark.parametrize("unit", ["wt%", "% m/m", "%w/w", "g/100g", "g/100 g", "% DM"])
def test_a_unit_written_otherwise_is_entered(control, tmp_path, unit):
    """Catches: only units spelt as the model's were taken."""
    path = written(tmp_path / "c.csv", {f"Moisture ({unit})": 1})
    row, (note,), _ = control(path)
    assert row["samples"] == "4" and abs(float(row["bias"])) < 0.3
    assert f"is in {unit}, and the model predicts %: taken as the same" in note


@pytest.mark.parametrize("unit", ["%", "percent", "Per cent"])
def test_a_unit_spelt_out_needs_no_note(control, tmp_path, unit):
    path = written(tmp_path / "c.csv", {f"Moisture ({unit})": 1})
    row, notes, _ = control(path)
    assert row["samples"] == "4" and not notes


def test_another_property_than_the_models_is_refused(control):
    with pytest.raises(SpektronError, match="'Protein': the model predicts Moisture"):
        control(NEW, property="Protein")


def test_a_column_without_values_is_no_reference(control, tmp_path):
    path = written(tmp_path / "c.csv", {"Moisture (%)": 1})
    lines = [line.split(",") for line in path.read_text().splitlines()]
    for line in lines[1:]:
        line[1] = ""
    path.write_text("\n".join(map(",".join, lines)) + "\n")
    row, (note,), _ = control(path)
    assert row["samples"] == "0" and "no value of Moisture yet" in note


def test_a_model_that_does_not_name_its_property(control, model, tmp_path):
    ct = CalibrationTransfer.load(model)
    del ct.about_["property"]
    ct.save(tmp_path / "own")
    path = written(tmp_path / "c.csv", {"Water": 1})
    row, (note,), _ = control(path, model=tmp_path / "own")
    assert row["samples"] == "4" and note.startswith("Water is taken: the model does")
    path = written(tmp_path / "c.csv", {"Water": 1, "Ash": 2})
    with pytest.raises(SpektronError, match="choose one of Water, Ash"):
        control(path, model=tmp_path / "own")
    assert control(path, model=tmp_path / "own", property="water")[0]["samples"] == "4"


def scans(path, name):
    """Three scans of each sample of a control file; name: of sample and scan."""
    header, *lines = [line.split(",", 1) for line in path.read_text().splitlines()]
    rows = [f"{header[0]},replicate,{header[1]}"]
    rows += [f"{name(own, k)},{k},{rest}" for own, rest in lines for k in (1, 2, 3)]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_scans_of_a_sample_count_once(control, tmp_path):
    alone, _, _ = control(written(tmp_path / "c.csv", {"Moisture (%)": 1}, 3))
    for name in (lambda own, k: own, lambda own, k: f"{own}_{k}"):
        path = scans(written(tmp_path / "c.csv", {"Moisture (%)": 1}, 3), name)
        row, (note,), out = control(path)
        assert row["samples"] == "3" and "3 control samples entered, 3 with" in out
        assert float(row["bias"]) == pytest.approx(float(alone["bias"]))
        assert note.startswith("9 scans of 3 samples averaged by sample")
    row, notes, _ = control(path, replicates="none")
    assert row["samples"] == "9" and not notes


def test_scans_of_samples_in_a_table_of_values(control, tmp_path):
    path = scans(written(tmp_path / "c.csv", {}, 3), lambda own, k: f"{own}-{k}")
    table = written(tmp_path / "labels.csv", {"Moisture (%)": 1}, 3)
    lines = [line.split(",")[:2] for line in table.read_text().splitlines()]
    table.write_text("\n".join(map(",".join, lines)) + "\n")
    row, (note,), _ = control(path, labels_path=str(table))
    assert row["samples"] == "3" and "9 scans of 3" in note
    row, notes, _ = control(path, replicates="-")
    assert row["samples"] == "0" and "9 scans of 3" in notes[-1]
