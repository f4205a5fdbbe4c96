"""The README says what the result files say."""

from pathlib import Path

import pytest

readme = pytest.importorskip("benchmarks.readme")
TEXT = (Path(__file__).parent.parent / "README.md").read_text()


def test_tables_are_those_of_the_result_files():
    assert readme.rendered(TEXT) == TEXT, "run: python -m benchmarks.readme"


def test_every_table_is_used_once():
    assert sorted(name for _, name, _ in readme.BLOCK.findall(TEXT)) == sorted(
        readme.TABLES
    )
