"""The shipped transfer network: in effect, without JAX, and never on trust."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

import spektron_jax
from spektron_jax import CalibrationTransfer, archive, demo
from spektron_jax.encoder.weights import SHIPPED
from spektron_jax.transfer.transfer_network import PROBES, WEIGHTS, load_network


@pytest.fixture(scope="module")
def plain():
    return demo.transferred(weights=None)


@pytest.fixture(scope="module")
def fitted():
    return demo.transferred(weights="transfer")


def test_it_was_found_to_help_and_moves_predictions(plain, fitted):
    (without, X, _), (ct, *_) = plain, fitted
    assert ct.features_.acts and ct.features_.gain[0] < -0.02
    assert ct.network_share_ > 0.05
    assert sum(ct.members_.values()) == pytest.approx(1)
    assert not np.allclose(ct.predict(X), without.predict(X), atol=1e-3)
    assert ct.provenance_["weights"] == "transfer"
    assert "transfer" not in str(without.provenance_["weights"])


def test_a_random_network_of_the_same_form_changes_nothing(plain, tmp_path):
    rng = np.random.default_rng(0)
    folder = SHIPPED / "transfer"
    with archive.writing(tmp_path / "random", {"format": 1}) as draft:
        shutil.copy(folder / PROBES, draft)
        with np.load(folder / WEIGHTS) as file:
            arrays = {
                name: values if name.endswith(("mean", "sd")) else rng.permuted(values)
                for name, values in file.items()
            }
        np.savez(draft / WEIGHTS, **arrays)
    network = load_network(tmp_path / "random")
    assert not network.acts
    ct, X, _ = demo.transferred(weights=str(tmp_path / "random"))
    assert ct.network_share_ == 0
    np.testing.assert_array_equal(ct.predict(X), plain[0].predict(X))


@pytest.mark.parametrize("labels", [4, 0])
def test_where_little_is_known_it_moves_predictions_more(fitted, labels):
    """By more than 2 % of the SD of the reference values."""
    ct, X, y = fitted
    data = ct._data
    given = data.X_source, data.y_source, ct.axis_
    if labels:
        few = slice(0, labels)
        given += data.X_target[few], ct.axis_, data.y_target[few], data.paired[few]
    else:
        given += (X,)
    network, plain = (CalibrationTransfer(w).fit(*given) for w in ("transfer", None))
    moved = np.sqrt(np.mean((network.predict(X) - plain.predict(X)) ** 2))
    assert network.network_share_ > 0.05 and moved > 0.02 * y.std()


def test_a_saved_model_needs_no_network(fitted, tmp_path):
    ct, X, _ = fitted
    ct.save(tmp_path / "model")
    loaded = CalibrationTransfer.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.predict(X), ct.predict(X), atol=1e-10)
    assert loaded.network_share_ == ct.network_share_


def test_intervals_are_those_of_the_network(plain, fitted):
    X = fitted[1]
    low, high = fitted[0].predict_interval(X)
    assert (low < high).all()
    assert not np.allclose(high, plain[0].predict_interval(X)[1])


def test_the_comparison_weighs_with_it(fitted, few_trials):
    ct, X, _ = fitted
    data = ct._data
    given = data.X_source, data.y_source, ct.axis_, data.X_target, ct.axis_
    given += data.y_target, data.paired
    rows = [
        CalibrationTransfer(weights, compare=True).fit(*given).comparison_.table()
        for weights in ("transfer", None)
    ]
    errors = [
        {row["method"]: row["rmsep"] for row in table}["combination"] for table in rows
    ]
    assert errors[0] != errors[1]
    assert "encoder alone" not in {row["method"] for row in rows[0]}


def test_no_jax_is_loaded():
    code = (
        "import sys\nfrom spektron_jax import demo\n"
        "ct, X, y = demo.transferred(weights='transfer')\n"
        "assert ct.network_share_ > 0 and 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_the_command_takes_its_name(tmp_path, capsys):
    from spektron_jax.commands.prompt.run import main

    old, new, _ = demo.paths()
    given = ["transfer", str(old), str(new), "--property=Moisture", "--no-progress"]
    given += ["--weights=transfer", "--no-compare", f"--out={tmp_path / 'out'}"]
    assert main(given) == 0
    saved = spektron_jax.CalibrationTransfer.load(tmp_path / "out/model")
    assert saved.network_share_ > 0.02
    words = f"It moved {100 * saved.network_share_:.0f} % of the weight"
    assert f"transfer network: {words}" in capsys.readouterr().out
    assert words in (tmp_path / "out/report.html").read_text()
