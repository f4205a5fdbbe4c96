"""The page of a pretraining run: what it says, escapes and shows."""

import html
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import jax
import matplotlib
import numpy as np
import pytest
from ml_collections import ConfigDict

from spektron_jax.commands import runner
from spektron_jax.commands.report import pretrain_page as page
from spektron_jax.commands.report import pretrain_verdict as verdict
from spektron_jax.commands.report.metrics_log import read_metrics
from spektron_jax.commands.report.pretrain_figures import CURVES
from spektron_jax.commands.report.spectrum_figure import reconstruction
from spektron_jax.commands.report.wording import number
from spektron_jax.commands.result import Result
from spektron_jax.errors import SpektronError

SECTIONS = (
    "verdict next shipped reconstruction examples probes latent bottleneck experts "
    "training poles settings glossary"
).split()
WEIGHTED = "reconstruction contrastive denoising physics transport bottleneck balance"
NASTY = '<script>alert("x")</script>&$1'


def errors(model, best):
    """Reconstruction errors with linear interpolation the better of the two."""
    methods = {"model": model, "mean": 9 * best, "linear": best, "spline": 2 * best}
    table = {
        name: {"mse": e, "rmse": e**0.5, "low": 0.9 * e, "high": 1.1 * e}
        for name, e in methods.items()
    }
    table["ratio"] = {
        name: {"ratio": model / e, "low": 0.9 * model / e, "high": 1.1 * model / e}
        for name, e in methods.items()
        if name != "model"
    }
    return table


def probe(instrument, molecule):
    return {
        "instrument": {
            "accuracy": instrument,
            "chance": 0.25,
            "low": 0.2,
            "high": 0.3,
        },
        "molecule": {"accuracy": molecule, "chance": 0.02},
    }


def planted_evaluation():
    mask = {"block": 3, "long_low_cm1": 60, "long_high_cm1": 100}
    config = {"seed": 3, "mask": mask, "model": {"stride": 8}}
    return {
        "config": config,
        "seed": 3,
        "step": 300,
        "parameters": 123456,
        "molecules": 60,
        "instruments": 4,
        "device": "cpu",
        "versions": {"jax": "0.10.2", "spektron_jax": "0.1.0"},
        "reconstruction": {"short": errors(3e-5, 1e-5), "long": errors(4e-4, 1e-3)},
        "probes": {"z_chem": probe(0.26, 0.91), "z_inst": probe(0.95, 0.1)},
        "kl": {
            "z_chem": {"mean": 0.8, "collapsed": 0.1},
            "z_inst": {"mean": 0.4, "collapsed": 0.5},
        },
        "experts": {"IR": [0.1, 0.4, 0.3, 0.2], "Raman": [0.4, 0.1, 0.2, 0.3]},
        "density": {"cosine": 0.98, "relative_move": 0.12},
    }


def planted_arrays(rng, points=128, molecules=6, layers=2, oscillators=5, examples=2):
    axis = np.linspace(500.0, 4000.0, points)
    centre = rng.uniform(600, 3900, size=(examples, 25, 1))
    height = rng.uniform(0.05, 1.0, size=(examples, 25, 1))
    clean = (height / (1 + ((axis - centre) / 15) ** 2)).sum(axis=1)
    hidden = np.zeros(clean.shape, bool)
    for row in range(examples):
        for start in rng.choice(np.arange(2, points - 8, 12), 4, replace=False):
            hidden[row, start : start + 1 + points // 40] = True
    molecule = np.repeat(np.arange(molecules), 8)
    modality = np.tile(np.repeat([1, 2], 4), molecules)
    z_chem = rng.normal(size=(2 * molecules, 8))[2 * molecule + modality - 1]
    spread = rng.uniform(0.2, 3, size=(4, layers, 2, oscillators))
    return {
        "axis_cm1": axis,
        "example_clean": clean,
        "example_observed": clean + 0.01 * rng.normal(size=clean.shape),
        "example_hidden": hidden,
        "example_model": 0.9 * clean,
        "example_linear": 0.5 * clean,
        "example_spline": 1.4 * clean,
        "example_title": np.array(["CC(=O)Oc1ccccc1C(=O)O · IR", "CCO · Raman"] * 9)[
            :examples
        ],
        "z_chem": z_chem + 0.2 * rng.normal(size=z_chem.shape),
        "z_inst": rng.normal(size=(molecule.size, 3)),
        "instrument": np.tile(np.arange(4), 2 * molecules),
        "molecule": molecule,
        "modality": modality,
        "poles_angle_before": spread[0],
        "poles_radius_before": 0.3 * spread[1],
        "poles_angle_after": spread[2],
        "poles_radius_after": 0.3 * spread[3],
    }


def write_log(folder, rows=30):
    """The log of a run; returns its path."""
    rng = np.random.default_rng(0)
    with open(folder / "metrics.jsonl", "w", encoding="utf-8") as file:
        for index in range(rows):
            decay = np.exp(-3 * index / rows) * rng.lognormal(sigma=0.1)
            row = {"step": 10 * (index + 1), "loss/total": 2 * decay + 0.3}
            for place, name in enumerate(WEIGHTED.split()):
                row[f"weighted/{name}"] = decay * 10.0 ** (-place / 2)
            row |= {"lr": 3e-4 * decay, "beta": 0.1 * decay, "alpha": index / rows}
            row |= {"samples_per_s": 21.5, "minutes": 0.2 * index}
            file.write(json.dumps(row) + "\n")
    return folder / "metrics.jsonl"


def write_page(folder, evaluation=None, arrays=None, rows=30, log=None):
    """The page of planted results, as the runner writes it; returns its path."""
    evaluation = evaluation or planted_evaluation()
    arrays = arrays or planted_arrays(np.random.default_rng(0))
    metrics = read_metrics(log or write_log(folder, rows))
    result = page.pretrain_result(evaluation, arrays, metrics, folder.name)
    runner.write(result, ConfigDict(evaluation["config"]), folder)
    return folder / "report.html"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Path of a page that tests only read: drawing takes over a second."""
    return write_page(tmp_path_factory.mktemp("written"))


@pytest.fixture(scope="module")
def words(written):
    return reading(written.read_text(encoding="utf-8"))


class Outline(HTMLParser):
    """Collects ids and attributes, and checks that tags close in order."""

    void = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.ids, self.tags, self.targets, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "data", "action", "srcset"):
                self.targets.append(value)
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def pictures(text):
    coded = re.findall(r"data:image/svg\+xml,([^\"]+)", text)
    return [unquote(html.unescape(one)) for one in coded]


def reading(text):
    """The words of the page without images."""
    return re.sub(r'src="data:[^"]*"', "", text)


def test_report_is_one_whole_file_without_outside_references(written):
    assert sorted(p.name for p in written.parent.iterdir()) == [
        *("metrics.jsonl", "report.html", "results.json")
    ]
    text = written.read_text(encoding="utf-8")
    outline = Outline(text)
    assert outline.open == []
    assert outline.ids == SECTIONS
    assert "script" not in outline.tags and "link" not in outline.tags
    inside = ("data:image/svg+xml,", "data:text/csv;", "#")
    assert all(target.startswith(inside) for target in outline.targets)
    words = reading(text)
    assert "http:" not in words and "https:" not in words and "@import" not in words
    assert "url(" not in words
    drawn = pictures(text)
    assert len(drawn) == outline.tags.count("figure") == 9
    for svg in drawn:
        bare = re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg)
        # Inside a drawing only its own parts and its own pixels may be referred to.
        assert not re.search(r"https?:", re.sub(r"<metadata>.*?</metadata>", "", bare))
        assert all(
            target.startswith(("#", "data:image/png"))
            for target in re.findall(r'href="([^"]*)"', bare)
        )
        assert "<script" not in svg and "<!DOCTYPE" not in svg


def test_same_results_give_the_same_page(written, tmp_path):
    folder = tmp_path / written.parent.name
    folder.mkdir()
    assert write_page(folder).read_bytes() == written.read_bytes()


def test_numbers_of_the_results_are_on_the_page(words):
    for expected in (
        "123\u2009456 parameters",
        ">0.0200<",
        "CCO · Raman",
        "gaps of 60–100 cm⁻¹",
        "gaps of 3 points",
        f"jax {jax.__version__}",
        "25.0 % [20.0 %, 30.0 %]",
        "collapse: more than 30 % of dimensions carry nothing",
        "alive, a few dimensions unused",
        "&#34;long_low_cm1&#34;: 60",
        "seed 3",
    ):
        assert expected in words, expected


def test_verdict_reports_both_outcomes(words):
    assert (
        "In gaps of 60–100 cm⁻¹ the model&#39;s squared error is 0.400 [0.360, 0.440] "
        "times that of the better interpolation (linear), less than half of it."
        in words
    )
    assert (
        "In gaps of 3 points the model&#39;s squared error is 3.00 [2.70, 3.30] times "
        "that of the better interpolation (linear): linear interpolation is better."
        in words
    )
    assert 'class="good"' in words and 'class="bad"' in words


@pytest.mark.parametrize(
    ("ratio", "low", "high", "label"),
    [
        (0.7, 0.6, 0.9, "model better"),
        (1.2, 1.1, 1.3, "model worse"),
        (0.9, 0.7, 1.1, "no clear difference"),
        (1.1, 0.9, 1.3, "no clear difference"),
    ],
)
def test_a_difference_needs_an_interval_without_one(ratio, low, high, label):
    table = errors(ratio, 1.0)
    table["ratio"]["linear"] = {"ratio": ratio, "low": low, "high": high}
    assert verdict.reconstruction_finding(table, "gaps").label == label


def test_the_better_interpolation_is_the_opponent():
    table = errors(0.8, 1.0)
    table["spline"] = {"mse": 0.5, "rmse": 0.7, "low": 0.4, "high": 0.6}
    table["ratio"]["spline"] = {"ratio": 1.6, "low": 1.5, "high": 1.7}
    finding = verdict.reconstruction_finding(table, "gaps")
    assert finding.label == "model worse"
    assert "1.60 [1.50, 1.70] times" in finding.text and "cubic spline" in finding.text


def test_losing_to_the_mean_spectrum_is_said():
    table = errors(0.5, 1.0)
    table["mean"]["mse"] = 0.4
    finding = verdict.reconstruction_finding(table, "gaps")
    assert finding.good is False and "mean training spectrum" in finding.text


@pytest.mark.parametrize(
    ("instrument", "molecule", "label", "phrase"),
    [
        (0.26, 0.85, "disentangled", "keeps the molecule"),
        (0.31, 0.85, "leaking", "gives the instrument away"),
        (0.26, 0.79, "collapsed", "no achievement"),
        (0.90, 0.10, "leaking", "weak on the molecule"),
    ],
)
def test_both_probes_decide_on_z_chem(instrument, molecule, label, phrase):
    finding = verdict.chemistry_finding(probe(instrument, molecule), collapsed=0.3)
    assert finding.label == label and phrase in finding.text
    assert finding.good is (label == "disentangled")


def test_dimensions_without_content_are_collapse_whatever_the_probes_say():
    finding = verdict.chemistry_finding(probe(0.26, 0.85), collapsed=0.31)
    assert finding.label == "collapsed" and "31.0 %" in finding.text
    assert finding.good is False


def test_instrument_code_is_judged_the_other_way_round():
    assert verdict.instrument_code_finding(probe(0.9, 0.1)).good is True
    assert verdict.instrument_code_finding(probe(0.25, 0.1)).good is False


def test_curves_are_shown_where_they_were_logged(tmp_path, written):
    assert "16 validation molecules" not in written.read_text(encoding="utf-8")
    log = write_log(tmp_path)
    lines = log.read_text().splitlines()
    row = json.loads(lines[0]) | dict.fromkeys(CURVES, 0.5)
    log.write_text("\n".join([json.dumps(row), *lines[1:]]) + "\n")
    text = write_page(tmp_path, log=log).read_text(encoding="utf-8")
    assert "16 validation molecules" in text


def test_numbers_are_readable():
    shown = [number(v) for v in (0, 1, 0.0123456, 4.0e-4, 1234.4, 3e6, np.inf)]
    assert shown == [
        "0",
        "1.00",
        "0.0123",
        "4.00 × 10⁻⁴",
        "1234",
        "3.00 × 10⁶",
        "not finite",
    ]


def test_user_text_is_escaped(tmp_path, monkeypatch):
    evaluation = planted_evaluation()
    evaluation["config"]["path"] = NASTY
    evaluation["device"] = NASTY
    monkeypatch.setattr("sys.argv", ["main", NASTY])
    evaluation["experts"][NASTY] = [0.25] * 4
    arrays = planted_arrays(np.random.default_rng(1))
    arrays["example_title"] = np.array([NASTY, '" onload="x · IR'])
    arrays["instrument"] = np.where(arrays["instrument"] == 0, NASTY, "lab $a_b")
    folder = tmp_path / "run <b>&"
    folder.mkdir()
    text = write_page(folder, evaluation, arrays).read_text(encoding="utf-8")
    outline = Outline(text)
    assert "script" not in outline.tags and outline.ids == SECTIONS
    assert "run &lt;b&gt;&amp;" in text and "<b>&" not in text
    assert "<script" not in text and ' onload="' not in text
    assert all("<script" not in svg for svg in pictures(text))


def test_report_stays_small_at_full_size(tmp_path):
    rng = np.random.default_rng(2)
    arrays = planted_arrays(
        rng, points=2048, molecules=200, layers=4, oscillators=128, examples=10
    )
    path = write_page(tmp_path, arrays=arrays, rows=1000)
    assert path.stat().st_size < 0.8e6
    assert len(pictures(path.read_text())) == 7 + page.EXAMPLES_SHOWN


@pytest.mark.parametrize(
    ("title", "label", "falls"),
    [
        ("CCO · IR", "wavenumber (cm⁻¹)", True),
        ("CCO · Raman", "Raman shift (cm⁻¹)", False),
        ("CCO", "wavenumber (cm⁻¹)", True),
    ],
)
def test_axis_runs_as_spectroscopists_print_it(title, label, falls):
    arrays = planted_arrays(np.random.default_rng(7))
    before = dict(matplotlib.rcParams)
    figure = reconstruction(
        arrays["axis_cm1"],
        *(arrays[f"example_{name}"][0] for name in ("clean", "observed", "hidden")),
        {"model": arrays["example_model"][0]},
        title,
    )
    assert dict(matplotlib.rcParams) == before
    for axes in figure.axes:
        left, right = axes.get_xlim()
        assert (left > right) == falls and axes.get_xlabel() == label


def test_model_is_drawn_on_hidden_points_and_their_neighbours_only():
    axis, hidden = np.arange(30.0), np.zeros(30, bool)
    hidden[10:13] = True
    line = np.ones(30)
    figure = reconstruction(axis, line, line, hidden, {"model": 2 * line}, "C · Raman")
    drawn = {one.get_label(): one.get_ydata() for one in figure.axes[0].lines}
    np.testing.assert_array_equal(
        np.isfinite(drawn["model"]).nonzero()[0], range(9, 14)
    )
    np.testing.assert_array_equal(np.isnan(drawn["visible input"]), hidden)


def test_a_single_row_and_collapsed_codes_make_a_page(tmp_path):
    arrays = planted_arrays(np.random.default_rng(3))
    arrays["z_chem"] = np.zeros_like(arrays["z_chem"])
    arrays["z_inst"] = arrays["z_inst"][:, :1]
    arrays["example_hidden"] = np.zeros_like(arrays["example_hidden"])
    page = write_page(tmp_path, arrays=arrays, rows=1)
    words = reading(page.read_text(encoding="utf-8"))
    assert "Too few finite rows" in words
    assert "Nothing is hidden here" in words


@pytest.mark.parametrize(
    "until, words",
    [
        (
            3,
            "2.00 to 1.00 (−50 %) (means of the first",
        ),
        (
            5,
            "2.00 to 4.00 (+100 %) (means of the first",
        ),
        (0, "2.00 to 4.00 (+100 %)"),
    ],
)
def test_the_heads_phase_is_not_taken_for_a_loss_that_rises(until, words):
    step, total = np.arange(1.0, 6.0), np.array([2.0, 1.5, 1.0, 9.0, 4.0])
    text = verdict.loss_finding(step, total, until).text
    assert words in text
    assert ("heads alone" in text) == (until == 3)
    assert until != 3 or text.endswith("9.00 to 4.00 (−56 %).")


def test_rows_logged_twice_count_once(tmp_path):
    log = write_log(tmp_path)
    lines = log.read_text().splitlines()
    again = [json.dumps(json.loads(line) | {"lr": 7.0}) for line in lines[-5:]]
    log.write_text("\n".join(lines + again) + "\n")
    metrics = read_metrics(log)
    assert metrics["step"].size == 30 and np.all(np.diff(metrics["step"]) > 0)
    assert np.all(metrics["lr"][-5:] == 7.0)


def test_columns_that_some_rows_lack_have_gaps(tmp_path):
    log = tmp_path / "metrics.jsonl"
    log.write_text('{"step": 2, "a": 1.5}\n{"step": 4, "b": 2}\n')
    metrics = read_metrics(log)
    np.testing.assert_array_equal(metrics["a"], [1.5, np.nan])
    np.testing.assert_array_equal(metrics["b"], [np.nan, 2.0])


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "cannot be read"),
        (b"", "holds no row"),
        (b'{"step": 1}\n[1, 2', "line 2 is not a JSON object"),
        (b"[1]\n", "line 1 is not a JSON object"),
        (b'{"loss": 1}\n', "line 1 is not a JSON object with a step"),
        (b"PK\x03\x04\xff\xfe", "cannot be read"),
    ],
)
def test_a_damaged_log_is_named(tmp_path, content, message):
    log = tmp_path / "metrics.jsonl"
    if content is not None:
        log.write_bytes(content)
    with pytest.raises(SpektronError, match=message) as caught:
        read_metrics(log)
    assert str(log) in str(caught.value) and "\n" not in str(caught.value)


def test_a_failed_write_keeps_the_old_page(tmp_path, monkeypatch):
    (tmp_path / "report.html").write_text("old")

    def full(source, target):
        if str(target).endswith("report.html"):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(SpektronError, match=r"report\.html.*No space left"):
        runner.write(Result("Pretraining"), ConfigDict({"seed": 0}), tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"
