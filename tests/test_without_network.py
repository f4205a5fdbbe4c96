"""The small install, without JAX: defaults work, and the rest says what to install.

Python without the modules of the extra "network": a process whose imports of them
fail, and which forks for each test.
"""

import json

import pytest

from spektron_jax import demo
from spektron_jax.errors import NETWORK_MODULES
from tests import forks

WITHOUT = f"""
import sys
class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {sorted(NETWORK_MODULES)!r}:
            raise ModuleNotFoundError("No module named " + name, name=name)
sys.meta_path.insert(0, Missing)
"""
SETS = """
import warnings
import numpy as np
import spektron_jax
from spektron_jax import CalibrationTransfer, NetworkMissing, demo
old = spektron_jax.read(demo.path_of("old_instrument.csv"))
new = spektron_jax.read(demo.path_of("new_instrument.csv"))
(a,), (b,) = old.instruments.values(), new.instruments.values()
y = old.target("Moisture")
paired = [old.sample_ids.tolist().index(name) for name in new.sample_ids]
given = a.spectra, y, a.axis, b.spectra, b.axis
"""


# Imported once, not by each; of our own package nothing is.
OTHERS = "h5py, matplotlib.pyplot, ml_collections, pandas, scipy.stats, sklearn, tqdm"


@pytest.fixture(scope="module")
def python():
    """Runs code in a folder, in a fork of a Python that lacks the network."""
    with forks.python(f"{WITHOUT}import {OTHERS}\n") as run:
        yield run


@pytest.fixture(scope="module")
def spektron(python):
    """Runs the command line in a folder."""
    code = "from spektron_jax.commands.prompt.run import main\nsys.exit(main())"

    def run(folder, *argv):
        words = ["spektron", *map(str, argv)]
        return python(f"import sys\nsys.argv = {words!r}\n{code}", folder)

    return run


def ran(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_defaults_of_a_transfer_with_labels_say_nothing(python, tmp_path):
    code = """
ct = CalibrationTransfer().fit(*given, None, paired)
assert not any("JAX" in text for text in ct.warnings_), ct.warnings_
assert ct.network_share_ == 0 and np.isfinite(ct.predict(b.spectra)).all()
"""
    ran(python(SETS + code, tmp_path))


def test_without_labels_one_sentence_says_what_the_encoder_would_add(python, tmp_path):
    code = """
ct = CalibrationTransfer().fit(*given)
(text,) = [text for text in ct.warnings_ if "JAX" in text]
assert 'pip install "spektron-jax[network]"' in text and "encoder" in text
assert np.isfinite(ct.predict(b.spectra)).all()
ct.save("model")
assert np.isfinite(CalibrationTransfer.load("model").predict(b.spectra)).all()
"""
    ran(python(SETS + code, tmp_path))


ATTEMPTS = [
    "spektron_jax.load_encoder('nano')",
    "spektron_jax.lab",
    "from spektron_jax import lab",
    "spektron_jax.oscillators",
    "CalibrationTransfer('runs/mine').fit(*given)",
    "CalibrationTransfer(adaptation=spektron_jax.Adaptation()).fit(*given)",
    "CalibrationTransfer().fit(*given).neighbours(b.spectra)",
    "CalibrationTransfer().fit(*given).rerender(b.spectra)",
    "CalibrationTransfer().fit(*given, None, paired).latent_map(b.spectra)",
    "CalibrationTransfer(None).fit(*given).neighbours(b.spectra)",
    "spektron_jax.SpectralLibrary(a.spectra, a.axis, old.sample_ids, 'nm', 'NIR')"
    ".calibrate()",
]


@pytest.fixture(scope="module")
def said(python, tmp_path_factory):
    """What each attempt ends in, all made by one child, in this order."""
    code = f"""
import json
said = []
for attempt in {ATTEMPTS!r}:
    try:
        exec(attempt)
        said.append("")
    except Exception as error:
        known = type(error) is NetworkMissing
        known &= isinstance(error, spektron_jax.SpektronError)
        said.append(str(error) if known else repr(error))
print(json.dumps(said))
"""
    out = ran(python(SETS + code, tmp_path_factory.mktemp("attempts")))
    return dict(zip(ATTEMPTS, json.loads(out), strict=True))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_needs_the_network_names_the_install(said, attempt):
    text = said[attempt]
    assert 'needs JAX, which is not installed; pip install "spektron-jax[' in text
    assert not text.startswith(("ModuleNotFound", "NetworkMissing("))


def test_the_commands_work(spektron, tmp_path):
    files = [demo.path_of(name) for name in demo.FILES]
    out = ran(spektron(tmp_path, "demo"))
    assert out.startswith("before and after: RMSEP of 30 samples")
    argv = ["transfer", *files[:2], "--property", "moisture", "--repeats", "2"]
    argv += ["--curve", "5", "--no-progress"]
    out = ran(spektron(tmp_path, *argv))
    assert out.count('(pip install "spektron-jax[network]")') == 1
    assert (tmp_path / "runs/transfer/report.html").exists()
    assert "30 spectra predicted" in ran(
        spektron(tmp_path, "predict", "runs/transfer", files[2])
    )
    ran(spektron(tmp_path, "read", files[0]))
    ran(spektron(tmp_path, "formats"))
    results = json.loads((tmp_path / "runs/transfer/results.json").read_text())
    assert results["config"]["transfer"]["weights"] == "" and results["trials"] == 2


def test_identification_works_and_says_what_it_lacks(spektron, tmp_path):
    library, unknown = (demo.path_of(name) for name in demo.FILES[:2])
    out = ran(spektron(tmp_path, "identify", library, unknown, "--modality", "NIR"))
    assert 'pip install "spektron-jax[network]"' in out
    rows = (tmp_path / "runs/identify/hits.csv").read_text().splitlines()
    assert len(rows) == 1 + 10 * 5 and rows[1].endswith(",,")


COMMANDS = [
    ("pretrain", "tiny"),
    ("transfer", "a.csv", "b.csv", "--weights", "runs/mine"),
    ("identify", "a.csv", "b.csv", "--weights", "runs/mine"),
    ("transfer", "a.csv", "b.csv", "--adaptation-steps", "3"),
    ("--config=configs/pretrain.py:tiny", "--workdir=x"),
    ("--config=configs/latent.py", "--workdir=x"),
    ("--config=configs/lab.py", "--workdir=x"),
    ("--config=configs/interpret.py", "--workdir=x"),
    ("--config=configs/property.py", "--workdir=x"),
    ("--config=configs/checklist.py", "--workdir=x"),
]


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_commands_of_the_network_end_in_one_line(spektron, tmp_path, argv):
    done = spektron(tmp_path, *argv)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")
    assert 'pip install "spektron-jax[network]"' in done.stderr
