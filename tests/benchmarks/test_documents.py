"""README and docs say what the result files say."""

import pytest

documents = pytest.importorskip("benchmarks.documents")


@pytest.mark.parametrize("page", documents.PAGES, ids=lambda path: path.name)
def test_tables_are_those_of_the_result_files(page):
    text = page.read_text()
    assert documents.rendered(text) == text, "run: python -m benchmarks.documents"


def test_every_table_is_shown():
    shown = {
        name
        for page in documents.PAGES
        for _, name, _ in documents.BLOCK.findall(page.read_text())
    }
    assert shown == set(documents.TABLES)
