"""Pages in a real browser: no overflow, no request outside, no serious obstacle.

Needs chromium and playwright (`pip install playwright`); with `axe-core-python` too,
accessibility is checked.
"""

import csv
import importlib.util
import io
import shutil
from urllib.parse import unquote

import numpy as np
import pytest

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

pytestmark = pytest.mark.slow
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = (
    '=1+1"><img src=https://example.org/x onerror=alert(1)><script>alert(1)</script>'
)
LONG = "old_instrument_of_the_laboratory_to_new_instrument_unlabelled_2026"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
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
            Section("last", "Last", [Code("x" * 300), Text("end")]),
        ],
        facts=HOSTILE,
        headline=Headline("Prediction error (RMSEP)", "0.153", "1.92", "%", LONG),
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(result), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        yield started.chromium.launch(executable_path=BROWSER)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_a_page_fits_and_stays_alone(page, browser, width, scheme):
    tab = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    said, asked = [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: said.append(dialog.message))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(page.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("[...document.images].every(one => one.naturalWidth > 0)")
    back = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") is (scheme == "light")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "#verdict"
    tab.get_by_role("link", name="Last").press("Enter")
    assert tab.url.endswith("#last")
    assert tab.locator("abbr").first.get_attribute("title").startswith("root mean")
    assert not said
    assert all(url.startswith(("file:", "data:")) for url in asked)
    if importlib.util.find_spec("axe_core_python"):
        from axe_core_python.sync_playwright import Axe

        found = Axe().run(tab)["violations"]
        assert not [
            one["id"] for one in found if one["impact"] in ("serious", "critical")
        ]
    tab.close()


def test_numbers_of_a_figure_are_a_harmless_table(page, browser):
    tab = browser.new_page()
    tab.goto(page.as_uri())
    address = tab.get_by_role("link", name="Numbers (CSV)").get_attribute("href")
    rows = list(csv.reader(io.StringIO(unquote(address.split(",", 1)[1]))))
    assert rows == [["id", "y"], [f"'{HOSTILE}", "1"]]
    tab.close()
