"""The README's tables from the result files: `python -m benchmarks.readme`.

Rewrites what stands between `<!-- table: NAME -->` and `<!-- end -->`, so that no
number there is typed by hand. A test compares README and result files.
"""

import re

from benchmarks import cost_tables, result_tables
from benchmarks.result_files import ROOT
from spektron_jax.archive import replacing

BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
MAKERS = result_tables.MAKERS + cost_tables.MAKERS
TABLES = {make.__name__: make for make in MAKERS}


def rendered(text: str) -> str:
    """The README's text with all its tables made anew."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    with replacing(readme) as draft:
        draft.write_text(rendered(readme.read_text()))
