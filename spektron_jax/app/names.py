"""Names of files that a person sent, made harmless for every file system."""

import unicodedata
from pathlib import Path

LONGEST = 80  # letters of a name before its ending
KEPT = " ._-+()"
# Windows takes these for devices, whatever the ending.
DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{k}{n}" for k in ("com", "lpt") for n in "123456789"
}


def safe_name(name: str) -> str:
    """A file name without folders, marks of direction, devices or leading dots.

    Examples:
      >>> safe_name("../../etc/passwd"), safe_name("C:\\\\corn <m5>.csv")
      ('passwd', 'corn _m5_.csv')
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isalnum() or c in KEPT else "_" for c in last).strip(" .-")
    path = Path(kept or "file")
    ending = path.suffix[:12]
    stem = path.name[: len(path.name) - len(path.suffix)][:LONGEST].rstrip(" .")
    if stem.partition(".")[0].strip().lower() in DEVICES:
        stem = f"_{stem}"
    return f"{stem or 'file'}{ending}"


def free_name(folder: Path, name: str) -> Path:
    """The path of a new file of that name; a number is added where it is taken."""
    path, number = folder / name, 2
    while path.exists():
        path = folder / f"{Path(name).stem} {number}{Path(name).suffix}"
        number += 1
    return path
