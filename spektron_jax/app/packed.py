"""A model folder as one zip, and back."""

import re
import zipfile
from pathlib import Path, PurePosixPath

from spektron_jax.archive import replacing
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.limits import check_claim

MANIFEST = "manifest.json"
MOST = 10  # files of a model
_PLAIN = re.compile(r"[\w-]+\.(json|npz)")


def pack(model: Path, path: Path) -> None:
    """Write the folder `model` as a zip, in it as a folder of the same name."""
    with replacing(path) as draft, zipfile.ZipFile(draft, "w") as archive:
        for file in sorted(model.iterdir()):
            archive.write(file, f"{model.name}/{file.name}")


def unpack(path: Path) -> None:
    """Replace a zip by the files of the model in it.

    Raises:
      SpektronError: it is no zip of a model folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path.name, archive, path.stat().st_size)
            found = {name: archive.read(member) for name, member in members.items()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise SpektronError(
            f"{path.name}: no zip of a model folder ({error})"
        ) from error
    path.unlink()
    for name, content in found.items():
        (path.parent / name).write_bytes(content)


def _members(
    place: str, archive: zipfile.ZipFile, stored: int
) -> dict[str, zipfile.ZipInfo]:
    """Name -> entry of the one folder of a zip that holds a model's manifest."""
    entries = [(PurePosixPath(one.filename), one) for one in archive.infolist()]
    homes = {name.parent for name, _ in entries if name.name == MANIFEST}
    if len(homes) != 1:
        raise SpektronError(
            f"{place}: holds {len(homes)} model folders; give the model.zip of one"
        )
    (home,) = homes
    found = {name.name: one for name, one in entries if name.parent == home}
    if len(found) > MOST or not all(map(_PLAIN.fullmatch, found)):
        raise SpektronError(f"{place}: holds other files than those of a model")
    check_claim(place, sum(one.file_size for one in found.values()), stored)
    return found
