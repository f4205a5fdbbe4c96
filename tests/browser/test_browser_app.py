"""Journeys through the local app in a real browser."""

import csv
import io
import re
import zipfile
from dataclasses import replace

import numpy as np

from spektron_jax import demo, read
from spektron_jax.spectra import spectra_file

READ_MS, RUN_MS = 120_000, 240_000  # a busy computer is no fault of the page
FILE = "section:not([hidden]) input[type=file]"


def put(tab, place, *paths):
    """Choose files for a place, and wait until they were read."""
    tab.page.locator(FILE).nth(place).set_input_files([str(path) for path in paths])
    settled(tab, place)


def settled(tab, place):
    """The place of files, once they were read or refused."""
    slot = tab.page.locator("section:not([hidden]) .slot").nth(place)
    done = slot.get_by_role("status").filter(
        has_text=re.compile(r"^(?!Reading|Taking).")
    )
    done.wait_for(timeout=READ_MS)
    return slot


def quick(tab):
    """Without what takes minutes."""
    tab.page.get_by_label("Compare with other methods").uncheck()
    tab.page.locator("section:not([hidden]) summary").first.click()
    tab.page.locator("section:not([hidden])").get_by_label("Use the network").uncheck()


def begin(tab, button):
    tab.page.locator("section:not([hidden])").get_by_role(
        "button", name=button, exact=True
    ).click()


def result(tab):
    """The line that says how a job went, once it has ended."""
    line = tab.page.locator("section:not([hidden]) .row span[role=status]").last
    line.filter(has_text=re.compile("Done|Stopped|:")).wait_for(timeout=RUN_MS)
    return line.inner_text()


def report(tab):
    frame = tab.page.frame_locator("section:not([hidden]) iframe")
    frame.locator("#verdict").wait_for(timeout=RUN_MS)
    return frame


def saved(tab, role, name):
    with tab.page.expect_download(timeout=READ_MS) as download:
        tab.page.locator("section:not([hidden])").get_by_role(
            role, name=name, exact=True
        ).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def offer_of(tab):
    said = tab.page.get_by_text("in both files")
    said.wait_for(timeout=READ_MS)
    return said.inner_text()


def test_the_start_says_what_can_be_done(open_app, width):
    tab = open_app(width)
    links = tab.page.get_by_role("navigation").get_by_role("link")
    assert links.all_inner_texts() == ["Transfer", "Predict", "Identify", "Monitor"]
    for link in links.all():
        link.click()
        assert tab.page.title() == f"spektron: {link.inner_text()}"
        assert link.get_attribute("aria-current") == "page"
        assert tab.page.locator("h1:visible").inner_text() == link.inner_text()
        tab.fits()
        tab.accessible()
    begin(tab, "Enter the control")
    said = tab.page.get_by_role("alert").filter(has_text="Model: give a file")
    said.wait_for(timeout=READ_MS)
    tab.expected = ("400",)


def test_two_files_to_a_verdict_in_four_clicks(open_app, transferred, width):
    tab = open_app(width)
    tab.page.evaluate(
        "addEventListener('click', () => window.clicks = (window.clicks || 0) + 1)"
    )
    for place, name in enumerate(("old", "new")):
        with tab.page.expect_file_chooser() as chooser:
            tab.page.locator(FILE).nth(place).click()
        chooser.value.set_files(str(transferred / f"{name}_instrument.csv"))
        text = settled(tab, place).inner_text()
        assert "1100 to" in text and "nm" in text
    assert offer_of(tab).startswith("10 sample names stand in both")
    assert tab.page.locator(".slot img").count() == 2
    tab.fits()
    tab.accessible()
    begin(tab, "Transfer")
    frame = report(tab)
    assert tab.page.evaluate("window.clicks") <= 4
    assert "RMSE" in frame.locator(".headline").inner_text()
    tab.page.get_by_text("more is being added").wait_for(timeout=READ_MS)
    tab.accessible()
    tab.page.locator("section:not([hidden])").get_by_role("button", name="Stop").click()
    assert result(tab) == "Stopped."
    tab.fits()
    name, content = saved(tab, "link", "Model")
    assert name == "model.zip"
    assert "model/manifest.json" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    name, content = saved(tab, "button", "Calculator (a page)")
    assert name == "calculator.html" and b"Moisture: calculator" in content
    name, content = saved(tab, "link", "Predictions (CSV)")
    assert name == "predictions.csv" and b"transfer sample" in content


def test_files_are_dropped(open_app, transferred, width):
    tab = open_app(width)
    for place, name in enumerate(("old", "new")):
        text = (transferred / f"{name}_instrument.csv").read_text()
        make = (
            "([name, text]) => { const data = new DataTransfer();"
            "data.items.add(new File([text], name)); return data; }"
        )
        data = tab.page.evaluate_handle(make, [f"{name}.csv", text])
        box = tab.page.locator("section:not([hidden]) .slot").nth(place)
        box.dispatch_event("dragover", {"dataTransfer": data})
        assert "over" in box.get_attribute("class")
        box.dispatch_event("drop", {"dataTransfer": data})
        settled(tab, place)
    assert offer_of(tab)
    # What misses a place does not replace the page.
    tab.page.locator("h1:visible").dispatch_event("drop", {"dataTransfer": data})
    assert tab.page.locator("h1:visible").inner_text() == "Transfer"


def test_by_keyboard_alone(open_app, transferred, width):
    tab = open_app(width)
    for place, name in enumerate(("old", "new")):
        tab.tab_to(FILE)
        with tab.page.expect_file_chooser() as chooser:
            tab.page.keyboard.press("Space")
        chooser.value.set_files(str(transferred / f"{name}_instrument.csv"))
        settled(tab, place)
    offer_of(tab)
    tab.tab_to("#transfer-property")
    tab.page.keyboard.press("ArrowDown")
    assert tab.page.locator("#transfer-property").input_value() == "Protein"
    tab.tab_to("#transfer-compare")
    tab.page.keyboard.press("Space")
    tab.tab_to("button.main")
    tab.page.keyboard.press("Enter")
    frame = report(tab)
    assert "Protein" in frame.locator("h1").inner_text()
    assert result(tab).startswith("Done in")
    tab.tab_to("section:not([hidden]) iframe + p a, section:not([hidden]) iframe")
    seen = tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert (
        seen != "none"
        or tab.page.evaluate("document.activeElement.tagName") == "IFRAME"
    )


def test_predict_with_a_model_that_was_kept(open_app, transferred, width):
    tab = open_app(width, "Predict")
    put(tab, 0, transferred / "model.zip")
    put(tab, 1, transferred / "new_samples.csv")
    begin(tab, "Predict")
    assert result(tab).startswith("Done in")
    rows = tab.page.locator("section:not([hidden]) tbody tr")
    assert rows.count() == 30
    name, content = saved(tab, "link", "Predictions (CSV)")
    table = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    shown = [float(row.locator("td").nth(1).inner_text()) for row in rows.all()]
    wanted = [float(row["prediction"]) for row in table]
    np.testing.assert_allclose(shown, wanted, atol=0.01)
    tab.fits()
    tab.accessible()


def test_controls_of_two_days(open_app, transferred, tmp_path, width):
    tab = open_app(width, "Monitor")
    put(tab, 0, transferred / "model.zip")
    put(tab, 1, transferred / "new_samples.csv")
    for number in (1, 2):
        tab.page.locator("#monitor-when").fill(f"2026-11-0{number}")
        begin(tab, "Enter the control")
        frame = report(tab)
        facts = frame.get_by_text(re.compile(f"^{number} controls in"))
        facts.wait_for(timeout=RUN_MS)
        assert result(tab).startswith("Done in")
    _, log = saved(tab, "link", "Log (CSV)")
    assert len(log.decode().strip().splitlines()) == 3
    tab.fits()
    # The log that was taken along is resumed in another visit.
    later = open_app(width, "Monitor")
    (tmp_path / "control.csv").write_bytes(log)
    put(later, 0, transferred / "model.zip")
    put(later, 1, transferred / "new_samples.csv")
    put(later, 3, tmp_path / "control.csv")
    later.page.locator("#monitor-when").fill("2026-11-03")
    begin(later, "Enter the control")
    report(later).get_by_text("3 controls in control.csv").wait_for(timeout=RUN_MS)


def write_peaks(path, names, shift=0.0):
    """Raman-like spectra of compounds."""
    axis, rng = np.arange(400.0, 1800.0, 4.0), np.random.default_rng(3)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", *(f"{x:g} cm-1" for x in axis)])
        for name in names:
            centres = rng.uniform(500, 1700, (7, 1)) + shift
            heights = rng.uniform(0.3, 1, (7, 1))
            spectrum = (heights * np.exp(-(((axis - centres) / 12) ** 2))).sum(0)
            table.writerow([name, *np.round(0.1 + spectrum, 5)])
    return path


def test_what_is_this_spectrum(open_app, tmp_path, width):
    tab = open_app(width, "Identify")
    names = [f"compound {k}" for k in range(12)]
    put(tab, 0, write_peaks(tmp_path / "library.csv", names))
    put(tab, 1, write_peaks(tmp_path / "unknown.csv", ["a", "b"], 1.0))
    tab.page.locator("section:not([hidden])").get_by_label("Use the network").uncheck()
    tab.page.locator("section:not([hidden]) summary").first.click()
    tab.page.locator("#identify-modality").select_option("Raman")
    settled(tab, 1)
    begin(tab, "Identify")
    frame = report(tab)
    assert "compound 0" in frame.locator(".verdict").inner_text()
    assert result(tab).startswith("Done in")
    _, hits = saved(tab, "link", "Hits (CSV)")
    assert b"compound 0" in hits
    tab.fits()


def test_a_file_that_does_not_name_its_unit(open_app, transferred, tmp_path, width):
    text = (transferred / "old_instrument.csv").read_text().replace(" nm", "")
    (tmp_path / "bare.csv").write_text(text)
    tab = open_app(width)
    put(tab, 0, tmp_path / "bare.csv")
    slot = tab.page.locator("section:not([hidden]) .slot").first
    told = slot.get_by_role("status").inner_text()
    assert told.startswith("bare.csv") and "“Unit of the axis”" in told
    tab.fits()
    tab.accessible()
    tab.page.locator("#transfer-unit").select_option("nm")
    slot.locator("dl").wait_for(timeout=READ_MS)
    assert "1100 to" in slot.inner_text()
    assert tab.page.locator("#transfer-property option").all_inner_texts() == [
        "Moisture",
        "Protein",
        "all",
    ]


def test_reference_values_in_a_table_of_their_own(
    open_app, transferred, tmp_path, width
):
    with (transferred / "old_instrument.csv").open() as file:
        rows = list(csv.reader(file))
    for name, columns in (
        ("spectra.csv", [0, *range(3, len(rows[0]))]),
        ("values.csv", [0, 2]),
    ):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([row[k] for k in columns] for row in rows)
    tab = open_app(width)
    put(tab, 0, tmp_path / "spectra.csv")
    put(tab, 1, transferred / "new_instrument.csv")
    assert "No reference values were found" in offer_of(tab)
    put(tab, 2, tmp_path / "values.csv")
    quick(tab)
    begin(tab, "Transfer")
    assert "Protein" in report(tab).locator("h1").inner_text()


def test_several_instruments_in_one_file(open_app, tmp_path, width):
    one = read(demo.path_of("old_instrument.csv"))
    (spectra,) = one.instruments.values()
    both = replace(one, instruments={"m5": spectra, "mp6": spectra}, notes=[])
    spectra_file.save(tmp_path / "both.h5", both)
    tab = open_app(width)
    put(tab, 0, tmp_path / "both.h5")
    put(tab, 1, tmp_path / "both.h5")
    offer_of(tab)
    tab.page.locator("section:not([hidden]) summary").first.click()
    assert tab.page.locator("#transfer-source").input_value() == "m5"
    assert tab.page.locator("#transfer-target").input_value() == "mp6"
    tab.fits()


def test_who_comes_second_waits_and_may_stop(open_app, transferred, width):
    first, second = open_app(width), open_app(width)
    for tab in (first, second):
        for place, name in enumerate(("old", "new")):
            put(tab, place, transferred / f"{name}_instrument.csv")
        offer_of(tab)
    begin(first, "Transfer")
    first.page.locator("section:not([hidden]) progress").wait_for()
    begin(second, "Transfer")
    alert = second.page.get_by_role("alert")
    alert.get_by_text("wait until it has ended").wait_for()
    assert "on another page" in alert.inner_text()
    second.expected = ("409",)
    first.page.locator("section:not([hidden])").get_by_role(
        "button", name="Stop"
    ).click()
    assert result(first) == "Stopped."
    quick(second)
    begin(second, "Transfer")
    report(second)


def test_removed_and_chosen_anew(open_app, transferred, width):
    tab = open_app(width)
    put(tab, 0, transferred / "new_instrument.csv")
    tab.page.get_by_role("button", name="Remove the files of Old instrument").press(
        "Enter"
    )
    slot = tab.page.locator("section:not([hidden]) .slot").first
    slot.locator("dl").wait_for(state="detached")
    put(tab, 0, transferred / "old_instrument.csv")
    assert "Protein" in slot.inner_text()


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_end_of_a_visit_removes_its_files(app, open_app, transferred, width):
    tab = open_app(width)
    put(tab, 0, transferred / "old_instrument.csv")
    visit = tab.page.evaluate("began.visit")
    (folder,) = app[1].rglob(visit)
    assert files_of(folder)
    tab.page.get_by_role("button", name="Close and remove files").click()
    tab.page.get_by_text("All files are removed").wait_for()
    assert not folder.exists()
    tab.fits()
    tab.accessible()


def test_loaded_anew_it_begins_anew(app, open_app, transferred, width):
    tab = open_app(width)
    put(tab, 0, transferred / "old_instrument.csv")
    visit = tab.page.evaluate("began.visit")
    (folder,) = app[1].rglob(visit)
    tab.page.reload()
    tab.page.wait_for_selector("h1:visible")
    assert tab.page.evaluate("began.visit") != visit
    for _ in range(60):
        if not folder.exists():
            break
        tab.page.wait_for_timeout(1000)
    assert not folder.exists()


def test_a_folder_of_files_and_the_dark(open_app, tmp_path, width):
    names = [f"compound {k}" for k in range(4)]
    write_peaks(tmp_path / "all.csv", names)
    header, *rows = (tmp_path / "all.csv").read_text().strip().splitlines()
    paths = []
    for number, row in enumerate(rows):
        paths.append(tmp_path / f"{number}.csv")
        paths[-1].write_text(f"{header}\n{row}\n")
    tab = open_app(width, "Identify", scheme="dark")
    put(tab, 0, *paths)
    slot = tab.page.locator("section:not([hidden]) .slot").first
    assert "Read from 4 files" in slot.inner_text() and "4: " in slot.inner_text()
    back = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == "rgb(23, 23, 23)"
    tab.fits()
    tab.accessible()
