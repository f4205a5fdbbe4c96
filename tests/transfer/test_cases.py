"""Single faults as scripts, where they lie beside the checkout: they end with 0."""

from pathlib import Path

import pytest

from tests import forks

ROOT = Path(__file__).parents[2]
PLACES = [place / "shared" / "cases" / "transfer" for place in (ROOT, ROOT.parent)]
SCRIPTS = [path for place in PLACES for path in sorted(place.glob("[0-9]*.py"))]


@pytest.fixture(scope="module")
def python():
    with forks.python("import pandas, spektron_jax.transfer.estimator\n") as run:
        yield run


@pytest.mark.skipif(not SCRIPTS, reason="no scripts of cases beside the checkout")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_case(python, path):
    code = f"import runpy, sys\nsys.path[0] = {str(path.parent)!r}\n"
    done = python(f"{code}runpy.run_path({str(path)!r}, run_name='__main__')", ROOT)
    assert done.returncode == 0, done.stderr
