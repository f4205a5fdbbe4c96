"""Words of the verdict for numbers of either sign, and escaping."""

from dataclasses import replace

import numpy as np
import pytest

from spektron_jax.commands.report import transfer as page
from spektron_jax.commands.report.html import render
from spektron_jax.commands.report.transfer_summary import (
    Compared,
    Counts,
    LeftOut,
    MethodErrors,
    Names,
    Summary,
)
from spektron_jax.commands.report.transfer_verdict import clearly, verdict
from spektron_jax.commands.result import Result
from spektron_jax.metrics import agreement
from spektron_jax.transfer.intervals import TOO_WIDE
from spektron_jax.transfer.usefulness import use_of

METHODS = ("combination", "without network", "no transfer", "GLSW")


SUMMARY = Summary(
    regime="10 labelled paired target spectra",
    names=Names("A", "<B>", "fat", "%", "absorbance"),
    axis_unit="nm",
    samples=Counts(source=64, target=10, all=80),
    network_share=0.2,
    prior_share=0.0,
    weights="nano",
    provenance={"weights": "<nano>"},
    coverage=0.9,
    interval="calibrated",
    warnings=["a < b"],
    forecast=None,
    poor_probability=None,
    left_out=None,
)


def compared_of(rmsep, differences, **more):
    table = [
        MethodErrors(
            *(name, value, value * 0.9, value * 1.1),
            *(0.0, value, 0.5, 0.1, 1 / value, 1.3 / value, 48),
        )
        for name, value in zip(METHODS, rmsep, strict=True)
    ]
    return Compared(
        sorted(table, key=lambda row: row.rmsep),
        "combination",
        dict(zip(METHODS[1:], map(change, differences), strict=True)),
        trials=15,
        **more,
    )


def change(difference, half=0.01):
    return {
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
    }


@pytest.mark.parametrize(
    "rmsep, differences, labels",
    [
        (
            (0.2, 0.3, 2.0, 0.3),
            (-0.1, -1.8, -0.1),
            ["use this model", "better than any single method", "the network helps"],
        ),
        (
            (0.3, 0.3, 2.0, 0.2),
            (0.0, -1.7, 0.1),
            ["use this model", "GLSW is better here", "the network does not help here"],
        ),
        (
            (0.3, 0.2, 0.2, 0.3),
            (0.1, 0.1, 0.0),
            ["do not transfer", "GLSW would do as well", "the network does harm here"],
        ),
        (
            (0.9, 0.9, 2.0, 0.9),
            (0.0, -1.1, 0.0),
            ["not good enough", "GLSW would do as well"],
        ),
    ],
)
def test_the_verdict_follows_the_numbers(rmsep, differences, labels):
    found = verdict(SUMMARY, compared_of(rmsep, differences))
    assert [each.label for each in found][: len(labels)] == labels


def labels_of(share, prior, difference, weights="nano"):
    compared = compared_of((0.3, 0.3, 2.0, 0.2), [difference, -1.7, 0.1])
    shares = {"network_share": share, "prior_share": prior, "weights": weights}
    return [each.label for each in verdict(replace(SUMMARY, **shares), compared)][2:4]


def test_a_network_without_weight_does_neither_good_nor_harm():
    for difference in (0.1, -0.1):
        labels = labels_of(0.001, 0.0, difference)
        assert labels[0] == "the network does not help here"


def test_a_transfer_network_is_said_in_its_own_words():
    for share, words in ((0.06, "It moved 6 % of"), (0.0, "It takes no part")):
        own = replace(SUMMARY, network_share=share, network_gain=(-0.04, 0.016))
        found = verdict(own, compared_of((0.3, 0.3, 2.0, 0.2), (0.1, -1.7, 0.1)))
        (one,) = [each for each in found if each.label == "transfer network"]
        assert one.text.startswith(words) and "-0.040 ± 0.016" in one.text
        assert not any("encoder" in each.text for each in found)


def test_with_labels_the_prior_is_judged_and_the_encoder_has_no_part():
    assert labels_of(0, 0.4, -0.1) == ["network", "the learned prior helps"]
    assert labels_of(0, 0.4, 0.0, None)[0] == "the learned prior does not help here"
    assert labels_of(0, 0.4, 0.1, None)[0] == "the learned prior does harm here"
    assert labels_of(0, 0.0, 0.0, None) == ["intervals calibrated"]


def test_words_for_what_is_missing():
    forecast = {"level": "high", "text": "Look out."}
    bare = replace(SUMMARY, interval="not calibrated", forecast=forecast)
    found = verdict(replace(bare, weights=None), Compared())
    assert [each.label for each in found] == [
        *("not checked", "intervals not calibrated", "risk before the transfer: high")
    ]
    wide = verdict(replace(bare, interval=TOO_WIDE), Compared())[1]
    assert wide.label == "intervals too wide to be of use" and wide.good is False
    assert clearly(change(0.0)) == 0 and clearly(change(-1.0)) == -1
    assert use_of(1.0) == "no use yet" and use_of(3.0) == use_of(None)


@pytest.mark.parametrize("poor, label", [(0.2, "not checked"), (0.5, "measure labels")])
def test_without_labels_models_that_disagree_ask_for_them(poor, label):
    first, *_ = verdict(replace(SUMMARY, poor_probability=poor), Compared())
    assert first.label == label and first.good is (False if poor == 0.5 else None)
    assert f"R2 is below 0.5 with a probability of {poor:.2f}" in first.text


def test_the_first_answer_says_what_it_rests_on_and_what_is_to_come():
    known = replace(SUMMARY, left_out=LeftOut(10, 0.25, 1.2))
    first, *_ = verdict(known, Compared(to_come=True))
    assert first.label == "first answer: not good enough" and first.good is False
    assert "cross-validated errors of 10 labelled target samples" in first.text
    assert "RMSE of 0.250 %, RPD 1.20: good for no use yet" in first.text
    assert "chosen to be extreme" in first.text and "still to come" in first.text
    useful = replace(known, left_out=LeftOut(80, 0.0, None), samples=Counts(80, 80, 80))
    first, *_ = verdict(useful, Compared())
    assert first.good and "RPD not defined: good for quantification" in first.text
    assert "extreme" not in first.text and "transfer.compare" in first.text


def test_the_largest_left_out_errors_are_named():
    ids, errors = np.array(list("abcdef<")), np.arange(7.0)
    known = LeftOut(7, 3.6, 1.1)
    section = page.left_out(SUMMARY, known, ids, np.ones(7), errors)
    text, table = section.parts
    assert "RMSE 3.60 (%), RPD 1.10" in text.text
    assert [row[0] for row in table.rows] == ["<", "f", "e", "d", "c", "b", "a"]


def rendered(compared):
    y = np.arange(1.0, 5)
    return render(
        Result(
            page.title(SUMMARY),
            verdict(SUMMARY, compared),
            [
                page.warnings(SUMMARY, compared),
                page.before_after(SUMMARY, "abcd", y, y + 1, y, y, compared),
                *page.comparison(SUMMARY, compared),
                page.provenance(SUMMARY),
            ],
            page.facts(SUMMARY),
        )
    )


def test_what_files_say_is_escaped():
    html = rendered(compared_of((0.2, 0.3, 2.0, 0.3), [-0.1] * 3))
    assert "weights: &lt;nano&gt;" in html and "<B>" not in html
    assert "fat: A to &lt;B&gt;" in html and "a &lt; b" in html


def test_agreement_curve_and_what_could_not_be_fitted_are_shown():
    compared = compared_of(
        (0.2, 0.3, 2.0, 0.3),
        [-0.1] * 3,
        impossible={"DS": "too few pairs"},
        agreement=agreement(np.arange(4.0), np.arange(4.0) + 0.5),
        curve={"combination": [[5, 0.3, 0.2, 0.4], [10, 0.2, 0.1, 0.3]]},
    )
    html = rendered(compared)
    assert "by 0.5" in html and "concordance 0.909" in html
    assert "DS</abbr>: too few pairs" in html and '<tr class="marked">' in html
    assert html.index('id="curve"') < html.index('id="agreement"')


def test_instruments_latent_codes_and_domain_are_drawn():
    axis, transfer = np.linspace(1100, 2300, 20), np.arange(4) < 2
    rng = np.random.default_rng(0)
    points = {"share": np.array([0.6, 0.3])}
    for when in ("before", "after"):
        points[f"source_{when}"] = rng.normal(size=(3, 2))
        points[f"target_{when}"] = rng.normal(size=(4, 2))
    flag = np.array(["in domain", "in domain", "unlike", "in domain"])
    sections = [
        page.spectra(SUMMARY, axis, np.ones((3, 20)), np.ones((4, 20))),
        page.latent(SUMMARY, transfer, points),
        page.domain(transfer, flag, np.ones(4), np.ones(4)),
    ]
    html = render(Result("title", sections=sections))
    assert html.count("<figure>") == 3 and "3 in domain, 1 unlike" in html
