"""The demo: files that ship, a transfer that is shown as it is."""

import csv
import json
import re

import numpy as np
import pytest

from benchmarks.demo_files import BOTH, OLD, PROPERTIES, ROOT, draw, write
from spektron_jax import demo
from spektron_jax.commands.demo import HONEST
from spektron_jax.commands.prompt import run

MOST_BYTES = 1_500_000
RESULTS = json.loads((ROOT / "benchmarks" / "results" / "demo.json").read_text())


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    assert run.main(["demo", "--out", str(folder)]) == 0
    return folder


def test_the_files_are_small_and_hold_what_is_said():
    sizes = [demo.path_of(name).stat().st_size for name in demo.FILES]
    assert sum(sizes) < MOST_BYTES
    rows = {}
    for name in demo.FILES:
        with demo.path_of(name).open() as file:
            rows[name] = list(csv.reader(file))
    old, new, kept = (rows[name] for name in demo.FILES)
    assert len(old) == OLD + 1 and len(new) == BOTH + 1 and len(kept) == 31
    ids = [{row[0] for row in table[1:]} for table in (old, new, kept)]
    assert ids[1] <= ids[0] and not ids[2] & ids[0]
    assert old[0][:4] == ["sample", "Moisture (%)", "Protein (%)", "1100 nm"]
    assert new[0][:2] == ["sample", "1100 nm"]


def test_the_laboratory_makes_the_files_again(tmp_path, corpus):
    from spektron_jax import LineCorpus

    write(draw(LineCorpus.load(), 0), tmp_path)
    for name in demo.FILES:
        paths = tmp_path / name, demo.path_of(name)
        made, ours = (list(csv.reader(p.read_text().splitlines())) for p in paths)
        assert [row[0] for row in made] == [row[0] for row in ours]
        first = 3 if name != "new_instrument.csv" else 1
        numbers = [
            np.array([row[first:] for row in table[1:]], float)
            for table in (made, ours)
        ]
        # Other processors round sums differently.
        np.testing.assert_allclose(*numbers, atol=5e-4)


def test_before_and_after(shown):
    found = json.loads((shown / "results.json").read_text())
    check = found["check"]
    assert check["transfer"] < 0.2 * check["no transfer"]
    first = found["verdict"][0]
    assert first["label"] == "before and after" and "30 samples" in first["text"]
    page = (shown / "report.html").read_text()
    assert page.index('id="before-after"') < page.index('id="warnings"')
    assert "GLSW" in page and "20 such pairs" in page
    for name in demo.FILES:
        assert (shown / name).exists()
    assert (shown / "model").is_dir()


def test_the_words_are_those_of_the_results():
    assert len(RESULTS) == 20 * len(PROPERTIES)
    better = sum(row["transfer"] < row["GLSW"] for row in RESULTS)
    inside = np.mean([row["inside"] for row in RESULTS])
    assert f"in {better} of {len(RESULTS)}" in HONEST
    assert f"{inside:.0%} of its".replace("%", " %") in HONEST
    names = ["no transfer", "slope and bias", "mean correction", "PDS", "GLSW"]
    for name in PROPERTIES:
        rows = [row for row in RESULTS if row["property"] == name]
        least = min(names, key=lambda n: np.median([row[n] for row in rows]))
        assert least == "GLSW"


def test_the_first_page_of_the_docs_says_what_the_demo_does(shown):
    page = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    page = " ".join(page.split("## The demo")[1].split("\n## ")[0].split())
    found = json.loads((shown / "results.json").read_text())
    (inside,) = re.findall(r"(\d+ of 30) lie in", found["verdict"][0]["text"])
    assert f"in the demo itself {inside} do" in page
    better = sum(row["transfer"] < row["GLSW"] for row in RESULTS)
    share = np.mean([row["inside"] for row in RESULTS])
    assert f"in {better} of {len(RESULTS)} cases" in page
    assert f"and {100 * share:.0f} % of the samples lay in" in page
    words = f"({OLD} labelled samples)", "(ten of them again)", "(30 others, with"
    assert BOTH == 10 and all(one in page for one in words)
