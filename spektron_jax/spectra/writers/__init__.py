"""Spectra in a file that other programs open, in one call: `write`.

    spektron_jax.write(spectra, "corn.xlsx")
    spektron_jax.write(spectra, "corn.csv", instrument="m5", decimal=",")

The draft of every file is read again by `read` before it gets its name: what comes back
otherwise than it was given is said in a SpektronWarning, and a file that cannot be read
at all is not written. A file is there as a whole or not at all.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from spektron_jax.archive import replacing
from spektron_jax.errors import SpektronError, SpektronWarning
from spektron_jax.spectra import spectra_file
from spektron_jax.spectra.readers import read
from spektron_jax.spectra.spectra_set import SpectraSet
from spektron_jax.spectra.writers import grams, jcamp_blocks, text_table, workbook
from spektron_jax.spectra.writers.read_back import differences

# Suffix -> writer (draft, spectra of one instrument, its name).
_ONE: dict[str, Callable[[Path, SpectraSet, str], None]] = {
    **dict.fromkeys((".jdx", ".dx", ".jcm", ".jcamp"), jcamp_blocks.write),
    ".spc": grams.write,
}
_TEXT = {".csv": ",", ".tsv": "\t", ".txt": "\t"}  # suffix -> delimiter
_BOOKS, _OWN = (".xlsx",), (".h5", ".hdf5")
SUFFIXES = (*_TEXT, *_BOOKS, *_ONE, *_OWN)


def write(
    spectra: SpectraSet,
    path: str | Path,
    *,
    instrument: str | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
) -> None:
    """Write spectra; the suffix of the name says in which format.

    Args:
      spectra: of n samples; `.h5` and `.xlsx` hold all its instruments, others one.
      path: .csv, .tsv, .txt, .xlsx, .jdx (.dx, .jcm, .jcamp), .spc, .h5 (.hdf5).
      instrument: the only one to write; needed where the format holds one of several.
      delimiter: of text, "," ";" or tab; None: "," in .csv (";" if decimal is ","),
        tab in others.
      decimal: of text, "." or ",".

    Raises:
      SpektronError: the format cannot hold the spectra, or the file cannot be written.

    Examples:
      >>> from spektron_jax import demo
      >>> import spektron_jax
      >>> old = spektron_jax.read(demo.path_of("old_instrument.csv"))
      >>> spektron_jax.write(old, "old.h5")
      >>> len(spektron_jax.read("old.h5"))
      50
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SpektronError(
            f"{path}: no format is known by the suffix {suffix!r}; use one of "
            + ", ".join(SUFFIXES)
        )
    if suffix not in _TEXT and (delimiter is not None or decimal != "."):
        raise SpektronError(f"{path}: delimiter and decimal are of .csv, .tsv and .txt")
    spectra = _chosen(spectra, instrument, path)
    if suffix in _OWN:
        spectra_file.save(path, spectra)
        return
    said: list[str] = []
    if suffix in _ONE:
        spectra, said = _measured(spectra, path)
    with replacing(path) as draft:
        if suffix in _TEXT:
            delimiter = delimiter or (";" if decimal == "," else _TEXT[suffix])
            text_table.write(draft, spectra, delimiter, decimal)
        elif suffix in _BOOKS:
            workbook.write(draft, spectra)
        else:
            _ONE[suffix](draft, spectra, next(iter(spectra.instruments)))
        try:
            found = read(draft, strict=False)
        except SpektronError as error:
            reason = str(error).replace(str(draft), path.name)
            raise SpektronError(
                f"{path}: not written, since it could not be read again ({reason}); "
                "write an .h5 file, which holds everything"
            ) from error
        said += differences(spectra, found)
    if said:
        text = f"{path} does not hold everything as it was: {'; '.join(said)}"
        warnings.warn(f"{text}; an .h5 file does", SpektronWarning, stacklevel=2)


def _chosen(spectra: SpectraSet, instrument: str | None, path: Path) -> SpectraSet:
    """The set with the instruments that are to be written."""
    names = list(spectra.instruments)
    listed = ", ".join(map(repr, names))
    if instrument is not None and instrument not in names:
        raise SpektronError(f"instrument {instrument!r}: the set has {listed}")
    several = path.suffix.lower() in (*_BOOKS, *_OWN)
    if instrument is None and len(names) > 1 and not several:
        raise SpektronError(
            f"{path}: the format holds one instrument, the set has {listed}; give "
            "instrument=..., or write .xlsx or .h5"
        )
    if instrument is not None:
        names = [instrument]
    # Made anew, which checks it: sets can be changed after they were made.
    return replace(spectra, instruments={k: spectra.instruments[k] for k in names})


def _measured(spectra: SpectraSet, path: Path) -> tuple[SpectraSet, list[str]]:
    """The samples that have a spectrum, and what is said of the others."""
    (one,) = spectra.instruments.values()
    missing = int((~one.measured).sum())
    if missing == len(spectra):
        raise SpektronError(f"{path}: no sample has a spectrum; there is none to write")
    if not missing:
        return spectra, []
    return spectra.take(one.measured), [f"{missing} samples without a spectrum"]
