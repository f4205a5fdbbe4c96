"""Pages that stand outside docs/, where programs and people look for them, in the site.

Links between them and docs/ are written as they are in the repository; here they are
turned into those of the site.
"""

import base64
import json
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
PLACES["spektron_jax/weights/transfer/MODEL_CARD.md"] = "shipped/NETWORK_CARD.md"
GALLERY = "gallery.md"
LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?(\))")


def on_files(files, config):
    """Add the pages that stand elsewhere."""
    for path, place in PLACES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    text, pictures = gallery()
    files.append(File.generated(config, GALLERY, content=text))
    for place, content in pictures.items():
        files.append(File.generated(config, place, content=content))
    return files


def gallery():
    """A page with the pictures of all notebooks, and the pictures by their places."""
    lines = ["# Gallery", "", "What the notebooks in `colabs/` show, as they ran.", ""]
    pictures = {}
    for path in sorted((ROOT / "colabs").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title, _, about = "".join(cells[0]["source"]).partition("\n")
        first = about.strip().partition("\n\n")[0]
        lines += [f"## {title.lstrip('# ')}", "", first, "", f"`{path.name}`", ""]
        shown = [o["data"] for c in cells for o in c.get("outputs", ()) if "data" in o]
        for number, data in enumerate(one for one in shown if "image/png" in one):
            place = f"images/{path.stem}_{number}.png"
            pictures[place] = base64.b64decode("".join(data["image/png"]))
            lines += [f"![{title.lstrip('# ')}]({place})", ""]
    return "\n".join(lines), pictures


def on_page_markdown(markdown, page, config, files):
    """Links by the repository's paths become links by the site's."""
    here = page.file.src_uri
    if here == GALLERY:
        return markdown
    origin = {place: path for path, place in PLACES.items()}.get(here, f"docs/{here}")

    def link(match):
        opened, target, anchor, closed = match.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        place = PLACES.get(path, path.removeprefix("docs/"))
        relative = posixpath.relpath(place, posixpath.dirname(here) or ".")
        return f"{opened}{relative}{anchor or ''}{closed}"

    return LINK.sub(link, markdown)
