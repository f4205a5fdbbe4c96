"""The wheel: what is in it, and that it works alone in another folder, offline."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pip as pip_of_this_python
import pytest

import spektron_jax

ROOT = Path(__file__).parents[1]

# Runs before the code of a test: any connection to elsewhere is an error.
OFFLINE = """
import socket
def refuse(*_, **__):
    raise OSError("this test is offline")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the source tree, since a build leaves its own folders there."""
    folder = tmp_path_factory.mktemp("source") / "copy"
    left_out = shutil.ignore_patterns(
        ".*", "__pycache__", "*.egg-info", "build", "dist", "runs", "tests"
    )
    shutil.copytree(ROOT, folder, ignore=left_out)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", folder, source)
    (file,) = folder.iterdir()
    shutil.rmtree(source / "build", ignore_errors=True)
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with the wheel's content alone, outside the repository."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--target", folder, wheel)
    return folder


def python(installed, tmp_path, *arguments):
    """Runs Python elsewhere, where the package is the installed one."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


def run(installed, tmp_path, code):
    done = python(installed, tmp_path, "-W", "error", "-c", OFFLINE + code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def read_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return archive.read(*names).decode()


def test_wheel_holds_what_the_package_needs(wheel, source):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    metadata = read_metadata(wheel)
    assert f"Version: {spektron_jax.__version__}\n" in metadata
    assert re.search(r"^License(-Expression)?: Apache-2.0$", metadata, re.MULTILINE)
    assert any(n.endswith("LICENSE") for n in names)
    assert {n.split("/")[0].split("-")[0] for n in names} == {"spektron_jax"}
    # Everything of the source tree is in it, file by file.
    for folder, place in (("spektron_jax", ""), ("configs", "spektron_jax/")):
        for path in (source / folder).rglob("*"):
            if path.is_file():
                assert place + path.relative_to(source).as_posix() in names
    assert "spektron_jax/corpus/files/xtb_lines.h5" in names
    assert "spektron_jax/weights/nano/manifest.json" in names


def test_requirements_are_those_of_the_file_in_two_sizes(wheel):
    metadata = read_metadata(wheel)
    wanted = (ROOT / "requirements.txt").read_text()
    wanted = set(re.findall(r"^([\w.-]+)[<>=]", wanted, re.MULTILINE))
    core = set(re.findall(r"^Requires-Dist: ([\w.-]+)[^;\n]*$", metadata, re.MULTILINE))
    needs = r'^Requires-Dist: ([\w.-]+)[^;\n]*; extra == "network"$'
    network = set(re.findall(needs, metadata, re.MULTILINE))
    assert core | network == wanted and not core & network
    assert {"jax", "flax", "optax", "orbax-checkpoint", "ott-jax", "chex"} <= network
    assert {"numpy", "scipy", "scikit-learn", "h5py", "matplotlib"} <= core
    extras = set(re.findall(r"^Provides-Extra: (\S+)$", metadata, re.MULTILINE))
    assert extras == {
        "app",
        "browser",
        "completion",
        "corpus",
        "docs",
        "export",
        "network",
        "notebooks",
        "preprocessing",
        "search",
        "tensorboard",
        "test",
    }


def test_import_loads_nothing_heavy(installed, tmp_path):
    code = """
import json, sys
import spektron_jax
from spektron_jax import SpektronError
assert "load_encoder" in dir(spektron_jax)
try:
    spektron_jax.absent
except AttributeError as error:
    assert "absent" in str(error)
heavy = {"jax", "numpy", "scipy", "sklearn", "matplotlib", "h5py"} & {*sys.modules}
print(json.dumps([sorted(heavy), spektron_jax.__file__, spektron_jax.__version__]))
"""
    heavy, file, version = run(installed, tmp_path, code)
    assert heavy == []
    assert file.startswith(str(installed)) and version == spektron_jax.__version__


def test_every_public_name_is_there():
    for name in spektron_jax.__all__:
        assert getattr(spektron_jax, name) is not None
    assert spektron_jax.lab.draw and spektron_jax.oscillators.oscillator_scan


def test_what_the_readme_shows_comes_from_the_top():
    """Nobody has to learn the plan of the package to follow README and docs."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    shown = re.findall(r"```python\n(.*?)```", text, re.S)
    lines = "\n".join(shown).splitlines()
    deep = [line for line in lines if re.search(r"(from|import) spektron_jax\.", line)]
    assert len(shown) > 5 and deep == []


def test_the_wheel_is_typed_and_has_a_command(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        (points,) = [n for n in names if n.endswith("entry_points.txt")]
        text = file.read(points).decode()
    assert "spektron_jax/py.typed" in names
    assert "spektron_jax/commands/report/page.html.j2" in names
    assert "spektron = spektron_jax.commands.prompt.run:main" in text


def test_corpus_and_configs_are_found(installed, tmp_path):
    code = """
import json
from spektron_jax.commands import config_file
from spektron_jax import LineCorpus
path = config_file.find("configs/pretrain.py")
width = config_file.load("configs/pretrain.py:tiny").model.width
print(json.dumps([str(path), width, len(LineCorpus.load().smiles)]))
"""
    path, width, molecules = run(installed, tmp_path, code)
    assert path == str(installed / "spektron_jax" / "configs" / "pretrain.py")
    assert width == 32 and molecules > 1000


def test_command_line_from_the_wheel(installed, tmp_path):
    arguments = ["--config=configs/pretrain.py:tiny", "--workdir=run", "--config.x=1"]
    done = python(installed, tmp_path, "-m", "spektron_jax.main", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: config.x: no such setting")


def test_shipped_weights_embed_a_spectrum_offline(installed, tmp_path):
    code = """
import json
import numpy as np
import spektron_jax
encoder = spektron_jax.load_encoder("nano")
axis = np.linspace(1100.0, 2498.0, 700)
band = np.exp(-(((axis - [[1450.0], [1700.0], [2100.0]]) / 30.0) ** 2))
z = np.asarray(encoder.embed(0.3 + band, axis, unit="nm", modality="NIR"))
apart = float(np.linalg.norm(z[0] - z[1]))
print(json.dumps([list(z.shape), bool(np.isfinite(z).all()), apart]))
"""
    shape, finite, apart = run(installed, tmp_path, code)
    assert shape == [3, 128] and finite and apart > 1e-3


def test_source_distribution_builds_the_same_wheel(wheel, source, tmp_path):
    command = [sys.executable, "-m", "build", "--no-isolation", "-o", tmp_path, source]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as a, zipfile.ZipFile(wheel) as b:
        assert set(a.namelist()) == set(b.namelist())


def first_cells():
    """The code that notebooks begin with, each version once."""
    found = {}
    for path in sorted((ROOT / "colabs").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        code = next(cell for cell in cells if cell["cell_type"] == "code")
        found.setdefault("".join(code["source"]), path.stem)
    return [pytest.param(code, id=name) for code, name in found.items()]


@pytest.mark.parametrize("code", first_cells())
def test_first_cell_of_the_notebooks_installs_the_wheel_beside_them(
    wheel, tmp_path, code
):
    """In an environment without the package, as on Colab; its requirements aside."""
    venv = [sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"]
    subprocess.run(venv, check=True)
    (packages,) = (tmp_path / "env").rglob("site-packages")
    shutil.copytree(Path(pip_of_this_python.__file__).parent, packages / "pip")
    notebooks = tmp_path / "content"
    notebooks.mkdir()
    shutil.copy(wheel, notebooks)
    folder = "Scripts" if os.name == "nt" else "bin"
    told = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_WARN_SCRIPT_LOCATION": "1"}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | told
    done = subprocess.run(
        [tmp_path / "env" / folder / "python", "-c", code + "\nprint(found)\n" + code],
        cwd=notebooks,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert wheel.name in done.stdout
    assert (packages / "spektron_jax" / "__init__.py").exists()


# Words of licences that ask for nothing but a notice, or for changes to the library
# itself alone; what is used by the small or the whole install.
FREE = ("mit", "bsd", "apache", "psf", "python software", "isc", "mpl", "mozilla")
FREE += ("zlib", "hpnd", "unlicense", "cc0", "matplotlib")


def licence_words(about):
    said = [about.get("License-Expression") or "", (about.get("License") or "")[:200]]
    said += [c for c in about.get_all("Classifier", []) if c.startswith("License")]
    return " ".join(said).lower()


def test_every_dependency_may_be_used_freely():
    """What an install brings, with what that brings, as far as it is installed here."""
    listed = (ROOT / "requirements.txt").read_text()
    left, met = re.findall(r"^([\w.-]+)[<>=]", listed, re.MULTILINE), set()
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in met:
            continue
        try:
            about = metadata(name)
        except PackageNotFoundError:  # of another system, or of an extra
            continue
        met.add(name)
        for one in about.get_all("Requires-Dist", []):
            if "extra ==" not in one:
                left.append(re.split(r"[^\w.-]", one)[0])
        words = licence_words(about)
        assert any(word in words for word in FREE), (name, words)
        assert not re.search(r"\b(gpl|agpl|gnu general|non-?commercial)", words), name
    assert {"numpy", "jax", "flax", "h5py", "scikit-learn"} <= met
