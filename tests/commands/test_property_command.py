"""The command line of properties: a planted property, and labels in any table."""

import json

import numpy as np
import pytest

from spektron_jax import main
from spektron_jax.spectra.spectra_file import save
from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet


@pytest.fixture
def own(tmp_path):
    """Spectra with one band whose height is the label, and the labels' file."""
    rng = np.random.default_rng(2)
    axis = np.linspace(1000, 1800, 100)
    y = rng.uniform(1, 2, 30)
    X = y[:, None] * np.exp(-(((axis - 1400) / 40) ** 2))
    X = X + 0.01 * rng.normal(size=X.shape)
    ids = [f"s{i}" for i in range(30)]
    instrument = InstrumentSpectra(axis, "cm-1", "absorbance", X)
    save(tmp_path / "own.h5", SpectraSet({"a": instrument}, ids, "IR"))
    text = "id,height\n" + "".join(
        f"{i},{v:.4f}\n" for i, v in zip(ids, y, strict=True)
    )
    (tmp_path / "labels.csv").write_text(text)
    return tmp_path


def properties(folder, weights, labels="labels.csv"):
    return main.main(
        [
            "--config=configs/property.py",
            f"--workdir={folder / 'out'}",
            f"--config.data.path={folder / 'own.h5'}",
            f"--config.data.labels_path={folder / labels}",
            f"--config.property.weights={weights}",
            "--config.property.folds=5",
        ]
    )


def test_labels_of_ones_own(own, tiny_weights, capsys):
    assert properties(own, tiny_weights) == 0
    results = json.loads((own / "out" / "results.json").read_text())
    (entry,) = results["tables"][0]["entries"]
    assert entry["property"] == "height" and not entry["group"]
    assert entry["methods"]["PLS on spectra"]["r2"] > 0.9
    assert "ridge on z_chem" in entry["methods"]
    assert "height" in (own / "out" / "report.html").read_text()
    assert "report:" in capsys.readouterr().out


def test_labels_from_excel_and_with_decimal_commas(own, tiny_weights):
    import openpyxl

    rows = [line.split(",") for line in (own / "labels.csv").read_text().split()]
    text = "\n".join(";".join(row).replace(".", ",") for row in rows)
    (own / "german.csv").write_text(text)
    book = openpyxl.Workbook()
    for name, value in rows:
        book.active.append([name, value if value == "height" else float(value)])
    book.save(own / "labels.xlsx")
    found = []
    for name in ("labels.csv", "german.csv", "labels.xlsx"):
        assert properties(own, tiny_weights, name) == 0
        results = json.loads((own / "out" / "results.json").read_text())
        found.append(results["tables"][0]["entries"])
    assert found[0] == found[1] == found[2]


def test_bad_labels_are_told(own, tiny_weights, capsys):
    (own / "bad.csv").write_text("id,height\ns1,tall\n")
    assert properties(own, tiny_weights, "bad.csv") == 2
    assert "bad.csv: line 2" in capsys.readouterr().err
    (own / "other.csv").write_text("id,height\nx1,3\n")
    assert properties(own, tiny_weights, "other.csv") == 2
    assert "the sample ids must match" in capsys.readouterr().err
