"""Words of the verdict for numbers of either sign, and escaping."""

import numpy as np
import pytest

from spektron_jax.commands.report.transfer_page import render
from spektron_jax.commands.report.transfer_verdict import clearly, findings, use_of
from spektron_jax.metrics import agreement

METHODS = ("combination", "without network", "no transfer", "GLSW")


def results_of(rmsep, differences, **more):
    table = [
        {
            **{"method": name, "rmsep": value, "low": value * 0.9, "high": value * 1.1},
            **{"bias": 0.0, "sep": value, "r2": 0.5, "n": 48},
            **{"rpd": 1 / value, "rpiq": 1.3 / value},
        }
        for name, value in zip(METHODS, rmsep, strict=True)
    ]
    return {
        **{"regime": "10 labelled paired target spectra", "axis_unit": "nm"},
        "names": {
            **{"source": "A", "target": "<B>", "property": "fat"},
            **{"property_unit": "%", "quantity": "absorbance"},
        },
        "samples": {"source": 64, "target": 10, "all": 80},
        **{"network_share": 0.2, "weights": "nano", "coverage": 0.9},
        **{"interval": "calibrated", "warnings": ["a < b"], "forecast": None},
        **{"curve": {}, "table": sorted(table, key=lambda e: e["rmsep"])},
        "differences": dict(zip(METHODS[1:], differences, strict=True)),
        **{"impossible": {}, "ours": "combination", "floor": "no transfer"},
        **{"ceiling": "all target labels", "without": "without network"},
        **{"trials": 15, "config": {"seed": 0}, "files": {}, "versions": {}},
        "command": "python",
    } | more


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
    found = findings(results_of(rmsep, [change(value) for value in differences]))
    assert [each.label for each in found][: len(labels)] == labels


def test_a_network_without_weight_does_neither_good_nor_harm():
    for difference in (0.1, -0.1):
        changes = [change(difference), change(-1.7), change(0.1)]
        found = findings(
            results_of((0.3, 0.3, 2.0, 0.2), changes) | {"network_share": 0.001}
        )
        assert "the network does not help here" in [each.label for each in found]


def test_words_for_what_is_missing():
    bare = results_of((0.2,) * 4, [change(0.0)] * 3, table=[], weights=None)
    bare |= {"interval": "not calibrated"}
    bare |= {"forecast": {"level": "high", "text": "Look out."}}
    found = findings(bare)
    assert [each.label for each in found] == [
        *("not checked", "intervals not calibrated", "risk before labels: high")
    ]
    assert clearly(change(0.0)) == 0 and clearly(change(-1.0)) == -1
    assert use_of(1.0) == "no use yet" and use_of(3.0) == use_of(None)


def test_what_files_say_is_escaped():
    axis = np.linspace(1100, 2300, 20)
    arrays = {"axis": axis, "source": np.ones((3, 20)), "target": np.ones((2, 20))}
    arrays |= dict.fromkeys(("tested", "tested_mean", "tested_sd"), np.arange(1.0, 5))
    results = results_of((0.2, 0.3, 2.0, 0.3), [change(-0.1)] * 3)
    results["provenance"] = {"weights": "<nano>"}
    page = render(results, arrays)
    assert "weights: &lt;nano&gt;" in page and 'id="latent"' not in page
    assert "fat: A to &lt;B&gt;" in page and "a &lt; b" in page and "<B>" not in page


def test_latent_map_and_agreement_are_shown():
    axis = np.linspace(1100, 2300, 20)
    arrays = {"axis": axis, "source": np.ones((3, 20)), "target": np.ones((4, 20))}
    arrays |= dict.fromkeys(("tested", "tested_mean", "tested_sd"), np.arange(1.0, 5))
    rng = np.random.default_rng(0)
    for when in ("before", "after"):
        arrays[f"latent_source_{when}"] = rng.normal(size=(3, 2))
        arrays[f"latent_target_{when}"] = rng.normal(size=(4, 2))
    arrays |= {"latent_share": np.array([0.6, 0.3]), "transfer": np.arange(4) < 2}
    results = results_of((0.2, 0.3, 2.0, 0.3), [change(-0.1)] * 3)
    results["agreement"] = agreement(np.arange(4.0), np.arange(4.0) + 0.5)
    page = render(results, arrays)
    assert page.index('id="spectra"') < page.index('id="latent"')
    assert "by 0.5" in page and "concordance 0.909" in page
