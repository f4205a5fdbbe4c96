"""The page of a search for unknown spectra gives the answers."""

import csv
import json
import re

import numpy as np
import pytest

from spektron_jax import main
from spektron_jax.commands.report import identify_hits as hits_page
from spektron_jax.identification.search import HitRow

AXIS = np.arange(400.0, 1800.0, 4.0)
HOSTILE = '=1+1<script>alert("x")</script>'


def compounds(count, shift=0.0):
    rng = np.random.default_rng(3)
    spectra = np.full((count, AXIS.size), 0.1)
    for row in range(count):
        for centre in rng.uniform(500, 1700, 7):
            height = rng.uniform(0.3, 1)
            spectra[row] += height * np.exp(-(((AXIS - centre - shift) / 12) ** 2))
    return spectra


def write(path, names, spectra):
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", *AXIS])
        table.writerows([name, *row] for name, row in zip(names, spectra, strict=True))
    return path


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The page, results and output of three unknown spectra, one with a bad name."""
    folder = tmp_path_factory.mktemp("search")
    library = compounds(12)
    names = [f"compound {k}" for k in range(11)] + [HOSTILE]
    unknown = compounds(12, shift=1.0)[[2, 5, 11]]
    arguments = [
        *("--config=configs/identify.py", f"--workdir={folder / 'out'}"),
        f"--config.data.path={write(folder / 'library.csv', names, library)}",
        f"--config.data.query_path={write(folder / 'q.csv', ['a', 'b', 'c'], unknown)}",
        *("--config.data.unit=cm-1", "--config.data.modality=Raman"),
        *("--noconfig.identify.progress", "--config.identify.weights="),
    ]
    assert main.main(arguments) == 0
    results = json.loads((folder / "out" / "results.json").read_text())
    return (folder / "out" / "report.html").read_text(), results


def test_the_answers_are_in_the_verdict_and_on_the_page(searched):
    page, results = searched
    said = {one["label"]: one["text"] for one in results["verdict"]}
    assert said["a"].startswith("compound 2, score")
    assert said["b"].startswith("compound 5, score") and "Next: " in said["b"]
    assert re.search(r'class="numbers">\d of 3', page)
    assert '<h2 id="hits"' in page and page.count("<figure>") == 1
    assert "<script" not in page and "&lt;script&gt;" in page


def row(query, rank, name, accepted="", score="0.90"):
    return HitRow("lib", "new", query, rank, name, score, "", accepted)


def test_an_answer_that_is_not_sure_is_not_called_one():
    rows = [row("q", 1, "starch", "no"), row("q", 2, "sugar"), row("r", 1, "x", "yes")]
    found = hits_page.answers(rows)
    first, second = hits_page.verdict(found)
    assert first.good is None and "no firm answer" in first.text
    assert "Next: sugar (0.90)" in first.text and second.good is True
    assert hits_page.headline(found, 0.95).after == "1 of 2"


def test_many_queries_are_cut_and_said():
    found = hits_page.answers([row(f"q{k:03}", 1, "x", "no") for k in range(60)])
    said = hits_page.verdict(found)
    assert len(said) == 11 and said[-1].text.startswith("50 more queries")
