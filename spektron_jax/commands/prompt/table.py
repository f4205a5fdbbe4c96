"""The subcommands: what each takes, in order, and which config it fills in."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """An argument without a dash.

    Attributes:
      shown: in capitals in the usage line
      setting: that it fills in; "" = the variant of the config file
      text: help
      needed: whether it must be given
    """

    shown: str
    setting: str
    text: str
    needed: bool = True


@dataclass(frozen=True)
class Subcommand:
    """One subcommand.

    Attributes:
      summary: one line
      config: file of configs/; its task runs
      more: what it does and writes, and how long that takes
      places: arguments without a dash
      alone: settings that take the place of a place's when it is the only one given
      examples: command lines
      writes: whether it writes a folder, which --out names
      defaults: file of the package that lists the config's defaults, if another does
      needs_network: whether it needs JAX
    """

    summary: str
    config: str
    more: str
    places: tuple[Place, ...] = ()
    alone: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    writes: bool = True
    defaults: str = ""
    needs_network: bool = False


SUBCOMMANDS = {
    "demo": Subcommand(
        "a transfer on example files, seen from beginning to end",
        "demo.py",
        "Copies three CSV files of two simulated instruments, which a spreadsheet "
        "opens, transfers the calibration with ten samples, predicts thirty others "
        "before and after, and writes a report. Seconds.",
        examples=("spektron demo", "spektron demo --property Protein --out protein"),
    ),
    "transfer": Subcommand(
        "take a calibration from an old instrument to a new one",
        "transfer.py",
        "Samples match by their ids. A model and a report are there in seconds; the "
        "comparison with other methods takes a minute or two more (--no-compare leaves "
        "it out).",
        (
            Place("OLD", "data.source_path", "spectra of the old instrument, labelled"),
            Place("NEW", "data.target_path", "spectra of the new one", needed=False),
        ),
        {"data.source_path": "data.path"},
        (
            "spektron transfer old.csv new.csv --property Moisture",
            "spektron transfer old.csv new.csv --property Moisture,Oil",
            "spektron transfer old.csv new.csv --labels labels.xlsx --property fat",
            "spektron transfer both.h5 --source m5 --target mp6 --property moisture",
        ),
    ),
    "predict": Subcommand(
        "predict new spectra with a model of transfer",
        "predict.py",
        "Writes predictions.csv: value, interval, and a flag for spectra unlike those "
        "of the calibration. Seconds.",
        (
            Place("MODEL", "model", "folder that transfer wrote"),
            Place("FILE", "data.path", "spectra of the new instrument"),
        ),
        examples=("spektron predict runs/transfer new_samples.csv",),
    ),
    "identify": Subcommand(
        "what is this spectrum? Search a library",
        "identify.py",
        "One file of several instruments alone: all pairs of them are searched and "
        "judged. Writes hits.csv and a report. A minute or two; seconds without the "
        'network (--weights "").',
        (
            Place("LIBRARY", "data.path", "known spectra, one name each"),
            Place("UNKNOWN", "data.query_path", "unknown spectra", needed=False),
        ),
        examples=("spektron identify library.csv unknown.csv --modality Raman",),
    ),
    "read": Subcommand(
        "what is in this file?",
        "read.py",
        "Prints instruments, axes, units, samples and labels, what had to be guessed "
        "and what is wrong. Changes nothing.",
        (Place("FILE", "data.path", "any file or folder of spectra"),),
        examples=(
            "spektron read samples.csv",
            "spektron read scan.spc --figure scan.png --write scan.csv",
        ),
        writes=False,
    ),
    "export": Subcommand(
        "a model as a file that predicts without Python",
        "export.py",
        "CSV, an Excel sheet with formulas, JSON, ONNX, C, JavaScript, or a page on "
        "which spectra are dropped; the name's ending says which. The same numbers, "
        "without loss. Seconds.",
        (
            Place("MODEL", "model", "folder that transfer wrote"),
            Place(
                "FILE", "out", "such as moisture.xlsx or moisture.html", needed=False
            ),
        ),
        examples=(
            "spektron export runs/transfer moisture.xlsx",
            "spektron export runs/transfer calculator.html",
        ),
    ),
    "monitor": Subcommand(
        "is a transfer still right? Enter control samples",
        "monitor.py",
        "FILE holds spectra of control samples, with reference values where there are "
        "any. Adds a row to the log and draws the charts. Seconds.",
        (
            Place("MODEL", "model", "folder that transfer wrote"),
            Place("FILE", "data.path", "control samples of today"),
        ),
        examples=("spektron monitor runs/transfer today.csv --log control.csv",),
    ),
    "app": Subcommand(
        "a local page in the browser, for those who do not type",
        "app.py",
        "Drop two files, read the verdict; also predict, identify, monitor. On this "
        "computer only, nothing is sent elsewhere; Ctrl-C ends it. Needs "
        'pip install "spektron-jax[app]".',
        writes=False,
        examples=("spektron app", "spektron app --no-browser --port 8765"),
    ),
    "pretrain": Subcommand(
        "train an encoder on simulated spectra",
        "pretrain.py",
        "Defaults are those of the variant base: hours to days on GPUs; nano: hours, "
        "tiny: minutes on a CPU. The same command resumes a run.",
        (Place("VARIANT", "", "base (default), nano or tiny", needed=False),),
        examples=("spektron pretrain tiny --out runs/tiny --steps 300",),
        defaults="config.py",
        needs_network=True,
    ),
    "formats": Subcommand(
        "which files can be read",
        "formats.py",
        "Lists formats, suffixes and the programs that write them.",
        writes=False,
    ),
}
