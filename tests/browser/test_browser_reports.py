"""Journeys through the reports of every task in a real browser."""

import csv
import importlib.util
import io
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from spektron_jax.commands.prompt.run import main
from spektron_jax.commands.report import transfer_figures as figures
from spektron_jax.commands.report.html import render
from spektron_jax.commands.result import (
    Bullets,
    Code,
    Finding,
    Headline,
    Plot,
    Result,
    Section,
    Table,
    Text,
)

HOSTILE = (
    '=1+1"><img src=https://example.org/x onerror=alert(1)><script>alert(1)</script>'
)
LONG = "old_instrument_of_the_laboratory_to_new_instrument_unlabelled_2026"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """A page whose every text tries to be more than text."""
    y = np.linspace(9, 11, 12)
    figure = figures.predicted_against_measured(
        y, {HOSTILE: y + 0.1, "b": y}, None, "%"
    )
    wide = [["a method with a name", "0.128", "[0.116, 0.139]", *["1.25"] * 6, "text"]]
    result = Result(
        f"Calibration transfer: {LONG}",
        [Finding(True, "use this model", HOSTILE), Finding(False, "risk", "R² and T²")],
        [
            Section("warnings", "Warnings", [Bullets(["f0" * 32, HOSTILE])]),
            Section("wide", "Methods", [Table([f"c{k}" for k in range(10)], wide)]),
            Section(
                "plot", "Plot", [Plot(figure, "RMSEP", {"id": [HOSTILE], "y": [1]})]
            ),
            Section("last", "Last", [Code("x" * 300, summary=HOSTILE), Text("end")]),
        ],
        facts=HOSTILE,
        headline=Headline("Prediction error (RMSEP)", "0.153", "1.92", "%", LONG),
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(result), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def transfer_page(transferred):
    return transferred / "out" / "report.html"


@pytest.fixture(scope="session")
def identify_page(transferred):
    """The unknown spectra are the new instrument's, the library the old one's."""
    files = [str(transferred / f"{name}_instrument.csv") for name in ("old", "new")]
    out = transferred / "identify"
    settings = ["--weights=", "--no-progress", f"--out={out}"]
    assert main(["identify", *files, *settings]) == 0
    return out / "report.html"


@pytest.fixture(scope="session")
def monitor_page(transferred):
    out = transferred / "monitor"
    files = [str(transferred / "out"), str(transferred / "new_samples.csv")]
    settings = [f"--log={transferred / 'log.csv'}", "--when=2026-11-29", f"--out={out}"]
    assert main(["monitor", *files, *settings]) in (0, 3)
    return out / "report.html"


@pytest.fixture(scope="session")
def pretrain_page(tmp_path_factory):
    """The page of planted results, as the tests of that page write it."""
    path = Path(__file__).parents[1] / "commands" / "report" / "test_pretrain_page.py"
    spec = importlib.util.spec_from_file_location("planted_pretraining", path)
    planted = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(planted)
    return planted.write_page(tmp_path_factory.mktemp("pretrain"))


KINDS = ["hostile", "transfer_page", "identify_page", "monitor_page", "pretrain_page"]


@pytest.fixture(params=KINDS)
def page(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_fits_and_stays_alone(open_tab, page, width, scheme):
    tab = open_tab(page.as_uri(), width, scheme)
    tab.fits()
    assert tab.page.evaluate("[...document.images].every(one => one.naturalWidth > 0)")
    back = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") is (scheme == "light")
    assert page.stat().st_size < 800_000
    tab.accessible()


def test_the_contents_lead_to_every_section_by_keyboard(open_tab, page, width):
    tab = open_tab(page.as_uri(), width)
    links = tab.page.locator("nav a")
    for number in range(links.count()):
        tab.tab_to("nav a", 1)
        wanted = links.nth(number).get_attribute("href")
        tab.page.keyboard.press("Enter")
        assert tab.page.url.endswith(wanted)
        top = tab.page.locator(f"h2{wanted}").bounding_box()["y"]
        assert -1 <= top < 900
        links.nth(number).focus()
    tab.tab_to("details summary")
    tab.page.keyboard.press("Enter")
    assert tab.page.locator("details[open] pre").is_visible()


def test_words_explain_themselves(open_tab, transfer_page, width):
    tab = open_tab(transfer_page.as_uri(), width)
    first = tab.page.locator("abbr").first
    assert len(first.get_attribute("title")) > 20
    terms = tab.page.locator("#glossary + dl dt").all_inner_texts()
    assert "RMSEP" in terms or "RMSE" in terms


def test_a_report_on_paper(open_tab, page):
    tab = open_tab(page.as_uri(), 1400, "dark")
    tab.page.emulate_media(media="print", color_scheme="light")
    assert tab.page.locator("nav").is_hidden()
    assert tab.page.locator("h1").is_visible()
    assert tab.page.pdf(format="A4")[:4] == b"%PDF"


def test_numbers_of_a_figure_are_a_harmless_table(open_tab, hostile, width):
    tab = open_tab(hostile.as_uri(), width)
    link = tab.page.get_by_role("link", name="Numbers (CSV)")
    text = unquote(link.get_attribute("href").split(",", 1)[1])
    assert [*csv.reader(io.StringIO(text))] == [["id", "y"], [f"'{HOSTILE}", "1"]]
    with tab.page.expect_download() as download:
        link.press("Enter")
    assert download.value.suggested_filename == "plot.csv"


def test_the_headline_comes_first(open_tab, transfer_page, width):
    tab = open_tab(transfer_page.as_uri(), width)
    head = tab.page.locator(".headline")
    assert head.bounding_box()["y"] < 900 and "→" in head.inner_text()
    assert tab.page.locator(".verdict li").first.is_visible()
    tables = tab.page.locator("td.number")
    assert tables.count() > 5
    aligned = "all => all.every(one => getComputedStyle(one).textAlign === 'right')"
    assert tables.evaluate_all(aligned)
