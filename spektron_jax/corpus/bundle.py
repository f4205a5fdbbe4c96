"""Many small files: a zip archive as downloaded, or the folder it was unpacked into."""

import hashlib
import zipfile
import zlib
from pathlib import Path

from spektron_jax.corpus.training_file import checksum
from spektron_jax.errors import SpektronError

FAULTS = (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)
LARGEST = 2**24  # bytes of one file


class Bundle:
    """The .csv files of an archive or folder, by name.

    Attributes:
      path: of the archive or folder.
      names: of the files, sorted; with the folders of an archive before them.
    """

    def __init__(self, path: str | Path, field: str):
        """Open it; SpektronError names `field`, the setting that gave the path."""
        self.path = Path(path)
        self._files: dict[str, Path] = {}
        try:
            if self.path.is_dir():
                found = sorted(self.path.rglob("*.csv"))
                self._files = {str(p.relative_to(self.path)): p for p in found}
                self.names = list(self._files)
            else:
                self._archive = zipfile.ZipFile(self.path)
                names = self._archive.namelist()
                self.names = sorted(n for n in names if n.endswith(".csv"))
        except FAULTS as error:
            raise SpektronError(
                f"{field} = {str(path)!r}: cannot be read ({error}); give the zip file "
                "or the folder it was unpacked into"
            ) from error
        if not self.names:
            raise SpektronError(f"{field} = {str(path)!r}: holds no .csv files")

    def read(self, name: str) -> str:
        """Return the text of a file; one of FAULTS if it is damaged."""
        if name in self._files:
            return self._files[name].read_text("utf-8")
        if self._archive.getinfo(name).file_size > LARGEST:
            raise ValueError("too large")
        return self._archive.read(name).decode("utf-8")

    def checksum(self, progress: bool) -> str:
        """Sha256 of the archive; of a folder, of its files' names and sizes."""
        if not self._files:
            return checksum(self.path, progress)[0]
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name} {file.stat().st_size}\n".encode())
        return digest.hexdigest()
