"""What a report may not say: no claim without evidence, no verdict against itself."""

import re
from dataclasses import replace

import numpy as np
import pytest

from spektron_jax.commands.report import transfer as page
from spektron_jax.commands.report.html import numeric, render
from spektron_jax.commands.report.transfer_outlook import headline, next_steps
from spektron_jax.commands.report.transfer_summary import (
    Compared,
    Counts,
    LeftOut,
    MethodErrors,
    Names,
    Summary,
)
from spektron_jax.commands.report.transfer_verdict import verdict
from spektron_jax.commands.report.wording import decimals
from spektron_jax.commands.result import Headline, Plot, Result, Section, Table, Text

SUMMARY = Summary(
    regime="10 labelled paired target spectra",
    names=Names("old", "new", "fat", "%", "unknown"),
    axis_unit="nm",
    samples=Counts(source=64, target=10, all=80),
    network_share=0.0,
    prior_share=0.0,
    weights=None,
    provenance={},
    coverage=0.9,
    interval="calibrated",
    warnings=[],
    forecast={"level": "high", "text": "Do not use it without transfer."},
    poor_probability=None,
    left_out=LeftOut(10, 0.2, 2.0, 1.6),
    flags={"in domain": 29, "extrapolating": 1},
    labels=80,
)


def row(method, rmsep, n=48):
    spread = rmsep * 0.9, rmsep * 1.1
    return MethodErrors(method, rmsep, *spread, 0.0, rmsep, 0.5, 0.1, 2.5, 3.0, n)


def compared_of(ahead=(), clear=(), tested=48, more_labels=54, ceiling=0.19):
    """The ensemble at 0.2 with methods ahead of it, some of them clearly."""
    table = [row("combination", 0.2), row("no transfer", 1.6), row("DS", 0.4)]
    table += [row(name, 0.1 + 0.01 * k) for k, name in enumerate(ahead)]
    table.append(row("all target labels", ceiling))
    differences = {}
    for each in table[1:]:
        change = 0.2 - each.rmsep
        half = 0.01 if each.method in clear or each.rmsep > 0.3 else 1.0
        ends = {"low": change - half, "high": change + half}
        differences[each.method] = {"difference": change, **ends}
    table.sort(key=lambda each: each.rmsep)
    more = {"tested": tested, "more_labels": more_labels}
    return Compared(table, "combination", differences, trials=15, **more)


def said(compared, summary=SUMMARY):
    return {found.label: found for found in verdict(summary, compared)}


def test_nothing_is_said_of_more_samples_where_no_more_were_tried():
    labels = said(compared_of(more_labels=0, ceiling=0.2))
    assert not [name for name in labels if "samples" in name]


@pytest.mark.parametrize("ceiling, good", [(0.195, True), (0.1, None)])
def test_enough_samples_rests_on_labels_that_were_there(ceiling, good):
    found = said(compared_of(clear=("all target labels",), ceiling=ceiling))
    label = "enough samples" if good else "more samples can help"
    assert found[label].good is good and "54 labels more" in found[label].text


def test_a_difference_of_chance_is_no_call_for_more_samples():
    found = said(compared_of(ceiling=0.15))
    assert found["whether more samples help is open"].good is None


@pytest.mark.parametrize("tested", [2, 6, 19])
def test_few_held_out_samples_rank_nothing_and_are_said(tested):
    compared = compared_of(("PDS", "GLSW"), ("PDS", "GLSW"), tested)
    found = said(compared)
    assert "methods not ranked" in found and "enough samples" not in found
    assert not any("better" in label for label in found)
    assert found["use this model, few samples tested"].good is None
    first = found["use this model, few samples tested"].text
    (told,) = page.warnings(SUMMARY, compared).parts[0].items
    assert f"rests on {tested} held-out samples" in told
    assert f"{tested} samples are few" in first
    assert f"{tested} held-out samples" in headline(SUMMARY, compared).note
    assert "by chance alone" in headline(SUMMARY, compared).note
    table = page.comparison(SUMMARY, compared)[0].parts[0]
    readings = {cells[-1] for cells in table.rows}
    assert readings == {"", "too few samples"}
    steps = " ".join(next_steps(SUMMARY, compared, []))
    assert "20 or more samples with reference values" in steps


def test_every_method_that_is_ahead_is_named():
    found = said(compared_of(("PDS", "GLSW", "CORAL"), ("PDS", "GLSW")))
    assert found["PDS, GLSW are better here"].good is False
    text = found["PDS, GLSW are better here"].text
    assert "flatters PDS and GLSW" in text
    open_text = said(compared_of(("PDS", "GLSW", "CORAL")))["PDS would do as well"].text
    assert "Lower RMSEP than the ensemble's: PDS; GLSW; CORAL." in open_text


def test_the_risk_is_told_as_before_and_after():
    found = said(compared_of())
    (label,) = [name for name in found if name.startswith("risk")]
    assert label == "risk before the transfer: high; after: low"
    assert found[label].good and "Do not use" not in found[label].text
    assert "29 of 30 target spectra" in found[label].text
    worse = replace(SUMMARY, flags={"in domain": 20, "unlike anything": 10})
    (label,) = [name for name in said(compared_of(), worse) if name.startswith("risk")]
    assert label.endswith("after: raised")
    unknown = replace(SUMMARY, flags={})
    assert "risk before the transfer: high" in said(compared_of(), unknown)


def test_the_headline_is_there_with_and_without_a_comparison():
    found = headline(SUMMARY, compared_of())
    assert (found.before, found.after, found.unit) == ("1.60", "0.200", "%")
    assert "48 held-out samples in 15 splits" in found.note
    first = headline(SUMMARY, Compared())
    assert (first.before, first.after) == ("1.60", "0.200")
    assert "10 labelled target samples themselves" in first.note
    assert re.search(r"other 10 samples give 0\.7 to 1\.8 times", first.note)
    assert headline(replace(SUMMARY, left_out=None), Compared()) is None
    unknown = replace(SUMMARY, left_out=LeftOut(4, 0.2, 2.0))
    assert headline(unknown, Compared()).before == ""


def test_next_steps_name_samples_and_what_is_missing():
    few = replace(SUMMARY, samples=Counts(64, 3, 80), failed_checks=["copies"])
    steps = next_steps(few, Compared(), ["s1", "s2"])
    assert steps[0].startswith("Put right") and "s1, s2" in steps[1]
    assert "7 more transfer samples" in steps[2]


def test_figures_of_merit_are_those_of_the_headline():
    y = np.array([1.0, 2, 3, 4])
    compared = replace(compared_of(), slopes={"combination": -0.5})
    section = page.before_after(SUMMARY, "abcd", y, y - 1, y + 0.1, y * 0, compared)
    table = section.parts[1]
    rows = {cells[0]: cells[1:] for cells in table.rows}
    assert rows["this transfer (ensemble)"][1] == "0.200"
    assert rows["this transfer (ensemble)"][4] == "\u22120.50"
    assert list(section.parts[0].numbers) == [
        *("sample", "measured"),
        *("no transfer (old model as it is)", "this transfer (ensemble)"),
    ]
    alone = page.before_after(SUMMARY, "abcd", y, np.full(4, np.nan), y + 0.1)
    (only,) = alone.parts[1].rows
    assert only[2] == "0.100" and "4 samples are few" in alone.parts[2].text


def test_samples_outside_the_domain_are_named_farthest_first():
    given = {
        "id": np.array(["a", "b", "c"]),
        "prediction": np.ones(3),
        "flag": np.array(["extrapolating", "in domain", "unlike anything"]),
        "t2": np.array([1.2, 0.1, 0.3]),
        "q": np.array([0.1, 0.1, 20.0]),
    }
    names, (table,) = page.odd_samples(SUMMARY, given)
    assert names == ["c", "a"] and table.rows[0][-1] == "20.00"
    inside = {k: v[1:2] for k, v in given.items()}
    names, (text,) = page.odd_samples(SUMMARY, inside)
    assert not names and "No target spectrum" in text.text


def test_numbers_of_a_column_have_the_same_decimals():
    write = decimals([0.153, 0.128, 1.92])
    assert [write(v) for v in (0.153, 1.92, 4e-5, -0.05)] == [
        *("0.153", "1.920", "0.000", "\u22120.050")
    ]
    assert decimals([])(1.5) == "1.50" or decimals([])(1.5) == "2"
    assert decimals([1e-9])(1e-9) == "1.00 × 10⁻⁹"
    table = Table(["a", "b", "c"], [["x", "1.2 [1, 2]", "1 word"], ["y", "", "2"]])
    assert numeric(table) == {1}


HOSTILE = '=1+1"><script>alert(1)</script>'


def test_what_a_user_wrote_is_text_everywhere_on_the_page():
    from matplotlib.figure import Figure

    result = Result(
        HOSTILE,
        headline=Headline(HOSTILE, "1", "2", HOSTILE, HOSTILE),
        facts=HOSTILE,
        sections=[
            Section("one", HOSTILE, [Text(HOSTILE), Table([HOSTILE], [[HOSTILE]])]),
            Section("two", "t", [Plot(Figure(), HOSTILE, {HOSTILE: [HOSTILE]})]),
        ],
    )
    html = render(result)
    assert "<script" not in html and "default-src 'none'" in html
    (link,) = re.findall(r'href="(data:text/csv[^"]*)"', html)
    assert "%27%3D1%2B1" in link  # a quote before what a spreadsheet would calculate


def test_words_are_explained_once_and_listed():
    html = render(Result("t", facts="RMSEP and RMSEP, Q; NIRQ", sections=[]))
    assert html.count("<abbr") == 2 and "<dt>RMSEP</dt>" in html
    assert 'href="#glossary"' in html
    assert "glossary" not in render(Result("t", facts="nothing"))


def test_more_samples_are_promised_from_five_on():
    said = {one.label: one.text for one in verdict(SUMMARY, Compared())}
    assert (
        "from 0.200 % to 0.191 % (0.145 to 0.224 in nine"
        in said["what more labels give"]
    )
    few = replace(SUMMARY, left_out=LeftOut(4, 0.2, 2.0, 1.6))
    for summary in (few, replace(SUMMARY, left_out=None)):
        labels = [one.label for one in verdict(summary, Compared())]
        assert "what more labels give" not in labels
