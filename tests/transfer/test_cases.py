"""Single faults as scripts, where they lie beside the checkout: they end with 0."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = [place / "shared" / "cases" / "transfer" for place in (ROOT, ROOT.parent)]
SCRIPTS = [path for place in PLACES for path in sorted(place.glob("[0-9]*.py"))]


@pytest.mark.skipif(not SCRIPTS, reason="no scripts of cases beside the checkout")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_case(path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
