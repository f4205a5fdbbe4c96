"""The documents' tables from the result files: `python -m benchmarks.documents`.

Rewrites what stands between `<!-- table: NAME -->` and `<!-- end -->` in the README and
in docs/, so that no number there is typed by hand. A test compares them with the result
files.
"""

import re

from benchmarks import (
    analyte_tables,
    backbones,
    check_tables,
    cost_tables,
    cross_spectral,
    difference_prior,
    drift_tables,
    experts,
    floor,
    interval_cover,
    limits,
    member_weights,
    more_labels,
    next_tables,
    prior_share,
    prior_sources,
    readme_tables,
    result_tables,
    sample_prior,
    signature_bound,
    swap_bound,
    test_time,
    wavelet_run,
    worst_cells,
    wrong_labels,
)
from benchmarks.result_files import ROOT
from spektron_jax.archive import replacing

BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
MAKERS = result_tables.MAKERS + cost_tables.MAKERS + check_tables.MAKERS
MAKERS += drift_tables.MAKERS + next_tables.MAKERS + more_labels.MAKERS
MAKERS += readme_tables.MAKERS + floor.MAKERS + difference_prior.MAKERS
MAKERS += limits.MAKERS + wrong_labels.MAKERS + swap_bound.MAKERS
MAKERS += test_time.MAKERS + cross_spectral.MAKERS + sample_prior.MAKERS
MAKERS += backbones.MAKERS + experts.MAKERS + prior_share.MAKERS
MAKERS += prior_sources.MAKERS + interval_cover.MAKERS
MAKERS += member_weights.MAKERS + worst_cells.MAKERS
MAKERS += analyte_tables.MAKERS + signature_bound.MAKERS + wavelet_run.MAKERS
TABLES = {make.__name__: make for make in MAKERS}
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def rendered(text: str) -> str:
    """A page's text with all its tables made anew."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    for page in PAGES:
        with replacing(page) as draft:
            draft.write_text(rendered(page.read_text()))
