"""The audit as a command: files, verdict, page; and what it refuses."""

import json
import re
import types

import numpy as np
import planted
import pytest
from ml_collections import ConfigDict

from spektron_jax import main
from spektron_jax.commands import config_file
from spektron_jax.commands import latent as command
from spektron_jax.errors import SpektronError
from spektron_jax.lab.instruments import audit_instruments, training_pool
from spektron_jax.probes.latent_metrics import latent_metrics
from spektron_jax.training.evaluator import INSTRUMENTS, audit_evaluator
from spektron_jax.training.simulator import make_simulator

FEW = 12


@pytest.fixture(scope="module")
def encoder(planted_encoder):
    """The planted leaking encoder."""
    return planted_encoder(planted.Leaking)


@pytest.fixture(scope="module")
def workdir(encoder, tmp_path_factory):
    """What the command leaves, and what it prints."""
    workdir, printed = tmp_path_factory.mktemp("audit"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "load_encoder", lambda weights: encoder)
        patch.setattr(
            "builtins.print", lambda *words, **how: printed.append(" ".join(words))
        )
        argv = ["--config=configs/latent.py", f"--workdir={workdir}"]
        argv += [f"--config.molecules={FEW}", "--config.seeds=(0,3)"]
        assert main.main([*argv, "--noconfig.progress"]) == 0
    return types.SimpleNamespace(path=workdir, printed=printed)


def test_the_verdict_is_the_first_line_and_the_page_the_last(workdir):
    assert workdir.printed[0] == "verdict: leaking"
    assert workdir.printed[-1].endswith("report.html")
    assert {path.name for path in workdir.path.iterdir()} == {
        *("results.json", "results.npz", "report.html")
    }


def test_results_hold_every_seed_and_their_means(workdir, encoder):
    results = json.loads((workdir.path / "results.json").read_text())
    assert results["headline"]["verdict"] == results["verdict"][0]["label"] == "leaking"
    assert list(results["seeds"]) == ["0", "3"]
    assert results["instruments"] == INSTRUMENTS and list(results["rows"]) == ["IR"]
    row, seeds = results["rows"]["IR"], [s["IR"] for s in results["seeds"].values()]
    for code in ("z_chem", "z_inst"):
        for what in ("instrument", "instrument_mlp", "molecule"):
            values = [seed[code][what]["accuracy"] for seed in seeds]
            assert row[code][what]["accuracy"] == pytest.approx(np.mean(values))
    assert row["molecules"] == 2 * FEW  # so the interval of chance is narrower
    probes = [found["z_chem"]["instrument"]["high"] for found in (row, *seeds)]
    assert probes[0] < min(probes[1:])
    assert set(row["chemistry"]) == {"groups", "composition"}
    assert "same" in row["z_chem"]["molecule"]
    evaluator = audit_evaluator(encoder.params, encoder.config, encoder.model)
    quick = latent_metrics(evaluator, 3, FEW)
    of_seed = results["seeds"]["3"]["IR"]
    for code in ("z_chem", "z_inst"):
        found = quick["rows"]["IR"][code]["instrument"]["accuracy"]
        assert found == pytest.approx(of_seed[code]["instrument"]["accuracy"])


def test_the_report_says_the_verdict_first_and_opens_offline(workdir):
    text = (workdir.path / "report.html").read_text()
    assert text.index("Leaking</b>") < text.index('id="knowledge"')
    words = re.sub(r'src="data:[^"]*"', "", text)
    assert text.count("<img ") == 6
    assert "http:" not in words and "https:" not in words
    assert "<script" not in text and "<link" not in text


def test_seeds_and_molecules_that_cannot_be_are_named():
    config = config_file.load("configs/latent.py")
    for change, message in (
        ({"molecules": 9}, "config.molecules = 9: must be 10 or more"),
        ({"seeds": (1, 1)}, r"config.seeds = \(1, 1\): give different"),
        ({"seeds": ()}, r"config.seeds = \(\)"),
    ):
        wrong = ConfigDict(config.to_dict())
        wrong.update(change)
        with pytest.raises(SpektronError, match=message):
            command.check(wrong)


@pytest.mark.parametrize("preset", ["documents", "wide"])
def test_audited_instruments_are_in_no_training_pool(config, preset):
    """Of whatever seed: another random stream."""
    config = ConfigDict(config.to_dict())
    config.lab.preset = preset

    def drawn(draw, count):
        """Shift and width of every instrument, (n, 2); NIR and IR apart."""
        for seed in range(4):
            found = make_simulator(config).instruments(draw, count, seed)
            parts = (found,) if preset == "documents" else found
            for part in parts:
                yield np.stack([part.shift, part.sigma], axis=1)

    pooled = np.concatenate(list(drawn(training_pool, 64)))
    audited = np.concatenate(list(drawn(audit_instruments, INSTRUMENTS)))
    assert len(np.unique(audited, axis=0)) == len(audited)
    for column in range(2):
        assert not np.isin(audited[:, column], pooled[:, column]).any()
