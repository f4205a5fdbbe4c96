"""The documentation as a site: every link leads somewhere, offline."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import spektron_jax

ROOT = Path(__file__).parents[1]
MISSING = [
    name for name in ("mkdocs", "material", "mkdocstrings") if not find_spec(name)
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if MISSING:
        pytest.skip(f'{", ".join(MISSING)}: not installed; pip install ".[docs]"')
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    refusing = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    environment = os.environ | refusing | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_it_builds_strictly_and_offline(site):
    assert (site / "index.html").exists() and (site / "shipped/FORMAT.html").exists()
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'(?:src|href)="(https?://[^"]*\.(?:js|css|woff2?))"', page.read_text()
        )
        assert loaded == [], page


def test_every_public_name_is_in_the_api(site):
    text = (site / "api.html").read_text()
    for name in spektron_jax.__all__:
        assert name == "__version__" or name in text, name


def test_the_gallery_shows_every_notebook(site):
    text = (site / "gallery.html").read_text()
    for path in (ROOT / "colabs").glob("*.ipynb"):
        assert path.name in text and f"images/{path.stem}_0.png" in text
        assert (site / f"images/{path.stem}_0.png").stat().st_size > 1000


def test_every_page_is_in_the_plan():
    """Without mkdocs too: mkdocs.yml names every page of docs/."""
    plan = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f": {page.name}\n" in plan, page.name


def test_versions_agree():
    version = spektron_jax.__version__
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_no_address_of_a_repository_is_written_down():
    for path in (ROOT / "README.md", ROOT / "setup.py", ROOT / "CITATION.cff"):
        assert "github.com" not in path.read_text(), path
