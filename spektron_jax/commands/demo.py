"""The task "demo": a transfer on the example files, before and after on one picture.

What it shows is what `transfer` and `predict` do with the same files.

n = samples that were kept to check.
"""

import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax import demo
from spektron_jax.commands import config_file, transfer
from spektron_jax.commands.predict import target_spectra
from spektron_jax.commands.report.kept_back import (
    COVERAGE,
    Checked,
    headline,
    section,
)
from spektron_jax.commands.report.wording import number
from spektron_jax.commands.result import Finding, Headline, Result
from spektron_jax.config import check_fields, one_of
from spektron_jax.errors import SpektronWarning
from spektron_jax.spectra.samples import read_paired
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.methods import make

# What a laboratory would try, each with the pretreatment (none, first derivatives, SNV)
# that does best on the 20 pairs of benchmarks/demo_files.py; PLS behind all of them.
SINGLE_METHODS = {
    "no transfer": "none/sg1",
    "slope and bias": "sbc/raw",
    "mean correction": "mc/raw",
    "PDS": "pds_w5_1@t/sg1",
    "GLSW": "glsw0.01/sg1",
}
BEFORE, OURS = "no transfer", "transfer"
# The figures are those of benchmarks/results/demo.json.
HONEST = (
    "One simulated pair shows how it works, not how good it is. The laboratory made "
    "its spectra with noise, scatter and fine structure, and its reference values with "
    "an error of 10 % of their SD, which no calibration can undo. How wrong the old "
    "model is without a transfer is chance: with another pretreatment several times "
    "more or less. Of 20 such pairs "
    "with two properties each, the transfer was better than GLSW, the best single "
    "method on average, in 31 of 40, and 90 % of its 90 % intervals held; intervals "
    "from ten samples are sometimes too narrow for one pair and too wide for another. "
    "Measured pairs, good and bad, are in the documentation."
)
NEXT = (
    "Your own files: spektron transfer OLD NEW --property NAME, then spektron predict. "
    "The CSV files of this demo, which a spreadsheet opens, show how they may look."
)


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a property that the files do not have."""
    check_fields(config, {"property": one_of("Moisture", "Protein")})


def run(config: ConfigDict, workdir: Path) -> Result:
    """Copy the files, transfer, predict what was kept back, compare."""
    old, new, kept = (_copied(name, workdir) for name in demo.FILES)
    settings = config_file.load("configs/transfer.py")
    settings.data.source_path, settings.data.target_path = str(old), str(new)
    settings.data.property, settings.data.modality = config.property, "NIR"
    settings.transfer.n = 0
    settings.transfer.weights, settings.transfer.compare = "", False
    first = next(transfer.run(settings, workdir))
    ct = CalibrationTransfer.load(workdir / "model")
    given = config_file.load("configs/predict.py").data
    given.path, given.modality = str(kept), "NIR"
    one, X, axis, _ = target_spectra(given, ct)
    y = one.labels.only(config.property).at(one.ids)[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpektronWarning)
        ours = ct.predict(X, axis)
        low, high = ct.predict_interval(X, COVERAGE, axis)
    predicted = by_single_methods(_data(settings), X) | {OURS: ours}
    checked = Checked(y, predicted, low, high, BEFORE, OURS, config.property, "%")
    said = [headline(checked), Finding(None, "how to take it", HONEST)]
    said += [*first.verdict, Finding(None, "next", NEXT)]
    return replace(
        first,
        title=f"Demo: {config.property} from an old instrument to a new one",
        headline=_headline(checked),
        verdict=said,
        sections=[section(checked), *first.sections],
        data={**first.data, "check": checked.rmsep()},
        arrays={**first.arrays, "check_measured": y, "check_predicted": ours},
        written={**first.written, "files": workdir},
    )


def _headline(checked: Checked) -> Headline:
    found = checked.rmsep()
    before, after = (number(found[name]) for name in (BEFORE, OURS))
    what = (
        f"{checked.name}: RMSEP of {checked.y.size} samples that nothing was fitted on"
    )
    note = "Ten samples measured on both instruments; simulated spectra."
    return Headline(what, after, before, checked.unit, note)


def _copied(name: str, workdir: Path) -> Path:
    return Path(shutil.copyfile(demo.path_of(name), workdir / name))


def _data(settings: ConfigDict) -> TransferData:
    """What the transfer was given, for the methods beside it."""
    samples = read_paired(settings.data)
    on_source, on_target = samples.measured()
    rows = np.flatnonzero(on_target)
    place = np.cumsum(on_source) - 1
    return TransferData(
        *(samples.X_source[on_source], samples.y[on_source]),
        *(samples.X_target[rows], samples.y[rows], place[rows]),
    )


def by_single_methods(data: TransferData, X: np.ndarray) -> dict[str, np.ndarray]:
    """Predictions of new target spectra (n, L) by each single method, (n,)."""
    return {name: make(how).fit(data)(X) for name, how in SINGLE_METHODS.items()}
