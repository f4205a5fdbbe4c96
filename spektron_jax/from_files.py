"""A calibration transfer in one call, from files: `spektron_jax.transfer`.

ct = spektron_jax.transfer("old.csv", "new.csv", property="Moisture")
ct.predict(X); ct.report("report.html"); ct.save("model")
"""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spektron_jax.archive import replacing
from spektron_jax.commands import config_file, runner
from spektron_jax.commands.report.html import render
from spektron_jax.commands.report.transfer_several import as_one
from spektron_jax.commands.transfer import answer, check
from spektron_jax.commands.transfer_fit import Fitted, fitted
from spektron_jax.errors import SpektronError, SpektronWarning
from spektron_jax.spectra.samples import AT_THE_PROMPT
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.several import common

# Arguments that settings have another name for.
_CALLED = {"source_path": "old", "path": "old", "target_path": "new"}
_CALLED |= {"labels_path": "labels"}


class FileTransfer(CalibrationTransfer):
    """A CalibrationTransfer that was fitted on files, and can report on itself.

    Attributes:
      notes_: what was taken where a file leaves it open, a sentence each

    Examples:
      >>> from spektron_jax import demo
      >>> ct, X, y = demo.transferred(modality="")
      >>> ct.notes_[0].partition(": ")[2]
      'modality NIR, since no other has an axis of 1100 to 2498 nm'
    """

    notes_: list[str]
    _found: tuple[Any, dict[str, Fitted]] | None = None
    _call = ""

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the page that `spektron transfer` writes first; returns its path.

        One file that opens without a network: verdict, warnings, cross-validated
        errors, spectra of both instruments, applicability domain, settings and how to
        repeat it.

        Raises:
          SpektronError: not fitted on files, or the page cannot be written.

        Examples:
          >>> import spektron_jax
          >>> from spektron_jax import demo
          >>> old, new = map(demo.path_of, demo.FILES[:2])
          >>> ct = spektron_jax.transfer(old, new, property="Moisture")
          >>> ct.report("report.html").exists()
          True
        """
        if self._found is None:
            raise SpektronError(
                "report: this object was not fitted on files; call spektron_jax."
                "transfer, or the command spektron transfer"
            )
        config, found = self._found
        result = as_one({name: answer(config, one)[0] for name, one in found.items()})
        about = runner.provenance_of(config)
        about |= {"files": dict(result.files), "command": self._call}
        with replacing(Path(path)) as draft:
            page = render(result, runner.repeat_section(about))
            draft.write_text(_in_python(page), encoding="utf-8")
        return Path(path)


def transfer(
    old: str | Path,
    new: str | Path | None = None,
    property: str | Sequence[str] = "",
    *,
    labels: str | Path = "",
    regime: str = "paired",
    n: int = 0,
    source: str = "",
    target: str = "",
    unit: str = "",
    modality: str = "",
    replicates: str = "auto",
    strict: bool = True,
    weights: str | None = "nano",
    random_state: int = 0,
) -> FileTransfer:
    """Transfer a calibration from an old instrument to a new one.

    Samples match by their ids. What weakens the result is said in a `SpektronWarning`
    each, and stands in `warnings_`.

    Args:
      old: file of the old instrument's spectra, with labels; or of both instruments'
      new: file of the new instrument's; None: they are in the first
      property: name of the label, in any spelling; "": the only one; several names,
        or "all", for one model of several
      labels: table of labels, sample id and a column for each property; "": they stand
        beside the spectra
      regime: what is known of the new instrument: "paired" (samples measured on both),
        "unpaired" (labelled samples of its own), "unlabelled" or "none"
      n: how many of its samples are used, chosen by Kennard-Stone; 0: all
      source, target: names of the instruments, if a file holds several
      unit: of the axes, "nm", "um" or "cm-1", where the files do not say
      modality: "NIR", "IR" or "Raman", where the files do not say
      replicates: what tells scans of a sample apart, see docs/transfer.md
      strict: stop at the first fault of a file; else leave bad rows out
      weights: of an encoder; None: without
      random_state: of random choices

    Returns:
      A fitted CalibrationTransfer with `report`.

    Raises:
      SpektronError: a file, an instrument, a property or labels that do not fit; says
        which and what to do.

    Examples:
      >>> import spektron_jax
      >>> from spektron_jax import demo
      >>> old, new = map(demo.path_of, demo.FILES[:2])
      >>> ct = spektron_jax.transfer(old, new, property="Moisture")
      >>> ct.regime_
      '10 labelled paired target spectra'
      >>> samples = spektron_jax.read(demo.path_of("new_samples.csv"))
      >>> (spectra,) = samples.instruments.values()
      >>> ct.predict(spectra.spectra).shape
      (30,)
    """
    given = {name: value for name, value in locals().items() if value not in ("", None)}
    data: dict[str, Any] = {"source": source, "target": target, "unit": unit}
    data |= {"modality": modality, "replicates": replicates, "strict": strict}
    data["labels_path"] = str(labels)
    data["property"] = property if isinstance(property, str) else ",".join(property)
    paths = {"path": old} if new is None else {"source_path": old, "target_path": new}
    config = config_file.load("configs/transfer.py")
    config.data.update(data | {name: str(one) for name, one in paths.items()})
    config.transfer.update({"regime": regime, "n": n, "weights": weights or ""})
    config.transfer.compare, config.seed = False, random_state
    try:
        check(config)
        fitted_all, found = fitted(config)
    except SpektronError as error:
        raise type(error)(_in_python(str(error))) from error
    ct = FileTransfer()
    ct.__dict__.update(fitted_all.__dict__)
    ct._found = config, found
    ct._call = f"spektron_jax.transfer({', '.join(_shown(given))})"
    _tell(ct, found)
    return ct


def _tell(ct: FileTransfer, found: dict[str, Fitted]) -> None:
    """What weakens the result, kept and as warnings."""
    told = common({name: one.summary.warnings for name, one in found.items()})
    ct.warnings_ = [_in_python(text) for text in told]
    ct.notes_ = list(next(iter(found.values())).samples.guesses)
    # That no other modality fits is as good as sure; a unit read from a note is not.
    unsure = [text for text in ct.notes_ if ": modality " not in text]
    for text in [*unsure, *ct.warnings_]:
        warnings.warn(text, SpektronWarning, stacklevel=4)  # the module is called


def _shown(given: dict[str, Any]) -> list[str]:
    shown = {k: str(v) if isinstance(v, Path) else v for k, v in given.items()}
    return [f"{name}={value!r}" for name, value in shown.items()]


def _in_python(text: str) -> str:
    """A message that names settings of the command line, with names of arguments."""

    def argument(match: re.Match) -> str:
        off, name, sign = match.groups()
        name = _CALLED.get(name, name)
        return f"{name}=False" if off else name + (sign or "")

    for said, flag in AT_THE_PROMPT.items():
        text = text.replace(flag, said)
    return re.sub(
        r"(?:--(no)?)?\bconfig\.(?:data\.|transfer\.)(\w+)(=)?", argument, text
    )
