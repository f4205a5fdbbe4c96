"""Journeys through an exported calculator in a real browser, without a network."""

import csv
import io

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer

HOSTILE = "=cmd|' /C calc'!A0<img src=x onerror=alert(1)>"
pytestmark = pytest.mark.filterwarnings("ignore::spektron_jax.errors.SpektronWarning")


@pytest.fixture(scope="module")
def fitted(instruments):
    X_s, axis, X_t, _, y = instruments()
    rows = np.arange(10)
    ct = CalibrationTransfer(None)
    ct.fit(X_s[:24], y[:24], axis, X_t[rows], y_target=y[rows], paired=rows)
    ct.about_ = {"property": HOSTILE, "quantity": "absorbance", "property_unit": "%"}
    return ct, axis, X_t[24:]


@pytest.fixture(scope="module")
def page(fitted, tmp_path_factory):
    return fitted[0].export(tmp_path_factory.mktemp("page") / "calculator.html")


@pytest.fixture
def open_page(open_tab, page):
    return lambda width, **kw: open_tab(page.as_uri(), width, offline=True, **kw)


@pytest.fixture
def write(fitted, tmp_path):
    _, axis, X = fitted

    def one(name="spectra.csv", axis=axis, names="abcdef"):
        path = tmp_path / name
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["id", *axis])
            table.writerows([n, *x] for n, x in zip(names, X, strict=False))
        return path

    return one


def values(tab):
    tab.page.wait_for_selector("#rows tr:nth-child(6)")
    cells = tab.page.locator("#rows td:nth-child(2)").all_inner_texts()
    return [float(cell) for cell in cells]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_files_in_values_out(open_page, write, fitted, width, scheme):
    ct, _, X = fitted
    tab = open_page(width, scheme=scheme)
    tab.accessible()
    tab.page.set_input_files("#files", [write()])
    np.testing.assert_allclose(values(tab), ct.predict(X), atol=0.02)
    assert tab.page.locator("#picture polyline").count() == len(X) + 1
    flags = tab.page.locator("#rows td:nth-child(3)").all_inner_texts()
    assert [flag.partition(";")[0] for flag in flags] == ct.applicability(X).tolist()
    tab.fits()
    tab.accessible()


def test_a_calculator_by_keyboard(open_page, write, width):
    tab = open_page(width)
    tab.tab_to("#files")
    with tab.page.expect_file_chooser() as chooser:
        tab.page.keyboard.press("Space")
    chooser.value.set_files(write())
    values(tab)
    tab.tab_to("#download")
    with tab.page.expect_download() as download:
        tab.page.keyboard.press("Enter")
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert len(list(csv.reader(io.StringIO(text)))) == 7
    tab.tab_to("#clear")
    tab.page.keyboard.press("Enter")
    assert tab.page.locator("#results").is_hidden()


def test_a_wrong_axis_gets_no_number(open_page, write, fitted, width):
    tab = open_page(width)
    tab.page.set_input_files("#files", [write("wrong.csv", fitted[1] + 1)])
    tab.page.wait_for_selector("#refused li")
    assert "wrong axis" in tab.page.locator("#refused").inner_text()
    assert tab.page.locator("#rows tr").count() == 0
    tab.fits()
    tab.accessible()


def test_dropped_on_the_calculator(open_page, write, fitted, width):
    tab = open_page(width)
    make = (
        "text => { const data = new DataTransfer();"
        "data.items.add(new File([text], 'dropped.csv')); return data; }"
    )
    data = tab.page.evaluate_handle(make, write().read_text())
    tab.page.locator("#drop").dispatch_event("drop", {"dataTransfer": data})
    ct, _, X = fitted
    np.testing.assert_allclose(values(tab), ct.predict(X), atol=0.02)


def test_hostile_names_in_the_calculator(open_page, write, width):
    """Names of property, file and samples are text on the page and in its table."""
    tab = open_page(width)
    path = write("<img src=x onerror=alert(1)>.csv", names=[HOSTILE, *"bcdef"])
    tab.page.set_input_files("#files", [path])
    values(tab)
    assert tab.page.locator("#rows td:first-child").first.inner_text() == HOSTILE
    assert HOSTILE in tab.page.locator("h1").inner_text()
    assert tab.page.locator("img").count() == 0
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Download").click()
    assert "'=cmd" in download.value.path().read_text(encoding="utf-8-sig")
    tab.fits()
