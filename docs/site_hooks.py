"""Pages that stand outside docs/, where programs and people look for them, in the site.

Links between them and docs/ are written as they are in the repository; here they are
turned into those of the site.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "spektron_jax/corpus/files/DATA_CARD.md",
    "spektron_jax/spectra/FORMAT.md",
    "spektron_jax/transfer/PRIOR_CARD.md",
    "spektron_jax/weights/nano/MODEL_CARD.md",
)
PLACES = {path: f"shipped/{Path(path).name}" for path in OUTSIDE}
LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?(\))")


def on_files(files, config):
    """Add the pages that stand elsewhere."""
    for path, place in PLACES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links by the repository's paths become links by the site's."""
    here = page.file.src_uri
    origin = {place: path for path, place in PLACES.items()}.get(here, f"docs/{here}")

    def link(match):
        opened, target, anchor, closed = match.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        place = PLACES.get(path, path.removeprefix("docs/"))
        relative = posixpath.relpath(place, posixpath.dirname(here) or ".")
        return f"{opened}{relative}{anchor or ''}{closed}"

    return LINK.sub(link, markdown)
