"""What each task of the page asks for.

One table for both sides: the page draws its fields from it, the server checks what
comes back against it. Options are those of `spektron TASK --help`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

OUT = "out"  # folder of results in that of a visit, with one for each task


@dataclass(frozen=True)
class Slot:
    """Files that a task takes.

    Attributes:
      name, label, hint: of the place where they are dropped
      needed: whether the task can do without
      option: of the command; "": an argument without a dash
      instead: what stands in for files that were not given, in the visit's folder
      spectra: whether `read` can say what is in them
      by_model: the model knows the unit of their axis
    """

    name: str
    label: str
    hint: str
    needed: bool = True
    option: str = ""
    instead: str = ""
    spectra: bool = True
    by_model: bool = False


@dataclass(frozen=True)
class Field:
    """A setting.

    Attributes:
      name, label, hint: as shown
      kind: choice, text, number, date or flag
      option: of the command; of a flag what is typed where it is off
      default: which is not typed
      choices: value and label, of a choice
      more: folded away on the page
    """

    name: str
    label: str
    kind: str
    option: str
    default: Any = ""
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    more: bool = False


@dataclass(frozen=True)
class Task:
    """A task of the page.

    Attributes:
      name: of the command
      title, about: as shown
      slots, fields: what it asks for
      button: what starts it
      files: that it writes -> label of the link
      heavy: takes minutes and much memory: one at a time
    """

    name: str
    title: str
    about: str
    slots: tuple[Slot, ...]
    fields: tuple[Field, ...]
    button: str
    files: Mapping[str, str]
    heavy: bool = False


UNIT = Field(
    "unit",
    "Unit of the axis",
    "choice",
    "--unit",
    hint="where a file does not name it",
    choices=(("", "as the files say"), ("nm", "nm"), ("um", "µm"), ("cm-1", "cm⁻¹")),
)
MODALITY = Field(
    "modality",
    "Kind of spectra",
    "choice",
    "--modality",
    choices=(
        ("", "as the files say"),
        ("NIR", "near infrared"),
        ("IR", "infrared"),
        ("Raman", "Raman"),
    ),
    more=True,
)
STRICT = Field(
    "strict",
    "Stop at the first fault of a file",
    "flag",
    "--no-strict",
    True,
    "otherwise faulty rows are left out",
    more=True,
)
READING = (UNIT, MODALITY, STRICT)
INSTRUMENT = Field(
    "instrument", "Instrument", "text", "--instrument", hint="of several in the file"
)
PROPERTY = Field(
    "property",
    "Property",
    "text",
    "--property",
    hint="to be predicted; several with commas, or all",
)
COVERAGE = Field(
    "coverage",
    "Intervals hold",
    "choice",
    "--coverage",
    "0.9",
    choices=(("0.9", "90 % of the values"), ("0.95", "95 %"), ("0.99", "99 %")),
    more=True,
)
REPLICATES = Field(
    "replicates",
    "Scans of a sample",
    "text",
    "--replicates",
    "auto",
    "what stands before the number of a scan, such as _ or -; none: each is a sample",
    more=True,
)
MODEL = Slot(
    "model",
    "Model",
    "model.zip of a transfer; empty: the one made on this page",
    instead=f"{OUT}/transfer/model",
    spectra=False,
)
LABELS = Slot(
    "labels",
    "Reference values (optional)",
    "CSV or Excel: sample id, a column for each property",
    needed=False,
    option="--labels-path",
    spectra=False,
)
REPORT = {"report.html": "Report"}

_TRANSFER = Task(
    "transfer",
    "Transfer",
    "Take a calibration from an old instrument to a new one.",
    (
        Slot("old", "Old instrument", "spectra with reference values"),
        Slot("new", "New instrument", "spectra of some of the same samples"),
        LABELS,
    ),
    (
        PROPERTY,
        Field(
            "regime",
            "Known of the new instrument",
            "choice",
            "--regime",
            "paired",
            choices=(
                ("paired", "samples measured on both"),
                ("unpaired", "samples of its own, with values"),
                ("unlabelled", "spectra alone"),
                ("none", "nothing: use the old model"),
            ),
        ),
        Field(
            "n",
            "Transfer samples",
            "number",
            "--n",
            "10",
            "how many are used; the most different ones are chosen; 0: all",
        ),
        UNIT,
        Field(
            "compare",
            "Compare with other methods",
            "flag",
            "--no-compare",
            True,
            "a minute or two more; the answer comes first",
        ),
        Field(
            "source",
            "Old instrument's name",
            "text",
            "--source",
            hint="of several in its file",
            more=True,
        ),
        Field(
            "target",
            "New instrument's name",
            "text",
            "--target",
            hint="of several in its file",
            more=True,
        ),
        REPLICATES,
        MODALITY,
        STRICT,
        Field(
            "network",
            "Use the network",
            "flag",
            "--weights=",
            True,
            "a map of the spectra; predictions where no sample has a value",
            more=True,
        ),
    ),
    "Transfer",
    REPORT | {"predictions.csv": "Predictions (CSV)", "model.zip": "Model"},
    heavy=True,
)
_PREDICT = Task(
    "predict",
    "Predict",
    "Values of new spectra, with intervals and flags.",
    (MODEL, Slot("spectra", "New spectra", "of the new instrument", by_model=True)),
    (UNIT, INSTRUMENT, COVERAGE, MODALITY, STRICT),
    "Predict",
    {"predictions.csv": "Predictions (CSV)"},
)
_IDENTIFY = Task(
    "identify",
    "Identify",
    "What is this spectrum? Search a library.",
    (
        Slot("library", "Library", "known spectra, one name each"),
        Slot("unknown", "Unknown spectra", "to be named"),
    ),
    (
        UNIT,
        Field(
            "network",
            "Use the network",
            "flag",
            "--weights=",
            True,
            "helps across Raman instruments; a minute or two",
        ),
        Field(
            "label",
            "Column with the names",
            "text",
            "--label",
            hint="empty: sample ids",
            more=True,
        ),
        MODALITY,
        STRICT,
    ),
    "Identify",
    REPORT | {"hits.csv": "Hits (CSV)"},
    heavy=True,
)
_MONITOR = Task(
    "monitor",
    "Monitor",
    "Is a transfer still right? Enter control samples.",
    (
        MODEL,
        Slot(
            "control",
            "Control samples of the day",
            "spectra, with values if there are any",
            by_model=True,
        ),
        LABELS,
        Slot(
            "log",
            "Log of earlier controls (optional)",
            "control.csv of last time; a new one is begun without",
            option="--log",
            instead="log/control.csv",
            spectra=False,
        ),
    ),
    (
        Field("when", "Date of the control", "date", "--when", hint="empty: now"),
        Field(
            "property",
            "Property",
            "text",
            "--property",
            hint="of a model of several, each with a log of its own",
            more=True,
        ),
        UNIT,
        INSTRUMENT,
        REPLICATES,
        MODALITY,
        STRICT,
    ),
    "Enter the control",
    REPORT | {"control.csv": "Log (CSV)"},
)
TASKS = {task.name: task for task in (_TRANSFER, _PREDICT, _IDENTIFY, _MONITOR)}
EXPORTS = {
    "calculator.html": "Calculator (a page)",
    "calibration.xlsx": "Excel",
    "calibration.csv": "Coefficients (CSV)",
    "calibration.json": "JSON",
    "calibration.onnx": "ONNX",
    "calibration.c": "C",
    "calibration.js": "JavaScript",
}


def described() -> list[dict[str, Any]]:
    """The tasks as the page draws them."""
    return [asdict(task) for task in TASKS.values()]
