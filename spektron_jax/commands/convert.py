"""Published files to the HDF5 files that training and evaluation read.

    boraden    ir_boraden.csv, raman_boraden.csv of QM9S    -> qm9s.h5     (`boraden`)
    qme14s     IR_broaden.zip, Raman_broaden.zip of QMe14S  -> qme14s.h5   (`qme14s`)
    lines      qm9s_csv.zip, the derivatives of QM9S        -> lines.h5    (`qm9s_csv`)
    corn_mat   corn.mat of Eigenvector                      -> spectra.h5  (FORMAT.md)
    folder     any file or folder that `read` opens         -> spectra.h5

The large ones are streamed, in little memory. The same command resumes a conversion
that was interrupted.
"""

import os
from collections.abc import Callable
from pathlib import Path

from ml_collections import ConfigDict

from spektron_jax.archive import checksum
from spektron_jax.corpus import boraden, qme14s
from spektron_jax.corpus.builder import line_lists
from spektron_jax.errors import SpektronError
from spektron_jax.spectra import spectra_file
from spektron_jax.spectra.readers import read

_PATHS = ("ir", "raman", "smiles", "path")


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    given = config.convert
    if given.source not in SOURCES:
        raise SpektronError(
            f"config.convert.source = {given.source!r}: must be one of "
            + ", ".join(SOURCES)
        )
    for name in _PATHS:
        if Path(given[name]).suffix == ".pt":
            raise SpektronError(
                f"config.convert.{name} = {given[name]!r}: a pickle of torch, which "
                "can run code and is never opened. The same is in qm9s_csv.zip, "
                "with source=lines, and in ir_boraden.csv and raman_boraden.csv"
            )
    function, _ = SOURCES[given.source]
    if function not in (boraden.convert, qme14s.convert) and not given.path:
        raise SpektronError("config.convert.path: give the file or folder to convert")


def run(config: ConfigDict, workdir: Path) -> None:
    """Convert as config.convert says, into workdir."""
    print(f"written to {os.path.relpath(convert(config, workdir))}")


def convert(config: ConfigDict, workdir: Path) -> Path:
    """The file that `run` names."""
    check(config)
    function, name = SOURCES[config.convert.source]
    return function(config.convert, workdir / name)


def _lines(given: ConfigDict, target: Path) -> Path:
    """What --config=configs/lines.py --config.lines.source=qm9s_csv does."""
    return line_lists.from_qm9s(
        given.path, "config.convert.path", target, given.progress
    )


def _spectra_set(given: ConfigDict, target: Path) -> Path:
    found = read(
        given.path,
        given.unit or None,
        given.modality or None,
        given.strict,
        given.quantity or None,
    )
    if Path(given.path).is_file():
        found.metadata["source_sha256"] = checksum(given.path)
    spectra_file.save(target, found)
    print(found)
    return target


SOURCES: dict[str, tuple[Callable[[ConfigDict, Path], Path], str]] = {
    "boraden": (boraden.convert, "qm9s.h5"),
    "lines": (_lines, "lines.h5"),
    "qme14s": (qme14s.convert, "qme14s.h5"),
    "corn_mat": (_spectra_set, "spectra.h5"),
    "folder": (_spectra_set, "spectra.h5"),
}
