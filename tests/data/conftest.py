"""Where real spectra stand, for the tests that use them when they are there."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [place / "shared" / "data" for place in (ROOT, ROOT.parent)]


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real spectra sets beside the repository's files."""
    found = [folder for folder in FOLDERS if folder.is_dir()]
    if not found:
        pytest.skip("no shared/data folder with real spectra in or beside the checkout")
    return found[0]
